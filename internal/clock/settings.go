package clock

import (
	"fmt"

	"wordclockd/internal/face"
)

// A Level is a duty in 1/255.
type Level uint8

// Settings are what a user changes at run time. They survive restarts.
type Settings struct {
	Style face.Style

	// How bright a lit LED is: Individual x Global.
	Individual  Level // MinLevel to SafetyLimit
	Global      Level // MinLevel to 255
	SafetyLimit Level // MinLevel to 255

	Source Source // of firmware, that is preferred
}

// MinLevel is the lowest level at which something is to be seen.
const MinLevel Level = 5

// DefaultSettings are those of a clock that was never told anything.
func DefaultSettings() Settings {
	return Settings{Style: face.Default, Individual: 60, Global: 180, SafetyLimit: 80, Source: GitHub}
}

// Validate returns an *InvalidError that names the first field out of its range.
func (s Settings) Validate() error {
	for _, f := range Fields {
		if err := f.Check(&s); err != nil {
			return err
		}
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
