package boot

import (
	"errors"
	"fmt"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// A look is what a stranger finds on a disk.
type look struct {
	unfinished bool
	image      int8 // that is started
	slot       int
	trial      bool
	confirmed  bool // an entry says so after the start
	found      int  // level before the start
	level      int  // after it
	keys       int
	bad        [2]bool // the image in a slot is remembered as bad after the start
	after      node    // the start
}

func (l look) String() string {
	if l.unfinished {
		return "an unfinished flash"
	}
	return fmt.Sprintf("image %c of slot %d, trial %t, level %d, keys %d, bad %v", 'A'+l.image, l.slot, l.trial, l.level, l.keys, l.bad)
}

// look starts what is on a disk, as a stranger that only knows the devices.
func (w *world) look(d disk) (look, error) {
	if l, ok := w.looks[d]; ok {
		return l, nil
	}
	l, err := w.lookAt(w.bench(d), d)
	if err == nil {
		w.looks[d] = l
	}
	return l, err
}

func (w *world) lookAt(b *bench, d disk) (l look, err error) {
	if err := b.open(); errors.Is(err, ErrUnfinished) {
		return look{unfinished: true}, nil
	} else if err != nil {
		return l, err
	}
	f, err := flash.LoadFuses(b.fuses)
	if err != nil {
		return l, err
	}
	l.found = f.Level()
	p, err := b.boot()
	if err != nil {
		return l, err
	}
	if l.slot = p.Try[0]; l.slot < 0 {
		return l, fmt.Errorf("started slot %d, which is not there", l.slot)
	}
	if f, err = flash.LoadFuses(b.fuses); err != nil {
		return l, err
	}
	l.image, l.trial, l.level, l.keys = d.slot[l.slot], p.Trial, f.Level(), len(f.Keys)
	if l.image < 0 {
		return l, fmt.Errorf("started slot %d, in which no image is", l.slot)
	}
	if int(w.images[l.image].version) < l.level {
		return l, fmt.Errorf("started image %c, which is below the floor %d", 'A'+l.image, l.level)
	}
	if err := b.line.Err(); err != nil {
		return l, err
	}
	if d, err = w.end(b, d); err != nil {
		return l, err
	}
	l.after = node{w.canon(d, false), l.slot}
	o := d.entries()
	for i, s := range o {
		if !s.Sound() {
			continue
		}
		slot := s.Slot(2)
		l.confirmed = l.confirmed || s.State == flash.Valid && slot == l.slot
		if d.slot[slot] >= 0 && !s.Counts() && (s.State != flash.Aborted || readRecord(o[i]).reason != PowerLost) {
			l.bad[slot] = true
		}
	}
	return l, nil
}

// A check is what has to be so of an operation.
type check struct {
	w             *world
	from          node
	op            op
	to            node
	before, after look // what is started if the power goes just before, or just after
}

// acknowledged checks what the operation promised.
func (c check) acknowledged() error {
	l := c.after
	switch c.op.kind {
	case creating:
		if l.unfinished || l.image != 0 || l.trial || !l.confirmed {
			return fmt.Errorf("created, and there is %s", l)
		}
	case installing:
		fits := int(c.w.images[c.op.image].version) >= c.before.found
		if fits && (l.image != c.op.image || l.slot != 1-c.from.run || !l.trial) {
			return fmt.Errorf("staged, and there is %s", l)
		}
		if !fits && l.slot != c.from.run {
			return fmt.Errorf("too old, and there is %s", l)
		}
	case confirming:
		if l.slot != c.from.run || l.trial || !l.confirmed || l.level < int(c.w.images[l.image].version) {
			return fmt.Errorf("confirmed, and there is %s", l)
		}
	case rejecting:
		if c.to.run == NoSlot && (l.slot == c.from.run || !l.bad[c.from.run]) {
			return fmt.Errorf("rejected, and there is %s", l)
		}
	case crashing:
		if !l.bad[c.from.run] {
			return fmt.Errorf("crashed, and there is %s", l)
		}
	case trusting:
		if l.keys != len(c.w.signed)+1 {
			return fmt.Errorf("trusted a key, and there is %s", l)
		}
	}
	if c.op.kind != creating && c.to.unconfirmed() && l.slot == c.to.run && c.canFallBack() {
		return fmt.Errorf("the power went in a trial, and there is %s", l)
	}
	return c.cut(c.to.disk, l)
}

// canFallBack reports whether there is another image than the one that runs.
func (c check) canFallBack() bool {
	other := c.to.slot[1-c.to.run]
	return other >= 0 && int(c.w.images[other].version) >= c.after.level && !c.after.bad[1-c.to.run]
}

// cut checks what a cut left, d, in which a stranger found l.
func (c check) cut(d disk, l look) error {
	if c.op.kind == creating {
		if !l.unfinished && (l.image != 0 || l.trial) && c.from.entry == [2]flashtest.Piece{blankPiece, blankPiece} {
			return fmt.Errorf("there is %s", l)
		}
		return nil
	}
	same := func(x look) bool { return x.image == l.image && x.slot == l.slot && x.trial == l.trial }
	own := c.op.kind == installing && l.slot == c.from.run && !l.trial
	desperate := c.before.bad[c.before.slot] || c.after.bad[c.after.slot] // nothing better is there
	if !same(c.before) && !same(c.after) && !own && !desperate {
		return fmt.Errorf("there is %s, before it was %s, after it is %s", l, c.before, c.after)
	}
	for slot, bad := range l.bad {
		if bad && !c.before.bad[slot] && !c.after.bad[slot] {
			return fmt.Errorf("the image in slot %d is remembered as bad", slot)
		}
	}
	if l.found < c.before.found || l.keys < c.before.keys {
		return fmt.Errorf("fuses: level %d, %d keys, before it was %d and %d", l.found, l.keys, c.before.found, c.before.keys)
	}
	if l.level > c.before.found && (!l.confirmed || l.level > int(c.w.images[l.image].version)) {
		return fmt.Errorf("the floor was raised to %d, and there is %s", l.level, l)
	}
	if sector := c.from.selecting(); c.op.kind == confirming && canMark(c.from.entries()[1-sector]) && d.entry[sector] != c.from.entry[sector] && (l.slot != c.from.run || l.trial || !l.confirmed) {
		return fmt.Errorf("the own entry was touched, and there is %s", l)
	}
	return nil
}

// update installs one more image on a disk, tries and confirms it.
func (w *world) update(d disk) error {
	b := w.bench(d)
	if err := b.open(); errors.Is(err, ErrUnfinished) {
		if err := b.create(); err != nil {
			return err
		}
		return b.open()
	} else if err != nil {
		return err
	}
	p, err := b.boot()
	if err != nil {
		return err
	}
	run := p.Try[0]
	if p.Trial {
		if err := b.confirm(run); err != nil {
			return err
		}
	}
	f, err := flash.LoadFuses(b.fuses)
	if err != nil {
		return err
	}
	image := int8(len(w.images) - 1)
	if d.slot[run] == image && image > 0 && int(w.images[image-1].version) >= f.Level() {
		image--
	}
	if err := b.install(run, image); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if p, err = b.boot(); err != nil || p.Try[0] != 1-run || !p.Trial {
		return fmt.Errorf("installed, and the start is %+v, %v", p, err)
	}
	if err := b.confirm(1 - run); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if p, err = b.boot(); err != nil || p.Try[0] != 1-run || p.Trial {
		return fmt.Errorf("confirmed, and the start is %+v, %v", p, err)
	}
	return b.line.Err()
}
