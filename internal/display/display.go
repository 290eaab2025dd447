// Package display owns the LED bus: it shows the time on the panel.
//
// The loop sleeps until something can change: the minute, a setting, the light, the
// trust in the time, the end of a chip's pause, the next look at the chips. While LEDs
// fade or levels glide it draws a frame every 20 or 40 ms, or as often as the bus can.
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

// DefaultPoll is how often the chips are looked at: whether they were reset, and whether
// they hold what was written.
const DefaultPoll = 5 * time.Second

// Config is what a Display needs.
type Config struct {
	Bus      i2c.Bus
	Reset    gpio.PinOut              // of all drivers, active low; nil is not wired
	Time     *watch.Value[clock.Time] // to be shown
	Believed *watch.Value[clock.Time] // by which self-checks are dated; nil is Time
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
	panel       *Panel
	check       *selfCheck
	scene       scene
	pace        pace
	shown       clock.Face
	alive, poll time.Time // when the next sign of life, and look at the chips, is due
}

// New returns a display. It does not touch the bus.
func New(c Config) *Display {
	d := &Display{
		c: c, questions: make(chan question), resets: make(chan chan error),
		panel: NewPanel(c.Bus, c.Log), check: newSelfCheck(c), scene: newScene(),
	}
	d.panel.Wire(c.Reset)
	return d
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
	for {
		settings, newSettings := d.c.Settings.Watch()
		light, newLight := d.c.Light.Watch()
		believed, newTime := d.c.Time.Watch()
		next := d.step(&settings, light, believed)
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
			answer <- d.reset()
		case <-timer.C:
		}
	}
}

// step does all that is due, and returns when something will be again, unless something
// changes before that.
func (d *Display) step(settings *clock.Settings, light clock.Light, believed clock.Time) (next time.Time) {
	now := time.Now()
	d.live(now)
	f, stays := faceAt(believed, settings.Style, light.Off, now)
	d.scene.turn(f, light, settings, now)
	changes := now.Add(stays)
	frame := d.show(now, changes)
	if d.look(now, changes, !settings.SelfCheck.Off) {
		frame = d.show(now, changes)
	}
	check := d.examine(now, changes, settings.SelfCheck)
	d.publish()
	retry, _ := d.panel.Retry()
	return task.Soonest(changes, frame, check, retry, d.poll, d.alive)
}

// live gives the sign of life, if that is due.
func (d *Display) live(now time.Time) {
	if d.c.Alive != nil && !now.Before(d.alive) {
		d.c.Alive()
		d.alive = now.Add(time.Second)
	}
}

// look has a look at the chips, if that is due, and reports whether it had: the scene has
// to be shown again, since a chip may have been reset. What they should not hold is for the
// self-check to judge; while LEDs fade it is not looked for, as a self-check follows.
func (d *Display) look(now, changes time.Time, checks bool) (looked bool) {
	switch {
	case d.c.Poll == 0 || now.Before(d.poll):
		return false
	case d.hurries(now, changes, short):
		d.poll = changes
		return false
	case !d.poll.IsZero():
		if looked = true; d.panel.Check(checks && !d.scene.fade.moving(now)) {
			d.check.ask(now)
		}
	}
	d.poll = now.Add(d.c.Poll)
	return looked
}

// How long before a change of the face nothing is begun that could make it late: a look at
// the chips, which takes 25 ms at 100 kHz, or a self-check, which may have much to repair.
const (
	short = 50 * time.Millisecond
	quiet = time.Second
)

// hurries reports whether the face changes that soon. What blinks may be late.
func (d *Display) hurries(now, changes time.Time, soon time.Duration) bool {
	return !d.scene.face.Unknown && changes.Sub(now) < soon
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

// reset resets the drivers, and shows the scene again.
func (d *Display) reset() error {
	if err := d.panel.Reset(); err != nil {
		return err
	}
	d.show(time.Now(), time.Time{})
	d.publish()
	if dark := d.panel.Dark(); dark != nil {
		return &DarkError{dark}
	}
	return nil
}

// show draws the scene, whose face is right until changes, and returns when the next
// frame is due; zero is that nothing moves.
func (d *Display) show(now, changes time.Time) (next time.Time) {
	picture, period := d.scene.frame(now), d.scene.period(now)
	switch {
	case d.scene.face.Unknown:
		changes = time.Time{} // what blinks may be late, but has to be tried
	case period > 0:
		changes = now.Add(period) // a frame is not to be late for a row that is dark
	}
	d.panel.Show(&picture, changes)
	if period == 0 {
		return time.Time{}
	}
	if d.scene.fade.begun.Equal(now) {
		d.pace.due = now
	}
	return d.pace.next(now, time.Now(), period)
}

// examine has the LEDs read back when a face has come, and now and then. It returns when
// the next time is; zero is when the loop is at it again anyway.
func (d *Display) examine(now, changes time.Time, s clock.SelfCheck) time.Time {
	due := d.check.due(now, s)
	periodic := !due.IsZero() && !now.Before(due)
	switch {
	case !periodic && !d.scene.fresh:
		return due
	case d.scene.fade.moving(now) || d.hurries(now, changes, quiet):
		return time.Time{}
	}
	want := d.scene.frame(now)
	d.check.run(d.panel, &want, !d.scene.fresh, s)
	d.scene.fresh = false
	return d.check.due(now, s)
}

// publish says what is shown, together with the rows that stay dark. Rows that go dark or
// come back are for the self-check to judge.
func (d *Display) publish() {
	f := d.scene.face
	f.Dark = d.panel.Dark()
	if !slices.Equal(f.Dark, d.shown.Dark) {
		d.check.askOnce(time.Now())
	}
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
