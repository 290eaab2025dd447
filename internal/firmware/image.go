package firmware

import (
	"errors"
	"strings"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/nvs"
	"wordclockd/internal/ota"
)

// newImage returns what there is to say of the image that runs, but for how often it
// was started. r is what was stored of updates.
func newImage(c Config, in boot.Info, r ota.Record) clock.Image {
	x := Running(c.Flash, in, func() bool { return in.Trial })
	after := ota.Settled(r, x, time.Now())
	i := clock.Image{
		Project: flash.Printable(in.Desc.Project), Slot: x.Slot,
		Source: servedBy(after, in.Digest), State: clock.Validated, Rollback: rollback(in, x, r, after),
	}
	if in.Digest != [32]byte{} {
		i.Digest = hexDigest(in.Digest)
	}
	switch {
	case in.Trial:
		i.State = clock.OnTrial
	case i.Rollback != nil:
		i.State = clock.IsRolledBack
	}
	if x.Device == nil {
		return i
	}
	i.SlotSize = x.Device.Geometry().Size
	if h, size, err := flash.Measure(x.Device, i.SlotSize); err == nil {
		i.BuildDate, i.BuildTime, i.IDF, i.Size = flash.Printable(h.Date), flash.Printable(h.Time), flash.Printable(h.IDF), size
	}
	return i
}

// servedBy returns who served the image with a digest; "" if nobody knows.
func servedBy(r ota.Record, digest [32]byte) string {
	if a := newest(r, isOf(digest)); a != nil {
		return a.Source
	}
	return ""
}

// isOf returns whether an update brought in the image with a digest.
func isOf(digest [32]byte) func(clock.Attempt) bool {
	return func(a clock.Attempt) bool {
		came := a.Result == clock.Installed || a.Result == clock.Confirmed || a.Result == clock.RolledBack
		return came && a.Digest == hexDigest(digest)
	}
}

// newest returns the newest update that is; nil if there is none.
func newest(r ota.Record, is func(clock.Attempt) bool) *clock.Attempt {
	for i := len(r.History) - 1; i >= 0; i-- {
		if is(r.History[i]) {
			return &r.History[i]
		}
	}
	return nil
}

// rollback returns what was given up for the image that runs; nil if nothing was, or
// that came before the image was installed. before and after are what was stored of
// updates and what this start makes of it.
func rollback(in boot.Info, x ota.Running, before, after ota.Record) *clock.Rollback {
	b := &clock.Rollback{To: flash.Printable(in.Desc.Version)}
	g := in.GaveUp
	if instead := in.Instead; instead != nil && (g == nil || !g.Now) {
		b.Reason, b.Text = boot.ImageInvalid.String(), instead.Text
		if a := newest(after, func(a clock.Attempt) bool { return a.Result == clock.RolledBack && a.Reason == x.Instead }); a != nil {
			b.From = a.Version
			was := newest(before, func(old clock.Attempt) bool { return old.Number == a.Number })
			b.News = was == nil || was.Result != clock.RolledBack
		}
		return b
	}
	if g == nil {
		return nil
	}
	gone, here := newest(after, isOf(g.Digest)), newest(after, isOf(in.Digest))
	if gone != nil && here != nil && here.Number > gone.Number {
		return nil
	}
	b.From, b.Reason, b.News = flash.Printable(g.Desc.Version), g.Reason.String(), g.Now
	if g.Now {
		b.Text = in.Last.Text
	} else if gone != nil {
		_, b.Text, _ = strings.Cut(gone.Reason, b.Reason+": ")
	}
	return b
}

// countStart brings up to date what is reported of trials. It reports; the boot loader
// decides without it, and it is set to what that says.
func (d *device) countStart(in boot.Info) {
	n := uint32(0)
	if d.store.Store != nil {
		_ = d.store.View(func(tx *nvs.Tx) error {
			n, _ = nvs.BootCount.Get(tx) // one of another type is replaced
			return nil
		})
	}
	if n++; in.GaveUp != nil && in.GaveUp.Now {
		n = 0 // the older image is back
	}
	d.setTrial(n, in.Trial)
}

// setTrial stores what is reported of a trial in the keys boot_count and first_boot, and
// shows it.
func (d *device) setTrial(count uint32, first bool) {
	d.status.Update(func(s *clock.Status) { s.Image.BootCount, s.Image.FirstBoot = count, first })
	if d.store.Store == nil {
		return
	}
	err := d.store.Update(func(tx *nvs.Tx) error {
		return errors.Join(nvs.BootCount.Put(tx, count), change(tx, nvs.FirstBoot, flag(first)))
	})
	if err != nil {
		d.log.Error("how often the image was started cannot be stored", "event", "settings_unstored", "err", err)
	}
}

// setState shows what is thought of the image.
func (d *device) setState(x clock.ImageState) {
	d.status.Update(func(s *clock.Status) {
		s.Trial = s.Trial && x != clock.Validated
		s.Image.State = x
	})
}
