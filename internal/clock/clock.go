// Package clock is the vocabulary that the clock and its front ends share.
package clock

import (
	"context"
	"fmt"

	"wordclockd/internal/face"
)

// A Service is the running clock as a front end sees it.
type Service interface {
	// Watch returns the present status and a channel that is closed when
	// there is a newer one.
	Watch() (Status, <-chan struct{})

	// Change edits the settings by f. Either all of the change is valid and
	// takes effect, or none of it does and the error names the field.
	Change(ctx context.Context, f func(*Settings) error) error
}

// Status is what the clock has to say about itself. It is a value: nothing in
// it changes later.
type Status struct {
	Boot     uint32 // starts of the firmware
	Version  string // of the image that runs
	Time     Time
	Face     Face
	Settings Settings
}

// Face is what stands on the front.
type Face struct {
	Phrase  face.Phrase
	Unknown bool  // the time is not known: the four minute LEDs blink
	Dark    []int // rows whose LED driver does not answer, 0 at the top
}

// A Level is a duty in 1/255.
type Level uint8

// Settings are what a user changes at run time.
type Settings struct {
	Style face.Style

	// How bright a lit LED is: Individual x Global.
	Individual Level // 5 to SafetyLimit
	Global     Level // 5 to 255
}

// Limits of the levels.
const (
	MinLevel    Level = 5
	SafetyLimit Level = 80 // of the individual level
)

// DefaultSettings are those of a clock that was never told anything.
func DefaultSettings() Settings {
	return Settings{Style: face.Default, Individual: 60, Global: 180}
}

// Validate returns an error that names the first field out of its range.
func (s Settings) Validate() error {
	switch {
	case s.Style != face.Default && s.Style != face.HalbCentric:
		return fmt.Errorf("style %s: want %s or %s", s.Style, face.Default, face.HalbCentric)
	case s.Individual < MinLevel || s.Individual > SafetyLimit:
		return fmt.Errorf("individual brightness %d: want %d to %d", s.Individual, MinLevel, SafetyLimit)
	case s.Global < MinLevel:
		return fmt.Errorf("global brightness %d: want %d to 255", s.Global, MinLevel)
	}
	return nil
}
