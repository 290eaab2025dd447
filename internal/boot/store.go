package boot

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"

	"wordclockd/internal/flash"
)

// A Store is the flash that images are started from: app partitions, and otadata
// that says which of them. Its methods may not be called at the same time, but for
// Plan, Profile and Numbered.
type Store struct {
	table   flash.Table
	dev     flash.Device
	otadata flash.Device // nil if the table has none
	fuses   flash.Device
	slots   []flash.Partition // ota_0 and so on
	host    uint32

	blown *flash.Fuses // as they were read last; nil if they never were
}

// ErrBlank says that a partition is erased.
var ErrBlank = errors.New("nothing is there")

// Open returns the store of a flash with that partition table, and of the fuses
// that belong to it. What tells this start of the host from others is any text,
// such as the kernel's boot id.
func Open(dev, fuses flash.Device, table flash.Table, host string) (*Store, error) {
	s := &Store{table: table, dev: dev, fuses: fuses, slots: table.Slots(), host: crc32.ChecksumIEEE([]byte(host))}
	if p, ok := table.Find(flash.TypeData, flash.DataOTA); ok {
		if want := 2 * dev.Geometry().Sector; p.Size != want {
			return nil, fmt.Errorf("open flash: partition %s has %d bytes, want %d", p.Name, p.Size, want)
		}
		s.otadata = flash.Region(dev, p.Off, p.Size)
	}
	// Who wrote last may have been killed: what can be read is not durable yet.
	return s, errors.Join(dev.Sync(), fuses.Sync())
}

// entries reads both entries of otadata.
func (s *Store) entries() (o [2]flash.Select, err error) {
	o = [2]flash.Select{flash.BlankSelect, flash.BlankSelect}
	if s.otadata == nil {
		return o, nil
	}
	for i := range o {
		var p [flash.SelectSize]byte
		if _, e := s.otadata.ReadAt(p[:], s.at(i)); e != nil {
			err = errors.Join(err, fmt.Errorf("read otadata: %w", e))
			continue
		}
		o[i] = flash.ReadSelect(p)
	}
	return o, err
}

func (s *Store) at(sector int) int64 { return int64(sector) * s.dev.Geometry().Sector }

// fusesNow reads the fuses. When they cannot be read, those hold that could be before:
// what is trusted, and what is too old, does not change by that.
func (s *Store) fusesNow() (flash.Fuses, error) {
	f, err := flash.LoadFuses(s.fuses)
	if err == nil {
		s.blown = &f
	}
	if s.blown == nil {
		return flash.Fuses{}, err
	}
	return *s.blown, err
}

// put makes p what is read, durably. If only bits behind the entry have to be
// cleared they are; else the sector is erased first: over a part of an entry, another
// one would count before it is whole.
func (s *Store) put(p Put) error {
	if s.otadata == nil {
		return errors.New("write otadata: the partition table has none")
	}
	var old [flash.SelectSize]byte
	if _, err := s.otadata.ReadAt(old[:], s.at(p.Sector)); err != nil {
		return fmt.Errorf("write otadata: %w", err)
	}
	now, at := p.Entry.Marshal(), s.at(p.Sector)
	behind := len(now) - len(p.Entry.Spare)
	same := bytes.Equal(old[:behind], now[:behind]) && clears(old[behind:], now[behind:])
	if !same && old != flash.BlankSelect.Marshal() {
		if err := s.otadata.Erase(at, s.dev.Geometry().Sector); err != nil {
			return fmt.Errorf("write otadata: %w", err)
		}
	}
	// What is behind an entry says what its state is worth: it is there first.
	if err := s.otadata.Program(now[behind:], at+int64(behind)); err != nil {
		return fmt.Errorf("write otadata: %w", err)
	}
	if err := flash.Put(s.otadata, at, now[:]); err != nil {
		return fmt.Errorf("write otadata: %w", err)
	}
	return nil
}

// clears reports whether old becomes p when bits are cleared.
func clears(old, p []byte) bool {
	for i := range p {
		if p[i]&^old[i] != 0 {
			return false
		}
	}
	return true
}

func (s *Store) puts(puts []Put) error {
	for _, p := range puts {
		if err := s.put(p); err != nil {
			return err
		}
	}
	return nil
}

// carryOut does what has to be done before a start.
func (s *Store) carryOut(p Plan) error {
	if s.otadata == nil { // nothing can be noted in it
		return s.raise(p.Floor)
	}
	if err := s.puts(p.Write); err != nil {
		return err
	}
	return s.raise(p.Floor)
}

// Numbered returns how many slots otadata can select.
func (s *Store) Numbered() int { return len(s.slots) }

// Profile returns what an image was made to do wrong.
func (s *Store) Profile(c Content) (flash.Profile, error) {
	p, err := c.Image.Profile(flash.Region(s.dev, c.Off, c.Size))
	if p == nil {
		return flash.Profile{}, err
	}
	return *p, err
}

// raise lets no image run any more that is older than level.
func (s *Store) raise(level int) error {
	f, err := flash.LoadFuses(s.fuses)
	if err != nil || f.Level() >= level {
		return err
	}
	return flash.BurnFuses(s.fuses, f.Raise(level))
}

// Free makes that nothing starts what is in a slot, which is to be overwritten,
// before it is staged. One image runs, or none does (NoSlot).
func (s *Store) Free(slot, running int) error {
	if err := s.idle("free", slot, running); err != nil {
		return err
	}
	o, err := s.entries()
	if err != nil {
		return err
	}
	puts, err := free(o, len(s.slots), slot, running)
	if err != nil {
		return err
	}
	return s.puts(puts)
}

// Changed forgets what is known of the image that was in a slot, once that is
// overwritten. What the slot is staged or valid by stays: Free takes that.
func (s *Store) Changed(slot, running int) error {
	if err := s.idle("forget", slot, running); err != nil {
		return err
	}
	p := s.slots[slot]
	if err := flash.Region(s.dev, p.Off, p.Size).Sync(); err != nil { // until now the old one could be started
		return err
	}
	o, err := s.entries()
	if err != nil {
		return err
	}
	return s.puts(forget(o, len(s.slots), slot))
}

// NoSlot is the number of no slot.
const NoSlot = -3

func (s *Store) idle(verb string, slot, running int) error {
	switch {
	case slot < 0 || slot >= len(s.slots):
		return fmt.Errorf("%s slot %d: there are %d", verb, slot, len(s.slots))
	case slot == running:
		return fmt.Errorf("%s slot %d: the image that runs is in it", verb, slot)
	}
	return nil
}

// Stage makes the image in a slot the one that is tried at the next start.
func (s *Store) Stage(slot, running int) error {
	if err := s.idle("stage", slot, running); err != nil {
		return err
	}
	f, err := flash.LoadFuses(s.fuses)
	if err != nil {
		return err
	}
	if _, err := s.verify(s.slots[slot], f); err != nil {
		return fmt.Errorf("stage slot %d: %w", slot, err)
	}
	o, err := s.entries()
	if err != nil {
		return err
	}
	puts, err := stage(o, len(s.slots), slot, running)
	if err != nil {
		return err
	}
	return s.puts(puts)
}

// Confirm ends the trial of a slot's image well:
// esp_ota_mark_app_valid_cancel_rollback.
func (s *Store) Confirm(slot int) error {
	o, err := s.entries()
	if err != nil {
		return err
	}
	sector := selects(o, len(s.slots), slot)
	if sector < 0 || o[sector].State != flash.Pending {
		return nil // it is not on trial
	}
	f, err := flash.LoadFuses(s.fuses)
	if err != nil {
		return err
	}
	image, err := s.verify(s.slots[slot], f)
	if err != nil {
		return fmt.Errorf("confirm slot %d: %w", slot, err)
	}
	if err := s.puts(confirm(o, sector, image.Digest)); err != nil {
		return err
	}
	return s.raise(int(min(image.SecureVersion, flash.MaxLevel)))
}

// Reject gives a slot's image up, unless nothing else can be started; then the
// error is a *RollbackError. It is esp_ota_mark_app_invalid_rollback_and_reboot, but
// does not reboot.
func (s *Store) Reject(slot int, why Reason) error {
	v, err := s.Look()
	if err != nil {
		return err
	}
	given, err := reject(v.Entries, v.slots(), v.Fuses.Level(), s.host, slot, why)
	if e, ok := errors.AsType[*RollbackError](err); ok {
		if p := s.Plan(v); p.Trial && p.Try[0] != slot {
			e.Next = &v.at(p.Try[0]).Image.Desc
		}
	}
	if err != nil {
		return fmt.Errorf("reject slot %d: %w", slot, err)
	}
	return s.put(given)
}

// trial changes the entry of a slot whose image is on trial, if it is.
func (s *Store) trial(slot int, edit func(flash.Select) flash.Select) error {
	o, err := s.entries()
	if err != nil {
		return err
	}
	sector := selects(o, len(s.slots), slot)
	if sector < 0 || o[sector].State != flash.Pending {
		return nil
	}
	return s.put(Put{sector, edit(o[sector])})
}

// tell notes that a start was told of the image in a slot that was given up.
func (s *Store) tell(slot int) error {
	o, err := s.entries()
	if err != nil {
		return err
	}
	for i, e := range o {
		if e.Sound() && !e.Counts() && e.Slot(len(s.slots)) == slot && !readRecord(e).told {
			return s.put(Put{i, told(e)})
		}
	}
	return nil
}

// Trust lets nothing run any more that is not signed by one of up to three keys,
// of which k is one.
func (s *Store) Trust(k flash.KeyDigest) error {
	f, err := flash.LoadFuses(s.fuses)
	if err != nil {
		return err
	}
	if f, err = f.Trust(k); err != nil {
		return err
	}
	return flash.BurnFuses(s.fuses, f)
}
