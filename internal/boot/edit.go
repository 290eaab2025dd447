package boot

import (
	"errors"

	"wordclockd/internal/flash"
)

// What follows are the changes that are made to otadata while an image runs. They
// are plain functions of what both entries are.

// errUsedUp is as likely as a flash that was written four thousand million times.
var errUsedUp = errors.New("the sequence numbers of otadata are used up: erase it")

// nextSeq returns the smallest sequence number from least on that selects a slot
// of n.
func nextSeq(least uint32, n, slot int) (uint32, error) {
	seq := uint64(slot + 1)
	if uint64(least) > seq {
		seq += (uint64(least) - seq + uint64(n) - 1) / uint64(n) * uint64(n)
	}
	if seq >= flash.NoSeq {
		return 0, errUsedUp
	}
	return uint32(seq), nil
}

// switchTo makes the entry by which a slot, of n, becomes the one that is started:
// esp_rewrite_ota_data. It takes the sector that does not hold the active entry; if
// there is none, the one without which nothing is forgotten of another slot.
func switchTo(o [2]flash.Select, n, slot int, state flash.State) (Put, error) {
	sector, least := 0, uint32(0)
	switch active := activeOf(o); {
	case active >= 0:
		sector, least = 1-active, o[active].Seq
	case about(o[:1], n, slot):
	case about(o[1:], n, slot), o[0].Sound() && !o[1].Sound():
		sector = 1
	}
	if m, ok := readMark(o[1-sector]); ok { // it must not come to be about the new entry
		least = max(least, m.seq+1)
	}
	seq, err := nextSeq(least, n, slot)
	return Put{sector, flash.NewSelect(seq, state)}, err
}

// selects returns the sector of the entry that counts and selects a slot, -1 if
// none does.
func selects(o [2]flash.Select, n, slot int) int {
	sector := -1
	for i, s := range o {
		if slot >= 0 && s.Counts() && s.Slot(n) == slot && (sector < 0 || s.Seq > o[sector].Seq) {
			sector = i
		}
	}
	return sector
}

// ErrTrial says that an image on trial runs: what it would fall back to cannot be
// overwritten (ESP_ERR_OTA_ROLLBACK_INVALID_STATE).
var ErrTrial = errors.New("the image that runs is on trial: it has to be confirmed, or given up, first")

// free makes that no entry selects a slot, nor comes to by a mark, so that it can be
// overwritten: what is in it then is not started before it is staged. The slot that
// runs gets an entry if it has none and was not rejected, for it may run because the
// one that was selected could not.
func free(o [2]flash.Select, n, slot, running int) (puts []Put, err error) {
	switch sector := selects(o, n, running); {
	case sector >= 0 && o[sector].State == flash.Pending:
		return nil, ErrTrial
	case sector < 0 && running >= 0 && !rejected(o, n, running):
		own, err := switchTo(o, n, running, flash.Valid)
		if err != nil {
			return nil, err
		}
		o[own.Sector] = own.Entry
		puts = append(puts, own)
	}
	for i, s := range o {
		if m, ok := readMark(s); ok && flash.NewSelect(m.seq, flash.Valid).Slot(n) == slot {
			o[i] = voidMark(s)
			puts = append(puts, Put{i, o[i]})
		}
	}
	for i, s := range o {
		if s.Counts() && s.Slot(n) == slot {
			puts = append(puts, Put{i, flash.BlankSelect})
		}
	}
	return puts, nil
}

// forget takes away what is known of the image that was in a slot: it is not about
// what comes there. An entry that counts stays.
func forget(o [2]flash.Select, n, slot int) (puts []Put) {
	for i, s := range o {
		if s.Sound() && !s.Counts() && s.Slot(n) == slot {
			puts = append(puts, Put{i, flash.BlankSelect})
		}
	}
	return puts
}

// stage makes a slot, which is not the one that runs, the one that is tried at the
// next start. The entry of the one that runs stays.
func stage(o [2]flash.Select, n, slot, running int) ([]Put, error) {
	puts, err := free(o, n, slot, running)
	if err != nil {
		return nil, err
	}
	for _, p := range puts {
		o[p.Sector] = p.Entry
	}
	keep := selects(o, n, running)
	if keep < 0 {
		keep = activeOf(o)
	}
	if keep >= 0 {
		o[1-keep] = flash.BlankSelect
	}
	next, err := switchTo(o, n, slot, flash.New)
	return append(puts, next), err
}

// confirm ends the trial of the entry in a sector well. What is confirmed stays so
// after a power cut while the entry is replaced, if there is room for the mark.
func confirm(o [2]flash.Select, sector int, digest [32]byte) (puts []Put) {
	seq, other := o[sector].Seq, o[1-sector]
	if canMark(other) {
		puts = append(puts, Put{1 - sector, mark{seq, [8]byte(digest[:])}.write(other)})
	}
	return append(puts, Put{sector, flash.NewSelect(seq, flash.Valid)})
}

// A RollbackError says that an image cannot be given up, since nothing else can be
// started but what was given up as well, or what is on trial with it to fall back to.
type RollbackError struct {
	Next *flash.Desc // of the image that is tried at the next start; nil if none is
}

func (e *RollbackError) Error() string {
	if e.Next != nil {
		return flash.Printable(e.Next.Version) + " is tried at the next start, and needs it to fall back to"
	}
	return "nothing else can be started that is not as bad"
}

// reject gives the image in a slot up.
func reject(o [2]flash.Select, slots Slots, floor int, host uint32, slot int, why Reason) (Put, error) {
	n := len(slots.OTA)
	sector := selects(o, n, slot)
	if sector < 0 {
		return Put{}, &RollbackError{}
	}
	given := Put{sector, gaveUp(o[sector], flash.Invalid, why)}
	o[sector] = given.Entry
	p := Choose(o, slots, floor, host)
	for _, w := range p.Write {
		o[w.Sector] = w.Entry
	}
	switch {
	case len(p.Try) == 0, p.Try[0] == slot, rejected(o, n, p.Try[0]),
		p.Trial, // what is tried needs this one to fall back to
		p.Try[0] != Factory && selects(o, n, p.Try[0]) < 0: // nobody has staged what is there
		return Put{}, &RollbackError{}
	}
	return given, nil
}

// gaveUp is what remains of an entry whose image was given up.
func gaveUp(s flash.Select, state flash.State, why Reason) flash.Select {
	r := readRecord(s)
	r.reason = why
	return r.write(flash.NewSelect(s.Seq, state))
}

// told notes that a start was told of an image that was given up.
func told(s flash.Select) flash.Select {
	r := readRecord(s)
	r.told = true
	return r.write(s)
}

// stopped notes a clean stop of an image on trial.
func stopped(s flash.Select) flash.Select {
	r := readRecord(s)
	r.stops = min(r.stops+1, r.starts)
	return r.write(s)
}

// noted notes why a trial is about to end.
func noted(s flash.Select, why Reason) flash.Select {
	r := readRecord(s)
	if r.reason == None {
		r.reason = why
	}
	return r.write(s)
}
