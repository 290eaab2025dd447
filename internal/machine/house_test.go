package machine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/durable"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
)

// A lodging is a machine that runs, with a client of it.
type lodging struct {
	*control.Client
	m     *Machine
	state State
	stop  func() error // and wait
}

func move(t *testing.T, state State, environ ...string) *lodging {
	t.Helper()
	var log bytes.Buffer
	l := &lodging{m: newMachine(t, &log, nil, environ...), state: state, Client: control.NewClient(state.Socket())}
	l.m.c.State = state
	g, _ := task.NewGroup(context.Background())
	g.Go("machine", l.m.Run)
	l.stop = func() error {
		g.Stop(nil)
		return g.Wait()
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err := l.Status(t.Context()); err == nil {
			return l
		} else if !errors.Is(err, control.ErrNotRunning) || time.Since(begin) > time.Minute {
			t.Fatal(err)
		}
	}
}

// TestReboots: fifty of them, and nothing is left over: no goroutine that counts,
// no file; settings, board, socket and broker stay.
func TestReboots(t *testing.T) {
	l := move(t, State(t.TempDir()), "WORDCLOCKD_MQTT_URL=embedded", "WORDCLOCKD_BROKER_LISTEN=127.0.0.1:0")
	if _, err := l.Change(t.Context(), map[string]any{"brightness.global": 99}); err != nil {
		t.Fatal(err)
	}
	files := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	before, running := 0, 0
	for n := range 50 {
		boot := uint32(n + 2)
		if err := l.Reboot(t.Context()); err != nil {
			t.Fatal(err)
		}
		enough := errors.New("enough")
		if err := l.Watch(t.Context(), func(s control.Status) error {
			if s.Boot < boot || s.Boot == boot && s.Face.Text == "" { // the display has yet to say what it shows
				return nil
			}
			if n%10 == 5 && s.MQTT.State != clock.LinkUp.String() { // at the others it is cut off on its way
				return nil
			}
			if s.Boot != boot || s.Settings["brightness.global"] != 99.0 {
				t.Errorf("start %d: %+v", boot, s)
			}
			return enough
		}); !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if l.m.Sim().Lit() == ([10][16]uint8{}) {
			t.Errorf("start %d: the face is dark", boot)
		}
		if n == 5 {
			before, running = files(), runtime.NumGoroutine()
		}
	}
	for begin := time.Now(); runtime.NumGoroutine() > running; time.Sleep(time.Millisecond) { // connections end a little later
		if time.Since(begin) > time.Minute {
			t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), running, stacks())
			break
		}
	}
	if after := files(); after > before+4 { // connections may be in the air
		t.Errorf("%d open files, %d before", after, before)
	}
}

// stacks returns those of all goroutines.
func stacks() []byte {
	p := make([]byte, 1<<20)
	return p[:runtime.Stack(p, true)]
}

// TestSim does to the chips what it says.
func TestSim(t *testing.T) {
	l := move(t, State(t.TempDir()))
	do := func(name string, args ...string) error { return l.Sim(t.Context(), name, args, nil) }
	var lit Lit
	if err := l.Sim(t.Context(), "lit", nil, &lit); err != nil || lit.Rows[0] == 0 || lit.Levels[0][0] == 0 {
		t.Errorf("%+v, %v", lit, err)
	}
	if err := do("lux", "321.5"); err != nil || l.m.Sim().Light.Lux() != 321.5 {
		t.Errorf("%v, %g lux", err, l.m.Sim().Light.Lux())
	}
	if err := do("pot", "100"); err != nil {
		t.Error(err)
	}
	if s, err := l.m.Sim().Knob.Read(); s.Raw != 4095 || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if err := do("rtc", "offset", "-1h"); err != nil {
		t.Error(err)
	}
	if at, ok := l.m.Sim().RTC.Now(); !ok || time.Since(at) < 59*time.Minute || time.Since(at) > 61*time.Minute {
		t.Errorf("RTC at %s", at)
	}
	if err := do("rtc", "power-loss"); err != nil {
		t.Error(err)
	}
	if at, _ := l.m.Sim().RTC.Now(); at.Year() != 2000 {
		t.Errorf("RTC at %s", at)
	}
	err := do("fire")
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != control.CodeInvalid || !strings.Contains(e.Text, "there are lit, surge, ") {
		t.Errorf("error %v", err)
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]sim.Fault{
		"nack":                               {Kind: sim.Nack},
		"stuck addr=0x68 delay=2s times=3":   {Kind: sim.Stuck, Addr: 0x68, Delay: 2 * time.Second, Times: 3},
		"flip byte=3 mask=0x10":              {Kind: sim.Flip, Byte: 3, Mask: 0x10},
		"brownout byte=1 whole=true times=2": {Kind: sim.BrownOut, Byte: 1, Whole: true, Times: 2},
		"sda byte=7 firm=true times=1":       {Kind: sim.SDA, Byte: 7, Firm: true, Times: 1},
		"slow delay=5ms addr=96":             {Kind: sim.Slow, Delay: 5 * time.Millisecond, Addr: 0x60},
	} {
		args := strings.Fields(text)
		if got, err := parseFault(args[0], args[1:]); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"fire":            `fault "fire": want nack, stuck, flip, brownout, slow`,
		"nack addr=0x80":  "addr=0x80: want 0 to 127",
		"nack byte=-1":    "byte=-1: want 0 to 65535",
		"flip mask=256":   "mask=256: want 0 to 255",
		"slow delay=2m":   "delay=2m: want a duration such as 5ms, up to 1m",
		"slow delay=-1s":  "delay=-1s: want a duration such as 5ms, up to 1m",
		"slow delay=fast": "delay=fast: want a duration such as 5ms, up to 1m",
		"nack whole=yes":  "whole=yes: want true or false",
		"nack when=now":   "when=now: want addr, byte, mask, delay, times, whole or firm",
	} {
		args := strings.Fields(text)
		if got, err := parseFault(args[0], args[1:]); err == nil || !strings.HasPrefix(err.Error(), want) || got != (sim.Fault{}) {
			t.Errorf("%s: %+v, %v, want %s", text, got, err, want)
		}
	}
}

// TestHouse answers while nobody is at home, and for what it has not.
func TestHouse(t *testing.T) {
	l := move(t, State(t.TempDir()))
	real := &house{}
	path := filepath.Join(t.TempDir(), control.SocketName)
	socket, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := task.NewGroup(t.Context())
	real.loader = &boot.Loader{}
	g.Go("serve", func(ctx context.Context) error { return real.serve(ctx, socket, l.m.c.Log) })
	err = control.NewClient(path).Sim(t.Context(), "surge", nil, nil)
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != "board_is_real" {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := control.NewClient(path).Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody at home: error %v", err)
	}
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTwoMachines on one directory: the second one is told who has it, and
// changes nothing.
func TestTwoMachines(t *testing.T) {
	state := State(t.TempDir())
	l := move(t, state)
	var log bytes.Buffer
	second := newMachine(t, &log, nil)
	second.c.State = state
	err := second.Run(t.Context())
	if busy, ok := errors.AsType[*BusyError](err); !ok || busy.State != state {
		t.Errorf("error %v", err)
	}
	if _, err := l.Status(t.Context()); err != nil {
		t.Errorf("the first one: %v", err)
	}
	if _, err := state.Look(); err == nil {
		t.Error("was locked in spite of a clock")
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	lock, err := state.Look()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"control.sock"} {
		if _, err := os.Stat(filepath.Join(string(state), name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

func TestState(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		uid  int
		want State
	}{
		{map[string]string{"STATE_DIRECTORY": "/var/lib/x", "HOME": "/h"}, 1000, "/var/lib/x"},
		{map[string]string{"STATE_DIRECTORY": "/var/lib/x:/var/lib/y"}, 0, "/var/lib/x"},
		{map[string]string{"XDG_STATE_HOME": "/s"}, 0, "/var/lib/wordclockd"},
		{map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, 1000, "/s/wordclockd"},
		{map[string]string{"HOME": "/h"}, 1000, "/h/.local/state/wordclockd"},
	} {
		if got := DefaultState(func(k string) string { return c.env[k] }, c.uid); got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
	}
	dir := t.TempDir()
	if l, err := State(filepath.Join(dir, "none")).Look(); l != nil || err != nil {
		t.Errorf("no directory: %v, %v", l, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := State(file).Create(); err == nil || !strings.Contains(err.Error(), "name another by --state") {
		t.Errorf("error %v", err)
	}
	err := State("d").busy(&durable.HeldError{Path: "d/flash.img", PID: 1 << 30})
	if want := "state directory d: d/flash.img is held by process 1073741824"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := State("d").busy(os.ErrPermission); err == nil || !strings.Contains(err.Error(), "be the user that runs the clock") {
		t.Errorf("error %v", err)
	}
}
