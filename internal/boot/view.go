package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"wordclockd/internal/flash"
)

// A Content is an app partition, and what is in it.
type Content struct {
	flash.Partition
	Slot  int          // its number, or Factory or Test
	Image *flash.Image // nil if there is none
	Err   error        // why it cannot be started; ErrBlank if nothing is there
}

// A View is what a store holds.
type View struct {
	Contents []Content // ota_0 and so on, then the others
	Entries  [2]flash.Select
	Fuses    flash.Fuses
}

// Entry returns the entry of otadata that is about a slot; if both are, the one
// that counts, or the later one. It is nil if none is.
func (v View) Entry(slot int) (found *flash.Select) {
	n := len(v.slots().OTA)
	for _, e := range v.Entries {
		if slot < 0 || slot >= n || !e.Sound() || e.Slot(n) != slot {
			continue
		}
		if found == nil || e.Counts() && !found.Counts() || e.Counts() == found.Counts() && e.Seq > found.Seq {
			found = &e
		}
	}
	return found
}

// GivenUp returns why the image of a slot was given up; None if it was not.
func (v View) GivenUp(slot int) Reason {
	if e := v.Entry(slot); e != nil && (!e.Counts() || e.State == flash.Pending) {
		return readRecord(*e).reason
	}
	return None
}

// Stopped returns what there would be if the image that runs, and is on trial, ended
// well now.
func (v View) Stopped() View {
	for i, e := range v.Entries {
		if e.Counts() && e.State == flash.Pending && readRecord(e).starts > readRecord(e).stops {
			v.Entries[i] = stopped(e)
		}
	}
	return v
}

// Under returns what there would be if these were the fuses.
func (v View) Under(f flash.Fuses) View {
	v.Fuses, v.Contents = f, slices.Clone(v.Contents)
	for i, c := range v.Contents {
		if c.Err == nil {
			v.Contents[i].Err = Admit(c.Image, f)
		}
	}
	return v
}

// Look reads and verifies all that there is. An error is one of otadata or the
// fuses; those of slots are in the contents.
func (s *Store) Look() (v View, err error) {
	v.Fuses, err = s.fusesNow()
	var e error
	v.Entries, e = s.entries()
	for i, p := range s.slots {
		v.Contents = append(v.Contents, s.content(p, i, v.Fuses))
	}
	for _, x := range []struct {
		slot int
		sub  uint8
	}{{Factory, flash.AppFactory}, {Test, flash.AppTest}} {
		if p, ok := s.table.Find(flash.TypeApp, x.sub); ok {
			v.Contents = append(v.Contents, s.content(p, x.slot, v.Fuses))
		}
	}
	if s.blown == nil { // nobody knows what is allowed
		for i, c := range v.Contents {
			if c.Err == nil {
				v.Contents[i].Err = err
			}
		}
	}
	return v, errors.Join(err, e)
}

func (s *Store) content(p flash.Partition, slot int, f flash.Fuses) Content {
	image, err := s.verify(p, f)
	return Content{Partition: p, Slot: slot, Image: image, Err: err}
}

// verify returns the image in a partition, or why it must not be started.
func (s *Store) verify(p flash.Partition, f flash.Fuses) (*flash.Image, error) {
	r := flash.Region(s.dev, p.Off, p.Size)
	image, err := flash.ReadSlot(r, p.Size)
	if err != nil {
		if isBlank(r) {
			return nil, ErrBlank
		}
		return nil, err
	}
	return image, Admit(image, f)
}

// Admit refuses an image that the fuses forbid.
func Admit(m *flash.Image, f flash.Fuses) error {
	if int64(m.SecureVersion) < int64(f.Level()) {
		return &FloorError{m.SecureVersion, f.Level()}
	}
	if len(f.Keys) == 0 {
		return nil
	}
	return m.Signature.Trusted(m.Signed, f.Keys)
}

// A FloorError says that an image is older than what may still run.
type FloorError struct {
	Version uint32
	Floor   int
}

func (e *FloorError) Error() string {
	return fmt.Sprintf("secure version %d is below %d, which the fuses demand", e.Version, e.Floor)
}

// isBlank reports whether a partition begins with nothing.
func isBlank(r flash.Device) bool {
	p := make([]byte, min(flash.HeadSize, r.Geometry().Size))
	_, err := r.ReadAt(p, 0)
	return (err == nil || err == io.EOF) && bytes.Count(p, []byte{0xFF}) == len(p)
}

// slots returns what Choose decides on.
func (v View) slots() (s Slots) {
	for _, c := range v.Contents {
		x := Slot{Err: c.Err}
		if c.Image != nil {
			x.Digest, x.SecureVersion = c.Image.Digest, c.Image.SecureVersion
		}
		switch c.Slot {
		case Factory:
			s.Factory = &x
		case Test:
			s.Test = &x
		default:
			s.OTA = append(s.OTA, x)
		}
	}
	return s
}

// at returns the content of a slot.
func (v View) at(slot int) *Content {
	for i, c := range v.Contents {
		if c.Slot == slot {
			return &v.Contents[i]
		}
	}
	return nil
}

// Plan returns what a start would do.
func (s *Store) Plan(v View) Plan { return Choose(v.Entries, v.slots(), v.Fuses.Level(), s.host) }

// gaveUp returns the image that was given up last, other than the one in a slot: one
// of which nobody was told comes first.
func (v View) gaveUp(running int) (g *GaveUp) {
	var seq uint32
	for _, c := range v.Contents {
		e, why := v.Entry(c.Slot), v.GivenUp(c.Slot)
		if c.Slot == running || why == None || e.Counts() {
			continue
		}
		news := !readRecord(*e).told
		if g != nil && (g.Now && !news || g.Now == news && e.Seq < seq) {
			continue
		}
		g, seq = &GaveUp{Slot: c.Slot, Reason: why, Now: news}, e.Seq
		if c.Image != nil {
			g.Desc, g.Digest = c.Image.Desc, c.Image.Digest
		}
	}
	return g
}
