package boot

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/proof"
)

// TestModel explores every state that two slots, otadata and fuses can come to, by
// whatever happens in whatever order: starts, crashes, clean stops, verdicts,
// installs of good, damaged and unsigned images, images that rot, and power cuts
// between and within the changes of an entry. An entry that is replaced is then the
// old one, blank or the new one.
//
// The law is:
//
//  1. Something verified is started, as long as there is something.
//  2. Nothing is, or may be as a fallback, that is below the floor or not verified.
//  3. An image that was rejected is not started while there is one that was not, and
//     that an entry selects. (One that none selects was downloaded and not staged, or
//     lost its entry: nothing is known of it.)
//  4. No image counts as rejected that only lost its power.
//  5. What a call acknowledged comes true: a staged image is on trial at the next
//     start, and only then; a trial that was stopped cleanly goes on; a confirmed
//     image is started, and not on trial, whatever happens until it is rejected, rots
//     or another one is on trial. A call that was cut off did all or nothing of that;
//     a confirm did all if it changed anything, and there was room for its mark. To
//     free the other slot is to make the image that runs the one that is started.
//  6. Another install is possible at any time but in a trial.
//
// Accepted is that a staged image is not tried if the power goes just when its trial
// is noted.
func TestModel(t *testing.T) {
	begin := time.Now()
	e := explorer{t: t, seen: map[state]int{}}
	for _, s := range starts(t) {
		e.visit(s, -1, "")
	}
	for i := 0; i < len(e.steps) && !t.Failed(); i++ {
		e.now = i
		e.next(e.steps[i].state)
	}
	proof.Row(t, begin, "boot: every state of two slots, otadata and fuses", fmt.Sprintf("%d states, %d edges", len(e.steps), e.edges))
}

// An explorer visits states, breadth first.
type explorer struct {
	t     *testing.T
	seen  map[state]int
	steps []step
	now   int // the step that the states visited come from
	edges int
}

type step struct {
	state
	from int
	what string
}

func (e *explorer) visit(s state, from int, what string) {
	e.edges++
	s = s.canonical()
	if _, ok := e.seen[s]; ok {
		return
	}
	e.seen[s] = len(e.steps)
	e.steps = append(e.steps, step{s, from, what})
}

// violated tells how the present state came to be.
func (e *explorer) violated(law string) {
	e.t.Helper()
	var trace []string
	for i := e.now; i >= 0; i = e.steps[i].from {
		trace = append(trace, fmt.Sprintf("%-22s %s", e.steps[i].what, e.steps[i].state))
	}
	slices.Reverse(trace)
	e.t.Fatalf("%s, after\n%s", law, strings.Join(trace, "\n"))
}

// next visits all that can follow s.
func (e *explorer) next(s state) {
	if s.running == NoSlot {
		e.start(s)
	} else {
		e.run(s)
	}
	for slot := range s.slots {
		if contents[s.slots[slot].image].err == nil && s.running != slot && s.good(1-slot) {
			rotten := s
			rotten.slots[slot] = held{}
			e.visit(rotten.settled(), e.now, "rot")
		}
	}
}

// off returns s with the power, or the process, gone.
func (s state) off(cut bool) state {
	switch {
	case s.running == NoSlot:
	case s.next >= 0:
		s.allow = outcome(s.next, true)
	default:
		s.allow = outcome(s.due, false)
	}
	s.running, s.trial, s.next = NoSlot, false, NoSlot
	if cut {
		for i, entry := range s.o {
			r := readRecord(entry)
			for j, h := range r.hosts {
				if h == host {
					r.hosts[j] = oldHost
				}
			}
			s.o[i] = r.write(entry)
		}
	}
	return s
}

// settled returns s without expectations of contents that cannot be started.
func (s state) settled() state {
	if s.due >= 0 && !s.good(s.due) {
		s.due = NoSlot
		s.allow = 0
	}
	if s.next >= 0 && !s.good(s.next) {
		s.next = NoSlot
	}
	if s.running == NoSlot {
		for slot := range s.slots {
			if !s.good(slot) && s.allow&(outcome(slot, false)|outcome(slot, true)) != 0 {
				s.allow = 0
			}
		}
	}
	return s
}

// write visits what can be found after a power cut while puts are carried out, which
// make after of s, and returns that with them.
func (e *explorer) write(what string, s, after state, puts []Put) state {
	cut := func(o [2]flash.Select) {
		x := s.off(true)
		x.o, x.allow = o, x.allow.or(after.off(true).allow)
		if s.due != after.due {
			x.due = NoSlot
		}
		if what == "start" {
			x.allow = x.allow.or(outcome(s.due, false))
		}
		if what == "confirm" && o != s.o {
			x.allow = after.off(true).allow
		}
		for i, h := range after.slots {
			h.staged, h.judged = h.staged && s.slots[i].staged, h.judged && s.slots[i].judged
			h.faulty = h.faulty || s.slots[i].faulty
			x.slots[i] = h
		}
		e.visit(x.renewed(), e.now, what+", cut")
	}
	o := s.o
	for _, p := range puts {
		cut(o)
		a, b := o[p.Sector].Marshal(), p.Entry.Marshal()
		if !clears(a[:], b[:]) {
			o[p.Sector] = flash.BlankSelect
			cut(o)
		}
		o[p.Sector] = p.Entry
	}
	cut(o)
	after.o = o
	return after
}

// renewed returns s with hosts as after a cut.
func (s state) renewed() state {
	s.running = 0
	allow, next := s.allow, s.next
	s = s.off(true)
	s.allow, s.next = allow, next
	return s
}

// start visits what a start leads to.
func (e *explorer) start(s state) {
	p := Choose(s.o, s.choosable(), s.floor, host)
	if len(p.Try) == 0 {
		e.violated("nothing is started")
	}
	for _, slot := range p.Try {
		if !s.good(slot) {
			e.violated(fmt.Sprintf("slot %d may be started", slot))
		}
	}
	first := p.Try[0]
	if got := outcome(first, p.Trial); s.allow != 0 && s.allow&got == 0 {
		e.violated(fmt.Sprintf("slot %d is started, trial %v", first, p.Trial))
	}
	after := s
	if p.Reason != None && p.Reason != PowerLost && s.slots[p.Gave].faulty {
		after.slots[p.Gave].judged = true
	}
	after.running, after.trial, after.allow = first, p.Trial, 0
	now := apply(s.o, p.Write)
	known := selects(now, 2, 1-first) >= 0 || now == [2]flash.Select{flash.BlankSelect, flash.BlankSelect}
	if after.slots[first].judged && known && s.good(1-first) && !after.slots[1-first].faulty {
		e.violated(fmt.Sprintf("slot %d is started, which was rejected", first))
	}
	for slot, h := range after.slots {
		if h.staged && !h.faulty && s.good(slot) && rejected(now, 2, slot) {
			e.violated(fmt.Sprintf("slot %d is said to be rejected", slot))
		}
	}
	after = after.withDue(now)
	after = e.write("start", s, after, p.Write)
	after.floor = max(after.floor, p.Floor)
	e.visit(after.settled(), e.now, "start")
}

// withDue returns s with what has to be started from now on: the image that runs, if
// its entry says so.
func (s state) withDue(o [2]flash.Select) state {
	if s.trial {
		return s
	}
	s.due = NoSlot
	if a := activeOf(o); a >= 0 && o[a].Slot(2) == s.running && (o[a].State == flash.Valid || o[a].State == flash.Undefined) {
		s.due = s.running
	}
	return s
}

// run visits what can happen while an image runs.
func (e *explorer) run(s state) {
	e.visit(s.off(true), e.now, "power cut")
	e.end(s)
	e.judge(s)
	e.install(s)
	if !s.trusts && contents[s.slots[s.running].image].signed {
		after := s
		after.trusts = true
		e.visit(after.settled(), e.now, "trust")
	}
}

// onTrial returns the sector of the entry whose trial the running image is.
func (s state) onTrial() (sector int, ok bool) {
	sector = selects(s.o, 2, s.running)
	return sector, sector >= 0 && s.o[sector].State == flash.Pending
}

// end visits what comes of the end of the running image.
func (e *explorer) end(s state) {
	sector, ok := s.onTrial()
	killed := s
	killed.slots[s.running].faulty = killed.slots[s.running].faulty || s.trial
	e.visit(killed.off(false), e.now, "killed")
	if !s.trial || !ok {
		e.visit(s.off(false), e.now, "stop")
		return
	}
	after := s
	put := Put{sector, stopped(s.o[sector])}
	switch {
	case readRecord(put.Entry).stops >= trialStarts:
		after.slots[s.running].faulty = true
	case s.next == NoSlot:
		after.next = s.running
	}
	e.visit(e.write("stop", s, after, []Put{put}).off(false), e.now, "stop")

	after = s
	after.slots[s.running].faulty = true
	after = e.write("hang", s, after, []Put{{sector, noted(s.o[sector], Hung)}})
	after.slots[s.running].judged = true
	e.visit(after.off(false), e.now, "hang")
}

// judge visits what comes of a verdict on the running image.
func (e *explorer) judge(s state) {
	slots := s.choosable()
	if sector, ok := s.onTrial(); ok {
		after := s
		after.trial = false
		after.due = s.running
		what := "confirm"
		if !canMark(s.o[1-sector]) {
			what = "confirm, no room"
		}
		after = e.write(what, s, after, confirm(s.o, sector, slots.OTA[s.running].Digest))
		e.visit(after.settled(), e.now, "confirm, floor left")
		after.floor = max(after.floor, int(contents[s.slots[s.running].image].version))
		e.visit(after.settled(), e.now, "confirm")
	}
	put, err := reject(s.o, slots, s.floor, host, s.running, CheckFailed)
	if err != nil {
		return
	}
	after := s
	after.slots[s.running].faulty = true
	if !s.trial {
		after.due = NoSlot
	}
	after = e.write("reject", s, after, []Put{put})
	after.slots[s.running].judged = true
	after = after.off(false)
	if after.allow == 0 {
		after.allow = outcome(1-s.running, false) | outcome(1-s.running, true)
	}
	e.visit(after, e.now, "reject")
}

// install visits the steps of an update of the slot that does not run.
func (e *explorer) install(s state) {
	slot := 1 - s.running
	puts, err := free(s.o, 2, slot, s.running)
	if _, trial := s.onTrial(); trial && s.trial && err == ErrTrial {
		return // it has to be judged before
	}
	if err != nil {
		e.violated("no install is possible: " + err.Error())
	}
	freed := s
	if freed.due == slot {
		freed.due = NoSlot
	}
	if freed.next == slot {
		freed.next = NoSlot
	}
	freed.slots[slot].staged = false
	freed = freed.withDue(apply(s.o, puts))
	if !rejected(s.o, 2, s.running) {
		freed.due = s.running // it has an entry, or got one
	}
	freed = e.write("free", s, freed, puts)
	e.visit(freed, e.now, "free")
	if len(puts) == 0 && s.due != slot && s.next != slot {
		erased := s
		erased.slots[slot] = held{}
		e.visit(erased, e.now, "erase")
		for image := range uint8(len(contents)) {
			after := s
			after.slots[slot] = held{image: image}
			e.visit(after, e.now, "write "+contents[image].name)
		}
	}
	if overwritten := (held{image: s.slots[slot].image}); s.slots[slot] == overwritten {
		if puts := forget(s.o, 2, slot); len(puts) > 0 {
			e.visit(e.write("changed", s, s, puts), e.now, "changed")
		}
	}
	if !s.good(slot) {
		return // refused
	}
	if puts, err = stage(s.o, 2, slot, s.running); err != nil {
		e.violated("no install is possible: " + err.Error())
	}
	staged := s
	staged.next = slot
	staged.slots[slot] = held{image: s.slots[slot].image, staged: true}
	if staged.due == slot {
		staged.due = NoSlot
	}
	staged = staged.withDue(apply(s.o, puts))
	if !s.trial && s.due == s.running {
		staged.due = s.running // its entry is not the active one any more
	}
	s.slots[slot].staged = false // what is staged again is freed first
	if s.next == slot {
		s.next = NoSlot
	}
	e.visit(e.write("stage", s, staged, puts), e.now, "stage")
}
