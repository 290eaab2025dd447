package boot

import (
	"slices"

	"wordclockd/internal/flash"
)

// Slots that are not numbered. They are started when no entry of otadata selects
// a numbered one.
const (
	Factory = -1
	Test    = -2
)

// A Slot is what can be started from a partition.
type Slot struct {
	Err           error // why nothing can; nil if the image was verified
	Digest        [32]byte
	SecureVersion uint32
}

// Slots are the app partitions of a table.
type Slots struct {
	OTA           []Slot // ota_0 and so on
	Factory, Test *Slot  // nil if the table has none
}

// at returns a slot by number; nil if it is not there.
func (s Slots) at(n int) *Slot {
	switch {
	case n == Factory:
		return s.Factory
	case n == Test:
		return s.Test
	case n < 0 || n >= len(s.OTA):
		return nil
	}
	return &s.OTA[n]
}

// good reports whether slot n can be started.
func (s Slots) good(n, floor int) bool {
	x := s.at(n)
	return x != nil && x.Err == nil && int64(x.SecureVersion) >= int64(floor)
}

// A Put makes an entry the one of a sector of otadata.
type Put struct {
	Sector int
	Entry  flash.Select
}

// A Plan is what to start, and what has to be written before, in this order, each
// durable before the next.
type Plan struct {
	Try    []int // slots that can be started, the best first
	Trial  bool  // the first of them is on trial
	First  int   // the slot that otadata selects; NoSlot if it selects none
	Write  []Put
	Floor  int    // the level that the fuses are to reach after that
	Reason Reason // why a trial was given up now; None if none was
	Gave   int    // the slot whose trial that was
}

// Choose plans a start, from both entries of otadata, what the slots hold, the
// level of the fuses, and what tells this start of the host from others. It is the
// boot loader of ESP-IDF with rollback enabled (bootloader_utility.c), but for
// this:
//
//   - A trial survives clean stops. It ends by one that was not, or after three.
//   - A confirm that was begun is completed.
//   - Nothing is started from a slot that was rejected while another one is good.
//   - An entry whose state is none of the six does not count.
func Choose(o [2]flash.Select, slots Slots, floor int, host uint32) (p Plan) {
	c := chooser{o, slots, floor, host, &p}
	initial := !o[0].Sound() && !o[1].Sound()
	for sector := range o {
		c.completeConfirm(sector)
	}
	for sector := range o {
		c.endTrial(sector)
	}
	first, active := c.begin()
	p.First = NoSlot
	if active >= 0 {
		p.First = first
		c.beginTrial(active, first)
	}
	p.Try = c.order(first)
	if len(p.Try) == 0 {
		p.Trial = false
		return p
	}
	boots := p.Try[0]
	switch {
	case active >= 0 && boots == first:
		if c.o[active].State == flash.Valid {
			p.Floor = c.raised(boots)
		}
	case initial && boots >= 0:
		c.put(0, flash.NewSelect(uint32(boots+1), flash.Valid))
		p.Floor = c.raised(boots)
	}
	if active < 0 || boots != first {
		p.Trial = false
	}
	return p
}

// A chooser is Choose at work.
type chooser struct {
	o     [2]flash.Select // as they will be
	slots Slots
	floor int
	host  uint32
	plan  *Plan
}

func (c *chooser) put(sector int, s flash.Select) {
	c.o[sector] = s
	c.plan.Write = append(c.plan.Write, Put{sector, s})
}

// raised returns the level that the image in a slot asks for once it is good.
func (c *chooser) raised(slot int) int {
	return int(min(c.slots.at(slot).SecureVersion, flash.MaxLevel))
}

// completeConfirm completes a confirm of the entry in a sector that was marked
// behind the other.
func (c *chooser) completeConfirm(sector int) {
	m, ok := readMark(c.o[1-sector])
	s := c.o[sector]
	if !ok || len(c.slots.OTA) == 0 || s.Sound() && (s.Seq != m.seq || s.State != flash.Pending) {
		return
	}
	done := flash.NewSelect(m.seq, flash.Valid)
	slot := done.Slot(len(c.slots.OTA))
	if c.slots.good(slot, c.floor) && m.isAbout(c.slots.OTA[slot].Digest) {
		c.put(sector, done)
	}
}

// endTrial ends the trial of the entry in a sector if it did not go on well.
func (c *chooser) endTrial(sector int) {
	s := c.o[sector]
	if s.State != flash.Pending || !s.Sound() || len(c.slots.OTA) == 0 {
		return
	}
	slot := s.Slot(len(c.slots.OTA))
	why := readRecord(s).end(c.host)
	if why == None && !c.slots.good(slot, c.floor) {
		why = ImageInvalid
	}
	if why == None {
		return
	}
	c.plan.Reason, c.plan.Gave = why, slot
	c.put(sector, gaveUp(s, flash.Aborted, why))
}

// begin returns the slot to begin with, and the sector of the entry that selects
// it, -1 if none does.
func (c *chooser) begin() (slot, active int) {
	if active = activeOf(c.o); active >= 0 && len(c.slots.OTA) > 0 {
		return c.o[active].Slot(len(c.slots.OTA)), active
	}
	if c.slots.Factory != nil {
		return Factory, -1
	}
	return 0, -1
}

// activeOf returns which entry counts most, -1 if none counts.
func activeOf(o [2]flash.Select) int {
	switch a, b := o[0].Counts(), o[1].Counts(); {
	case a && b && o[1].Seq > o[0].Seq:
		return 1
	case a:
		return 0
	case b:
		return 1
	}
	return -1
}

// beginTrial notes the start of an image that has yet to be confirmed.
func (c *chooser) beginTrial(sector, slot int) {
	s := c.o[sector]
	r := readRecord(s)
	switch s.State {
	case flash.New:
		s, r = flash.NewSelect(s.Seq, flash.Pending), blankRecord
		if !c.slots.good(slot, c.floor) {
			r.reason = ImageInvalid
		}
	case flash.Pending:
	default:
		return
	}
	c.put(sector, r.started(c.host).write(s))
	c.plan.Trial = true
}

// order returns the slots that can be started: the first one, those below it, the
// factory's, those above it, the test app's. But those come first that an entry
// selects, then those of which nothing is known, then those whose trial was cut off,
// and last those that were rejected.
func (c *chooser) order(first int) []int {
	all := []int{first}
	for n := first - 1; n >= 0; n-- {
		all = append(all, n)
	}
	if first != Factory {
		all = append(all, Factory)
	}
	for n := max(first+1, 0); n < len(c.slots.OTA); n++ {
		all = append(all, n)
	}
	var selected, good, cutOff, bad []int
	for _, n := range append(all, Test) {
		switch {
		case !c.slots.good(n, c.floor):
		case rejected(c.o, len(c.slots.OTA), n):
			bad = append(bad, n)
		case selects(c.o, len(c.slots.OTA), n) >= 0:
			selected = append(selected, n)
		case about(c.o[:], len(c.slots.OTA), n):
			cutOff = append(cutOff, n)
		default:
			good = append(good, n)
		}
	}
	return slices.Concat(selected, good, cutOff, bad)
}

// about reports whether an entry is about a slot, of n.
func about(o []flash.Select, n, slot int) bool {
	return slices.ContainsFunc(o, func(s flash.Select) bool { return slot >= 0 && s.Sound() && s.Slot(n) == slot })
}

// rejected reports whether the image in a slot, of n, was found bad. A power cut is
// not its fault, nor is an entry in no state of the six.
func rejected(o [2]flash.Select, n, slot int) bool {
	if slot < 0 {
		return false
	}
	bad := false
	for _, s := range o {
		if !s.Sound() || s.Slot(n) != slot {
			continue
		}
		if s.Counts() {
			return false
		}
		bad = bad || s.State == flash.Invalid || s.State == flash.Aborted && readRecord(s).reason != PowerLost
	}
	return bad
}
