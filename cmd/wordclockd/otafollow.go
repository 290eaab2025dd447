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
	away   time.Duration // how long a clock that is gone may take to come back

	// see is shown each change, of the trial of what it installed too.
	see func(clock.Attempt, *clock.Trial) error

	last clock.Attempt // as it was seen last
	seen time.Time     // when
}

// awayLimit is long enough for a service to be started again.
const awayLimit = 5 * time.Second

// errOver ends a watch.
var errOver = errors.New("the update is over")

// run returns the update when it is over. An error comes with the update as it was
// seen last.
func (f *follower) run(ctx context.Context) (clock.Attempt, error) {
	for f.seen = time.Now(); ; {
		err := f.client.Watch(ctx, func(s control.Status) error { return f.take(ctx, s) })
		switch {
		case errors.Is(err, errOver):
			return f.last, nil
		case ctx.Err() != nil:
			return f.last, ctx.Err()
		case !comesBack(err) || time.Since(f.seen) > f.away:
			return f.last, fmt.Errorf("what became of update %d can be seen by \"wordclockd ota history\": %w", f.number, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
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
	f.last, f.seen = *a, time.Now()
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
	newest := uint32(0)
	for _, a := range []*clock.Attempt{o.Last, o.Present} {
		if a != nil && a.Number == f.number {
			return a, nil
		}
		if a != nil {
			newest = max(newest, a.Number)
		}
	}
	if newest < f.number && f.last.Number == 0 {
		return nil, nil
	}
	h, err := f.client.History(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(h.Attempts, func(a clock.Attempt) bool { return a.Number == f.number })
	if i < 0 {
		return nil, &unknownUpdateError{f.number}
	}
	return &h.Attempts[i], nil
}
