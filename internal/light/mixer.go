// Package light decides how bright the face is, and says why: by hand, knob, light
// sensor and the windows of the night.
//
// # The one rule
//
// Each of the two levels has a lever. A value that was set by hand holds until the knob
// or the light moves, or the time for it is over; then knob or light sensor rule again.
// Where there is none, or it does not answer, what was set last rules, or what it last
// asked for if that is newer. Above both stand the safety limit, the windows of the
// night, and display.on.
package light

import (
	"math"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
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
// a level was set by hand, and what they last asked for.
type Mixer struct {
	individual, group lever

	windows string // as they were when night was made, at a local time
	night   night
	at      time.Time
	ends    time.Time // of what Light.Window says, as it was last told
}

const (
	knobMoves  = knobEnd / 50    // mV, a fiftieth of its travel
	lightNoise = 0.1             // of what it was, as the firmware has it
	lightLasts = 3 * time.Second // a hand or a switch casts shorter shadows
)

// Mix returns how bright the face is to be, which marks are to be taken back, and when
// to ask again if nothing changes; zero is never. A mark that is to be taken back has no
// effect any more, whether it is taken back or not.
func (m *Mixer) Mix(in Input) (l clock.Light, r Release, next time.Time) {
	s := in.Settings
	knob, light := knobSense(in), lightSense(in)
	m.individual.pull(in.Now, s.Individual, s.Manual.Individual, s.Manual.For, knob)
	m.group.pull(in.Now, s.Global, s.Manual.Global, s.Manual.For, light)
	l = clock.Light{
		Individual: min(m.individual.level, s.SafetyLimit), WhyIndividual: m.individual.why(in, knob),
		Group: m.group.level, WhyGroup: m.group.why(in, light),
	}
	m.sleep(in, &l)
	if s.Off {
		l.Off, l.WhyOff = true, clock.Reason{By: clock.ByHand, Text: "display.on is false"}
	}
	r = Release{Individual: m.individual.hold.over, Global: m.group.hold.over, Paused: s.Night.Paused && m.isDay(in)}
	next = task.Soonest(m.individual.hold.next(s.Manual.For, knob.lasts), m.group.hold.next(s.Manual.For, light.lasts))
	if !in.Local.IsZero() && !m.night.next.IsZero() {
		next = task.Soonest(next, in.host(m.night.next))
	}
	return l, r, next
}

// host returns when it is a local time by the host's clock.
func (in Input) host(local time.Time) time.Time { return in.Now.Add(local.Sub(in.Local)) }

// knobSense returns what the knob says.
func knobSense(in Input) sense {
	k, limit := in.Settings.Knob, in.Settings.SafetyLimit
	return sense{
		by: clock.ByKnob, fitted: in.Knob, answers: in.Knob && !in.Sensors.At.IsZero() && in.Sensors.KnobErr == "",
		x:    float64(in.Sensors.KnobMV),
		asks: func(mv float64) clock.Level { return Individual(k, limit, int(mv)) },
		curve: struct {
			knob  clock.Knob
			limit clock.Level
		}{k, limit},
		noise: func(at, mv float64) bool {
			atEnd := mv <= 0 || mv >= knobEnd
			return !atEnd && math.Abs(float64(asked(k, int(mv)))-float64(asked(k, int(at)))) <= 1
		},
		moves: func(from, mv float64) bool { return math.Abs(mv-from) > knobMoves },
	}
}

// lightSense returns what the light sensor says.
func lightSense(in Input) sense {
	zones, thresholds := in.Settings.Zones, in.Settings.Thresholds
	asks := func(lux float64) clock.Level { return Group(zones, thresholds, lux) }
	return sense{
		by: clock.ByLight, fitted: in.Light, answers: in.Light && !in.Sensors.At.IsZero() && in.Sensors.LightErr == "",
		x: in.Sensors.Lux, asks: asks,
		curve: struct {
			zones      [clock.Zones]clock.Zone
			thresholds [clock.Zones - 1]uint16
		}{zones, thresholds},
		noise: func(at, lux float64) bool { return math.Abs(lux-at)/(at+1) < lightNoise },
		moves: func(from, lux float64) bool {
			was := float64(asks(from))
			by := math.Abs(float64(asks(lux)) - was)
			return by > 10 && by > was/5
		},
		lasts: lightLasts,
	}
}

// sleep lets the windows of the night have their say about l.
func (m *Mixer) sleep(in Input, l *clock.Light) {
	m.turn(in)
	s, ok := m.night.rules()
	if !ok || in.Local.IsZero() || in.Settings.Night.Paused {
		m.ends = time.Time{}
		return
	}
	l.Window = s.window.String()
	if ends := in.host(s.to); ends.Sub(m.ends).Abs() > time.Second { // else time was just set a little
		m.ends = ends
	}
	why := clock.Reason{By: clock.ByNight, Text: "night window " + l.Window, Until: m.ends}
	switch {
	case s.window.Off:
		l.Off, l.WhyOff = true, why
	case s.window.Most < l.Group:
		l.Group, l.WhyGroup = s.window.Most, why
	}
}

// turn has m.night be that of the present.
func (m *Mixer) turn(in Input) {
	windows, local := in.Settings.Night.Windows, in.Local
	same := windows == m.windows && local.Location() == m.at.Location()
	if same && !local.Before(m.at) && (m.night.next.IsZero() || local.Before(m.night.next)) {
		return
	}
	m.windows, m.at, m.night = windows, local, night{}
	if list, err := clock.ParseWindows(windows); err == nil && !local.IsZero() {
		m.night = nightAt(list, local)
	}
}

// isDay reports whether it is known to be no night.
func (m *Mixer) isDay(in Input) bool {
	_, night := m.night.rules()
	return !in.Local.IsZero() && !night
}
