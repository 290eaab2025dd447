package boot

import (
	"fmt"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

// contents are the images that slots can hold.
var contents = [...]struct {
	name    string
	version uint32 // the secure version
	err     error  // why it is none
	signed  bool
}{
	{"junk", 0, errCorrupt, false},
	{"A", 0, nil, true},
	{"unsigned", 0, nil, false},
	{"B", 1, nil, true},
}

const noImage = 0

// A held is what is in a slot, and what is known of it by others than the loader.
type held struct {
	image  uint8
	staged bool // or was there from the start
	faulty bool // it crashed, hung, failed, or had three starts
	judged bool // and that was written down, or could be known at the start after it
}

// A state is one of the model. All fields but o, slots, floor, trusts and running
// are what an observer knows.
type state struct {
	o       [2]flash.Select
	slots   [2]held
	floor   int
	trusts  bool // only signed images may be started
	running int  // NoSlot if none is
	trial   bool
	due     int      // the slot that has to be started when none is on trial; NoSlot if any may be
	next    int      // the slot that has to be on trial at the next start; NoSlot if none has
	allow   startSet // none runs: what may be started
}

// startSet is a set of starts: of either slot, on trial or not. The empty one is any.
type startSet uint8

func outcome(slot int, trial bool) startSet {
	if slot < 0 {
		return 0
	}
	o := startSet(1) << slot
	if trial {
		o <<= 2
	}
	return o
}

// or is what may be started if either may be the case.
func (o startSet) or(p startSet) startSet {
	if o == 0 || p == 0 {
		return 0
	}
	return o | p
}

// starts are those of a new flash, and of some that another loader left.
func starts(t *testing.T) (all []state) {
	add := func(otadata string, slots ...uint8) {
		s := state{o: parseOtadata(t, otadata), running: NoSlot, due: NoSlot, next: NoSlot}
		for i, image := range slots {
			s.slots[i] = held{image: image, staged: true, faulty: strings.Contains(otadata, "PEND") && i == 1}
		}
		all = append(all, s)
	}
	for image := range uint8(len(contents)) {
		if image != noImage {
			add("-|-", image, noImage)
			add("-|-", noImage, image)
		}
	}
	add("1V|2U", 1, 2)
	add("1V|2PEND", 1, 2)
	return all
}

func (s state) choosable() Slots {
	x := make([]Slot, len(s.slots))
	for i, h := range s.slots {
		m := contents[h.image]
		x[i] = Slot{Err: m.err, Digest: [32]byte{h.image}, SecureVersion: m.version}
		if s.trusts && !m.signed {
			x[i].Err = errCorrupt
		}
	}
	return Slots{OTA: x}
}

// good reports whether slot can be started.
func (s state) good(slot int) bool {
	m := contents[s.slots[slot].image]
	return m.err == nil && int(m.version) >= s.floor && (m.signed || !s.trusts)
}

// String is for the trace of a violation.
func (s state) String() string {
	text := plain(s.o)
	for i, h := range s.slots {
		text += fmt.Sprintf("  %d:%s", i, contents[h.image].name)
		for word, is := range map[string]bool{" faulty": h.faulty, " judged": h.judged, " unstaged": !h.staged} {
			if is {
				text += word
			}
		}
	}
	return fmt.Sprintf("%s  floor %d, runs %d (trial %v), due %d, next %d, allowed %04b", text, s.floor, s.running, s.trial, s.due, s.next, s.allow)
}

// canonical returns the state that all that differ in no decision have in common:
// sequence numbers are kept relative, and even or odd; of a record remains what it
// decides; and of what can never be started again nothing is known.
func (s state) canonical() state {
	lowest := uint32(flash.NoSeq)
	for _, e := range s.o {
		if e.Sound() {
			lowest = min(lowest, e.Seq)
		}
		if m, ok := readMark(e); ok {
			lowest = min(lowest, m.seq)
		}
	}
	down := (lowest - 1) &^ 1
	if lowest == flash.NoSeq || lowest == 0 {
		down = 0
	}
	for i, e := range s.o {
		s.o[i] = canonicalEntry(e, down)
	}
	for slot := range s.slots {
		if !s.good(slot) { // and never will be
			s.slots[slot] = held{image: s.slots[slot].image}
		}
	}
	return s
}

func canonicalEntry(e flash.Select, down uint32) flash.Select {
	if !e.Sound() {
		return e
	}
	c := flash.NewSelect(e.Seq-down, e.State)
	r := readRecord(e)
	switch {
	case e.Counts():
		last := r.hosts[max(r.starts-1, 0)]
		r.hosts = blankRecord.hosts
		if r.starts > r.stops {
			r.hosts[r.starts-1] = last
		}
		c = r.write(c)
	case e.State == flash.Aborted && r.reason == PowerLost:
		c = gaveUp(c, flash.Aborted, PowerLost)
	default:
		c.State = flash.Invalid
	}
	if m, ok := readMark(e); ok {
		return mark{m.seq - down, m.digest}.write(c)
	}
	if !canMark(e) {
		return voidMark(c)
	}
	return c
}
