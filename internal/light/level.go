package light

import (
	"math"

	"wordclockd/internal/clock"
)

const (
	darkest   = 1    // lx, where the first zone begins
	brightest = 1500 // lx, where the last zone ends at least
)

// Group returns the level of the whole face that the zones ask for at lux lx: in a zone
// it goes straight from its Min to its Max, fractions are cut off. The last zone ends at
// three times its beginning, which is 1500 lx by default.
func Group(zones [clock.Zones]clock.Zone, thresholds [clock.Zones - 1]uint16, lux float64) clock.Level {
	end := max(brightest, 3*float64(thresholds[len(thresholds)-1]))
	if lux = min(lux, end); !(lux >= darkest) { // nor if it is no number
		lux = darkest
	}
	from, to, i := float64(darkest), end, 0
	for ; i < len(thresholds); i++ {
		if to = float64(thresholds[i]); lux <= to {
			break
		}
		from, to = to, end
	}
	z := zones[i]
	level := float64(z.Min)
	if to > from { // the first zone may be no wider than 1 lx
		level += math.Trunc((lux - from) * (float64(z.Max) - float64(z.Min)) / (to - from))
	}
	return max(clock.Level(level), clock.MinLevel)
}

// knobEnd is the mV of a knob that is all the way up.
const knobEnd = 3300

// asked returns the level of an LED that the knob asks for, whatever the safety limit
// is: from Min to Max along its curve, fractions are cut off.
func asked(k clock.Knob, mv int) clock.Level {
	mv = min(max(mv, 0), knobEnd)
	lo, hi := int(k.Min), int(k.Max)
	if k.Curve == clock.KnobLinear || mv == knobEnd {
		return clock.Level(lo + mv*(hi-lo)/knobEnd)
	}
	x := float64(mv) / knobEnd
	if k.Curve == clock.KnobLogarithmic {
		x = math.Log10(1 + 9*x)
	} else {
		x = math.Exp2(x) - 1
	}
	return clock.Level(lo + int(x*float64(hi-lo)))
}

// Individual returns the level of an LED by a knob at mv mV, up to the safety limit.
func Individual(k clock.Knob, limit clock.Level, mv int) clock.Level {
	return min(max(asked(k, mv), clock.MinLevel), limit)
}
