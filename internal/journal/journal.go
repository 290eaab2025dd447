// Package journal keeps the last fifty things that went wrong, across restarts.
//
// A [Journal] is fed by the log: [Journal.Handler] takes every record that is a
// warning or worse, and those events that end one. Times are UTC as the clock
// believes it, not the host's.
//
// # Storage
//
// Entries lie in the namespace error_log as the firmware lays them out, with
// what does not fit there behind (see [appendEntry]). They are written together,
// a second after the first of them, so that a storm of errors does not wear out
// an SD card, and at the end.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/nvs"
	"wordclockd/internal/watch"
)

var ring = nvs.Ring{Namespace: "error_log", Size: clock.JournalSize}

var statsKey = nvs.Key[stats]{Namespace: "error_log", Name: "stats"}

// Config is what a Journal needs.
type Config struct {
	Store *nvs.Store // nil keeps entries for this start only
	Time  *watch.Value[clock.Time]
	Value *watch.Value[clock.Journal] // is kept up with what the journal holds
	Log   *slog.Logger                // for what goes wrong with the journal itself
}

// A Journal keeps entries. It is safe for concurrent use.
type Journal struct {
	c     Config
	start time.Time
	wake  chan struct{} // has an element when there is something to store

	storing chan struct{} // full while somebody stores: entries keep their order

	mu      sync.Mutex
	first   uint32 // number of the first entry of this start
	now     clock.Journal
	pending []clock.Entry // are in now, and not yet stored
	dated   []clock.Entry // are stored without their time, and have it in now
	failed  bool          // storing, last
}

// Open returns a journal with what is stored.
func Open(c Config) (*Journal, error) {
	j := &Journal{c: c, start: time.Now(), wake: make(chan struct{}, 1), storing: make(chan struct{}, 1)}
	if c.Store == nil {
		return j, nil
	}
	err := c.Store.View(j.load)
	c.Value.Set(j.now)
	return j, err
}

// load reads what is stored. What cannot be read is left out.
func (j *Journal) load(tx *nvs.Tx) error {
	s, err := statsKey.Get(tx)
	j.now.Stats = s.toClock()
	blobs, first := ring.All(tx)
	for i, blob := range blobs {
		if blob == nil {
			continue // cleared
		}
		entry, e := parseEntry(blob)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("entry %d: %w", i, e))
			continue
		}
		entry.Number = first + uint32(i)
		j.now.Entries = append(j.now.Entries, entry)
	}
	j.now.Stats.Written = first + uint32(len(blobs))
	j.first = j.now.Stats.Written
	return err
}

func (j *Journal) String() string { return "journal" }

// batch is how long entries wait for company.
const batch = time.Second

// Run stores entries until ctx is done; [Journal.Flush] stores the rest.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-j.wake:
		case <-j.awaited():
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(batch):
		}
		j.Flush()
	}
}

// add takes an entry in. It does not wait for storage.
func (j *Journal) add(e clock.Entry) {
	now := time.Now()
	e.Uptime = now.Sub(j.start)
	if at, ok := j.c.Time.Get().At(now); ok {
		e.Time = at.UTC().Truncate(time.Second)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.now.Stats
	e.Number = s.Written
	s.Written++
	s.Total++
	s.ByOrigin[e.Origin]++
	s.BySeverity[e.Severity]++
	s.Last[e.Origin] = e.Time
	kept := j.now.Entries
	kept = slices.Clone(kept[max(0, len(kept)+1-clock.JournalSize):])
	j.now.Entries = append(kept, e)
	j.pending = append(j.pending[max(0, len(j.pending)+1-clock.JournalSize):], e)
	j.changed()
}

// changed tells those who wait. The caller holds mu.
func (j *Journal) changed() {
	j.c.Value.Set(j.now)
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Flush stores what is not stored yet. Entries that cannot be stored wait for
// the next time.
func (j *Journal) Flush() {
	j.storing <- struct{}{}
	defer func() { <-j.storing }()
	j.flush()
}

// flush is Flush. The caller has storing.
func (j *Journal) flush() {
	j.date()
	if j.c.Store == nil {
		return
	}
	j.mu.Lock()
	pending, dated, s, failed := j.pending, j.dated, j.now.Stats, j.failed
	j.pending, j.dated = nil, nil
	j.mu.Unlock()
	if len(pending)+len(dated) == 0 {
		return
	}
	err := j.c.Store.Update(func(tx *nvs.Tx) error { return store(tx, pending, dated, s) })
	if err != nil && !failed {
		j.c.Log.Error("error journal cannot be stored: check the state directory", "event", "journal_unstored", "err", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = err != nil
	if err != nil {
		j.pending, j.dated = latest(append(pending, j.pending...)), latest(append(dated, j.dated...))
	}
}

// latest returns as many entries as the journal has room for.
func latest(list []clock.Entry) []clock.Entry { return list[max(0, len(list)-clock.JournalSize):] }

// store puts dated in the place of what is stored of them, and pending behind.
func store(tx *nvs.Tx, pending, dated []clock.Entry, s clock.JournalStats) error {
	for _, e := range dated {
		if err := ring.Replace(tx, e.Number, appendEntry(nil, e)); err != nil {
			return err
		}
	}
	if len(pending) == 0 {
		return statsKey.Put(tx, fromClock(s))
	}
	var blobs [][]byte
	for _, e := range pending {
		blobs = append(blobs, appendEntry(nil, e))
	}
	// Entries that were dropped while storing failed leave gaps, not shifts.
	if err := ring.Skip(tx, pending[0].Number); err != nil {
		return err
	}
	if err := ring.Append(tx, blobs...); err != nil {
		return err
	}
	return statsKey.Put(tx, fromClock(s))
}

// Clear empties the journal; or, if counters is true, sets the counters to zero
// and keeps the entries. It returns when that is stored.
func (j *Journal) Clear(counters bool) error {
	j.storing <- struct{}{}
	defer func() { <-j.storing }()
	j.flush()
	if err := j.clearStored(counters); err != nil {
		return fmt.Errorf("clear journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if counters {
		j.now.Stats = clock.JournalStats{Written: j.now.Stats.Written}
	} else {
		j.now.Entries, j.pending, j.dated = nil, nil, nil
	}
	j.changed()
	return nil
}

func (j *Journal) clearStored(counters bool) error {
	if j.c.Store == nil {
		return nil
	}
	return j.c.Store.Update(func(tx *nvs.Tx) error {
		if counters {
			return statsKey.Put(tx, stats{})
		}
		return ring.Clear(tx)
	})
}
