package firmware

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/bh1750"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

const (
	lookEvery  = time.Second // at each sensor
	mostPause  = time.Minute // between two looks at one that does not answer
	lostAfter  = 3           // looks in a row that failed
	wellFor    = 10 * time.Second
	showEvery  = 10 * time.Second // what is no more than noise
	proveEvery = time.Minute      // that they are still read
	darkLooks  = 60               // looks at nothing in a row, until a light sensor may have been reset
)

// sensors owns the light sensor and the knob.
type sensors struct {
	// Immutable.
	board hal.Board
	value *watch.Value[clock.Sensors]
	log   *slog.Logger
	asks  chan chan error

	// Owned by Run.
	now    clock.Sensors
	shown  clock.Sensors
	at     time.Time // when that was shown
	gauges []*gauge
	light  *bh1750.Dev
	set    bool // light is configured
	dark   int  // looks in a row at which it saw nothing
}

// newSensors returns the sensors of a board. It does not touch the bus.
func newSensors(b hal.Board, v *watch.Value[clock.Sensors], log *slog.Logger) *sensors {
	s := &sensors{board: b, value: v, log: log, asks: make(chan chan error)}
	if b.Sensors != nil {
		s.light = bh1750.New(b.Sensors, hal.LightAddr)
		s.gauges = append(s.gauges, &gauge{name: "light sensor", read: s.readLight, clear: func() { s.now.Lux = 0 }, err: &s.now.LightErr})
	}
	if b.Pot != nil {
		s.gauges = append(s.gauges, &gauge{name: "knob", read: s.readKnob, clear: func() { s.showKnob(0) }, err: &s.now.KnobErr})
	}
	return s
}

func (s *sensors) String() string { return "sensors" }

// Run reads the sensors until ctx is done. Nothing that goes wrong with them ends it.
func (s *sensors) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			_ = s.look(ctx, false)
			s.show(false)
		case answer := <-s.asks:
			err := s.look(ctx, true)
			s.show(true)
			answer <- err
		}
		if next, ok := s.next(); ok {
			timer.Reset(time.Until(next))
		}
	}
}

// next returns when something is to be read.
func (s *sensors) next() (at time.Time, ok bool) {
	for _, g := range s.gauges {
		if !ok || g.next.Before(at) {
			at, ok = g.next, true
		}
	}
	return at, ok
}

// look reads those sensors whose time has come, or all, and returns what was wrong.
func (s *sensors) look(ctx context.Context, all bool) (err error) {
	now := time.Now()
	for _, g := range s.gauges {
		if !all && now.Before(g.next) {
			continue
		}
		e := g.read(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e == nil {
			s.now.At = time.Now()
		}
		g.judge(now, e, s.log)
		err = errors.Join(err, e)
	}
	return err
}

// show publishes what was read: at once if something has changed or somebody asks, and
// what may be noise now and then.
func (s *sensors) show(asked bool) {
	since := time.Since(s.at)
	same := s.now
	same.At = s.shown.At
	switch {
	case s.now.At.IsZero() && same == s.shown:
	case asked, differ(s.now, s.shown), same != s.shown && since >= showEvery, since >= proveEvery:
		s.shown, s.at = s.now, time.Now()
		s.value.Set(s.now)
	}
}

// differ reports whether two readings differ by more than noise.
func differ(a, b clock.Sensors) bool {
	lux := math.Abs(a.Lux-b.Lux) > max(0.5, 0.05*b.Lux)
	return lux || math.Abs(a.Knob-b.Knob) > 0.005 || a.LightErr != b.LightErr || a.KnobErr != b.KnobErr || a.At.IsZero() != b.At.IsZero()
}

// readLight reads the light sensor. One that sees nothing for long may have been reset,
// which nothing else tells.
func (s *sensors) readLight(ctx context.Context) error {
	if !s.set {
		if err := s.light.Configure(); err != nil {
			return err
		}
		s.set, s.dark = true, 0
		task.Sleep(ctx, bh1750.MeasurementTime)
	}
	lux, err := s.light.Lux()
	if s.dark++; lux > 0 {
		s.dark = 0
	}
	s.set = err == nil && s.dark < darkLooks
	if err == nil {
		s.now.Lux = float64(lux)
	}
	return err
}

func (s *sensors) readKnob(context.Context) error {
	sample, err := s.board.Pot.Read()
	if err == nil {
		s.showKnob(int(sample.V / 1e6)) // it is in nV
	}
	return err
}

// What the knob's converter makes of its whole range.
const (
	knobMV  = 3300
	knobRaw = 4095
)

func (s *sensors) showKnob(mv int) {
	mv = min(max(mv, 0), knobMV)
	s.now.KnobMV, s.now.KnobRaw, s.now.Knob = mv, mv*knobRaw/knobMV, float64(mv)/knobMV
}

// refresh has all sensors read now, and returns what was wrong with any.
func (s *sensors) refresh(ctx context.Context) error {
	answer := make(chan error, 1)
	wrong, err := task.Ask(ctx, s.asks, answer, answer)
	if err != nil {
		return err
	}
	return wrong
}

// doRefresh reads the sensors.
func (d *device) doRefresh(ctx context.Context, _ map[string]string) (any, error) {
	if len(d.sensors.gauges) == 0 {
		return nil, &clock.UnavailableError{Code: "sensor_refresh_failed", Text: "there is neither a light sensor nor a knob"}
	}
	if err := d.sensors.refresh(ctx); err != nil {
		return nil, &clock.UnavailableError{Code: "sensor_refresh_failed", Text: err.Error()}
	}
	return nil, nil
}
