package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wordclockd/internal/task"
)

// An end is how a start ended.
type end struct {
	Reset
	err      error
	restart  bool // it asked for that, or was told
	rejected bool // it was given up, which is written down
	stuck    bool // it has not ended
}

// clean reports whether an image ended as it should.
func (e end) clean() bool {
	return !e.stuck && (e.err == nil || e.restart) && (e.Reason == None || e.Reason == User)
}

// leftBehind is the error of an image that has not ended.
func (e end) leftBehind(ctx context.Context) error {
	switch {
	case ctx.Err() == nil:
		return &StuckError{e.Reason}
	case e.err != nil:
		return e.err
	}
	return errNotEnded
}

var (
	errEnded    = errors.New("the firmware ended without being told to")
	errNotEnded = fmt.Errorf("stop firmware: %w", task.ErrNotStopped)
)

// start runs app once, serves what it asks, and watches it.
func (l *Loader) start(ctx context.Context, app App, in Info) (e end) {
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l.hold(in, stop)
	defer l.hold(in, nil)

	a := &asking{alive: make(chan struct{}, 1), requests: make(chan request), gone: make(chan struct{})}
	defer close(a.gone)
	done := make(chan struct{})
	g, _ := task.NewGroup(inner)
	g.Go("firmware", func(ctx context.Context) error {
		defer close(done)
		return app(ctx, in, a)
	})
	if !l.serve(inner, in, a, done, stop, &e) {
		e.stuck, e.Reason = true, causeOf(inner)
		return e
	}
	e.err = g.Wait()
	switch r, told := errors.AsType[*Restart](context.Cause(inner)); {
	case errors.Is(e.err, task.ErrNotStopped):
		e.stuck, e.Reason = true, causeOf(inner)
	case e.rejected:
		e.restart = true
	case told && e.err == nil:
		e.restart, e.Reason = r.Reason != Hung, r.Reason
	case told && r.Reason == Hung:
		e.Reset = Reset{Hung, e.err.Error()}
	case told:
		e.Reset = Reset{Crashed, e.err.Error()}
	case e.err == nil && ctx.Err() == nil:
		e.err = errEnded
		e.Reset = Reset{Crashed, e.err.Error()}
	case e.err != nil:
		if r, asked := errors.AsType[*Restart](e.err); asked {
			e.restart, e.Reason = true, r.Reason
			break
		}
		e.Reset = Reset{Crashed, e.err.Error()}
	}
	return e
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// causeOf returns why an image was told to end that does not.
func causeOf(ctx context.Context) Reason {
	if r, ok := errors.AsType[*Restart](context.Cause(ctx)); ok && r.Reason != User {
		return r.Reason
	}
	return Hung
}

// serve serves an image until it is done, and tells it to end when it hangs. It
// returns false if it does not end then.
func (l *Loader) serve(ctx context.Context, in Info, a *asking, done <-chan struct{}, stop context.CancelCauseFunc, e *end) bool {
	// It counts ticks, not time: a process that was stopped for a while is not hung.
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	told := ctx.Done()
	quiet, late := time.Duration(0), time.Duration(0) // late is how long ago it was told to end
	for {
		select {
		case <-done:
			return true
		case r := <-a.requests:
			r.err <- l.answer(r, in, stop, e)
		case <-told:
			told = nil
		case <-a.alive:
			quiet = 0
			l.well()
		case <-ticker.C:
			if told == nil {
				late += tick
			}
			if late >= StopLimit {
				return isClosed(done)
			}
			if quiet += tick; quiet >= HangLimit && told != nil {
				l.Log.Error("firmware gave no sign of life", "event", "hung", "for", quiet.String())
				stop(&Restart{Hung})
			}
		}
	}
}
