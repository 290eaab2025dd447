package firmware

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal"
	"wordclockd/internal/health"
	"wordclockd/internal/task"
)

// A spell is what the profile of an image makes the firmware do wrong. It acts on
// a simulated board only.
type spell struct {
	faults []flash.Fault
	begun  time.Time
	cast   chan struct{} // closed when the display is let go

	broker context.Context // done when no broker can be reached any more
	cutOff func()          // makes it so
}

// enchant returns what a profile does, and the board as it leaves it.
func enchant(p flash.Profile, c Config, log *slog.Logger) (*spell, hal.Board) {
	s := &spell{begun: time.Now(), cast: make(chan struct{})}
	s.broker, s.cutOff = context.WithCancel(context.Background())
	b := c.Board
	if len(p.Faults) == 0 {
		return s, b
	}
	names := fmt.Sprint(p.Faults)
	if c.Kind != simulated {
		log.Warn("the image was made to go wrong, which only a simulated board lets it", "event", "profile_ignored", "faults", names)
		return s, b
	}
	log.Warn("the image was made to go wrong", "event", "profile", "faults", names)
	s.faults = slices.SortedStableFunc(slices.Values(p.Faults), func(a, b flash.Fault) int { return cmp.Compare(a.After, b.After) })
	if s.has(flash.NoLEDs) && b.LEDs != nil {
		b.LEDs = hal.Dead(b.LEDs, 0, func() bool { return s.due(flash.NoLEDs) })
		b.Reset = nil // what cannot be reached is not to be put out either
	}
	if s.has(flash.NoRTC) && b.Sensors != nil {
		b.Sensors = hal.Dead(b.Sensors, hal.RTCAddr, func() bool { return s.due(flash.NoRTC) })
	}
	return s, b
}

// simulated is the kind of the board that profiles act on.
const simulated = "sim"

// has reports whether a fault is there, now or later.
func (s *spell) has(k flash.FaultKind) bool {
	for _, f := range s.faults {
		if f.Kind == k {
			return true
		}
	}
	return false
}

// due reports whether it is time for a fault.
func (s *spell) due(k flash.FaultKind) bool {
	for _, f := range s.faults {
		if f.Kind == k && time.Since(s.begun) >= f.After {
			return true
		}
	}
	return false
}

// alive is the sign of life, which holds its caller from when the image hangs on.
func (s *spell) alive(ask boot.Asks) func() {
	if !s.has(flash.Hang) && !s.has(flash.Wedge) {
		return ask.Alive
	}
	return func() {
		if s.due(flash.Hang) || s.due(flash.Wedge) {
			<-s.cast
		}
		ask.Alive()
	}
}

// spoil returns a probe that fails from when a fault is due on; nil stays nil.
func (s *spell) spoil(k flash.FaultKind, probe health.Probe) health.Probe {
	if probe == nil || !s.has(k) {
		return probe
	}
	return func(ctx context.Context) ([]health.Fault, error) {
		if s.due(k) {
			return nil, fmt.Errorf("the image was made to go wrong: %s", k)
		}
		return probe(ctx)
	}
}

func (s *spell) String() string { return "profile" }

// wedged is how long something stays that cannot be ended.
const wedged = 24 * time.Hour

// Run crashes and cuts the connection to the broker when it is time to, and lets those
// go that hang, once they are told to end; those that are wedged it does not.
func (s *spell) Run(ctx context.Context) error {
	defer close(s.cast)
	for _, f := range s.faults {
		switch f.Kind {
		case flash.Crash:
			if s.await(ctx, f) {
				panic(fmt.Sprintf("profile: %s", f))
			}
		case flash.NoMQTT:
			if s.await(ctx, f) {
				s.cutOff()
			}
		}
	}
	<-ctx.Done()
	if s.due(flash.Wedge) {
		time.Sleep(wedged)
	}
	return nil
}

// await waits until a fault is due, and reports whether it is.
func (s *spell) await(ctx context.Context, f flash.Fault) bool {
	task.Sleep(ctx, time.Until(s.begun.Add(f.After)))
	return ctx.Err() == nil
}
