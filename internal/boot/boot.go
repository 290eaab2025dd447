// Package boot starts the firmware and serves what it asks of its boot loader.
//
// There is one image yet, the program itself, and the loader plainly calls it.
// Slots, trials and rollback come with the A/B store, behind the same types.
package boot

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"wordclockd/internal/flash"
)

// An App is an image that can be started. It returns nil when ctx is done, a
// *Restart to be started again, or what broke it.
type App func(ctx context.Context, in Info, ask Asks) error

// Info tells an image what it is and why it runs. It is plain data.
type Info struct {
	Boot  uint32 // starts counted by this loader, from 1
	Slot  int    // the image's slot, 0 or 1
	Desc  flash.Desc
	Trial bool  // the image has yet to be confirmed
	Last  Reset // why the start before this one ended
}

// Asks is what an image may ask of its loader.
type Asks interface {
	// Alive is the sign of life that the watchdog waits for.
	Alive()
	// Stage makes the image in slot the one that is tried at the next start.
	Stage(slot int) error
	// Confirm ends the trial of the running image well.
	Confirm() error
	// Reject ends its trial badly: the other image is started again.
	Reject(Reason, string) error
}

// A Reset is the end of a start.
type Reset struct {
	Reason Reason
	Text   string
}

// Restart is the error by which an image asks to be started again.
type Restart struct{ Reason Reason }

func (r *Restart) Error() string { return "restart: " + r.Reason.String() }

// A Loader starts images. Restart and Boot may be called at any time.
type Loader struct {
	Desc flash.Desc // of the program itself

	mu   sync.Mutex
	boot uint32                  // the present start, or the last
	stop context.CancelCauseFunc // of the image that runs; nil if none does
}

// Boot returns the number of the present start, 0 before the first.
func (l *Loader) Boot() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.boot
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

// Run starts app, and again as often as it asks for or is told to, until ctx is
// done.
func (l *Loader) Run(ctx context.Context, app App) error {
	in := Info{Desc: l.Desc}
	for {
		in.Boot++
		err := l.start(ctx, app, in)
		r, ok := errors.AsType[*Restart](err)
		if !ok {
			return err
		}
		in.Last = Reset{Reason: r.Reason}
		if ctx.Err() != nil {
			return l.last(ctx, app, in)
		}
	}
}

// last starts an image only to be stopped: the one before it left the board to a
// successor, LEDs lit, and then the loader was told to stop.
func (l *Loader) last(ctx context.Context, app App, in Info) error {
	in.Boot++
	err := l.start(ctx, app, in)
	if _, ok := errors.AsType[*Restart](err); ok {
		return nil
	}
	return err
}

// start runs app once. An image that ended well because it was told to restart
// is as good as one that asked for it.
func (l *Loader) start(ctx context.Context, app App, in Info) error {
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l.hold(in.Boot, stop)
	defer l.hold(in.Boot, nil)
	err := app(inner, in, alone{})
	if r, ok := errors.AsType[*Restart](context.Cause(inner)); ok && err == nil {
		return r
	}
	return err
}

func (l *Loader) hold(boot uint32, stop context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boot, l.stop = boot, stop
}

// alone answers an image beside which there is no other.
type alone struct{}

func (alone) Alive() {}

func (alone) Stage(slot int) error {
	return fmt.Errorf("stage slot %d: there is no second slot", slot)
}

func (alone) Confirm() error { return nil } // it is not on trial

func (alone) Reject(Reason, string) error {
	return errors.New("reject: the image is not on trial")
}
