// Package display owns the LED bus: it shows the time on the panel.
//
// The loop sleeps until something can change: the minute, a setting, the
// trust in the time, the end of a chip's pause, the next look at the chips.
package display

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// DefaultPoll is how often the chips are asked whether they were reset.
const DefaultPoll = 5 * time.Second

// Config is what a Display needs.
type Config struct {
	Bus      i2c.Bus
	Reset    gpio.PinOut // of all drivers, active low; nil is not wired
	Time     *watch.Value[clock.Time]
	Settings *watch.Value[clock.Settings]
	Light    *watch.Value[clock.Light]       // how bright; only it says that nothing is to be lit
	Face     *watch.Value[clock.Face]        // written by the display: what is shown
	Checked  *watch.Value[*clock.Validation] // written by the display: what the last read-back came to; nil is nobody
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
	resets    chan chan error

	// Owned by Run.
	panel *Panel
	shown clock.Face
}

// New returns a display. It does not touch the bus.
func New(c Config) *Display {
	return &Display{c: c, questions: make(chan question), resets: make(chan chan error), panel: NewPanel(c.Bus, c.Log)}
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
		light, newLight := d.c.Light.Watch()
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
		f, stays := faceAt(believed, settings.Style, light.Off, now)
		next := now.Add(stays)
		d.show(f, light, next)
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
		case <-newLight:
		case q := <-d.questions:
			q.answer <- d.panel.Verify(q.row)
		case answer := <-d.resets:
			answer <- d.reset(f, light)
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
		if wrong[row], err = task.Ask(ctx, d.questions, q, q.answer); err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}

// resetPulse is how long the drivers are held in reset, and left alone after it: more
// than enough for any wiring (datasheet, Switching Characteristics: 10 ns and 400 ns).
const resetPulse = time.Millisecond

// A DarkError says that rows do not answer after a reset.
type DarkError struct{ Rows []int }

func (e *DarkError) Error() string { return fmt.Sprintf("LED rows %v do not answer", e.Rows) }

// Reset has the loop reset all drivers by their reset line, and draw the face anew. The
// error is a *DarkError if not all of them answer then. It may be called at any time if
// the line is wired.
func (d *Display) Reset(ctx context.Context) error {
	answer := make(chan error, 1)
	wrong, err := task.Ask(ctx, d.resets, answer, answer)
	if err != nil {
		return err
	}
	return wrong
}

// reset resets the drivers, and shows f again.
func (d *Display) reset(f clock.Face, l clock.Light) error {
	for _, level := range [...]gpio.Level{gpio.Low, gpio.High} {
		if err := d.c.Reset.Out(level); err != nil {
			return fmt.Errorf("set reset line of the LED drivers to %s: %w", level, err)
		}
		time.Sleep(resetPulse)
	}
	d.panel.Forget()
	d.show(f, l, time.Time{})
	if dark := d.panel.Dark(); dark != nil {
		return &DarkError{dark}
	}
	return nil
}

// show draws f, which is right until next, and publishes it together with the
// rows that stay dark.
func (d *Display) show(f clock.Face, l clock.Light, next time.Time) {
	if f.Unknown {
		next = time.Time{} // what blinks may be late, but has to be tried
	}
	frame := Draw(f.Phrase, l)
	d.panel.Show(&frame, next)
	f.Dark = d.panel.Dark()
	if f.Phrase != d.shown.Phrase || f.Unknown != d.shown.Unknown || f.Off != d.shown.Off || !slices.Equal(f.Dark, d.shown.Dark) {
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
