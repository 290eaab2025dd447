package journal

import (
	"slices"
	"time"

	"wordclockd/internal/clock"
)

// awaited returns what tells that the time may be known, if entries of this start wait for
// it; else nil.
func (j *Journal) awaited() <-chan struct{} {
	t, next := j.c.Time.Watch()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.ContainsFunc(j.now.Entries, j.undated) {
		return nil
	}
	if _, ok := t.At(time.Now()); ok {
		known := make(chan struct{})
		close(known)
		return known
	}
	return next
}

// undated reports whether an entry is of this start, and came when the time was not known.
func (j *Journal) undated(e clock.Entry) bool { return e.Time.IsZero() && e.Number >= j.first }

// date gives entries of this start the time that was not known when they came,
// once it is.
func (j *Journal) date() {
	now := time.Now()
	at, ok := j.c.Time.Get().At(now)
	if !ok {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.ContainsFunc(j.now.Entries, j.undated) {
		return
	}
	began := at.Add(-now.Sub(j.start)).UTC()
	j.now.Entries = slices.Clone(j.now.Entries)
	stored := len(j.now.Entries) - len(j.pending) // pending are the last of them
	for i := range j.now.Entries {
		e := &j.now.Entries[i]
		if !j.undated(*e) {
			continue
		}
		e.Time = began.Add(e.Uptime).Truncate(time.Second)
		if last := &j.now.Stats.Last[e.Origin]; last.Before(e.Time) && j.now.Stats.ByOrigin[e.Origin] > 0 {
			*last = e.Time
		}
		if i < stored {
			j.dated = append(j.dated, *e)
		} else {
			j.pending[i-stored] = *e
		}
	}
	j.c.Value.Set(j.now)
}
