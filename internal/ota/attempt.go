package ota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/task"
)

// An attempt is one update. It belongs to the goroutine that runs the updater, after
// that which made it.
type attempt struct {
	// Immutable.
	u     *Updater
	start Start
	done  chan struct{}   // closed when it is over
	ctx   context.Context // done when it was cancelled, or is over
	end   context.CancelCauseFunc

	found *finding // what the sources have; nil until that is known
	shown clock.Attempt
	told  time.Time // when shown was published last
	image *flash.Image

	proven bool // what is wrong is wrong with the image that was wanted

	mu        sync.Mutex
	committed bool // it is too late to cancel it
}

func newAttempt(u *Updater, s Start, found *finding) *attempt {
	a := &attempt{u: u, start: s, done: make(chan struct{}), found: found}
	a.ctx, a.end = context.WithCancelCause(context.Background())
	a.shown = clock.Attempt{
		From: u.c.Running.Version, Slot: u.c.Slot.Name, Forced: s.Force, Auto: s.Auto,
		Causes: map[string]string{}, Sources: map[string]clock.Served{}, Warnings: []string{}, Begun: time.Now().UTC(),
	}
	return a
}

// cancel gives the update up, and reports whether that was in time.
func (a *attempt) cancel() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.committed {
		a.end(fault(Cancelled, errors.New("somebody asked for it")))
	}
	return !a.committed
}

// isOver reports whether it is too late to cancel the update.
func (a *attempt) isOver() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.committed
}

// commit makes it too late to cancel the update, unless it was.
func (a *attempt) commit(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	a.committed = true
	return nil
}

// run makes the update, and reports whether an image was installed. When the clock
// ends meanwhile, the next start draws the conclusions.
func (a *attempt) run(life context.Context) (installed bool) {
	defer context.AfterFunc(life, func() { a.end(context.Cause(life)) })()
	defer a.end(nil)
	a.u.c.Log.Info("update begins", "event", "ota_update_started", "number", a.shown.Number, "current", a.shown.From,
		"forced", a.start.Force, "auto", a.start.Auto, "file", a.start.File)
	ctx, cancel := a.withDeadline()
	defer cancel()
	err := a.steps(ctx)
	if err != nil && life.Err() != nil {
		return false
	}
	if e, ok := errors.AsType[*Error](context.Cause(ctx)); ok && err != nil && CauseOf(err) != e.Cause {
		err = errors.Join(e, err)
	}
	if err != nil && a.late(ctx) {
		err = at(err, Downloading, a.shown.Source, 0) // that took so long
	}
	a.finish(err)
	return err == nil
}

func (a *attempt) withDeadline() (context.Context, context.CancelFunc) {
	d := a.u.c.OTA.Deadline
	if d <= 0 {
		return context.WithCancel(a.ctx)
	}
	return context.WithTimeoutCause(a.ctx, d, fault(Timeout, fmt.Errorf("the update took more than %s: see ota.deadline", d)))
}

// late reports whether the update ended because it took too long.
func (a *attempt) late(ctx context.Context) bool { return a.ctx.Err() == nil && ctx.Err() != nil }

// A choice is an image and who may have it.
type choice struct {
	manifest  Manifest
	suppliers []supplier // the first delivered the manifest
}

// steps takes all steps of an update. The error is an upToDate, or consists of *Errors.
func (a *attempt) steps(ctx context.Context) error {
	if a.start.File != "" {
		o, err := a.fromFile(ctx)
		if err != nil {
			return err
		}
		return a.install(ctx, o)
	}
	s, err := a.newShelf(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o, err := s.first(ctx)
	if err != nil {
		return err
	}
	err = a.install(ctx, o)
	if ctx.Err() != nil || a.proven || !is[*FetchError](err) && !refused(err, 1) {
		return err
	}
	second, ok := s.second(ctx)
	if !ok {
		return err
	}
	a.u.c.Log.Warn("the image cannot be had: the update starts over with that of the other source", "event", "ota_started_over",
		"source", second.suppliers[0].name, "version", second.manifest.Version, "instead", o.manifest.Version)
	a.warn(fmt.Sprintf("%s of %s could not be had: %s of %s is installed instead",
		o.manifest.Version, o.suppliers[0].name, second.manifest.Version, second.suppliers[0].name))
	if again := a.install(ctx, second); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// install brings an image into the slot, and has it started next.
func (a *attempt) install(ctx context.Context, o choice) error {
	m := o.manifest
	a.shown.Version, a.shown.SHA256, a.shown.Size = m.Version, m.SHA256, m.Size
	a.shown.Bytes, a.shown.Fetched, a.shown.Rate, a.shown.RemainingS = 0, 0, 0, 0
	if size := a.u.c.Slot.Device.Geometry().Size; m.Size > size {
		return at(fault(TooLarge, fmt.Errorf("%s has %d bytes, and slot %s %d", m.Version, m.Size, a.u.c.Slot.Name, size)), Downloading, o.suppliers[0].name, 0)
	}
	a.step(Downloading, o.suppliers[0].name)
	a.store(nil)
	note, err := a.downloadBeside(ctx, o)
	a.suspect(err, len(o.suppliers))
	if e, ok := err.(*Error); ok && condemns(e.Cause) { // of the image, whoever delivered it
		return at(e, Downloading, o.suppliers[0].name, 0)
	}
	if err != nil {
		return err
	}
	return a.switchOver(ctx, note)
}

// downloadBeside downloads while the clock is examined, which takes a while too.
func (a *attempt) downloadBeside(ctx context.Context, o choice) (note Note, err error) {
	g, _ := task.NewGroup(ctx)
	g.Go("examine", func(ctx context.Context) error {
		note = a.u.c.Examine(ctx)
		return nil
	})
	if err = a.download(ctx, o); err != nil {
		g.Stop(nil)
	}
	if bug := g.Wait(); bug != nil {
		panic(bug)
	}
	return note, err
}

// switchOver has the image in the slot started next.
func (a *attempt) switchOver(ctx context.Context, note Note) error {
	a.step(Flashing, a.shown.Source)
	a.store(nil)
	if err := a.commit(ctx); err != nil {
		return err
	}
	undo, err := note(a.image.Digest)
	if err != nil {
		return at(inFlash(err, "note what the trial has to know"), Flashing, "", 0)
	}
	if err := a.u.c.Slot.Stage(); err != nil {
		undo()
		return a.ofSlot(err, Flashing)
	}
	return nil
}

// ofSlot gives an error of the slot a cause if it has none.
func (a *attempt) ofSlot(err error, during State) error {
	if is[*Error](err) {
		return at(err, during, "", 0)
	}
	return at(fault(FlashIO, fmt.Errorf("slot %s: %w", a.u.c.Slot.Name, err)), during, "", 0)
}
