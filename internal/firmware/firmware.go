// Package firmware is the application that the boot loader starts: it builds
// the tasks of a clock on a board, and speaks for them as a clock.Service.
package firmware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/display"
	"wordclockd/internal/hal"
	"wordclockd/internal/task"
	"wordclockd/internal/timekeeper"
	"wordclockd/internal/watch"
)

// Config is what the firmware runs on. It outlives a restart.
type Config struct {
	Board  hal.Board
	Zone   *time.Location
	Synced func() (bool, error) // whether the host's clock is disciplined
	Log    *slog.Logger

	// Front is a front end that lives as long as one start; nil is none.
	Front func(context.Context, clock.Service) error
}

// App returns the firmware for a board.
func App(c Config) boot.App {
	return func(ctx context.Context, in boot.Info, ask boot.Asks) error {
		return build(c, in, ask).run(ctx)
	}
}

// A runner is a goroutine of the firmware: the only owner of one resource.
type runner interface {
	Run(ctx context.Context) error
	String() string
}

// A device is one start of the firmware. It implements clock.Service.
type device struct {
	tasks []runner
	front func(context.Context, clock.Service) error

	// What tasks tell each other.
	time     *watch.Value[clock.Time]     // from timekeeper
	face     *watch.Value[clock.Face]     // from display
	settings *watch.Value[clock.Settings] // from Change

	status *watch.Value[clock.Status]

	changing chan struct{} // full while somebody changes the settings
}

// build makes the tasks; nothing runs and no bus is touched.
func build(c Config, in boot.Info, ask boot.Asks) *device {
	d := &device{
		front:    c.Front,
		changing: make(chan struct{}, 1),
		time:     watch.NewValue(firstTime(c)),
		face:     new(watch.Value[clock.Face]),
		settings: watch.NewValue(clock.DefaultSettings()),
		status:   watch.NewValue(clock.Status{Boot: in.Boot, Version: in.Desc.Version}),
	}
	d.tasks = []runner{
		display.New(display.Config{
			Bus: c.Board.LEDs, Time: d.time, Settings: d.settings, Face: d.face,
			Log: c.Log, Poll: display.DefaultPoll, Alive: ask.Alive, Keep: isRestart,
		}),
		timekeeper.New(timekeeper.Config{
			Bus: c.Board.Sensors, Zone: c.Zone, Synced: c.Synced, Time: d.time, Log: c.Log,
		}),
	}
	return d
}

// firstTime is what to believe until the timekeeper has looked: a host that is
// right needs no second look.
func firstTime(c Config) clock.Time {
	if ok, err := c.Synced(); ok && err == nil {
		return clock.FromHost(time.Now(), c.Zone)
	}
	return clock.Time{Zone: c.Zone}
}

// isRestart reports whether the firmware ends in order to be started again.
func isRestart(cause error) bool {
	_, ok := errors.AsType[*boot.Restart](cause)
	return ok
}

// stopLimit is how long the tasks may take for their last acts.
const stopLimit = 2 * time.Second

// run runs all tasks until ctx is done or one of them fails.
func (d *device) run(ctx context.Context) error {
	d.gather()
	g, _ := task.NewGroup(ctx)
	for _, t := range d.tasks {
		g.Go(t.String(), t.Run)
	}
	g.Go("status", d.report)
	if d.front != nil {
		g.Go("front", func(ctx context.Context) error { return d.front(ctx, d) })
	}
	return g.WaitWithin(stopLimit)
}

// report keeps the status up with what the tasks say.
func (d *device) report(ctx context.Context) error {
	for {
		a, b, c := d.gather()
		select {
		case <-ctx.Done():
			return nil
		case <-a:
		case <-b:
		case <-c:
		}
	}
}

// gather puts the status together, and returns what tells of the next change.
func (d *device) gather() (a, b, c <-chan struct{}) {
	var s clock.Status
	s.Time, a = d.time.Watch()
	s.Face, b = d.face.Watch()
	s.Settings, c = d.settings.Watch()
	d.status.Update(func(old *clock.Status) {
		s.Boot, s.Version = old.Boot, old.Version
		*old = s
	})
	return a, b, c
}

// Watch implements clock.Service.
func (d *device) Watch() (clock.Status, <-chan struct{}) { return d.status.Watch() }

// Change implements clock.Service. Settings last as long as this start.
func (d *device) Change(ctx context.Context, f func(*clock.Settings) error) error {
	select {
	case d.changing <- struct{}{}:
		defer func() { <-d.changing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s := d.settings.Get()
	if err := f(&s); err != nil {
		return err
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("change settings: %w", err)
	}
	d.settings.Set(s)
	return nil
}
