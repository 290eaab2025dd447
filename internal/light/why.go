package light

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"wordclockd/internal/clock"
)

// why says who has the level. It says the same as long as the level stays.
func (l *lever) why(in Input, s sense) clock.Reason {
	name := "knob"
	if s.by == clock.ByLight {
		name = "light sensor"
	}
	r := clock.Reason{By: l.by}
	switch {
	case l.by == clock.ByHand:
		r.Text = "set by hand, until the knob moves"
		if s.by == clock.ByLight {
			r.Text = "set by hand, until the light changes"
		}
		if longest := in.Settings.Manual.For; longest > 0 {
			r.Until = l.hold.since.Add(longest)
			r.Text += latest(in, longest, r.Until)
		}
	case !s.fitted:
		r.Text = "as it was set; there is no " + name
	case l.by == clock.ByDefault && in.Sensors.At.IsZero():
		r.Text = "as it was last set; the " + name + " has not been read yet"
	case l.by == clock.ByDefault:
		r.Text = "as it was last set; the " + name + " does not answer"
	case !s.answers:
		r.Text = "the " + name + " does not answer: what it last asked for"
	case l.by == clock.ByLight:
		r.Text = "the light sensor, at " + figures(l.at) + " lx"
	default:
		r.Text = l.whyKnob(in.Settings)
	}
	return r
}

// latest says until when a level holds at the most.
func latest(in Input, longest time.Duration, until time.Time) string {
	if in.Local.IsZero() {
		return fmt.Sprintf(", for %d min at most", int(longest/time.Minute))
	}
	layout := "15:04"
	if longest >= 24*time.Hour {
		layout = "Mon 2 Jan 15:04"
	}
	return ", " + in.Local.Add(until.Sub(in.Now)).Format(layout) + " at the latest"
}

func (l *lever) whyKnob(s clock.Settings) string {
	if asks := asked(s.Knob, int(l.at)); asks > s.SafetyLimit {
		return fmt.Sprintf("the knob asks for %d, the safety limit is %d", asks, s.SafetyLimit)
	}
	return fmt.Sprintf("the knob, at %.0f %%", 100*l.at/knobEnd)
}

// figures returns a number with the two figures that count.
func figures(x float64) string {
	if x <= 0 {
		return "0"
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return strconv.FormatFloat(math.Round(x/unit)*unit, 'g', 5, 64)
}
