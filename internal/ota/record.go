package ota

import (
	"encoding/json"
	"fmt"
	"slices"

	"wordclockd/internal/clock"
)

// A Record is what an [Updater] has to know after a restart. Nothing in it is changed
// in place.
type Record struct {
	Next    uint32          `json:"next"`    // number of the next update, from 1
	Present *clock.Attempt  `json:"present"` // that is under way, or was when the clock ended; nil is none
	History []clock.Attempt `json:"history"` // the newest last
	Plan    *Plan           `json:"plan"`    // what the next update may go on with; nil is nothing
	Bad     []Bad           `json:"bad"`     // the newest last
	Last    *clock.Check    `json:"last"`    // nil is none
}

// AppendRecord appends r as [ParseRecord] reads it back. The steps of updates are left
// out: they are for who follows one.
func AppendRecord(p []byte, r Record) ([]byte, error) {
	if r.Present != nil {
		r.Present = new(withoutSteps(*r.Present))
	}
	r.History = slices.Clone(r.History)
	for i, a := range r.History {
		r.History[i] = withoutSteps(a)
	}
	b, err := json.Marshal(r)
	return append(p, b...), err
}

func withoutSteps(a clock.Attempt) clock.Attempt {
	a.Steps = []clock.Step{}
	return a
}

// ParseRecord reads what AppendRecord wrote. On an error it returns nothing else.
func ParseRecord(p []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(p, &r); err != nil {
		return Record{}, fmt.Errorf("read what is known of updates: %w", err)
	}
	if x := r.Plan; x != nil && (x.Size <= 0 || x.Done < 0 || x.Done > x.Size) {
		return Record{}, fmt.Errorf("read what is known of updates: %d of %d bytes were done", x.Done, x.Size)
	}
	r.Next = max(r.Next, 1)
	if r.Present != nil {
		r.Present = new(withoutSteps(*r.Present))
	}
	r.History, r.Bad = last(r.History, clock.HistorySize), last(r.Bad, maxBad)
	for i, a := range r.History {
		r.History[i] = withoutSteps(a)
		r.Next = max(r.Next, a.Number+1)
	}
	return r, nil
}

// last returns the last n of a list, or all.
func last[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// ended returns a history with an update that is over. Those that came to nothing
// leave the others their places.
func ended(history []clock.Attempt, a clock.Attempt) []clock.Attempt {
	if n := len(history); n > 0 && history[n-1].Result == clock.UpToDate && a.Result == clock.UpToDate {
		history = history[:n-1]
	}
	return added(history, a, clock.HistorySize)
}

// added returns a list of n at most with one more at its end.
func added[T any](list []T, x T, n int) []T { return last(append(slices.Clone(list), x), n) }

// condemn remembers that an image is bad.
func (r *Record) condemn(b Bad) {
	others := slices.DeleteFunc(slices.Clone(r.Bad), func(old Bad) bool { return old.SHA256 == b.SHA256 })
	r.Bad = added(others, b, maxBad)
}

// absolve forgets that an image was bad.
func (r *Record) absolve(sha256 string) {
	r.Bad = slices.DeleteFunc(slices.Clone(r.Bad), func(b Bad) bool { return b.SHA256 == sha256 })
}

// revise takes back what the last check offered, should that run, be installed or
// be known to be bad by now.
func (r *Record) revise(x Running) {
	if r.Last == nil {
		return
	}
	sha := r.Last.Sources[r.Last.Source].SHA256
	here := func(a clock.Attempt) bool {
		return a.SHA256 == sha && (a.Result == clock.Installed || x.runs(a))
	}
	last := *r.Last
	last.CurrentVersion = x.Version
	last.UpdateAvailable = last.UpdateAvailable && Compare(x.Version, last.AvailableVersion) < 0 &&
		!slices.ContainsFunc(r.Bad, func(b Bad) bool { return b.SHA256 == sha }) &&
		!slices.ContainsFunc(r.History, here)
	r.Last = &last
}

// edit changes the newest update that is, and returns it; nil if there is none.
func (r *Record) edit(is func(clock.Attempt) bool, f func(*clock.Attempt)) *clock.Attempt {
	for i := len(r.History) - 1; i >= 0; i-- {
		if is(r.History[i]) {
			r.History = slices.Clone(r.History)
			f(&r.History[i])
			return &r.History[i]
		}
	}
	return nil
}
