// Package display owns the LED bus: it shows the time on the panel.
//
// The loop sleeps until something can change: the minute, a setting, the
// trust in the time, the end of a chip's pause, the next look at the chips.
package display

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/watch"
)

// DefaultPoll is how often the chips are asked whether they were reset.
const DefaultPoll = 5 * time.Second

// Config is what a Display needs.
type Config struct {
	Bus      i2c.Bus
	Time     *watch.Value[clock.Time]
	Settings *watch.Value[clock.Settings]
	Face     *watch.Value[clock.Face] // written by the display: what is shown
	Log      *slog.Logger

	// Keep says of the cause of the end whether the face stays lit: somebody
	// goes on with it at once. nil is never.
	Keep func(cause error) bool

	Poll  time.Duration // between two looks at the chips; 0 is never
	Alive func()        // called at least each second; nil is nobody
}

// A Display shows the time until it is told to stop, and then goes dark.
type Display struct {
	// Immutable.
	c         Config
	questions chan question

	// Owned by Run.
	panel *Panel
	shown clock.Face
}

// New returns a display. It does not touch the bus.
func New(c Config) *Display {
	return &Display{c: c, questions: make(chan question), panel: NewPanel(c.Bus, c.Log)}
}

func (d *Display) String() string { return "display" }

// Run shows the time until ctx is done; its last act is to put the LEDs out,
// unless they are to be kept.
// Nothing that goes wrong on the bus ends it.
func (d *Display) Run(ctx context.Context) error {
	defer func() {
		if d.c.Keep == nil || !d.c.Keep(context.Cause(ctx)) {
			d.goDark()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var alive time.Time // when the next one is due
	poll := time.Now().Add(d.c.Poll)
	for {
		settings, newSettings := d.c.Settings.Watch()
		believed, newTime := d.c.Time.Watch()
		now := time.Now()
		if d.c.Alive != nil && !now.Before(alive) {
			d.c.Alive()
			alive = now.Add(time.Second)
		}
		if d.c.Poll > 0 && !now.Before(poll) {
			d.panel.Check()
			poll = now.Add(d.c.Poll)
		}
		f, stays := faceAt(believed, settings.Style, now)
		next := now.Add(stays)
		d.show(f, settings, next)
		if at, ok := d.panel.Retry(); ok {
			next = earlier(next, at)
		}
		if d.c.Poll > 0 {
			next = earlier(next, poll)
		}
		if d.c.Alive != nil {
			next = earlier(next, alive)
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return nil
		case <-newSettings:
		case <-newTime:
		case q := <-d.questions:
			q.answer <- d.panel.Verify(q.row)
		case <-timer.C:
		}
	}
}

// A question is what is wrong with a row.
type question struct {
	row    int
	answer chan error
}

// Examine has every chip read back by the loop, a row at a time so that no change of
// the face has to wait, and returns by row what is wrong. It may be called at any time.
func (d *Display) Examine(ctx context.Context) (wrong [face.Rows]error, err error) {
	for row := range wrong {
		q := question{row, make(chan error, 1)}
		select {
		case d.questions <- q:
		case <-ctx.Done():
			return wrong, context.Cause(ctx)
		}
		select {
		case wrong[row] = <-q.answer:
		case <-ctx.Done():
			return wrong, context.Cause(ctx)
		}
	}
	return wrong, nil
}

// show draws f, which is right until next, and publishes it together with the
// rows that stay dark.
func (d *Display) show(f clock.Face, s clock.Settings, next time.Time) {
	if f.Unknown {
		next = time.Time{} // what blinks may be late, but has to be tried
	}
	frame := Draw(f.Phrase, s)
	d.panel.Show(&frame, next)
	f.Dark = d.panel.Dark()
	if f.Phrase != d.shown.Phrase || f.Unknown != d.shown.Unknown || !slices.Equal(f.Dark, d.shown.Dark) {
		d.shown = f
		d.c.Face.Set(f)
	}
}

func (d *Display) goDark() {
	d.panel.Blank()
	d.c.Face.Set(clock.Face{Dark: d.panel.Dark()})
	if dark := d.panel.Dark(); len(dark) > 0 {
		d.c.Log.Warn("LEDs out, but for rows that do not answer", "event", "leds_out", "rows", dark)
		return
	}
	d.c.Log.Info("LEDs out", "event", "leds_out")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
