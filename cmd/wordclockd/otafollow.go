package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// A follower stays with one update of the running clock, through its restarts.
type follower struct {
	client *control.Client
	number uint32        // of the update
	wait   bool          // for the verdict on what it installed
	away   time.Duration // how long a clock that is gone may take to come back, and one that is there to show the update

	// see is shown each change, of the trial of what it installed too.
	see func(clock.Attempt, *clock.Trial) error

	last   clock.Attempt // as it was seen last
	gone   time.Time     // since when it cannot be seen any more; zero if it can
	unseen *time.Timer   // ends run unless the update is seen before
}

// awayLimit is long enough for a process that does not end by itself to be replaced.
const awayLimit = 30 * time.Second

// errOver ends a watch.
var errOver = errors.New("the update is over")

// run returns the update when it is over. An error comes with the update as it was
// seen last.
func (f *follower) run(ctx context.Context) (clock.Attempt, error) {
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f.unseen = time.AfterFunc(f.away, func() { stop(&unknownUpdateError{f.number}) })
	defer f.unseen.Stop()
	for {
		err := f.client.Watch(within, func(s control.Status) error { return f.take(within, s) })
		switch {
		case errors.Is(err, errOver):
			return f.last, nil
		case ctx.Err() != nil:
			return f.last, ctx.Err()
		case within.Err() != nil:
			return f.last, f.lost(context.Cause(within))
		case !comesBack(err) || f.isLost():
			return f.last, f.lost(err)
		}
		select {
		case <-within.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// isLost notes that the update cannot be seen, and reports whether that lasts too long.
func (f *follower) isLost() bool {
	if f.gone.IsZero() {
		f.gone = time.Now()
	}
	return time.Since(f.gone) > f.away
}

func (f *follower) lost(why error) error {
	return fmt.Errorf("what became of update %d can be seen by \"wordclockd ota history\": %w", f.number, why)
}

// comesBack tells whether an error may pass by itself.
func comesBack(err error) bool {
	e, ok := errors.AsType[*control.Error](err)
	_, unknown := errors.AsType[*unknownUpdateError](err)
	return unknown || ok && e.Code == control.CodeRestarting || errors.Is(err, control.ErrNotRunning)
}

// An unknownUpdateError says that a clock knows nothing of an update.
type unknownUpdateError struct{ number uint32 }

func (e *unknownUpdateError) Error() string {
	return fmt.Sprintf("the clock does not know of update %d", e.number)
}

// take notes a status.
func (f *follower) take(ctx context.Context, s control.Status) error {
	a, err := f.find(ctx, s.OTA)
	if err != nil {
		return err
	}
	if a == nil {
		return nil
	}
	f.last, f.gone = *a, time.Time{}
	f.unseen.Stop()
	if err := f.see(*a, s.Health.Trial); err != nil {
		return err
	}
	if a.Result == clock.Underway || a.Result == clock.Installed && f.wait {
		return nil
	}
	return errOver
}

// find returns the update, nil if it is yet to be seen.
func (f *follower) find(ctx context.Context, o control.OTA) (*clock.Attempt, error) {
	for _, a := range []*clock.Attempt{o.Last, o.Present} {
		if a != nil && a.Number == f.number {
			return a, nil
		}
	}
	h, err := f.client.History(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(h.Attempts, func(a clock.Attempt) bool { return a.Number == f.number })
	switch {
	case i >= 0:
		return &h.Attempts[i], nil
	case f.last.Number == 0 && f.isNext(o, h):
		return nil, nil
	}
	return nil, &unknownUpdateError{f.number}
}

// isNext tells that all that is known is older than the update.
func (f *follower) isNext(o control.OTA, h control.History) bool {
	return (o.Present == nil || o.Present.Number < f.number) && (len(h.Attempts) == 0 || h.Attempts[0].Number < f.number)
}
