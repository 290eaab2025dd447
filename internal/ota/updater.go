package ota

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/watch"
)

// A Slot is the one beside that of the image that runs, and how to ask for it. The
// errors may be *Errors; others are of the flash.
type Slot struct {
	Name   string
	Device flash.Device // the whole partition
	Free   func() error // nothing starts what is in it any more; before the first byte

	// Changed says that what was in it is not any more, after the first byte and when
	// no more come.
	Changed func() error

	Stage func() error // what is in it is tried at the next start
}

// UpdaterConfig is what an [Updater] is made of.
type UpdaterConfig struct {
	Config
	Running   Running
	Slot      *Slot                      // nil: there is none but the one that runs
	Preferred func() clock.Source        // the source that the user prefers
	Value     *watch.Value[clock.Update] // the updater fills all of it but Stored

	Record Record
	Keep   func(Record) // so that it is Record after a restart; it logs what goes wrong

	// Examine is called beside a download: it finds out what the clock has to remember
	// of the time before the trial. What it returns is called right before the slot is
	// staged, to note that with the digest of the image in it; and what that returns
	// takes the note back, should the slot not be staged.
	Examine func(ctx context.Context) Note
	Reboot  func() // asks for a restart, and does not wait for it
}

// A Note notes what the trial of the image with a digest has to know. What it returns
// takes that back.
type Note func(digest [32]byte) (undo func(), err error)

// An Updater looks at the sources, when it is asked and by itself, and brings images
// into the idle slot. Run is the one goroutine that does the latter; everything else
// may be called at any time.
type Updater struct {
	// Immutable.
	c       UpdaterConfig
	checker *Checker
	known   *Known
	queue   chan *attempt // has an element when one is to be carried out

	looks     looks
	confirmed atomic.Bool // the trial of the image that runs ended well in this start

	changing    chan struct{} // full while the record is changed
	record      Record        // of who fills changing
	interrupted *clock.Attempt

	mu     sync.Mutex
	busy   *attempt // that is queued or under way; nil is none
	closed bool     // Run has ended
	yield  func()   // ends a look that nobody asked for; nil before the first
}

// NewUpdater returns an updater that knows what became of the updates before this
// start. It does no I/O.
func NewUpdater(c UpdaterConfig) *Updater {
	u := &Updater{c: c, queue: make(chan *attempt, 1), changing: make(chan struct{}, 1), record: c.Record}
	u.record.Next = max(u.record.Next, 1)
	u.interrupted = u.record.settle(c.Running, time.Now())
	u.known = KnownTo(c.Running, u.record)
	u.c.Known = u.known
	u.checker = New(u.c.Config)
	u.publish()
	return u
}

func (u *Updater) String() string { return "ota" }

// change edits the record, has it stored, and publishes what is shown of it.
func (u *Updater) change(f func(*Record)) {
	u.changing <- struct{}{}
	defer func() { <-u.changing }()
	f(&u.record)
	u.record.revise(u.c.Running)
	u.known.learn(u.record.Bad)
	u.c.Keep(u.record)
	u.publish()
}

// publish shows the record.
func (u *Updater) publish() {
	r := u.record
	u.c.Value.Update(func(v *clock.Update) {
		v.Last, v.History = r.Last, r.History
		if r.Present == nil {
			v.Present = nil
		}
	})
}

// remembered returns the record.
func (u *Updater) remembered() Record {
	u.changing <- struct{}{}
	defer func() { <-u.changing }()
	return u.record
}

// Start says which update is to be made.
type Start struct {
	Source   *clock.Source // to prefer this time; nil is the user's
	Force    bool          // an older version will do, and one that was given up
	NoReboot bool          // somebody else starts it
	Auto     bool          // nobody asked for it
	File     string        // to take instead of what the sources have; "" is none
}

// Start begins an update, which goes on by itself, and returns its number. The error
// is a *clock.UnavailableError.
func (u *Updater) Start(s Start) (uint32, error) {
	a, err := u.claim(s, nil)
	if err != nil {
		return 0, err
	}
	u.queue <- a
	if u.isClosed() { // nobody takes it
		u.close()
	}
	return a.shown.Number, nil
}

// claim makes an update the one that is under way. What was found may be known.
func (u *Updater) claim(s Start, found *finding) (*attempt, error) {
	switch {
	case u.c.Slot == nil:
		return nil, &clock.UnavailableError{Code: "ota_no_slot", Text: NoUpdatePartition.String() + ": the partition table has no slot beside the one that runs"}
	case u.c.Running.onTrial():
		return nil, &clock.UnavailableError{Code: "ota_on_trial",
			Text: OnTrial.String() + ": " + flash.Printable(u.c.Running.Version) + " has yet to be confirmed, or given up: an update would overwrite what it can fall back to"}
	}
	a := newAttempt(u, s, found)
	switch other, open := u.enter(a); {
	case !open:
		return nil, &clock.UnavailableError{Code: "ota_already_running", Text: "the clock ends: try again when it runs"}
	case other != nil && other.isOver():
		return nil, &clock.UnavailableError{Code: "ota_already_running",
			Text: "an update is installed already, and the clock is about to start it: try again when it runs"}
	case other != nil:
		return nil, &clock.UnavailableError{Code: "ota_already_running", Text: "an update is already running: wait for it, or cancel it by `ota cancel`"}
	}
	u.change(func(r *Record) {
		a.shown.Number = r.Next
		r.Next++
		a.step(Checking, "")
		r.Present = new(a.shown)
	})
	return a, nil
}

// enter makes a the update that is under way, unless there is one, which it returns; a
// look that nobody asked for makes way. open is false once Run has ended.
func (u *Updater) enter(a *attempt) (other *attempt, open bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy == nil && !u.closed {
		u.busy = a
		if u.yield != nil && !a.start.Auto {
			u.yield()
		}
	}
	if u.busy == a {
		return nil, true
	}
	return u.busy, !u.closed
}

// yielding returns a context that is done when somebody wants an update.
func (u *Updater) yielding(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.yield = cancel
	if u.busy != nil {
		cancel()
	}
	return ctx, cancel
}

func (u *Updater) isClosed() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.closed
}

// close ends the update that nobody will carry out any more.
func (u *Updater) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	select {
	case a := <-u.queue:
		close(a.done)
		u.leave(a)
	default:
	}
}

// leave lets another update begin, if a is the one that is under way.
func (u *Updater) leave(a *attempt) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy == a {
		u.busy = nil
	}
}

func (u *Updater) present() *attempt {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.busy
}

// Cancel gives the update up that is under way, and returns when it has ended. The
// error is a *clock.UnavailableError if there is none, or if it is too late.
func (u *Updater) Cancel(ctx context.Context) error {
	a := u.present()
	if a == nil {
		return &clock.UnavailableError{Code: "ota_cancel_failed", Text: "no update is under way"}
	}
	if !a.cancel() {
		return &clock.UnavailableError{Code: "ota_cancel_failed", Text: "it is too late: the new image is installed, and starts at the next restart; after that, `ota rollback` goes back"}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.done:
		return nil
	}
}

// Confirmed notes that the trial of the image that runs ended well.
func (u *Updater) Confirmed() {
	u.confirmed.Store(true)
	u.change(func(r *Record) {
		r.edit(func(a clock.Attempt) bool { return isInstalled(a) && u.c.Running.runs(a) }, func(a *clock.Attempt) {
			a.Result = clock.Confirmed
			r.absolve(a.SHA256)
		})
	})
}

// Run carries out updates, and looks at the sources by itself, until ctx is done.
func (u *Updater) Run(ctx context.Context) error {
	defer u.close()
	u.begin()
	s := u.schedule(firstLook())
	defer func() { s.stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-u.queue:
			u.carryOut(ctx, a)
		case <-s.due():
			s = u.schedule(u.interval())
			u.lookByItself(ctx)
		}
	}
}

// begin stores what the start came to, and says what it was.
func (u *Updater) begin() {
	u.change(func(*Record) {})
	if a := u.interrupted; a != nil {
		u.c.Log.Warn("an update was interrupted", "event", "ota_interrupted", "number", a.Number, "version", a.Version, "bytes", a.Bytes, "size", a.Size)
	}
}

// carryOut carries an update out, and asks for the restart that it needs.
func (u *Updater) carryOut(ctx context.Context, a *attempt) {
	defer close(a.done)
	defer u.leave(a)
	installed := a.run(ctx)
	if !installed || a.start.NoReboot {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(u.c.OTA.RebootDelay):
		u.c.Reboot()
	}
}
