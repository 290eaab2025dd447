package display

import (
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/task"
)

// A fade takes the LEDs from one face to another. It knows of each how much of the
// level of a lit LED it has, so that the level may change meanwhile.
type fade struct {
	to    face.Mask
	cells [face.Rows][face.Cols]cell
	begun time.Time
	ends  time.Time // when all LEDs are as in to
}

// A cell is an LED on its way; shares of the level are 0 to 1.
type cell struct {
	from, to float32
	begun    time.Time
	takes    time.Duration // 0 is that it is there
	curve    clock.Curve
}

// set has the LEDs of m lit, and no others, at once.
func (f *fade) set(m face.Mask) {
	if m == f.to && f.ends.IsZero() {
		return
	}
	*f = fade{to: m}
	for led := range m.LEDs() {
		f.cells[led.Row][led.Col].to = 1
	}
}

// turn begins to fade to m, each LED that changes from where it is. All of them begin
// together; those that go on to be lit, or dark, or on their way, are left alone. Minute
// LEDs take half the time, in a straight line.
func (f *fade) turn(m face.Mask, how clock.Transition, now time.Time) {
	for row := range f.cells {
		for col := range f.cells[row] {
			if lit := m.Lit(row, col); lit != f.to.Lit(row, col) {
				ends := f.cells[row][col].turn(lit, how, col >= face.Letters, now)
				f.ends = task.Later(f.ends, ends)
			}
		}
	}
	f.to, f.begun = m, now
}

func (c *cell) turn(lit bool, how clock.Transition, minute bool, now time.Time) (ends time.Time) {
	*c = cell{from: c.share(now), begun: now, takes: how.Duration, curve: how.Out}
	if lit {
		c.to, c.curve = 1, how.In
	}
	if minute {
		c.takes, c.curve = how.Duration/2, clock.Linear
	}
	return now.Add(c.takes)
}

// moving reports whether LEDs have yet to get where they are to be.
func (f *fade) moving(now time.Time) bool { return now.Before(f.ends) }

// draw returns the levels of the LEDs where a lit one has the given.
func (f *fade) draw(level uint8, now time.Time) (pwm [face.Rows][face.Cols]uint8) {
	if !f.moving(now) {
		for led := range f.to.LEDs() {
			pwm[led.Row][led.Col] = level
		}
		return pwm
	}
	for row := range f.cells {
		for col := range f.cells[row] {
			pwm[row][col] = f.cells[row][col].level(level, now)
		}
	}
	return pwm
}

// at returns how much of its duration is over, 0 to 1.
func (c *cell) at(now time.Time) float32 {
	if c.takes == 0 || !now.Before(c.begun.Add(c.takes)) {
		return 1
	}
	return float32(float64(now.Sub(c.begun)) / float64(c.takes))
}

func (c *cell) share(now time.Time) float32 {
	t := c.at(now)
	if t == 1 {
		return c.to
	}
	return c.from + float32((c.to-c.from)*progress(c.curve, t))
}

// level is in whole counts of the chip, exact at the end.
func (c *cell) level(lit uint8, now time.Time) uint8 {
	full := float32(lit)
	t := c.at(now)
	if t == 1 {
		return uint8(c.to * full)
	}
	return between(c.from*full, c.to*full, t, c.curve)
}
