package ota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// fromFile returns the image in a file.
func (a *attempt) fromFile(ctx context.Context) (choice, error) {
	f := File{a.start.File}
	a.shown.Source = FileName
	m, err := f.Manifest(ctx, a.u.c.Slot.Device.Geometry().Size)
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
	if o := a.u.known.objection(ctx, m, running); !a.start.Force && !a.start.defies(o) {
		return choice{}, o.declines()
	}
	return choice{m, []supplier{{FileName, f}}}, nil
}

// download fills the slot with an image, and verifies what it then holds.
func (a *attempt) download(ctx context.Context, o choice) error {
	j := &job{
		manifest: o.manifest, suppliers: o.suppliers, dev: &freeing{Device: a.u.c.Slot.Device, free: a.free}, plan: a.plan(o.manifest),
		stall: a.u.c.OTA.Stall, tell: a.tell, log: a.u.c.Log,
		judge:  func(head []byte) error { return a.judge(head, o.manifest) },
		verify: func(ctx context.Context) error { return a.verify(ctx, o.manifest) },
		keep:   a.keep,
	}
	err := j.run(ctx)
	if a.freed != nil {
		return a.freed
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

// A freeing frees the slot before its first byte is changed.
type freeing struct {
	flash.Device
	free func() error
	done bool
}

func (f *freeing) once() error {
	if f.done {
		return nil
	}
	err := f.free()
	f.done = err == nil
	return err
}

func (f *freeing) Program(p []byte, off int64) error {
	if err := f.once(); err != nil {
		return err
	}
	return f.Device.Program(p, off)
}

func (f *freeing) Erase(off, n int64) error {
	if err := f.once(); err != nil {
		return err
	}
	return f.Device.Erase(off, n)
}

// free frees the slot. What was to be started from it is not any more.
func (a *attempt) free() error {
	if err := a.u.c.Slot.Free(); err != nil {
		a.freed = a.ofSlot(err, Downloading)
		return a.freed
	}
	a.u.known.stage("")
	a.u.change(func(r *Record) {
		r.edit(func(x clock.Attempt) bool { return isInstalled(x) && !a.u.c.Running.runs(x) }, func(x *clock.Attempt) {
			x.Result, x.Reason = clock.Failed, fmt.Sprintf("update %d took its slot before it was started", a.shown.Number)
		})
	})
	return nil
}

// judge judges the begin of an image.
func (a *attempt) judge(head []byte, m Manifest) error {
	h, err := a.bench().head(head)
	if err != nil {
		return at(err, Downloading, "", 0)
	}
	if Compare(h.Version, m.Version) != 0 {
		text := fmt.Sprintf("the image of %s calls itself %s", m.Version, flash.Printable(h.Version))
		if a.warn(text) {
			a.u.c.Log.Warn(text, "event", "ota_version_differs", "source", a.shown.Source, "version", m.Version, "descriptor", flash.Printable(h.Version))
		}
	}
	return nil
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
func readBack(ctx context.Context, d flash.Device, size int64) (image *flash.Image, sum string, bad, err error) {
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
		if m.SHA256 != "" {
			a.condemn(err, true)
		}
		return at(err, Verifying, "", 0)
	}
	a.image = image
	a.shown.SHA256, a.shown.Digest = sum, hex.EncodeToString(image.Digest[:])
	return nil
}
