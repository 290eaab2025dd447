// Package health examines the clock, and judges an image that is on trial.
//
// # Checks
//
// A [Check] is something that has to work. One that needs another is skipped while
// that does not work, so that one cause is one complaint; all others are probed at
// the same time. A probe that does not come back within its limit has failed, holds
// up nobody, and is not started again before it has come back.
//
// # Trial
//
// An image on trial is examined some time after it was started, and again at
// intervals. The first examination in which nothing fails confirms it, the last one
// that does not rejects it. One in which nothing fails but what may still have its
// time is not counted. What failed before the image was installed is [Known], and
// does not count: item by item, so that a clock with a dark row can be updated, and
// one more dark row is still the image's fault.
//
// A verdict that cannot be carried out is repeated at each interval, until it can
// or another one is due: an image without another one to go back to stays on trial.
//
// # Log events
//
// Each record has the attribute "event" and those listed.
//
//	health_failed   checks text             once for the same checks and items
//	health_ok                               nothing fails any more
//	trial_examined  attempt of healthy text
//	                attempt of waiting      it does not count; once for the same checks
//	trial_rejected  text                    once
//	verdict_failed  verdict err             once for the same error
package health

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Check is something that has to work.
type Check struct {
	Name  string
	Needs []string      // names of checks before it, without which it cannot be judged
	Grace time.Duration // after the start, in which failing is no failure yet
	Limit time.Duration // for one probe

	Probe  Probe  // nil: there is nothing to check
	Absent string // why there is no probe
}

// A Probe returns what does not work: items, or an error if it is the whole of it. It
// ends when ctx is done.
type Probe func(ctx context.Context) ([]Fault, error)

// A Fault is an item of a check that does not work.
type Fault struct {
	Item string // the same in each examination, such as "row 3"; "" is the whole
	Text string // what is wrong with it
}

func (f Fault) String() string {
	if f.Item == "" {
		return f.Text
	}
	return f.Item + ": " + f.Text
}

// Known is what does not work, by check: the items, "" for the whole. It is plain
// data.
type Known map[string][]string

// has reports whether a fault of a check was there before.
func (k Known) has(check string, f Fault) bool {
	return slices.Contains(k[check], "") || slices.Contains(k[check], f.Item)
}

func (k Known) String() string {
	var all []string
	for _, check := range slices.Sorted(maps.Keys(k)) {
		text := check
		if items := strings.Join(k[check], ", "); items != "" {
			text += " (" + items + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
