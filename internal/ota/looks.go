package ota

import (
	"context"
	"sync"

	"wordclockd/internal/clock"
)

// An asking is a look at the sources: there is one at a time, since they are other
// people's servers, and it is for all who asked the same.
type asking struct {
	request Request
	done    chan struct{} // closed when the rest is there
	found   *finding
	err     error
}

type looks struct {
	mu      sync.Mutex
	present *asking // nil is none
}

// join returns the look that is under way, or begins one that is mine to end.
func (s *looks) join(r Request) (l *asking, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present != nil {
		return s.present, false
	}
	s.present = &asking{request: r, done: make(chan struct{})}
	return s.present, true
}

func (s *looks) end(l *asking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present = nil
	close(l.done)
}

// Check looks at the sources, or waits for who looks already and asked the same. It
// leaves an update alone that is under way. The current version is that of the image
// that runs.
func (u *Updater) Check(ctx context.Context, r Request) (clock.Check, error) {
	f, err := u.look(ctx, u.request(r))
	if err != nil {
		return clock.Check{}, err
	}
	return f.check(), nil
}

// request completes a request.
func (u *Updater) request(r Request) Request {
	r.Current = u.c.Running.Version
	return r
}

// usual reports whether the answer says how things are. One that is forced, or of one
// source alone, is for who asked.
func (r Request) usual() bool { return !r.Only && !r.Force }

// look is Check, with all that was found.
func (u *Updater) look(ctx context.Context, r Request) (*finding, error) {
	for {
		l, mine := u.looks.join(r)
		if mine {
			return u.lookNow(ctx, l)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-l.done:
		}
		if l.request != r {
			continue // it was another question
		}
		if l.err == nil {
			return l.found, nil
		}
	}
}

// lookNow carries out a look that is ours, and tells all who wait for it.
func (u *Updater) lookNow(ctx context.Context, l *asking) (*finding, error) {
	l.err = context.Canceled // should the checker panic
	defer u.looks.end(l)
	u.c.Value.Update(func(v *clock.Update) { v.Checking = true })
	defer u.c.Value.Update(func(v *clock.Update) { v.Checking = false })
	l.found = u.checker.find(ctx, l.request)
	if l.err = context.Cause(ctx); l.err == nil && l.request.usual() {
		u.change(func(r *Record) { r.Last = new(l.found.check()) })
	}
	return l.found, l.err
}
