package light

import (
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// A sense is what measures for one of the two levels, and what it says now.
type sense struct {
	by      clock.Ruler // ByKnob or ByLight
	fitted  bool
	answers bool
	x       float64 // mV or lx

	asks  func(x float64) clock.Level
	curve any                        // the settings that asks depends on
	noise func(at, x float64) bool   // x differs from at by no more
	moves func(from, x float64) bool // x is where it would not be of itself
	lasts time.Duration              // for so long it has to be there
}

// A lever is one of the two levels, and who has it. The rule: what is set by hand holds
// until what measures moves, or the time for it is over; then what measures rules again.
// Where nothing measures, what was set last rules.
type lever struct {
	by    clock.Ruler
	level clock.Level
	at    float64 // what was measured for that
	curve any
	set   clock.Level // as it was when last looked

	hold hold
}

// A hold is a level that was set by hand.
type hold struct {
	on    bool
	over  bool // had its time; its mark is to be taken back
	since time.Time
	based bool      // from is known
	from  float64   // what was measured first
	moved time.Time // since when it has been elsewhere; zero if it is not
}

// pull decides who has the level.
func (l *lever) pull(now time.Time, set clock.Level, marked bool, longest time.Duration, s sense) {
	switch {
	case !marked || !s.fitted:
		l.hold = hold{}
	case !l.hold.on || set != l.set:
		l.hold = hold{on: true, since: now}
	}
	if l.hold.on {
		l.hold.watch(now, longest, s)
	}
	switch {
	case !s.fitted:
		l.by, l.level = clock.ByDefault, set
	case l.held():
		l.by, l.level = clock.ByHand, set
	case s.answers:
		l.measure(s)
	case set != l.set, l.by == clock.ByHand:
		l.by, l.level = clock.ByDefault, set
	}
	l.set = set
}

// held reports whether the level is as it was set by hand.
func (l *lever) held() bool { return l.hold.on && !l.hold.over }

// measure follows what is measured, but for noise.
func (l *lever) measure(s sense) {
	if l.by == s.by && l.curve == s.curve && s.noise(l.at, s.x) {
		return
	}
	l.by, l.level, l.at, l.curve = s.by, s.asks(s.x), s.x, s.curve
}

// watch sees whether the hold is over, once and for all.
func (h *hold) watch(now time.Time, longest time.Duration, s sense) {
	switch {
	case !s.answers:
		h.moved = time.Time{}
	case !h.based:
		h.based, h.from = true, s.x
	case !s.moves(h.from, s.x):
		h.moved = time.Time{}
	case h.moved.IsZero():
		h.moved = now
	}
	h.over = h.over ||
		longest > 0 && now.Sub(h.since) >= longest ||
		!h.moved.IsZero() && now.Sub(h.moved) >= s.lasts
}

// next returns when the hold is over unless something changes; zero is never.
func (h *hold) next(longest, lasts time.Duration) (at time.Time) {
	if !h.on || h.over {
		return time.Time{}
	}
	if longest > 0 {
		at = h.since.Add(longest)
	}
	if !h.moved.IsZero() {
		at = task.Soonest(at, h.moved.Add(lasts))
	}
	return at
}
