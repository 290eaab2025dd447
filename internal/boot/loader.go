package boot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wordclockd/internal/flash"
)

// Times of a loader.
const (
	// HangLimit is how long an image may give no sign of life, and StopLimit how long it
	// may take to end once it was told to. Both are counted in ticks, the first of which
	// may follow at once.
	HangLimit = 10 * time.Second
	StopLimit = 10 * time.Second

	tick        = time.Second
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
	slot string                  // the name of its slot
	stop context.CancelCauseFunc // of the image that runs; nil if none does
	view View                    // as of the last change
	beat time.Time               // when all was well last
	soon bool                    // a restart was asked for while no image runs
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
	l.soon = l.stop == nil
}

// takeSoon reports whether a restart was asked for while no image ran.
func (l *Loader) takeSoon() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	soon := l.soon
	l.soon = false
	return soon
}

// Run starts app with what is to be started, and again when it ends, until ctx is
// done. The error is a *NothingError if nothing can be started, and a *StuckError if
// an image does not end that another one is to follow. If it does not when all is to
// end, the error is [task.ErrNotStopped].
func (l *Loader) Run(ctx context.Context, app App) error {
	last, wait := l.Last, firstWait
	var in Info
	for {
		next, err := l.choose(last)
		if err != nil && in.Boot > 0 {
			// The one before left the board to a successor, LEDs lit.
			off, cancel := context.WithCancel(ctx)
			cancel()
			return errors.Join(err, l.darken(off, app, in))
		}
		if err != nil {
			return err
		}
		in = next
		begin := time.Now()
		end := l.start(ctx, app, in)
		if err := l.note(in, end); err != nil {
			l.Log.Error("the end of a trial cannot be noted", "event", "flash_io", "err", err)
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
	in.Trial, in.GaveUp, in.Instead = false, nil, nil // it has had that
	switch end := l.start(ctx, app, in); {
	case end.stuck:
		return end.leftBehind(ctx)
	case !end.restart:
		return end.err
	}
	return nil
}

// sleep waits for d, or until somebody asks for a restart, and reports whether that
// was before ctx was done.
func (l *Loader) sleep(ctx context.Context, d time.Duration) bool {
	const step = 100 * time.Millisecond
	for ; d > 0 && !l.takeSoon(); d -= step {
		l.well()
		select {
		case <-ctx.Done():
			return false
		case <-time.After(step):
		}
	}
	return true
}

// choose decides what is started, and notes what has to be noted before it is. A
// flash that cannot be written is no reason to go dark: no trial begins on it, and an
// image is only started without one if there is no other.
func (l *Loader) choose(last Reset) (Info, error) {
	l.well()
	l.takeSoon() // it comes to pass now
	v, err := l.Store.Look()
	p := l.Store.Plan(v)
	if err == nil {
		err = l.Store.carryOut(p)
	}
	planned := v.after(p)
	if err == nil {
		v = planned
	} else {
		l.Log.Error("flash cannot be read or written", "event", "flash_io", "err", err)
		if p.Trial && len(p.Try) > 1 {
			p.Try = p.Try[1:]
		}
		p.Trial = false
	}
	l.show(v)
	if len(p.Try) == 0 {
		return Info{}, errors.Join(&NothingError{v.Contents}, err)
	}
	if p.Reason != None && last.Reason == None {
		last.Reason = p.Reason
	}
	in := planned.tells(p)
	in.Boot, in.Last = l.Boot()+1, last
	if in.GaveUp != nil && in.GaveUp.Now {
		if e := l.Store.tell(in.GaveUp.Slot); e != nil {
			l.Log.Error("flash cannot be read or written", "event", "flash_io", "err", e)
		}
	}
	in.Profile, err = l.Store.Profile(*v.at(in.Slot))
	if err != nil {
		l.Log.Warn("the profile of an image cannot be read: it is left out", "event", "profile_invalid", "err", err)
	}
	return in, nil
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

// show makes v what [Loader.View] returns.
func (l *Loader) show(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = v
}

// hold lets [Loader.Restart] stop the image that runs; nil: none does.
func (l *Loader) hold(in Info, stop context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boot, l.slot, l.stop = in.Boot, l.view.at(in.Slot).Name, stop
}
