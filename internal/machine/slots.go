package machine

import (
	"encoding/hex"
	"errors"
	"strings"

	"wordclockd/internal/boot"
	"wordclockd/internal/control"
	"wordclockd/internal/flash"
)

// Slots describes what is in a flash from which nothing runs.
func (f *Flash) Slots() (control.Slots, error) {
	v, err := f.Store.Look()
	return describe(f.Store, v), err
}

// describe puts a view into words.
func describe(s *boot.Store, v boot.View) control.Slots {
	plan := s.Plan(v)
	out := control.Slots{
		Level: v.Fuses.Level(), Keys: []string{}, Slots: []control.Slot{}, OTAData: []control.Select{}, Trial: plan.Trial,
	}
	for _, k := range v.Fuses.Keys {
		out.Keys = append(out.Keys, k.String())
	}
	names := map[int]string{}
	for _, c := range v.Contents {
		names[c.Slot] = c.Name
		out.Slots = append(out.Slots, describeSlot(s, v, c))
	}
	if len(plan.Try) > 0 {
		out.Next = names[plan.Try[0]]
	}
	for i, e := range v.Entries {
		x := control.Select{Sector: i, Blank: e == flash.BlankSelect, CRC: e.Sum()}
		if !x.Blank {
			x.Seq, x.State = e.Seq, e.State.String()
		}
		if n := s.Numbered(); e.Sound() && n > 0 {
			x.Slot = names[e.Slot(n)]
		}
		out.OTAData = append(out.OTAData, x)
	}
	return out
}

func describeSlot(s *boot.Store, v boot.View, c boot.Content) control.Slot {
	x := control.Slot{Name: c.Name, Offset: c.Off, Size: c.Size, Reason: v.GivenUp(c.Slot).String(), Bootable: c.Err == nil}
	if e := v.Entry(c.Slot); e != nil {
		x.State = e.State.String()
	}
	if c.Err != nil && !errors.Is(c.Err, boot.ErrBlank) {
		x.Error = c.Err.Error()
	}
	if m := c.Image; m != nil {
		x.Version, x.Project, x.SecureVersion = flash.Printable(m.Version), flash.Printable(m.Project), m.SecureVersion
		x.Bytes, x.Digest, x.Signed = m.Size, hex.EncodeToString(m.Digest[:]), m.Signature != nil
		if p, err := s.Profile(c); err == nil {
			var faults []string
			for _, f := range p.Faults {
				faults = append(faults, f.String())
			}
			x.Profile = strings.Join(faults, " ")
		} else {
			x.Profile = err.Error()
		}
	}
	return x
}
