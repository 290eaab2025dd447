package display

import (
	"math"
	"time"

	"wordclockd/internal/clock"
)

// How long a level takes to another: what a hand turns is to follow it, what the light
// in the room does is not to be noticed.
const (
	handGlide = 300 * time.Millisecond
	roomGlide = time.Second
)

// A glide takes a level to another by equal ratios in equal times, as an eye sees them.
type glide struct {
	from, to float64
	begun    time.Time
	takes    time.Duration // 0 is that it is there
}

// set has the level be there at once.
func (g *glide) set(to clock.Level) { *g = glide{to: float64(to)} }

// turn begins to go to a level, from where it is, unless it is on its way there.
func (g *glide) turn(to clock.Level, takes time.Duration, now time.Time) {
	if float64(to) != g.to {
		*g = glide{g.at(now), float64(to), now, takes}
	}
}

func (g *glide) moving(now time.Time) bool { return now.Before(g.begun.Add(g.takes)) }

// at returns where the level is, exact at the end and never beyond either end.
func (g *glide) at(now time.Time) float64 {
	if !g.moving(now) {
		return g.to
	}
	from, to := max(g.from, 1), max(g.to, 1) // there is no ratio to 0
	return from * math.Pow(to/from, float64(now.Sub(g.begun))/float64(g.takes))
}

// level returns where it is in whole counts.
func (g *glide) level(now time.Time) uint8 { return uint8(math.Round(g.at(now))) }
