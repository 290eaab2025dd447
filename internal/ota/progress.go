package ota

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/clock"
)

// often is the least time from one piece of news to the next, but for steps.
const often = 250 * time.Millisecond

// maxWarnings is how many an update has.
const maxWarnings = 8

// tell publishes how far a job is.
func (a *attempt) tell(g gauge) {
	s := &a.shown
	g.source = cmp.Or(g.source, s.Source) // nobody was asked yet
	s.Bytes, s.Fetched, s.Rate, s.RemainingS = g.bytes, g.fetched, g.rate, 0
	if g.rate > 0 {
		s.RemainingS = float64(s.Size-g.bytes) / g.rate
	}
	s.Sources = merged(s.Sources, g.served)
	s.Causes = causesOf(s.Causes, g.served)
	if g.state.String() != s.State || g.source != s.Source || s.Size > 0 && g.bytes/stride(s.Size) != a.lastBytes()/stride(s.Size) {
		a.step(g.state, g.source)
	}
	if time.Since(a.told) >= often {
		a.publish()
	}
}

// merged returns old with what is newer. An error of before stays if there is none.
func merged(old, newer map[string]clock.Served) map[string]clock.Served {
	m := maps.Clone(old)
	for name, s := range newer {
		if s.Error == "" {
			s.Error = old[name].Error
		}
		m[name] = s
	}
	return m
}

// causesOf returns old with what is newer. Errors of a job begin with their cause.
func causesOf(old map[string]string, newer map[string]clock.Served) map[string]string {
	m := maps.Clone(old)
	for name, s := range newer {
		cause, _, _ := strings.Cut(s.Error, ": ")
		if c, err := ParseCause(cause); err == nil && c != NoCause {
			m[name] = cause
		}
	}
	return m
}

// stride is how much of an image makes a step: little enough that it is never more
// than 10 % from one to the next, if a piece is not.
func stride(size int64) int64 { return max(1, size/20) }

// lastBytes is how far the update was at the last step.
func (a *attempt) lastBytes() int64 {
	if n := len(a.shown.Steps); n > 0 {
		return a.shown.Steps[n-1].Bytes
	}
	return 0
}

// step makes a step, and publishes it.
func (a *attempt) step(state State, source string) {
	s := &a.shown
	s.State, s.Source = state.String(), source
	step := clock.Step{Number: 1, State: s.State, Source: source, Bytes: s.Bytes, At: time.Now().UTC()}
	if s.Size > 0 {
		step.Percent = int(s.Bytes * 100 / s.Size)
	}
	if n := len(s.Steps); n > 0 {
		step.Number = s.Steps[n-1].Number + 1
	}
	s.Steps = added(s.Steps, step, clock.StepsSize)
	a.publish()
}

// publish shows the update as it is now.
func (a *attempt) publish() {
	a.told = time.Now()
	shown := a.shown
	a.u.c.Value.Update(func(v *clock.Update) { v.Present = &shown })
}

// store stores how far the update is; p is what the slot holds, the zero Plan if that
// is of no use, nil if it is not news.
func (a *attempt) store(p *Plan) {
	shown := a.shown
	a.u.change(func(r *Record) {
		r.Present = &shown
		switch {
		case p == nil:
		case *p == Plan{}:
			r.Plan = nil
		default:
			r.Plan = p
		}
	})
}

// warn adds what a user should know, and reports whether it is news.
func (a *attempt) warn(texts ...string) (news bool) {
	for _, text := range texts {
		if text = bounded(text); !slices.Contains(a.shown.Warnings, text) && len(a.shown.Warnings) < maxWarnings {
			a.shown.Warnings = append(slices.Clone(a.shown.Warnings), text)
			news = true
		}
	}
	return news
}
