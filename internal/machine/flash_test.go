package machine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/flash"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// made is a state directory in which a clock ran once.
func made(t *testing.T) State {
	t.Helper()
	state := State(t.TempDir())
	l := move(t, state)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	return state
}

// TestFirstStart makes a flash as a factory would, and the next start leaves it
// alone but for the entry that the first one wrote.
func TestFirstStart(t *testing.T) {
	state := State(t.TempDir())
	l := move(t, state)
	slots, err := l.Slots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := slots.Slots[0]
	if slots.Running != "ota_0" || slots.Next != "ota_0" || slots.Trial || slots.Boot != 1 || slots.Program != "1.2.3" ||
		first.Version != "1.2.3" || first.State != "valid" || !first.Bootable || slots.Slots[1].Bootable || slots.Slots[1].Error != "" {
		t.Errorf("%+v", slots)
	}
	want := []control.Select{{Sector: 0, Seq: 1, State: "valid", CRC: true, Slot: "ota_0"}, {Sector: 1, Blank: true}}
	if d := cmp.Diff(want, slots.OTAData); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(state.Flash())
	if err != nil || len(before) != 16<<20 {
		t.Fatalf("%d bytes, %v", len(before), err)
	}
	if table, err := flash.ReadTable(before[0x8000:0x8C00]); err != nil || !cmp.Equal(table, flash.Intended()) {
		t.Errorf("%+v, %v", table, err)
	}
	l = move(t, state)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(state.Flash())
	if !bytes.Equal(before, after) || err != nil {
		t.Errorf("the second start changed the flash, %v", err)
	}
}

// TestUnfinished flashes are begun anew: there is nothing in them to lose.
func TestUnfinished(t *testing.T) {
	for name, damage := range map[string]func(p []byte) []byte{
		"empty, as version 0.2 left it": func([]byte) []byte { return nil },
		"erased":                        func(p []byte) []byte { return bytes.Repeat([]byte{0xFF}, len(p)) },
		"not yet written":               func(p []byte) []byte { return make([]byte, len(p)) },
		"no table, half an image": func(p []byte) []byte {
			blank(p[0x8000:0x9000])
			blank(p[0x20100:])
			blank(p[0xF000:0x11000])
			return p
		},
		"half a table, its first byte still to come": func(p []byte) []byte {
			blank(p[0x8000:0x8001])
			blank(p[0x8060:0x9000])
			blank(p[0x20100:])
			blank(p[0xF000:0x11000])
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			state := made(t)
			p, err := os.ReadFile(state.Flash())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(state.Flash(), damage(p), 0o600); err != nil {
				t.Fatal(err)
			}
			l := move(t, state)
			if s, err := l.Slots(t.Context()); err != nil || s.Running != "ota_0" || s.OTAData[0].State != "valid" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func blank(p []byte) {
	for i := range p {
		p[i] = 0xFF
	}
}

// TestNothingBootable ends with an error that names each slot and why.
func TestNothingBootable(t *testing.T) {
	state := made(t)
	f, err := os.OpenFile(state.Flash(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("rot"), 0x20030); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m := newMachine(t, &log, nil)
	m.c.State = state
	err = m.Run(t.Context())
	if _, ok := errors.AsType[*boot.NothingError](err); !ok || !strings.Contains(err.Error(), "ota_0: ") || !strings.Contains(err.Error(), "ota_1: nothing is there") {
		t.Errorf("error %v", err)
	}
}

// TestFuses that are damaged are moved aside, and those that are gone made anew: the
// clock must not stay dark. But it says so.
func TestFuses(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"garbage":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("rot!"), 2048), 0o600) },
		"empty":    func(path string) error { return os.Truncate(path, 0) },
		"a sector": func(path string) error { return os.Truncate(path, 4096) },
		"gone":     os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			state := made(t)
			if err := damage(state.Fuses()); err != nil {
				t.Fatal(err)
			}
			f, events, err := opened(t, state)
			if err != nil {
				t.Fatal(err)
			}
			if fuses, err := flash.LoadFuses(f.Fuses); err != nil || fuses.Level() != 0 {
				t.Errorf("%+v, %v", fuses, err)
			}
			if !slices.Equal(events, []string{"fuses_replaced"}) {
				t.Errorf("events %q", events)
			}
			if _, err := os.Stat(state.Fuses() + ".damaged"); (err == nil) != (name != "gone") {
				t.Errorf("moved aside: %v", err)
			}
		})
	}
}

// opened opens a flash as a clock does that starts, for the rest of the test, and
// returns what it logs.
func opened(t *testing.T, state State) (*Flash, []string, error) {
	t.Helper()
	var log proof.Log
	m := newMachine(t, new(bytes.Buffer), nil)
	m.c.State, m.c.Log = state, log.Logger()
	lock, err := state.Create()
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.openOrMake(lock)
	t.Cleanup(func() {
		if f != nil {
			_ = f.Close()
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
	return f, log.Events(), err
}

// TestTable that is damaged: the usual one is written in its place if it can have been
// that, and nothing is guessed if not.
func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(p []byte) // from the table on
		mended bool
	}{
		"one bit":       {func(p []byte) { p[100] ^= 1 }, true},
		"erased":        {func(p []byte) { blank(p[:0x1000]) }, true},
		"zero":          {func(p []byte) { clear(p[:0x1000]) }, true},
		"two rows":      {func(p []byte) { p[3*32+9] ^= 1; p[4*32+9] ^= 1 }, false},
		"beyond belief": {func(p []byte) { copy(p[6*32:], p[:6*32]); p[0] ^= 1; p[6*32+20] ^= 1; p[7*32+20] ^= 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			state := made(t)
			before, err := os.ReadFile(state.Flash())
			if err != nil {
				t.Fatal(err)
			}
			p := slices.Clone(before)
			c.damage(p[0x8000:])
			if err := os.WriteFile(state.Flash(), p, 0o600); err != nil {
				t.Fatal(err)
			}
			_, events, err := opened(t, state)
			after, e := os.ReadFile(state.Flash())
			switch {
			case e != nil:
				t.Error(e)
			case c.mended && (err != nil || !bytes.Equal(after, before) || !slices.Equal(events, []string{"table_mended"})):
				t.Errorf("not mended: %v, %q", err, events)
			case !c.mended && (!is[*FlashError](err) || !bytes.Equal(after, p)):
				t.Errorf("error %v, want a *FlashError", err)
			}
		})
	}
}

// TestTruncated flashes are left as they are, for who has a better one.
func TestTruncated(t *testing.T) {
	for _, size := range []int64{100, 4096, 3 << 20} {
		state := made(t)
		if err := os.Truncate(state.Flash(), size); err != nil {
			t.Fatal(err)
		}
		m := newMachine(t, new(bytes.Buffer), nil)
		m.c.State = state
		if err := m.Run(t.Context()); !is[*FlashError](err) {
			t.Errorf("%d bytes: error %v, want a *FlashError", size, err)
		}
		if info, err := os.Stat(state.Flash()); err != nil || info.Size() != size {
			t.Errorf("%d bytes: %v, %v", size, info, err)
		}
	}
}

// TestNothingAfterRestart: if nothing can be started any more, the face that was left
// lit for a successor goes dark: it would soon be wrong.
func TestNothingAfterRestart(t *testing.T) {
	state := State(t.TempDir())
	var log bytes.Buffer
	m := newMachine(t, &log, nil)
	m.c.State = state
	g, _ := task.NewGroup(t.Context())
	g.Go("machine", m.Run)
	c := control.NewClient(state.Socket())
	for m.Sim().Lit() == ([10][16]uint8{}) {
		time.Sleep(time.Millisecond)
	}
	f, err := os.OpenFile(state.Flash(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("rot"), 0x20030); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), c.Reboot(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); !is[*boot.NothingError](err) {
		t.Errorf("error %v", err)
	}
	if m.Sim().Lit() != ([10][16]uint8{}) {
		t.Error("still lit")
	}
}

// TestReadOnly: on a disk that cannot be written the clock shows the time all the
// same, started from the flash that is there, if one is.
func TestReadOnly(t *testing.T) {
	for _, made := range []bool{false, true} {
		state := State(t.TempDir())
		if made {
			l := move(t, state)
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := os.ReadFile(state.Flash())
		var log proof.Log
		versions := make(chan string, 1)
		m := newMachine(t, new(bytes.Buffer), func(ctx context.Context, s clock.Service) error {
			st, _ := s.Watch()
			versions <- st.Version
			<-ctx.Done()
			return nil
		})
		m.c.Log, m.c.State, m.c.Desc.Version = log.Logger(), state, "3.2.1"
		g, _ := task.NewGroup(t.Context())
		g.Go("machine", func(ctx context.Context) error { return m.runReadOnly(ctx, syscall.EROFS) })
		if got, want := <-versions, map[bool]string{false: "3.2.1", true: "1.2.3"}[made]; got != want {
			t.Errorf("flash made: %t: %s runs, want %s", made, got, want)
		}
		for m.Sim().Lit() == ([10][16]uint8{}) {
			time.Sleep(time.Millisecond)
		}
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if !slices.Contains(log.Events(), "state_read_only") || slices.Contains(log.Events(), "flash_io") {
			t.Errorf("events %q", log.Events())
		}
		if after, _ := os.ReadFile(state.Flash()); !bytes.Equal(before, after) {
			t.Error("the flash was changed")
		}
	}
}

// TestShrink: a flash that is made anew, and smaller, is the old one or the new one at
// any time, or begun anew by the next start.
func TestShrink(t *testing.T) {
	state := State(t.TempDir())
	lock, err := state.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	m := newMachine(t, new(bytes.Buffer), nil)
	m.c.State = state
	app, err := m.initial()
	if err != nil {
		t.Fatal(err)
	}
	large, err := flash.ParseTable([]byte("otadata,data,ota,0xf000,0x2000\nota_0,app,ota_0,0x400000,4M\nota_1,app,ota_1,0x800000,4M\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Init(lock, large, 16<<20, app); err != nil {
		t.Fatal(err)
	}
	if _, err := resize(lock.File(), 8<<20); err != nil { // and then the power goes
		t.Fatal(err)
	}
	f, err := m.openOrMake(lock)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := f.Slots(); err != nil || s.Next != "ota_0" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestLastReset is told to the next process, once.
func TestLastReset(t *testing.T) {
	state := State(t.TempDir())
	if r := state.takeLast(); r.Reason != boot.None {
		t.Errorf("%+v", r)
	}
	state.leaveLast(boot.Hung)
	if r := state.takeLast(); r.Reason != boot.Hung {
		t.Errorf("%+v", r)
	}
	if r := state.takeLast(); r.Reason != boot.None {
		t.Errorf("told twice: %+v", r)
	}
}

// TestLook looks at a flash without leaving a trace.
func TestLook(t *testing.T) {
	state := State(t.TempDir())
	peek := func() (*Flash, error) {
		lock, err := state.Look()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lock.Release() })
		return state.Peek(lock)
	}
	if _, err := peek(); !is[*AbsentError](err) {
		t.Errorf("error %v", err)
	}
	l := move(t, state)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(state.Flash())
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (*Flash, error){
		"peek": peek, "dump": func() (*Flash, error) { return OpenDump(state.Flash()) },
	} {
		f, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if s, err := f.Slots(); err != nil || s.Next != "ota_0" || s.Running != "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if err := f.Store.Stage(1, 0); err == nil {
			t.Errorf("%s: was changed", name)
		}
		if err := f.Device.Program([]byte{0}, 0); !is[*flash.MisuseError](err) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if after, err := os.ReadFile(state.Flash()); !bytes.Equal(before, after) || err != nil {
		t.Errorf("looking changed the flash, %v", err)
	}
	if _, err := OpenDump("flash_test.go"); err == nil || !strings.Contains(err.Error(), "whole sectors") {
		t.Errorf("error %v", err)
	}
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// TestLargeSlots: no size is a constant.
func TestLargeSlots(t *testing.T) {
	table, err := flash.ParseTable([]byte("nvs,data,nvs,0x9000,0x6000\notadata,data,ota,0xf000,0x2000\n" +
		"ota_0,app,ota_0,0x20000,64M\nota_1,app,ota_1,,64M\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := SizeFor(table); got != 256<<20 {
		t.Errorf("a flash of %d bytes", got)
	}
	x := &Flash{Device: flash.NewMemory(flash.Geometry{Size: 256 << 20, Sector: flash.SectorSize}), Fuses: flash.NewMemory(flash.FuseGeometry)}
	image, err := flash.Build{Desc: flash.Desc{Version: "1.0.0", Project: "wordclock"}, Size: 8 << 20}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(boot.Create(x.Device, table, image), x.read()); err != nil {
		t.Fatal(err)
	}
	p := table.Slots()[1]
	if err := errors.Join(x.Device.Program(image, p.Off), x.Store.Stage(1, 0)); err != nil {
		t.Fatal(err)
	}
	if s, err := x.Slots(); err != nil || s.Next != "ota_1" || !s.Trial || s.Slots[1].Bytes < 8<<20 {
		t.Errorf("%+v, %v", s, err)
	}
}
