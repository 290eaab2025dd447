package clock

import (
	"fmt"
	"time"

	"wordclockd/internal/face"
)

// A Level is a duty in 1/255.
type Level uint8

// Settings are what a user changes at run time. They survive restarts. They are
// comparable.
type Settings struct {
	Off   bool // nothing is lit
	Style face.Style

	// How bright a lit LED is: Individual x Global. Where a knob or a light sensor
	// rules, these are what was last set by hand; see Light.
	Individual  Level // MinLevel to SafetyLimit
	Global      Level // MinLevel to 255
	SafetyLimit Level // MinLevel to 255

	Transition Transition
	Zones      [Zones]Zone       // of the light sensor, from dark to bright
	Thresholds [Zones - 1]uint16 // lx, ascending: where a zone ends and the next one begins
	Knob       Knob
	Manual     Manual
	Night      Night
	SelfCheck  SelfCheck
	Chimes     Chimes

	Source Source // of firmware, that is preferred
}

// Transition is how one face becomes the next.
type Transition struct {
	Off      bool          // at once
	Duration time.Duration // 200 ms to 5 s, whole ms
	In, Out  Curve         // of LEDs that come, and that go
}

// Zones is how many zones of light there are.
const Zones = 5

// ZoneNames are the zones' names on the wire.
var ZoneNames = [Zones]string{"very_dark", "dim", "normal", "bright", "very_bright"}

// A Zone is the group level in one zone of light: Min at its dark end, Max at its
// bright one.
type Zone struct{ Min, Max Level }

// Knob maps the potentiometer to the level of an LED.
type Knob struct {
	Min, Max Level
	Curve    KnobCurve
}

// Chimes is when the quarters sound, and how loud.
type Chimes struct {
	On                   bool
	Volume               uint8 // percent
	QuietStart, QuietEnd uint8 // hours; equal is never quiet
}

// MinLevel is the lowest level at which something is to be seen.
const MinLevel Level = 5

// DefaultSettings are those of a clock that was never told anything.
func DefaultSettings() Settings {
	return Settings{
		Style: face.Default, Individual: 60, Global: 180, SafetyLimit: 80,
		Transition: Transition{Duration: 2 * time.Second, In: EaseInOut, Out: EaseInOut},
		Zones:      [...]Zone{{5, 30}, {30, 60}, {60, 120}, {120, 200}, {200, 255}},
		Thresholds: [...]uint16{10, 50, 200, 500},
		Knob:       Knob{Min: 5, Max: 255, Curve: KnobLinear},
		SelfCheck:  SelfCheck{Every: 350 * time.Second},
		Chimes:     Chimes{Volume: 80, QuietStart: 22, QuietEnd: 7},
		Source:     GitHub,
	}
}

// Validate returns an *InvalidError that names the first field out of its range, or
// at odds with others.
func (s Settings) Validate() error {
	for _, f := range Fields {
		if err := f.Check(&s); err != nil {
			return err
		}
	}
	for i, z := range s.Zones {
		if z.Min > z.Max {
			return invalid("light_sensor."+ZoneNames[i]+".brightness_max", "%d: want at least light_sensor.%s.brightness, which is %d", z.Max, ZoneNames[i], z.Min)
		}
	}
	for i := 1; i < len(s.Thresholds); i++ {
		if s.Thresholds[i] <= s.Thresholds[i-1] {
			return invalid(fmt.Sprintf("threshold_%d", i), "%d: want more than threshold_%d, which is %d", s.Thresholds[i], i-1, s.Thresholds[i-1])
		}
	}
	if s.Knob.Min >= s.Knob.Max {
		return invalid("potentiometer.brightness_max", "%d: want more than potentiometer.brightness_min, which is %d", s.Knob.Max, s.Knob.Min)
	}
	return nil
}

// An InvalidError is what somebody asked for and cannot have, as it makes no
// sense. Nothing of it took effect.
type InvalidError struct {
	Key  string // of the field or command; "" if it is plain which
	Text string // with the remedy
}

func (e *InvalidError) Error() string {
	if e.Key == "" {
		return e.Text
	}
	return e.Key + ": " + e.Text
}

func invalid(key, format string, args ...any) error {
	return &InvalidError{key, fmt.Sprintf(format, args...)}
}
