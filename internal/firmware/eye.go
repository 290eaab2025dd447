package firmware

import (
	"context"
	"math"
	"slices"
	"time"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/bh1750"
	"wordclockd/internal/task"
)

const (
	briskLook  = 250 * time.Millisecond  // at a light that changes
	briskFor   = time.Second             // since it last did
	eyeWindow  = 1100 * time.Millisecond // of the mean: at rest it has the look before in it
	moves      = 0.1                     // what counts as a change, as a part (firmware: 10 %)
	darkLooks  = 3                       // at nothing, until that is doubted
	doubtEvery = 5 * time.Second         // while it stays dark
)

// An eye is the light sensor. One that was reset measures no more and reads 0, which
// nothing else tells: so darkness is only believed of a sensor that was configured since
// it last saw something, and doubted again and again.
type eye struct {
	dev *bh1750.Dev // Immutable.

	set   bool      // configured since it last failed
	since time.Time // when
	ready time.Time // it has a result of that
	sure  bool      // and not seen anything since
	dark  int       // looks in a row at nothing
	seen  []glance  // of the last second
	brisk time.Time // it is looked at often until then
}

// A glance is what was seen at a moment.
type glance struct {
	at  time.Time
	lux float64
}

func newEye(b hal.Board) *eye { return &eye{dev: bh1750.New(b.Sensors, hal.LightAddr)} }

// look returns the mean of about the last second, and how soon to look again.
func (e *eye) look(ctx context.Context) (lux float64, next time.Duration, err error) {
	if !e.set {
		e.seen = nil
		if err := e.configure(); err != nil {
			return 0, 0, err
		}
	}
	if d := time.Until(e.ready); d > 0 {
		task.Sleep(ctx, d)
	}
	now, err := e.dev.Lux()
	if err != nil {
		e.set = false
		return 0, 0, err
	}
	if doubted, err := e.doubt(now); doubted {
		return e.mean(), briskLook, err
	}
	return e.take(glance{time.Now(), float64(now)})
}

// configure has the sensor measure. What it does not see then is not there.
func (e *eye) configure() error {
	err := e.dev.Configure()
	e.set = err == nil
	e.sure, e.since = true, time.Now()
	e.ready = e.since.Add(bh1750.MeasurementTime)
	return err
}

// doubt reports whether a reading is left out, since it may be that of a sensor that was
// reset.
func (e *eye) doubt(now bh1750.Lux) (bool, error) {
	if now > 0 {
		e.sure, e.dark = false, 0
		return false, nil
	}
	switch e.dark++; {
	case e.sure && time.Since(e.since) < doubtEvery:
		return false, nil
	case e.sure || e.dark >= darkLooks:
		return true, e.configure()
	}
	return true, nil
}

// take counts a reading in.
func (e *eye) take(g glance) (lux float64, next time.Duration, err error) {
	e.seen = slices.DeleteFunc(e.seen, func(old glance) bool { return g.at.Sub(old.at) > eyeWindow })
	before := g.lux
	if len(e.seen) > 0 {
		before = e.mean()
	}
	if math.Abs(g.lux-before) > moves*(before+1) {
		e.brisk = g.at.Add(briskFor)
	}
	e.seen = append(e.seen, g)
	if g.at.Before(e.brisk) {
		return e.mean(), briskLook, nil
	}
	return e.mean(), lookEvery, nil
}

// mean returns that of what was seen; nothing is 0.
func (e *eye) mean() float64 {
	sum := 0.0
	for _, g := range e.seen {
		sum += g.lux
	}
	return sum / float64(max(len(e.seen), 1))
}
