package ota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// fromFile returns the image in a file.
func (a *attempt) fromFile(ctx context.Context) (choice, error) {
	f := File{a.start.File}
	a.shown.Source = FileName
	image, m, err := f.Image(ctx, a.u.c.Slot.Device.Geometry().Size)
	if err != nil {
		return choice{}, at(err, Checking, FileName, 0)
	}
	a.shown.Version, a.shown.SHA256, a.shown.Size = m.Version, m.SHA256, m.Size
	running := a.u.c.Running.Version
	switch order := Compare(running, m.Version); {
	case a.start.Force:
	case order > 0:
		return choice{}, at(fault(WrongVersion, fmt.Errorf("%s has %s, which is older than %s, which runs: only a forced update goes back", f.Path, m.Version, running)), Checking, FileName, 0)
	case order == 0:
		return choice{}, upToDate(fmt.Sprintf("%s runs, and %s has nothing newer", running, f.Path))
	}
	if o := a.u.known.objection(ctx, m, running); !a.start.Force && !o.defied() {
		return choice{}, o.declines()
	}
	if err := a.bench().image(image); err != nil { // before anything is written
		return choice{}, at(err, Checking, FileName, 0)
	}
	return choice{m, []supplier{{name: FileName, Source: f}}}, nil
}

// download fills the slot with an image, and verifies what it then holds.
func (a *attempt) download(ctx context.Context, o choice) error {
	slot := a.u.c.Slot
	dev := &freeing{Device: slot.Device, free: a.free, changed: slot.Changed}
	j := &job{
		manifest: o.manifest, suppliers: o.suppliers, dev: dev, plan: a.plan(o.manifest),
		stall: a.u.c.OTA.Stall, tell: a.tell, log: a.u.c.Log,
		judge:  a.judge,
		verify: func(ctx context.Context) error { return a.verify(ctx, o.manifest) },
		keep:   a.keep,
	}
	err := j.run(ctx)
	if err == nil || !dev.told {
		return err
	}
	if e := slot.Changed(); e != nil {
		return errors.Join(err, a.ofSlot(e, Downloading))
	}
	return err
}

// keep stores what the slot holds.
func (a *attempt) keep(p Plan) {
	if p != (Plan{}) {
		p.Slot = a.u.c.Slot.Name
	}
	a.store(&p)
}

// plan returns what the slot holds of an image, by what was written down.
func (a *attempt) plan(m Manifest) *Plan {
	p := a.u.remembered().Plan
	if p != nil && p.SHA256 == m.SHA256 && m.SHA256 != "" && p.Size == m.Size && p.Slot == a.u.c.Slot.Name {
		return p
	}
	return nil
}

// A freeing frees the slot before its first byte is changed, and tells of that.
type freeing struct {
	flash.Device
	free, changed func() error
	freed, told   bool
}

func (f *freeing) Program(p []byte, off int64) error {
	if err := f.once(f.free, &f.freed); err != nil {
		return err
	}
	return f.Device.Program(p, off)
}

func (f *freeing) Erase(off, n int64) error {
	if err := f.once(f.free, &f.freed); err != nil {
		return err
	}
	if err := f.Device.Erase(off, n); err != nil {
		return err
	}
	return f.once(f.changed, &f.told)
}

// once does something unless it is done.
func (f *freeing) once(do func() error, done *bool) error {
	if *done {
		return nil
	}
	err := do()
	*done = err == nil
	return err
}

// free frees the slot. What was to be started from it is not any more.
func (a *attempt) free() error {
	if err := a.u.c.Slot.Free(); err != nil {
		return a.ofSlot(err, Downloading)
	}
	a.u.known.stage("")
	a.u.change(func(r *Record) {
		r.edit(func(x clock.Attempt) bool { return isInstalled(x) && !a.u.c.Running.runs(x) }, func(x *clock.Attempt) {
			x.Result, x.Reason = clock.Failed, fmt.Sprintf("update %d took its slot before it was started", a.shown.Number)
			a.warn(fmt.Sprintf("%s, which update %d had installed and nobody started, makes way for this one", x.Version, x.Number))
		})
	})
	return nil
}

// judge judges the begin of an image.
func (a *attempt) judge(head []byte) error {
	if err := a.bench().head(head); err != nil {
		return at(err, Downloading, "", 0)
	}
	return nil
}

// compare reports an image that is not what its manifest calls it.
func (a *attempt) compare(image *flash.Image, m Manifest) {
	if Compare(image.Version, m.Version) == 0 {
		return
	}
	text := fmt.Sprintf("the image of %s calls itself %s", m.Version, flash.Printable(image.Version))
	if a.warn(text) {
		a.u.c.Log.Warn(text, "event", "ota_version_differs", "source", a.shown.Source, "version", m.Version, "descriptor", flash.Printable(image.Version))
	}
}

// bench is what judges images for the clock as it is now: a confirm raises the floor.
func (a *attempt) bench() bench {
	b := bench{a.u.c.Running.Desc, a.u.c.Running.Fuses, a.start.Force}
	if a.u.confirmed.Load() {
		b.fuses = b.fuses.Raise(int(min(b.running.SecureVersion, flash.MaxLevel)))
	}
	return b
}

// readBack returns the image that a device begins with and the hash of its size bytes;
// bad is why it is none.
func readBack(ctx context.Context, d io.ReaderAt, size int64) (image *flash.Image, sum string, bad, err error) {
	s := &summing{ctx: ctx, r: d, sum: io.Discard}
	image, bad = flash.ReadImage(s, size)
	if bad == nil {
		return image, hex.EncodeToString(image.Sum[:]), nil, s.err
	}
	if s.err != nil || ctx.Err() != nil {
		return nil, "", bad, s.err
	}
	whole := sha256.New() // whose fault is it?
	err = (&summing{ctx: ctx, r: d, sum: whole}).upTo(size)
	return nil, hex.EncodeToString(whole.Sum(nil)), bad, err
}

// verify reads back what the slot holds. It is WrongBytes if that is not what the
// manifest pins; what else is wrong then is wrong with the image itself.
func (a *attempt) verify(ctx context.Context, m Manifest) error {
	image, sum, bad, err := readBack(ctx, a.u.c.Slot.Device, m.Size)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return a.ofSlot(fmt.Errorf("read back: %w", err), Verifying)
	case m.SHA256 != "" && sum != m.SHA256:
		return at(fault(WrongBytes, fmt.Errorf("the slot has sha256 %s, and not %s", brief(sum), brief(m.SHA256))), Verifying, "", 0)
	case bad != nil:
		err = unfit(bad)
	default:
		err = a.bench().image(image)
	}
	if err != nil {
		if a.proven = m.SHA256 != ""; a.proven {
			a.condemn(err, lasts(CauseOf(err)))
		}
		return at(err, Verifying, "", 0)
	}
	a.image = image
	a.compare(image, m)
	a.shown.SHA256, a.shown.Digest = sum, hex.EncodeToString(image.Digest[:])
	return nil
}
