package health

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// A verdict is what becomes of an image.
type verdict uint8

const (
	undecided verdict = iota
	confirm
	reject
)

var verdicts = [...]string{undecided: "none", confirm: "confirm", reject: "reject"}

func (v verdict) String() string { return verdicts[v] }

// waiting returns the names of the checks that fail, but may still have their time.
func waiting(h clock.Health) string {
	var names []string
	for _, c := range h.Checks {
		if c.State == clock.Waiting {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

// A judge counts examinations of an image on trial.
type judge struct{ attempts, seen int }

// hear returns what follows from an examination. One in which nothing fails but
// what may still have its time does not count.
func (j *judge) hear(h clock.Health) verdict {
	if h.Healthy {
		if waiting(h) != "" {
			return undecided
		}
		j.seen++
		return confirm
	}
	if j.seen++; j.seen < j.attempts {
		return undecided
	}
	return reject
}

// try is an examination that was due at the given time, and its verdict. It returns
// when the next one is due; zero is never.
func (m *Monitor) try(ctx context.Context, due time.Time) (next time.Time) {
	v := undecided
	h, ok := m.examine(ctx, time.Time{}, func(h clock.Health) time.Time {
		if m.onTrial(time.Time{}) == nil {
			return next
		}
		next = task.Later(due.Add(m.c.Times.Interval), time.Now())
		if v = m.judge.hear(h); v != undecided {
			return time.Time{} // there may be none
		}
		return next
	})
	if !ok || next.IsZero() {
		return next
	}
	m.tellTrial(ctx, h)
	if m.carryOut(ctx, v, h) {
		return time.Time{}
	}
	m.c.Value.Update(func(h *clock.Health) { h.Trial = m.onTrial(next) })
	return next
}

// tellTrial logs an examination of an image on trial: one that does not count only if
// it waits for others than the one before.
func (m *Monitor) tellTrial(ctx context.Context, h clock.Health) {
	before := m.awaited
	m.awaited = waiting(h)
	level, text, found := slog.LevelInfo, "the image on trial was examined", []any{"healthy", h.Healthy, "text", h.Text}
	switch {
	case !h.Healthy:
		level = slog.LevelWarn
	case m.awaited == "":
	case m.awaited == before:
		return
	default:
		text, found = "the image on trial cannot be judged yet", []any{"waiting", m.awaited}
	}
	m.c.Log.Log(ctx, level, text, append([]any{"event", "trial_examined",
		"attempt", min(m.judge.seen, m.judge.attempts), "of", m.judge.attempts}, found...)...)
}

// carryOut does what a verdict says, and reports whether the trial is over by that.
func (m *Monitor) carryOut(ctx context.Context, v verdict, h clock.Health) (over bool) {
	var err error
	switch v {
	case undecided:
		return false
	case confirm:
		if err = m.c.Trial.Confirm(); err == nil {
			m.Acquit()
			return true
		}
	case reject:
		if !m.doomed {
			m.doomed = true
			m.c.Log.Error("the image on trial failed its last examination: it is given up", "event", "trial_rejected", "text", h.Text)
		}
		if err = m.c.Trial.Reject(h.Text); err == nil {
			return true
		}
	}
	if ctx.Err() == nil && err.Error() != m.unsaid {
		m.unsaid = err.Error()
		m.c.Log.Error("the verdict on the image cannot be carried out: it stays on trial, and is examined again",
			"event", "verdict_failed", "verdict", v.String(), "err", err)
	}
	return false
}
