package boot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/flash"
	"wordclockd/internal/proof"
)

// A rig is a flash, and what starts images from it.
type rig struct {
	t      *testing.T
	table  flash.Table
	dev    *flash.Memory
	fuses  *flash.Memory
	faults faults // of what the loader sees
	log    proof.Log
	loader *Loader // of the latest run
	starts []start
}

// A start is what an image was told, and when.
type start struct {
	Info
	at time.Duration // since the run began
}

// newRig returns a rig of the intended table with an image in each slot that has a
// version; "" leaves one empty.
func newRig(t *testing.T, otadata string, versions ...string) *rig {
	t.Helper()
	r := &rig{t: t, table: flash.Intended(), dev: flash.NewMemory(flash.Geometry{Size: 8 << 20, Sector: flash.SectorSize}),
		fuses: flash.NewMemory(flash.FuseGeometry)}
	for slot, v := range versions {
		if v != "" {
			r.write(slot, build(t, v, 0))
		}
	}
	r.entries(parseOtadata(t, otadata))
	return r
}

func build(t *testing.T, version string, secure uint32) []byte {
	t.Helper()
	p, err := flash.Build{Desc: flash.Desc{Version: version, Project: "wordclock", SecureVersion: secure}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// slot returns the partition of a slot.
func (r *rig) slot(n int) flash.Device {
	p := r.table.Slots()[n]
	return flash.Region(r.dev, p.Off, p.Size)
}

// write makes an image the content of a slot.
func (r *rig) write(slot int, image []byte) {
	r.t.Helper()
	d := r.slot(slot)
	if err := errors.Join(d.Erase(0, d.Geometry().Size), d.Program(image, 0)); err != nil {
		r.t.Fatal(err)
	}
}

// entries makes o what is in otadata.
func (r *rig) entries(o [2]flash.Select) {
	r.t.Helper()
	p, ok := r.table.Find(flash.TypeData, flash.DataOTA)
	if !ok {
		return
	}
	for i, s := range o {
		raw := s.Marshal()
		if err := flash.Replace(r.dev, p.Off+int64(i)*flash.SectorSize, raw[:]); err != nil {
			r.t.Fatal(err)
		}
	}
}

// store opens the flash anew, as after the power came.
func (r *rig) store() *Store {
	r.t.Helper()
	s, err := Open(&faultyDevice{r.dev, &r.faults}, r.fuses, r.table, "boot id")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// otadata returns what is in it.
func (r *rig) otadata() string {
	r.t.Helper()
	o, err := r.store().entries()
	if err != nil {
		r.t.Fatal(err)
	}
	return plain(o)
}

// faults are what a device does wrong.
type faults struct {
	write, read error
	slow        time.Duration // what a read takes
}

type faultyDevice struct {
	flash.Device
	*faults
}

func (d *faultyDevice) Program(p []byte, off int64) error {
	if d.write != nil {
		return d.write
	}
	return d.Device.Program(p, off)
}

func (d *faultyDevice) Erase(off, n int64) error {
	if d.write != nil {
		return d.write
	}
	return d.Device.Erase(off, n)
}

func (d *faultyDevice) ReadAt(p []byte, off int64) (int, error) {
	if d.slow > 0 {
		time.Sleep(d.slow)
	}
	if d.read != nil {
		return 0, d.read
	}
	return d.Device.ReadAt(p, off)
}

// A life is what an image does in one start. Those of a run come one after the other;
// behind the last one the loader is told to stop.
type life func(ctx context.Context, in Info, ask Asks) error

// run starts images for as many lives, in the process's present start or another.
func (r *rig) run(lives ...life) error {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	r.loader = &Loader{Store: r.store(), Log: r.log.Logger()}
	r.starts = nil
	defer r.foretold()()
	begin := time.Now()
	return r.loader.Run(ctx, func(inner context.Context, in Info, ask Asks) error {
		r.starts = append(r.starts, start{in, time.Since(begin)})
		if len(r.starts) > len(lives) {
			cancel()
			<-inner.Done()
			return nil
		}
		return lives[len(r.starts)-1](inner, in, ask)
	})
}

// foretold compares the first start with what could be known of it before. Nothing can
// while the flash does wrong.
func (r *rig) foretold() (compare func()) {
	if r.faults != (faults{}) {
		return func() {}
	}
	before := r.otadata()
	next, err := r.store().Next()
	if after := r.otadata(); after != before {
		r.t.Errorf("to know the next start made otadata %s of %s", after, before)
	}
	return func() {
		r.t.Helper()
		if len(r.starts) == 0 {
			if _, nothing := errors.AsType[*NothingError](err); !nothing {
				r.t.Errorf("nothing was started, and there was to be %+v, %v", next, err)
			}
			return
		}
		got := r.starts[0].Info
		next.Boot, next.Last.Text, next.Profile = got.Boot, got.Last.Text, got.Profile
		if d := cmp.Diff(got, next); d != "" || err != nil {
			r.t.Errorf("the first start was to be another: %v\n%s", err, d)
		}
	}
}

// well is the life of an image that runs until it is told to end. Its signs of life are
// between two ticks of the loader: of what comes at the same time, either may be first.
func well(ctx context.Context, _ Info, ask Asks) error {
	for next := tick / 2; ; next = tick {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
			ask.Alive()
		}
	}
}

func restart(context.Context, Info, Asks) error { return &Restart{User} }

var errBroken = errors.New("broken")

func crash(context.Context, Info, Asks) error { return errBroken }

// silent gives no sign of life, but ends when it is told to.
func silent(ctx context.Context, _ Info, _ Asks) error {
	<-ctx.Done()
	return nil
}

// after lets some time pass in which all is well.
func after(d time.Duration, then life) life {
	return func(ctx context.Context, in Info, ask Asks) error {
		inner, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		_ = well(inner, in, ask)
		return then(ctx, in, ask)
	}
}

// brief writes a start as "slot version", what is special of it, and what it was told
// of the one before.
func (s start) brief() string {
	text := fmt.Sprintf("%d %s", s.Slot, s.Desc.Version)
	if s.Trial {
		text += " trial"
	}
	if s.Last.Reason != None {
		text += ", last " + s.Last.Reason.String()
	}
	if g := s.GaveUp; g != nil {
		text += fmt.Sprintf(", gave up %d %s %s", g.Slot, g.Desc.Version, g.Reason)
		if g.Now {
			text += " now"
		}
	}
	return text
}

// started checks what was started.
func (r *rig) started(want ...string) {
	r.t.Helper()
	var got []string
	for i, s := range r.starts {
		got = append(got, s.brief())
		if s.Boot != uint32(i+1) {
			r.t.Errorf("start %d is told that it is %d", i+1, s.Boot)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("started\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// at checks when starts were.
func (r *rig) at(want ...time.Duration) {
	r.t.Helper()
	var got []time.Duration
	for _, s := range r.starts {
		got = append(got, s.at)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("started at %v, want %v", got, want)
	}
}

func (r *rig) holds(otadata string) {
	r.t.Helper()
	if got := r.otadata(); got != otadata {
		r.t.Errorf("otadata is %s, want %s", got, otadata)
	}
}

// bubble runs a test with time of its own. It fails if a goroutine is left.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// install is the life of an image that installs another one and asks to be restarted.
func (r *rig) install(slot int, image []byte) life {
	return func(_ context.Context, _ Info, ask Asks) error {
		if err := ask.Free(slot); err != nil {
			return err
		}
		r.write(slot, image)
		if err := ask.Stage(slot); err != nil {
			return err
		}
		return &Restart{User}
	}
}
