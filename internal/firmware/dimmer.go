package firmware

import (
	"context"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/light"
)

// A dimmer has the face as bright as hand, knob, light sensor and night want it.
type dimmer struct{ d *device }

func (m dimmer) String() string { return "dimmer" }

// Run publishes how bright the face is to be until ctx is done.
func (m dimmer) Run(ctx context.Context) error {
	var mixer light.Mixer
	d := m.d
	for {
		settings, newSettings := d.shown.Watch()
		ambient, newAmbient := d.ambient.Watch()
		believed, newTime := d.time.Watch()
		in := light.Input{Now: time.Now(), Settings: settings, Sensors: ambient, Knob: m.knob(), Light: m.light()}
		if local, ok := believed.At(in.Now); ok {
			in.Local = local
		}
		l, release, next := mixer.Mix(in)
		if l != d.light.Get() {
			d.light.Set(l)
		}
		if release != (light.Release{}) {
			_, _ = d.Change(ctx, func(s *clock.Settings) error {
				s.Manual.Individual = s.Manual.Individual && !release.Individual
				s.Manual.Global = s.Manual.Global && !release.Global
				s.Night.Paused = s.Night.Paused && !release.Paused
				return nil
			})
			continue
		}
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-newSettings:
		case <-newAmbient:
		case <-newTime:
		case <-due:
		}
	}
}

func (m dimmer) knob() bool  { return m.d.has(clock.HasKnob) }
func (m dimmer) light() bool { return m.d.has(clock.HasLight) }
