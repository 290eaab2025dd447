// Package boot chooses a slot, starts what is in it, restarts it, and rolls back;
// it is the one writer of otadata and of the fuses.
//
// It decides by the flash alone: settings, network and files may be lost.
//
// # Failure model
//
// The power can go at any byte. What is read after that is, of each 64 bytes that
// were not synced yet, any state that they ever had. At the next start something
// that was verified is started; what a call acknowledged is so; an image is only
// remembered as bad if it was; and a further update succeeds.
//
// What has to be written is ordered so that each step is durable before the next:
// a slot is erased, programmed, synced, read back and verified before the entry of
// otadata that selects it is written. That goes to the sector that is not the one
// of the image that runs. The power may go while the trial of an image is noted; it
// then is as if it had gone during the trial: the older one is started, and the
// update can be repeated.
package boot

import (
	"context"

	"wordclockd/internal/flash"
	"wordclockd/internal/task"
)

// An App is an image that can be started. It returns nil when ctx is done, a
// *Restart to be started again, or what broke it.
//
// It is the one place that decides how an image is run: what is here is plain
// data, and what is asked are messages.
type App func(ctx context.Context, in Info, ask Asks) error

// Info tells an image what it is and why it runs. It is plain data.
type Info struct {
	Boot    uint32 // starts counted by this loader, from 1
	Slot    int    // of the image: 0 and so on, or Factory or Test
	Desc    flash.Desc
	Digest  [32]byte      // at the end of the image
	Fuses   flash.Fuses   // as they are once it is started
	Profile flash.Profile // what the image was made to do wrong
	Trial   bool          // the image has yet to be confirmed
	Last    Reset         // why the start before this one ended
	GaveUp  *GaveUp       // the image in another slot that was given up last; nil if none was
	Instead *Instead      // what is not started, though it is selected; nil if this is
}

// Instead tells of a slot that cannot be started, though otadata selects it.
type Instead struct {
	Slot int
	Text string // why not
}

// GaveUp tells of an image that was given up.
type GaveUp struct {
	Slot   int
	Desc   flash.Desc // zero if the image is not there any more
	Digest [32]byte   // the same
	Reason Reason
	Now    bool // no start was told of it yet, so that it is news
}

// Asks is what an image may ask of its loader. They can be called at any time, and
// fail when the image is not the one that runs any more.
type Asks interface {
	// Alive is the sign of life that the watchdog waits for.
	Alive()
	// Free makes that what is in slot is not started before it is staged. It comes
	// before the first byte of another image is written there. It is ErrTrial, as
	// Stage is, while the running image is on trial.
	Free(slot int) error
	// Changed says that what was in slot is overwritten: that it was given up is
	// forgotten, durably. It comes after the first bytes of slot are erased, which it
	// syncs: until then what was given up could be started, as if nothing were known
	// of it.
	Changed(slot int) error
	// Stage makes the image in slot the one that is tried at the next start.
	Stage(slot int) error
	// Confirm ends the trial of the running image well.
	Confirm() error
	// Reject gives the running image up: another one is started, by a restart that
	// the loader brings about. It is a *RollbackError if there is none.
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

// A StuckError says that an image did not end when it was told to. Nothing can be
// started beside it: the process has to end.
type StuckError struct{ Reason Reason }

func (e *StuckError) Error() string {
	return "the firmware (" + e.Reason.String() + ") did not end when it was told to: the process is replaced"
}

// Unwrap returns [task.ErrNotStopped].
func (e *StuckError) Unwrap() error { return task.ErrNotStopped }

// A NothingError says that no slot can be started.
type NothingError struct{ Contents []Content }

func (e *NothingError) Error() string {
	text := "nothing can be started"
	for _, c := range e.Contents {
		if c.Err != nil {
			text += ": " + c.Name + ": " + c.Err.Error()
		}
	}
	return text
}

// Unwrap returns what is wrong with each slot.
func (e *NothingError) Unwrap() (errs []error) {
	for _, c := range e.Contents {
		if c.Err != nil {
			errs = append(errs, c.Err)
		}
	}
	return errs
}
