package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/task"
)

// Times of a loader.
const (
	// HangLimit is how long an image may give no sign of life.
	HangLimit = 10 * time.Second
	// StopLimit is how long an image may take to end once it was told to.
	StopLimit = 10 * time.Second

	firstWait   = time.Second // before an image that broke, and is not on trial, is started again
	longestWait = time.Minute
)

// A Loader starts images. All but Run may be called at any time.
type Loader struct {
	// Immutable.
	Store *Store
	Log   *slog.Logger
	Last  Reset // how the process before this one ended, if it said so

	mu   sync.Mutex
	boot uint32                  // the present start, or the last
	slot string                  // its name
	stop context.CancelCauseFunc // of the image that runs; nil if none does
	view View                    // as of the last change
	beat time.Time               // when all was well last
}

// Boot returns the number of the present start, 0 before the first.
func (l *Loader) Boot() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.boot
}

// Running returns the name of the slot that was started last; "" before the first.
func (l *Loader) Running() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slot
}

// View returns what the store held when it was last looked at.
func (l *Loader) View() View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view
}

// Fresh reports whether the loader, and the image that it runs, are well.
func (l *Loader) Fresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.beat) < HangLimit+StopLimit
}

func (l *Loader) well() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat = time.Now()
}

// Restart ends the image that runs, so that it is started again. It does not
// wait for that.
func (l *Loader) Restart(r Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop(&Restart{r})
	}
}

// Run starts app with what is to be started, and again when it ends, until ctx is
// done. The error is a *NothingError if nothing can be started, and a *StuckError if
// an image does not end that another one is to follow. If it does not when all is to
// end, the error is [task.ErrNotStopped].
func (l *Loader) Run(ctx context.Context, app App) error {
	last, wait, rejected := l.Last, firstWait, NoSlot
	for {
		in, err := l.choose(last, rejected)
		if err != nil {
			return err
		}
		begin := time.Now()
		end := l.start(ctx, app, in)
		if err := l.note(in, end); err != nil {
			l.Log.Error("the end of a trial cannot be noted", "event", "flash_io", "err", err)
		}
		if rejected = NoSlot; end.rejected {
			rejected = in.Slot
		}
		switch last = end.Reset; {
		case end.stuck:
			return end.leftBehind(ctx)
		case ctx.Err() != nil && end.restart:
			return l.darken(ctx, app, in)
		case ctx.Err() != nil:
			return end.err
		case end.restart || in.Trial:
			continue
		}
		if time.Since(begin) > longestWait {
			wait = firstWait
		}
		l.Log.Error("firmware is started again", "event", "restart", "reason", last.Reason.String(), "in", wait.String(), "err", end.err)
		if !l.sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, longestWait)
	}
}

// darken starts an image only to be stopped: the one before it left the board to a
// successor, LEDs lit, and then the loader was told to stop.
func (l *Loader) darken(ctx context.Context, app App, in Info) error {
	in.Boot, in.Last = in.Boot+1, Reset{Reason: User}
	switch end := l.start(ctx, app, in); {
	case end.stuck:
		return end.leftBehind(ctx)
	case !end.restart:
		return end.err
	}
	return nil
}

// sleep reports whether d passed before ctx was done.
func (l *Loader) sleep(ctx context.Context, d time.Duration) bool {
	for ; d > 0; d -= time.Second {
		l.well()
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(d, time.Second)):
		}
	}
	return true
}

// choose decides what is started, and notes what has to be noted before it is. A
// flash that cannot be written is no reason to go dark: no trial begins on it, and an
// image is only started without one if there is no other.
// What is in the slot rejected was given up by the start before.
func (l *Loader) choose(last Reset, rejected int) (Info, error) {
	l.well()
	v, err := l.Store.Look()
	p := l.Store.Plan(v)
	if err == nil {
		err = l.Store.carryOut(p)
	}
	planned := v
	for _, w := range p.Write {
		planned.Entries[w.Sector] = w.Entry
	}
	if err == nil {
		v = planned
	} else {
		l.Log.Error("flash cannot be read or written", "event", "flash_io", "err", err)
		if p.Trial && len(p.Try) > 1 {
			p.Try = p.Try[1:]
		}
		p.Trial = false
	}
	boot := l.Boot() + 1
	l.mu.Lock()
	l.view = v
	l.mu.Unlock()
	if len(p.Try) == 0 {
		return Info{}, errors.Join(&NothingError{v.Contents}, err)
	}
	if p.Reason != None {
		rejected = p.Gave
		if last.Reason == None {
			last.Reason = p.Reason
		}
	}
	in := Info{Boot: boot, Slot: p.Try[0], Trial: p.Trial, Last: last, GaveUp: planned.gaveUp(p.Try[0])}
	if in.GaveUp != nil {
		in.GaveUp.Now = in.GaveUp.Slot == rejected
	}
	c := v.at(in.Slot)
	in.Desc = c.Image.Desc
	l.mu.Lock()
	l.slot = c.Name
	l.mu.Unlock()
	in.Profile, err = l.Store.Profile(*c)
	if err != nil {
		l.Log.Warn("the profile of an image cannot be read: it is left out", "event", "profile_invalid", "err", err)
	}
	return in, nil
}

// gaveUp returns the image that was given up last, other than the one in a slot.
func (v View) gaveUp(running int) (g *GaveUp) {
	var seq uint32
	for _, c := range v.Contents {
		e, why := v.Entry(c.Slot), v.GivenUp(c.Slot)
		if c.Slot == running || why == None || g != nil && e.Seq < seq {
			continue
		}
		g, seq = &GaveUp{Slot: c.Slot, Reason: why}, e.Seq
		if c.Image != nil {
			g.Desc = c.Image.Desc
		}
	}
	return g
}

// note writes down how a start ended, if that was a trial.
func (l *Loader) note(in Info, e end) error {
	switch {
	case !in.Trial || e.rejected:
		return nil
	case e.clean():
		return l.Store.trial(in.Slot, stopped)
	}
	return l.Store.trial(in.Slot, func(s flash.Select) flash.Select { return noted(s, e.Reason) })
}

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
	l.hold(in.Boot, stop)
	defer l.hold(in.Boot, nil)

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
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := ctx.Done()
	var limit <-chan time.Time
	quiet := time.Duration(0)
	for {
		select {
		case <-done:
			return true
		case r := <-a.requests:
			r.err <- l.answer(r, in, stop, e)
		case <-told:
			told, limit = nil, time.After(StopLimit)
		case <-limit:
			return false
		case <-a.alive:
			quiet = 0
			l.well()
		case <-tick.C:
			if quiet += time.Second; quiet >= HangLimit && told != nil {
				l.Log.Error("firmware gave no sign of life", "event", "hung", "for", quiet.String())
				stop(&Restart{Hung})
			}
		}
	}
}

// A request is what an image asks.
type request struct {
	do     func(s *Store, running int) error
	reject *Reset // that it be given up
	err    chan error
}

// answer does what an image asks.
func (l *Loader) answer(r request, in Info, stop context.CancelCauseFunc, e *end) error {
	var err error
	if r.reject != nil {
		if err = l.Store.Reject(in.Slot, r.reject.Reason); err == nil {
			e.Reset, e.rejected = *r.reject, true
			stop(&Restart{r.reject.Reason})
		}
	} else {
		err = r.do(l.Store, in.Slot)
	}
	if v, e := l.Store.Look(); e == nil {
		l.mu.Lock()
		l.view = v
		l.mu.Unlock()
	}
	return err
}

// asking implements Asks for one start.
type asking struct {
	alive    chan struct{}
	requests chan request
	gone     chan struct{} // closed when the start is over
}

func (a *asking) Alive() {
	select {
	case a.alive <- struct{}{}:
	default:
	}
}

func (a *asking) ask(r request) error {
	r.err = make(chan error, 1)
	select {
	case a.requests <- r:
		return <-r.err
	case <-a.gone:
		return errors.New("the image that asks does not run any more")
	}
}

func (a *asking) Free(slot int) error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Free(slot, running) }})
}

func (a *asking) Stage(slot int) error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Stage(slot, running) }})
}

func (a *asking) Confirm() error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Confirm(running) }})
}

func (a *asking) Reject(why Reason, text string) error {
	if why == None || int(why) >= len(reasons) {
		return fmt.Errorf("reject: %s is no reason", why)
	}
	return a.ask(request{reject: &Reset{why, text}})
}

func (l *Loader) hold(boot uint32, stop context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boot, l.stop = boot, stop
}
