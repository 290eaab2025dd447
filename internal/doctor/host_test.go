package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/config"
	"wordclockd/internal/hal/sim"
)

// A bench is a Raspberry Pi with a clock's chips: LEDs on i2c-1, sensors on
// i2c-3, and a user who may use both.
type bench struct {
	t     *testing.T
	files fstest.MapFS
	chips *sim.Board
	buses map[int]i2c.Bus
	open  atomic.Int32 // buses that were not closed
	Host
}

const i2cGroup = 994

func newBench(t *testing.T) *bench {
	b := &bench{t: t, chips: sim.NewBoard(), files: fstest.MapFS{
		"etc/group":                {Data: []byte("root:x:0:\ni2c:x:994:stani\ngpio:x:993:\n")},
		"proc/device-tree/model":   {Data: []byte("Raspberry Pi 4 Model B Rev 1.4\x00")},
		i2cDevices + "/i2c-1/name": {Data: []byte("bcm2835 (i2c@7e804000)\n")},
		i2cDevices + "/i2c-3/name": {Data: []byte("bcm2835 (i2c@7e205600)\n")},
	}}
	b.node("i2c-1")
	b.node("i2c-3")
	b.buses = map[int]i2c.Bus{1: b.chips.LEDBus, 3: b.chips.SensorBus}
	b.Host = Host{
		Root:   b.files,
		User:   User{Name: "stani", UID: 1000, Groups: []int{1000, i2cGroup}},
		Open:   b.openBus,
		Line:   b.line,
		Synced: func() (bool, error) { return true, nil },
	}
	return b
}

// node makes a node as udev does on Raspberry Pi OS.
func (b *bench) node(name string) {
	b.files["dev/"+name] = &fstest.MapFile{
		Mode: fs.ModeDevice | fs.ModeCharDevice | 0o660,
		Sys:  &syscall.Stat_t{Gid: i2cGroup},
	}
}

// line is that of a kernel without GPIO40, where GPIO2 is in use.
func (b *bench) line(name string) (string, error) {
	switch {
	case name == "GPIO2":
		return "i2c", nil
	case name == "GPIO40":
		return "", errors.New("not there")
	}
	return "", nil
}

// share puts all chips on i2c-1.
func (b *bench) share() {
	b.chips = sim.NewSharedBoard()
	b.buses = map[int]i2c.Bus{1: b.chips.LEDBus}
}

// owned makes a driver of the kernel own a chip.
func (b *bench) owned(device, driver string) {
	b.files[i2cDevices+"/"+device+"/driver"] = &fstest.MapFile{
		Mode: fs.ModeSymlink, Data: []byte("../../../../../../bus/i2c/drivers/" + driver),
	}
}

func (b *bench) openBus(n int) (i2c.BusCloser, error) {
	bus, ok := b.buses[n]
	if !ok {
		return nil, errors.New("open: no such device")
	}
	b.open.Add(1)
	return reader{bus, b}, nil
}

// A reader is a bus on which only reading is allowed.
type reader struct {
	i2c.Bus
	b *bench
}

func (r reader) Tx(addr uint16, w, p []byte) error {
	if len(p) == 0 || len(w) > 1 || addr == resetAddr {
		r.b.t.Errorf("%#x: writes % x, reads %d bytes: doctor may only read", addr, w, len(p))
	}
	return r.Bus.Tx(addr, w, p)
}

func (r reader) Close() error { r.b.open.Add(-1); return nil }

var (
	twoBuses = config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3}
	oneBus   = config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 1}
)

// hardware runs Hardware, and holds that it ends within ten seconds and leaves
// no bus open.
func (b *bench) hardware(c config.Board) []Finding {
	b.t.Helper()
	begin := time.Now()
	found := Hardware(b.t.Context(), b.Host, c)
	if took := time.Since(begin); took > 10*time.Second {
		b.t.Errorf("took %s, want at most 10s", took)
	}
	return found
}

// lines writes findings as a person reads them.
func lines(findings []Finding, least Level) string {
	var s strings.Builder
	for _, f := range findings {
		if f.Level < least {
			continue
		}
		fmt.Fprintf(&s, "%s %s %s: %s\n", f.Level, f.Topic, f.Subject, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(&s, "  %s\n", f.Remedy)
		}
	}
	return s.String()
}

// in2026 runs f in a bubble in the year 2026.
func in2026(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 6, 15, 12, 37, 10, 0, time.UTC)))
		f(t)
		time.Sleep(2 * time.Hour) // for what was left behind
	})
}

// want compares texts; want may begin with an empty line.
func want(t *testing.T, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got != want {
		t.Errorf("found\n%s\nwant\n%s", got, want)
	}
}

func TestThisHost(t *testing.T) {
	h := ThisHost()
	if h.User.Name == "" || len(h.User.Groups) == 0 {
		t.Errorf("user %+v", h.User)
	}
	if _, err := fs.Stat(h.Root, "etc/group"); err != nil {
		t.Error(err)
	}
	if _, err := h.Open(65535); err == nil || !strings.Contains(err.Error(), "/dev/i2c-65535 does not exist") {
		t.Errorf("open a bus that is not there: %v", err)
	}
	if ok, err := h.Synced(); ok || err != nil {
		t.Errorf("synced %t, %v before the caller said so", ok, err)
	}
}

// TestHungForEver: what hangs in the kernel is left behind.
func TestHungForEver(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Hour})
		b.chips.SensorBus.Detach(b.chips.Light)
		want(t, lines(b.hardware(twoBuses), Note), `
fault i2c-1 /dev/i2c-1: the adapter hangs in the kernel and was left behind
  `+remedyHang+`
warning i2c-3 light sensor: the BH1750 does not answer at 0x23: brightness cannot follow the room
  check its supply, its wires and its address
`)
		begin := time.Now()
		all, err := Scan(t.Context(), b.Host, 1, 3)
		if err != nil || time.Since(begin) > 10*time.Second || all[0].Error != "the adapter hangs in the kernel and was left behind" || len(all[1].Answers) != 1 {
			t.Errorf("scan after %s: %+v, %v", time.Since(begin), all, err)
		}
	})
}

func TestCancelled(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		if found := Hardware(ctx, b.Host, twoBuses); Worst(found) != Fault || time.Since(begin) > leave {
			t.Errorf("after %s\n%s", time.Since(begin), lines(found, OK))
		}
	})
}

func TestLevels(t *testing.T) {
	for l, name := range map[Level]string{OK: "ok", Note: "note", Warning: "warning", Fault: "fault", 9: "Level(9)"} {
		if l.String() != name {
			t.Errorf("level %d is %q, want %q", l, l, name)
		}
		var back Level
		if err := back.UnmarshalText([]byte(name)); (err == nil) != (l <= Fault) || err == nil && back != l {
			t.Errorf("%q is level %d, %v", name, back, err)
		}
	}
	if Worst(nil) != OK || Worst([]Finding{{Level: Warning}, {Level: Note}}) != Warning {
		t.Error("the worst is not the worst")
	}
}
