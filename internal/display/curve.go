package display

import (
	"math"

	"wordclockd/internal/clock"
)

// progress returns how much of the way a level has gone, 0 to 1, at t of a fade's
// duration, 0 to 1. It is in single precision, as in the firmware: each product is
// rounded, lest a processor fuses it with a sum.
func progress(c clock.Curve, t float32) float32 {
	switch c {
	case clock.EaseIn:
		return t * t
	case clock.EaseOut:
		return easeOut(t)
	case clock.EaseInOut:
		if t < 0.5 {
			return 2 * t * t
		}
		return 0.5 + float32(0.5*easeOut(2*(t-0.5)))
	case clock.Bounce:
		swing := float32(math.Sin(float64(8 * math.Pi * t)))
		return min(max(easeOut(t)+float32(0.1*(1-t)*swing), 0), 1)
	}
	return t
}

func easeOut(t float32) float32 { return 1 - float32((1-t)*(1-t)) }

// between returns the level at t of a fade's duration; from and to are in counts, and
// only whole counts are shown.
func between(from, to, t float32, c clock.Curve) uint8 {
	return uint8(min(max(from+float32((to-from)*progress(c, t)), 0), 255))
}
