package light

import (
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// A span is one night of a window: from is in it, to is not.
type span struct {
	window   clock.Window
	from, to time.Time
}

// spans returns those of the windows that are not over at a local time, up to a week
// ahead.
func spans(windows []clock.Window, local time.Time) (all []span) {
	year, month, today := local.Date()
	for day := today - 1; day <= today+7; day++ { // one that began yesterday may end today
		weekday := time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday()
		for _, w := range windows {
			if !w.Days[weekday] {
				continue
			}
			last := day
			if w.To < w.From {
				last++
			}
			from, _ := moments(year, month, day, w.From, local.Location())
			_, to := moments(year, month, last, w.To, local.Location())
			if from.Before(to) && local.Before(to) {
				all = append(all, span{w, from, to})
			}
		}
	}
	return all
}

// moments returns the first and the last moment at which a clock on the wall says a
// minute of a day. Where the hour of summer time leaves it out, both are the moment of
// the leap.
func moments(year int, month time.Month, day, minute int, zone *time.Location) (first, last time.Time) {
	wall := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} { // the offset before, and the one after
		_, offset := wall.Add(near).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, o := at.Zone(); o != offset {
			continue // it is not in force then
		}
		if first.IsZero() {
			first = at
		}
		last = at
	}
	if first.IsZero() {
		_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
		first, _ = wall.Add(-time.Duration(before) * time.Second).In(zone).ZoneBounds()
		last = first
	}
	return first, last
}

// A night is what the windows say for a while.
type night struct {
	off, dim span      // that rule; without an end if none does
	next     time.Time // the first moment at which that may change; zero is never
}

// nightAt returns what the windows say at a local time. Of several that are dark, or as
// dim, that counts which ends last.
func nightAt(windows []clock.Window, local time.Time) (n night) {
	for _, s := range spans(windows, local) {
		if local.Before(s.from) {
			n.next = task.Soonest(n.next, s.from)
			continue
		}
		n.next = task.Soonest(n.next, s.to)
		switch {
		case s.window.Off:
			if n.off.to.Before(s.to) {
				n.off = s
			}
		case n.dim.to.IsZero(), s.window.Most < n.dim.window.Most, s.window.Most == n.dim.window.Most && n.dim.to.Before(s.to):
			n.dim = s
		}
	}
	return n
}

// rules returns the window that counts; ok is false if it is no night.
func (n night) rules() (s span, ok bool) {
	if !n.off.to.IsZero() {
		return n.off, true
	}
	return n.dim, !n.dim.to.IsZero()
}
