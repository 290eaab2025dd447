package firmware

import (
	"context"
	"sync"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/light"
)

// A dimmer has the face as bright as hand, knob, light sensor and night want it.
type dimmer struct {
	// Immutable.
	d           *device
	knob, light bool // are there

	refused time.Time // when marks could not be taken back, last; zero is not; owned by Run

	mu    sync.Mutex
	mixer light.Mixer
}

// newDimmer returns the dimmer of a device, which knows already how bright the face is
// until anything is measured.
func newDimmer(d *device) *dimmer {
	m := &dimmer{d: d, knob: d.has(clock.HasKnob), light: d.has(clock.HasLight)}
	m.mix()
	return m
}

func (m *dimmer) String() string { return "dimmer" }

// retryAfter is how long marks that could not be taken back are left alone.
const retryAfter = 10 * time.Second

// Run publishes how bright the face is to be until ctx is done.
func (m *dimmer) Run(ctx context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		_, newSettings := m.d.shown.Watch()
		_, newAmbient := m.d.ambient.Watch()
		_, newTime := m.d.time.Watch()
		settings, release, next := m.mix()
		if retry := m.release(ctx, release, settings); !retry.IsZero() && (next.IsZero() || retry.Before(next)) {
			next = retry
		}
		due.Stop()
		if !next.IsZero() {
			due.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-newSettings:
		case <-newAmbient:
		case <-newTime:
		case <-due.C:
		}
	}
}

// mix publishes how bright the face is to be now. It returns the settings by which it is,
// and what light.Mixer does. Who changes settings calls it, too: whoever was answered sees
// the outcome.
func (m *dimmer) mix() (settings clock.Settings, r light.Release, next time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	settings = m.d.shown.Get()
	in := light.Input{Now: time.Now(), Settings: settings, Sensors: m.d.ambient.Get(), Knob: m.knob, Light: m.light}
	if local, ok := m.d.time.Get().At(in.Now); ok {
		in.Local = local
	}
	l, r, next := m.mixer.Mix(in)
	if l != m.d.light.Get() {
		m.d.light.Set(l)
	}
	return settings, r, next
}

// release takes marks back, if they are still those that were decided on. It returns
// when to try again; zero is never.
func (m *dimmer) release(ctx context.Context, r light.Release, on clock.Settings) (retry time.Time) {
	if r == (light.Release{}) {
		return time.Time{}
	}
	if retry := m.refused.Add(retryAfter); !m.refused.IsZero() && time.Now().Before(retry) {
		return retry
	}
	_, err := m.d.Change(ctx, func(s *clock.Settings) error {
		if r.Individual && s.Individual == on.Individual {
			s.Manual.Individual = false
		}
		if r.Global && s.Global == on.Global {
			s.Manual.Global = false
		}
		if r.Paused && s.Night.Windows == on.Night.Windows {
			s.Night.Paused = false
		}
		return nil
	})
	if m.refused = (time.Time{}); err == nil {
		return time.Time{}
	}
	m.refused = time.Now()
	return m.refused.Add(retryAfter)
}
