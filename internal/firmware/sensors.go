package firmware

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

const (
	lookEvery  = time.Second     // at each sensor, unless it says otherwise
	mostPause  = 5 * time.Second // between two looks at one that does not answer
	lostAfter  = 3               // looks in a row that failed
	wellFor    = 10 * time.Second
	showEvery  = 10 * time.Second // what is no more than noise
	proveEvery = time.Minute      // that they are still read
)

// sensors owns the light sensor and the knob.
type sensors struct {
	// Immutable.
	value *watch.Value[clock.Sensors]
	log   *slog.Logger
	asks  chan chan error

	// Owned by Run.
	now    clock.Sensors
	shown  clock.Sensors
	at     time.Time // when that was shown
	gauges []*gauge
}

// newSensors returns the sensors of a board. It does not touch the bus.
func newSensors(b hal.Board, v *watch.Value[clock.Sensors], log *slog.Logger) *sensors {
	s := &sensors{value: v, log: log, asks: make(chan chan error)}
	if b.Sensors != nil {
		s.gauges = append(s.gauges, s.light(newEye(b)))
	}
	if b.Pot != nil {
		s.gauges = append(s.gauges, s.knob(&turn{pot: b.Pot}))
	}
	return s
}

func (s *sensors) light(e *eye) *gauge {
	return &gauge{
		name: "light sensor", err: &s.now.LightErr, clear: func() { s.now.Lux = 0 },
		read: func(ctx context.Context) (time.Duration, error) {
			lux, next, err := e.look(ctx)
			if err == nil {
				s.now.Lux = lux
			}
			return next, err
		},
	}
}

func (s *sensors) knob(k *turn) *gauge {
	return &gauge{
		name: "knob", err: &s.now.KnobErr, clear: func() { k.forget(); s.showKnob(0) },
		read: func(context.Context) (time.Duration, error) {
			mv, next, err := k.look()
			if err == nil {
				s.showKnob(mv)
			}
			return next, err
		},
	}
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
		next, e := g.read(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e == nil {
			s.now.At = time.Now()
		}
		g.judge(now, next, e, s.log)
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
	return lux || a.Knob != b.Knob || a.LightErr != b.LightErr || a.KnobErr != b.KnobErr || a.At.IsZero() != b.At.IsZero()
}

func (s *sensors) showKnob(mv int) {
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
