package flashtest

import (
	"fmt"

	"wordclockd/internal/flash"
)

// Monitor returns a watch over a device that holds a flash with that table. It
// objects at once when an entry of otadata is programmed that selects a slot of
// which not all is synced, and when a slot is changed that an entry selects.
func Monitor(of *Device, t flash.Table) func(*Device, Change) error {
	otadata, _ := t.Find(flash.TypeData, flash.DataOTA)
	m := monitor{otadata, t.Slots()}
	return func(d *Device, c Change) error {
		if d != of {
			return nil
		}
		return m.check(d, c)
	}
}

type monitor struct {
	otadata flash.Partition
	slots   []flash.Partition
}

func (m monitor) check(d *Device, c Change) error {
	end := c.Off + int64(len(c.Data))
	if c.Op == "program" && c.Off < m.otadata.End() && end > m.otadata.Off {
		return m.checkEntry(d, c)
	}
	for n, p := range m.slots {
		if c.Off >= p.End() || end <= p.Off {
			continue
		}
		for i := range int64(2) {
			e := m.entry(d, m.otadata.Off+i*d.g.Sector, nil)
			if e.Counts() && e.Slot(len(m.slots)) == n {
				return fmt.Errorf("%s: %s while entry %d of otadata, %d %s, selects it", p.Name, c.Op, i, e.Seq, e.State)
			}
		}
	}
	return nil
}

// checkEntry checks what the entry will be that a change is about.
func (m monitor) checkEntry(d *Device, c Change) error {
	at := c.Off - (c.Off-m.otadata.Off)%d.g.Sector
	e := m.entry(d, at, &c)
	if !e.Counts() || len(m.slots) == 0 {
		return nil
	}
	p := m.slots[e.Slot(len(m.slots))]
	if d.Unsynced(p.Off, p.Size) {
		return fmt.Errorf("otadata: entry %d %s selects %s, of which not all is synced", e.Seq, e.State, p.Name)
	}
	return nil
}

// entry reads an entry as it is after c.
func (m monitor) entry(d *Device, at int64, c *Change) flash.Select {
	var p [flash.SelectSize]byte
	_, _ = d.ReadAt(p[:], at)
	if c != nil && c.Off >= at {
		copy(p[min(c.Off-at, flash.SelectSize):], c.Data)
	}
	return flash.ReadSelect(p)
}
