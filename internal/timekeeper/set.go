package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wordclockd/internal/clock"
)

// Reasons not to have the time set by hand.
var (
	ErrSynced   = errors.New("the time is known for sure, and corrected by itself")
	ErrNoDate   = errors.New("nobody knows the date: neither the RTC nor the host's clock has one")
	ErrNoMoment = errors.New("no such time on that day: the clocks change")
)

// Set sets the RTC to a time of day in the clock's zone, and believes it. The date is
// that by which the time is nearest to what is believed, or to the host's clock if
// nothing is. It may be called at any time; the keeper's own goroutine sets.
func (k *Keeper) Set(ctx context.Context, hour, minute int) error {
	refusal, err := ask(ctx, k, func() error { return k.setByHand(hour, minute) })
	if err == nil {
		err = refusal
	}
	return err
}

func (k *Keeper) setByHand(hour, minute int) error {
	switch {
	case k.chip.dev == nil:
		return fmt.Errorf("RTC is %w", errNoRTC)
	case k.quality == clock.Synced:
		return ErrSynced
	}
	base, ok := k.c.Time.Get().At(time.Now())
	if !ok {
		base = time.Now().In(k.zone())
	}
	if base.Year() < firstYear {
		return ErrNoDate
	}
	at, ok := nearest(base, hour, minute)
	if !ok {
		return ErrNoMoment
	}
	return k.believe(at)
}

func (k *Keeper) zone() *time.Location {
	if k.c.Zone == nil {
		return time.UTC
	}
	return k.c.Zone
}

// believe sets the RTC to at, which begins now, and forgets all that spoke for another
// time.
func (k *Keeper) believe(at time.Time) error {
	if err := k.chip.dev.SetTime(at); err != nil {
		return fmt.Errorf("set RTC: %w", err)
	}
	host := time.Now()
	if got, err := k.read(); err != nil || got.Sub(at).Abs() > time.Second {
		return fmt.Errorf("set RTC: it reads back as %s, %v", got.Format(time.DateTime), err)
	}
	k.sure, k.measured, k.past = anchor{}, false, nil
	k.doubts.times, k.doubts.hurried = 0, 0
	dev := k.chip.dev
	k.chip = chip{dev: dev, looked: host, well: host, setAt: at.UTC(), lost: k.chip.lost} // who set it may be off by a minute
	k.err = nil
	k.publish(clock.RTC, anchor{host: host, true: at.UTC()})
	k.tell()
	k.c.Log.Info("time was set by hand", "event", "rtc_set", "local", at.Format(time.RFC3339))
	return nil
}

// halfDay is how far a time of day can be away, and an hour by which clocks change.
const halfDay = 13 * time.Hour

// nearest returns the moment nearest to base at which clocks in its zone show a time of
// day; ok is false if they leave that out, as they change. When they show it twice, it is
// the nearer one.
func nearest(base time.Time, hour, minute int) (at time.Time, ok bool) {
	for day := -1; day <= 1; day++ {
		for shift := -time.Hour; shift <= time.Hour; shift += time.Hour {
			t := time.Date(base.Year(), base.Month(), base.Day()+day, hour, minute, 0, 0, base.Location()).Add(shift)
			if t.Hour() != hour || t.Minute() != minute {
				continue
			}
			if !ok || t.Sub(base).Abs() < at.Sub(base).Abs() {
				at, ok = t, true
			}
		}
	}
	return at, ok && at.Sub(base).Abs() <= halfDay
}
