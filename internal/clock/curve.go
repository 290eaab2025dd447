package clock

import (
	"fmt"
	"slices"
)

// A Curve is how a level goes in the course of a fade. The numbers are the firmware's.
type Curve uint8

const (
	Linear Curve = iota
	EaseIn
	EaseOut
	EaseInOut
	Bounce
)

var curves = [...]string{Linear: "linear", EaseIn: "ease_in", EaseOut: "ease_out", EaseInOut: "ease_in_out", Bounce: "bounce"}

func (c Curve) String() string {
	if int(c) >= len(curves) {
		return fmt.Sprintf("Curve(%d)", uint8(c))
	}
	return curves[c]
}

// ParseCurve is the inverse of [Curve.String].
func ParseCurve(name string) (c Curve, ok bool) {
	i := slices.Index(curves[:], name)
	return Curve(max(i, 0)), i >= 0
}

// A KnobCurve is how the level of an LED follows the potentiometer. The numbers are
// the firmware's.
type KnobCurve uint8

const (
	KnobLinear KnobCurve = iota
	KnobLogarithmic
	KnobExponential
)

var knobCurves = [...]string{KnobLinear: "linear", KnobLogarithmic: "logarithmic", KnobExponential: "exponential"}

func (c KnobCurve) String() string {
	if int(c) >= len(knobCurves) {
		return fmt.Sprintf("KnobCurve(%d)", uint8(c))
	}
	return knobCurves[c]
}

// ParseKnobCurve is the inverse of [KnobCurve.String].
func ParseKnobCurve(name string) (c KnobCurve, ok bool) {
	i := slices.Index(knobCurves[:], name)
	return KnobCurve(max(i, 0)), i >= 0
}
