package firmware

import (
	"context"
	"log/slog"
	"time"
)

// A gauge is one of the sensors, and how it has been of late.
type gauge struct {
	// Immutable.
	name  string
	read  func(context.Context) (next time.Duration, err error) // how soon to read it again
	clear func()                                                // what was read is of no use any more
	err   *string                                               // why; "" if it is

	next   time.Time // when it is read again
	known  bool      // it was read at all
	failed int       // reads in a row
	well   time.Time // since when none has; zero while it fails
	lost   bool      // the log was told
}

// judge notes how a read that began at a moment went, and when the next one is due. One
// failure alone may have been hit on the wire; one that goes on is looked at rarely, as
// each try may keep others from the bus.
func (g *gauge) judge(at time.Time, next time.Duration, err error, log *slog.Logger) {
	if err == nil {
		g.next = at.Add(next)
		g.succeed(at, log)
		return
	}
	g.well = time.Time{}
	if !g.known {
		*g.err = err.Error() // else what others say would count for this one too
	}
	if g.failed++; g.failed < lostAfter {
		g.next = at.Add(lookEvery)
		return
	}
	g.next = at.Add(min(lookEvery<<min(g.failed-lostAfter, 8), mostPause))
	g.clear()
	*g.err = err.Error()
	if !g.lost {
		g.lost = true
		log.Warn(g.name+" cannot be read: check its wiring", "event", "sensor_lost", "sensor", g.name, "err", err)
	}
}

// succeed notes a read that went well. That it is back is told once it stays.
func (g *gauge) succeed(at time.Time, log *slog.Logger) {
	g.known, g.failed, *g.err = true, 0, ""
	if g.well.IsZero() {
		g.well = at
	}
	if g.lost && at.Sub(g.well) >= wellFor {
		g.lost = false
		log.Info(g.name+" is back", "event", "sensor_back", "sensor", g.name)
	}
}
