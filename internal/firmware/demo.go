package firmware

import (
	"context"
	"log/slog"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/watch"
)

// The course of the demonstration: from 14:00 to 15:00, and again.
const (
	demoEvery = 10 * time.Second
	demoStep  = 5 * time.Minute
	demoSteps = 13
)

var demoBegin = time.Date(2000, 1, 1, 14, 0, 0, 0, time.UTC)

// A demo stands between who knows the time and who shows it: while it is on, it has
// other times shown.
type demo struct {
	// Immutable.
	believed *watch.Value[clock.Time]
	shown    *watch.Value[clock.Time] // written by Run
	on       *watch.Value[bool]
	log      *slog.Logger
}

func newDemo(believed *watch.Value[clock.Time], log *slog.Logger) *demo {
	return &demo{believed: believed, shown: watch.NewValue(believed.Get()), on: new(watch.Value[bool]), log: log}
}

func (d *demo) String() string { return "demo" }

// Run has the believed time shown until ctx is done, but for demonstrations.
func (d *demo) Run(ctx context.Context) error {
	var begun time.Time // of the demonstration; zero is none
	for {
		on, switched := d.on.Watch()
		believed, changed := d.believed.Watch()
		var next <-chan time.Time
		if on {
			if begun.IsZero() {
				begun = time.Now()
			}
			n := time.Since(begun) / demoEvery
			d.shown.Set(demoTime(int(n)))
			next, changed = time.After(time.Until(begun.Add((n+1)*demoEvery))), nil
		} else {
			begun = time.Time{}
			d.shown.Set(believed)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-switched:
		case <-changed:
		case <-next:
		}
	}
}

// demoTime is what is shown in the n-th step.
func demoTime(n int) clock.Time {
	at := demoBegin.Add(time.Duration(n%demoSteps) * demoStep)
	return clock.Time{Quality: clock.Synced, Host: time.Now(), True: at}
}

// turn switches the demonstration.
func (d *demo) turn(on bool) {
	var was bool
	d.on.Update(func(v *bool) { was, *v = *v, on })
	switch {
	case on && !was:
		d.log.Info("demonstration begins: the face does not show the time", "event", "demo", "on", on)
	case was && !on:
		d.log.Info("demonstration ends: the face shows the time", "event", "demo", "on", on)
	}
}

func (d *device) doStartDemo(context.Context, map[string]string) (any, error) {
	d.demo.turn(true)
	return nil, nil
}

func (d *device) doStopDemo(context.Context, map[string]string) (any, error) {
	d.demo.turn(false)
	return nil, nil
}
