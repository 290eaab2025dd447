package ota

import (
	"context"
	"math/rand/v2"
	"time"

	"wordclockd/internal/clock"
)

// The first look of a start is between these, so that a host that was started with
// many others does not ask with all of them.
const (
	firstAfter  = time.Minute
	firstBefore = 5 * time.Minute
)

func firstLook() time.Duration { return firstAfter + rand.N(firstBefore-firstAfter) }

// interval is the time to the next look, give or take a tenth.
func (u *Updater) interval() time.Duration {
	d := u.c.OTA.CheckInterval
	return d - d/10 + rand.N(d/5+1)
}

// A schedule is when the clock looks by itself; nil is never.
type schedule struct{ timer *time.Timer }

// schedule plans the next look, if there is to be one, and publishes when.
func (u *Updater) schedule(in time.Duration) *schedule {
	if u.c.OTA.CheckInterval <= 0 {
		return nil
	}
	next := time.Now().Add(in).UTC()
	u.c.Value.Update(func(v *clock.Update) { v.Next = next })
	u.c.Log.Debug("next look at the sources", "event", "ota_next_check", "at", next)
	return &schedule{time.NewTimer(in)}
}

func (s *schedule) due() <-chan time.Time {
	if s == nil {
		return nil
	}
	return s.timer.C
}

func (s *schedule) stop() {
	if s != nil {
		s.timer.Stop()
	}
}

// lookByItself looks at the sources, and installs what they have if that is wanted. What
// has no hash is not recognised once it is here, and would be installed each time.
func (u *Updater) lookByItself(ctx context.Context) {
	look, cancel := u.yielding(ctx)
	defer cancel()
	f, err := u.look(look, u.request(Request{Preferred: u.c.Preferred()}))
	if err != nil || !f.available() || !u.c.OTA.AutoInstall || f.Manifest.SHA256 == "" {
		return
	}
	if a, err := u.claim(Start{Auto: true}, f); err == nil {
		u.carryOut(ctx, a)
	}
}
