package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"wordclockd/internal/flash"
)

// ErrUnfinished says that a flash is blank, or that the power went while it was
// created: it has to be created (again).
var ErrUnfinished = errors.New("the flash was not created, or not to the end")

// Create makes a flash anew: erased, with an image in its first slot, then with a
// table. After a power cut [ReadTable] returns ErrUnfinished, if it is not that what
// was there before can still be used.
func Create(dev flash.Device, t flash.Table, app []byte) error {
	if err := create(dev, t, app); err != nil {
		return fmt.Errorf("create flash: %w", err)
	}
	return nil
}

func create(dev flash.Device, t flash.Table, app []byte) error {
	raw, err := t.Marshal()
	if err != nil {
		return err
	}
	p, err := FirstSlot(t)
	if err != nil {
		return err
	}
	if err := room(p, int64(len(app))); err != nil {
		return err
	}
	if err := wipe(dev); err != nil {
		return err
	}
	slot := flash.Region(dev, p.Off, p.Size)
	if err := flash.Put(slot, 0, app); err != nil {
		return err
	}
	if _, err := flash.ReadSlot(slot, p.Size); err != nil {
		return err
	}
	return putTable(dev, raw)
}

// putTable programs a table. The first part of one is a table too, without a checksum:
// so the first byte comes last.
func putTable(dev flash.Device, raw []byte) error {
	if err := flash.Put(dev, flash.TableOffset+1, raw[1:]); err != nil {
		return err
	}
	return flash.Put(dev, flash.TableOffset, raw[:1])
}

// TableDamage returns what is wrong with the table that is in a flash, be it that
// [ReadTable] makes do without it.
func TableDamage(dev flash.Device) error {
	p := make([]byte, flash.TableSize)
	_, err := dev.ReadAt(p, flash.TableOffset)
	if err == nil {
		_, err = flash.ReadTable(p)
	}
	return err
}

// MendTable replaces a damaged table by the one that [ReadTable] returns.
func MendTable(dev flash.Device, t flash.Table) error {
	raw, err := t.Marshal()
	if err != nil {
		return err
	}
	sector := dev.Geometry().Sector
	begin := flash.TableOffset / sector * sector
	if err := dev.Erase(begin, (flash.TableOffset+flash.TableSize+sector-1)/sector*sector-begin); err != nil {
		return err
	}
	return putTable(dev, raw)
}

// FirstSlot returns where the first image of a flash goes.
func FirstSlot(t flash.Table) (flash.Partition, error) {
	p, ok := t.Find(flash.TypeApp, flash.AppOTA)
	if !ok {
		p, ok = t.Find(flash.TypeApp, flash.AppFactory)
	}
	if !ok {
		return p, errors.New("the partition table has no place for an image: it needs an ota_0 or a factory")
	}
	return p, nil
}

// wipe erases what is not blank, the table last. First the table loses its first
// byte, which is how it tells until then that the rest may be gone.
func wipe(dev flash.Device) error {
	if err := Disown(dev); err != nil {
		return err
	}
	g := dev.Geometry()
	table := int64(flash.TableOffset) / g.Sector * g.Sector
	behind := (flash.TableOffset + flash.TableSize + g.Sector - 1) / g.Sector * g.Sector
	for _, part := range [][2]int64{{0, table}, {behind, g.Size}, {table, behind}} {
		if err := erase(dev, part[0], part[1]); err != nil {
			return err
		}
		if err := dev.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// Disown takes the table of a flash away, durably, before what it is about is changed.
// Unless the rest is still as it was, and can be used, the flash is unfinished then.
func Disown(dev flash.Device) error {
	var first [1]byte
	if _, err := dev.ReadAt(first[:], flash.TableOffset); err != nil || first[0] == 0xFF {
		return err
	}
	return flash.Put(dev, flash.TableOffset, []byte{0})
}

// erase erases the sectors from begin to end that are not blank.
func erase(dev flash.Device, begin, end int64) error {
	sector := dev.Geometry().Sector
	p := make([]byte, sector)
	for off := begin; off < end; off += sector {
		if _, err := dev.ReadAt(p, off); err != nil && err != io.EOF {
			return err
		}
		if bytes.Count(p, []byte{0xFF}) == len(p) {
			continue
		}
		if err := dev.Erase(off, sector); err != nil {
			return err
		}
	}
	return nil
}

// ReadTable reads the partition table of a flash. If that is damaged, it is the
// intended one if there are images where that has its slots. It is ErrUnfinished if
// nothing was ever started from the flash.
func ReadTable(dev flash.Device) (flash.Table, error) {
	t, err := readTable(dev, flash.Intended())
	if err != nil {
		return flash.Table{}, err
	}
	return t, t.Check(dev.Geometry().Size)
}

func readTable(dev flash.Device, intended flash.Table) (flash.Table, error) {
	p := make([]byte, flash.TableSize)
	if _, err := dev.ReadAt(p, flash.TableOffset); err != nil { // io.EOF, too: it is too small for one
		return flash.Table{}, fmt.Errorf("read partition table: %w", err)
	}
	t, damage := flash.ReadTable(p)
	if damage == nil {
		return t, nil
	}
	if mayBe(p, intended) && leads(dev, intended) {
		return intended, nil
	}
	if p[0] != 0 && p[0] != 0xFF { // a table begins with something else, which Create writes last
		return flash.Table{}, damage
	}
	otadata, _ := intended.Find(flash.TypeData, flash.DataOTA)
	begun, err := written(dev, otadata)
	switch {
	case err != nil:
		return flash.Table{}, fmt.Errorf("read otadata: %w", err)
	case begun && p[0] != 0: // see wipe
		return flash.Table{}, damage
	}
	return flash.Table{}, ErrUnfinished
}

// mayBe reports whether what is left of a damaged table can have been t: an entry may
// have rotten, but most of those that are there have to be of t.
func mayBe(p []byte, t flash.Table) bool {
	raw, err := t.Marshal()
	if err != nil {
		return false
	}
	same, others := 0, 0
	for ; len(p) >= flash.EntrySize; p = p[flash.EntrySize:] {
		e := p[:flash.EntrySize]
		switch {
		case e[0] != raw[0] || e[1] != raw[1]:
		case bytes.Contains(raw, e):
			same++
		default:
			others++
		}
	}
	return others == 0 || others == 1 && same > 1
}

// written reports whether anything is in a partition. In a file that was not
// filled yet when the power went, what is erased can be zeros.
func written(dev flash.Device, p flash.Partition) (bool, error) {
	raw := make([]byte, p.Size)
	if _, err := dev.ReadAt(raw, p.Off); err != nil && err != io.EOF {
		return false, err
	}
	return bytes.Count(raw, []byte{0xFF})+bytes.Count(raw, []byte{0}) != len(raw), nil
}

// leads reports whether an image is in a slot of a table.
func leads(dev flash.Device, t flash.Table) bool {
	for _, p := range t.Slots() {
		if _, err := flash.ReadSlot(flash.Region(dev, p.Off, p.Size), p.Size); err == nil {
			return true
		}
	}
	return false
}
