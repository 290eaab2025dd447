package linux

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/hal/sim"
)

// A fakeLine is a line that does as it is told.
type fakeLine struct {
	gpio.PinIO
	did    []string // in, low, high
	err    error
	closed int
	edge   atomic.Bool // there is one
	waits  atomic.Int32
	broken bool // a wait for an edge does not last
}

func (l *fakeLine) In(p gpio.Pull, e gpio.Edge) error {
	l.did = append(l.did, "in "+p.String()+" "+e.String())
	return l.err
}

func (l *fakeLine) Out(v gpio.Level) error {
	l.did = append(l.did, v.String())
	return l.err
}

func (l *fakeLine) WaitForEdge(d time.Duration) bool {
	l.waits.Add(1)
	if !l.broken {
		time.Sleep(d)
	}
	return l.edge.Swap(false)
}

func (l *fakeLine) Close() { l.closed++ }

type lines map[string]*fakeLine

func (m lines) find(name string) (line, error) {
	if l := m[name]; l != nil {
		return l, nil
	}
	return nil, errors.New("not there")
}

// wired is a board with everything.
var wired = Config{
	LEDsBus: 1, SensorsBus: 3, Reset: "GPIO4", Button: "GPIO17", NetLamp: "GPIO22", TimeLamp: "GPIO27",
	ADC: ADC{Bus: 3, Address: 0x49, Input: 2},
}

func openWired(t *testing.T, chips *sim.Board, m lines, c Config) (*Board, string) {
	t.Helper()
	var log bytes.Buffer
	host := adapters{1: {Bus: chips.LEDBus}, 3: {Bus: chips.SensorBus}}
	b, err := kernel{host.open, m.find}.open(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b, log.String()
}

// TestPins: the reset line is let go and never driven high, the button has a pull-up,
// the lamps are dark; all are closed in the end.
func TestPins(t *testing.T) {
	m := lines{"GPIO4": {}, "GPIO17": {}, "GPIO22": {}, "GPIO27": {}}
	b, log := openWired(t, sim.NewBoard(), m, wired)
	if log != "" || b.Button == nil || b.NetLamp == nil || b.TimeLamp == nil || b.Pot == nil {
		t.Errorf("%+v, logged %s", b.Board, log)
	}
	for _, l := range []gpio.Level{gpio.Low, gpio.High} {
		if err := b.Reset.Out(l); err != nil {
			t.Error(err)
		}
	}
	if err := b.NetLamp.Out(gpio.High); err != nil {
		t.Error(err)
	}
	for name, want := range map[string][]string{
		"GPIO4":  {"in PullUp NoEdge", "Low", "in PullUp NoEdge"},
		"GPIO17": {"in PullUp BothEdges"},
		"GPIO22": {"Low", "High"},
		"GPIO27": {"Low"},
	} {
		if got := m[name].did; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for name, l := range m {
		if l.closed != 1 {
			t.Errorf("%s: closed %d times", name, l.closed)
		}
	}
}

// TestPinsMissing: what is not there, or belongs to somebody else, is told, and the rest
// is there.
func TestPinsMissing(t *testing.T) {
	m := lines{"GPIO17": {err: syscall.EBUSY}, "GPIO22": {}}
	c := wired
	c.ADC.Bus = 9
	b, log := openWired(t, sim.NewBoard(), m, c)
	if b.Reset != nil || b.Button != nil || b.TimeLamp != nil || b.Pot != nil {
		t.Errorf("%+v: has what it has not", b.Board)
	}
	if b.NetLamp == nil || b.Sensors == nil {
		t.Errorf("%+v: has not what it has", b.Board)
	}
	for _, want := range []string{
		"event=no_pin key=board.reset_pin pin=GPIO4", "event=no_pin key=board.button_pin pin=GPIO17", "resource busy: something else may use it",
		"event=no_pin key=board.lamps.time pin=GPIO27", "event=no_adc",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("logged %s, want %s", log, want)
		}
	}
	if n := m["GPIO17"].closed; n != 1 {
		t.Errorf("the busy pin was closed %d times", n)
	}
}

// TestNoPins: what is not configured is not looked for.
func TestNoPins(t *testing.T) {
	b, log := openWired(t, sim.NewBoard(), nil, Config{LEDsBus: 1, SensorsBus: 3})
	if log != "" || b.Reset != nil || b.Button != nil || b.NetLamp != nil || b.TimeLamp != nil || b.Pot != nil {
		t.Errorf("%+v, logged %s", b.Board, log)
	}
}

// TestRealLines asks this kernel for a line that nobody has.
func TestRealLines(t *testing.T) {
	if _, err := LineUser("NO SUCH LINE"); err == nil || !strings.Contains(err.Error(), "gpioinfo lists names") {
		t.Errorf("error %v", err)
	}
}

// TestKeepStdin: what is opened after a look at the chips is never descriptor 0.
func TestKeepStdin(t *testing.T) {
	var was, is unix.Stat_t
	if err := unix.Fstat(0, &was); err != nil {
		t.Fatal(err)
	}
	if err := keepStdin(func() error { return unix.Close(0) }); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fstat(0, &is); err != nil || is.Ino != was.Ino || is.Dev != was.Dev {
		t.Errorf("standard input is another file, %v", err)
	}
	if err := keepStdin(func() error { return syscall.EIO }); err != syscall.EIO {
		t.Errorf("error %v", err)
	}
}

// TestWaitForEdge: a wait ends by an edge, its time, or Halt, and spins on no line.
func TestWaitForEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLine{}
		b := &button{line: l}
		begin := time.Now()
		if b.WaitForEdge(250*time.Millisecond) || time.Since(begin) != 250*time.Millisecond {
			t.Errorf("an edge after %s", time.Since(begin))
		}
		l.edge.Store(true)
		if !b.WaitForEdge(-1) {
			t.Error("no edge")
		}
		for _, broken := range []bool{false, true} {
			l.broken = broken
			l.waits.Store(0)
			if err := b.In(gpio.PullUp, gpio.BothEdges); err != nil {
				t.Fatal(err)
			}
			begin = time.Now()
			done := make(chan bool)
			go func() { done <- b.WaitForEdge(-1) }()
			time.Sleep(1950 * time.Millisecond)
			if err := b.Halt(); err != nil {
				t.Error(err)
			}
			if edge := <-done; edge || time.Since(begin) > 1950*time.Millisecond+edgeWait || l.waits.Load() > 20 {
				t.Errorf("broken %t: edge %t, %d waits in %s", broken, edge, l.waits.Load(), time.Since(begin))
			}
			if b.WaitForEdge(-1) {
				t.Error("an edge of a halted line")
			}
		}
	})
}

// TestADC: what the potentiometer is turned to arrives, in mV, over the chip's
// registers.
func TestADC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, chip := sim.NewBoard(), sim.NewADS1115(0x49)
		board.SensorBus.Attach(chip)
		c := wired
		c.Reset, c.Button, c.NetLamp, c.TimeLamp = "", "", "", ""
		b, log := openWired(t, board, nil, c)
		if log != "" {
			t.Errorf("logged %s", log)
		}
		for _, mv := range []int{0, 1, 14, 250, 1650, 3299, 3300} {
			chip.Set(2, physic.ElectricPotential(mv)*physic.MilliVolt)
			got, err := b.Pot.Read()
			if off := got.V - physic.ElectricPotential(mv)*physic.MilliVolt; err != nil || off > 200*physic.MicroVolt || off < -200*physic.MicroVolt {
				t.Errorf("%d mV: %s, %v", mv, got.V, err)
			}
		}
		chip.Set(2, 3300*physic.MilliVolt)
		board.SensorBus.Detach(chip)
		if _, err := b.Pot.Read(); err == nil {
			t.Error("no error of a chip that is gone")
		}
		board.SensorBus.Attach(chip)
		chip.Reset()
		if got, err := b.Pot.Read(); err != nil || got.Raw != 26400 {
			t.Errorf("after a brown-out: %d, %v", got.Raw, err)
		}
	})
}
