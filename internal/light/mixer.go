// Package light decides how bright the face is, and says why: by hand, knob, light
// sensor and the windows of the night.
package light

import (
	"time"

	"wordclockd/internal/clock"
)

// An Input is all that the brightness depends on.
type Input struct {
	Now      time.Time // by the host's clock, of time.Now
	Local    time.Time // what the clock believes; zero if it does not know
	Settings clock.Settings
	Sensors  clock.Sensors
	Knob     bool // there is one
	Light    bool // there is a light sensor
}

// A Release is which marks of the settings have had their time.
type Release struct{ Individual, Global, Paused bool }

// A Mixer decides how bright the face is. It remembers where knob and light were when
// a level was set by hand.
type Mixer struct{}

// Mix returns how bright the face is to be, which marks are to be taken back, and when
// to ask again if nothing changes; zero is never.
func (m *Mixer) Mix(in Input) (l clock.Light, r Release, next time.Time) {
	return clock.Light{Off: in.Settings.Off, Individual: in.Settings.Individual, Group: in.Settings.Global}, Release{}, time.Time{}
}
