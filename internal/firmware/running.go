package firmware

import (
	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// Running is the image that a start is told of, as an updater wants to know it.
func Running(f *Flash, in boot.Info, trial func() bool) ota.Running {
	r := ota.Running{Desc: in.Desc, Digest: in.Digest, Fuses: in.Fuses, Trial: trial}
	if p, ok := f.Partition(in.Slot); ok {
		r.Slot, r.Device = p.Name, flash.Region(f.Device, p.Off, p.Size)
	}
	if g := in.GaveUp; g != nil {
		r.GaveUp = &ota.GaveUp{Digest: g.Digest, Version: g.Desc.Version, Reason: g.Reason.String(), News: g.Now}
		r.GaveUp.Cut = g.Reason == boot.PowerLost || g.Reason == boot.NeverConfirmed
		if g.Now {
			r.GaveUp.Text = in.Last.Text
		}
	}
	if x := in.Instead; x != nil {
		r.Instead = boot.ImageInvalid.String() + ": " + x.Text
	}
	return r
}

// Partition returns the partition of a slot, as the loader numbers them.
func (f *Flash) Partition(slot int) (p flash.Partition, ok bool) {
	switch {
	case f == nil:
		return p, false
	case slot == boot.Factory:
		return f.Table.Find(flash.TypeApp, flash.AppFactory)
	case slot == boot.Test:
		return f.Table.Find(flash.TypeApp, flash.AppTest)
	case slot < 0 || slot >= len(f.Table.Slots()):
		return p, false
	}
	return f.Table.Slots()[slot], true
}
