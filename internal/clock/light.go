package clock

import (
	"fmt"
	"time"
)

// Light is how bright the face is to be, and why.
type Light struct {
	Off        bool   // nothing is lit
	Individual Level  // of a lit LED, up to the safety limit
	Group      Level  // of the whole face, by which that of each LED is multiplied
	Window     string // the window of the night that rules; "" is none

	WhyOff, WhyIndividual, WhyGroup Reason
}

// A Reason is why something is as bright as it is.
type Reason struct {
	By    Ruler
	Text  string    // for a person
	Until time.Time // when that ends by itself, by the host's clock; zero is not
}

// A Ruler is what decides how bright something is.
type Ruler uint8

const (
	ByDefault Ruler = iota // what is set, as nothing measures it
	ByHand                 // what was set by hand, and holds
	ByKnob
	ByLight // the light sensor
	ByNight // a window of the night
)

var rulers = [...]string{ByDefault: "setting", ByHand: "manual", ByKnob: "knob", ByLight: "light_sensor", ByNight: "night"}

func (r Ruler) String() string {
	if int(r) >= len(rulers) {
		return fmt.Sprintf("Ruler(%d)", uint8(r))
	}
	return rulers[r]
}

// Manual says which levels were set by hand, and hold until knob or light move.
type Manual struct {
	Individual, Global bool
	For                time.Duration // the longest that they hold, whole minutes; 0 is without end
}

// Night is when the face is to be dim, or dark.
type Night struct {
	Windows string // as [ParseWindows] takes it, in its canonical form
	Paused  bool   // they do not count, until there is none
}

// SelfCheck is how the LEDs are read back.
type SelfCheck struct {
	Off   bool
	Every time.Duration // between two that follow no change; whole seconds
}
