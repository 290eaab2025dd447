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
	ErrNoDate   = errors.New("nobody knows the date, neither the RTC nor the host's clock: name it too, as in 2026-11-28 14:30")
	ErrNoMoment = errors.New("no such time on that day: the clocks change")
	ErrLongAgo  = fmt.Errorf("the year has to be %d or later", firstYear)
)

// Set sets the RTC to what is read off a clock in the clock's zone, and believes it.
// Without a date, that is the one by which the time is nearest to what is believed, or to
// the host's clock or the RTC if nothing is. It may be called at any time; the keeper's own
// goroutine sets.
func (k *Keeper) Set(ctx context.Context, w clock.WallTime) error {
	refusal, err := ask(ctx, k, func() error { return k.setByHand(w) })
	if err == nil {
		err = refusal
	}
	return err
}

func (k *Keeper) setByHand(w clock.WallTime) error {
	switch {
	case k.chip.dev == nil:
		return fmt.Errorf("RTC is %w", errNoRTC)
	case k.quality == clock.Synced:
		return ErrSynced
	case w.Year != 0 && w.Year < firstYear:
		return ErrLongAgo
	}
	at, err := k.moment(w)
	if err != nil {
		return err
	}
	return k.believe(at)
}

// moment returns when it is what was read.
func (k *Keeper) moment(w clock.WallTime) (time.Time, error) {
	base := k.base()
	if w.Year == 0 && base.IsZero() {
		return time.Time{}, ErrNoDate
	}
	at, ok := nearest(base.In(k.zone()), w)
	if !ok {
		return time.Time{}, ErrNoMoment
	}
	return at, nil
}

// base returns the time as far as anybody knows it: what is believed, else what the
// host's clock shows, else the RTC, though it be known to be off. It is zero if the date
// of none of them can be.
func (k *Keeper) base() time.Time {
	if at, ok := k.c.Time.Get().At(time.Now()); ok {
		return at
	}
	if now := time.Now(); now.Year() >= firstYear {
		return now
	}
	at, _ := k.read()
	return at
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

// nearest returns the moment nearest to base at which clocks in its zone show a time; ok is
// false if they leave that out, as they change. When they show it twice, it is the nearer
// one.
func nearest(base time.Time, w clock.WallTime) (at time.Time, ok bool) {
	if w.Year != 0 {
		return nearestOn(base, w)
	}
	for day := -1; day <= 1; day++ {
		w.Year, w.Month, w.Day = base.AddDate(0, 0, day).Date()
		if t, there := nearestOn(base, w); there && (!ok || t.Sub(base).Abs() < at.Sub(base).Abs()) {
			at, ok = t, true
		}
	}
	return at, ok && at.Sub(base).Abs() <= halfDay
}

// nearestOn is nearest for a time with its date.
func nearestOn(base time.Time, w clock.WallTime) (at time.Time, ok bool) {
	plain := time.Date(w.Year, w.Month, w.Day, w.Hour, w.Minute, 0, 0, base.Location())
	for shift := -time.Hour; shift <= time.Hour; shift += time.Hour {
		t := plain.Add(shift)
		if t.Hour() == w.Hour && t.Minute() == w.Minute && (!ok || t.Sub(base).Abs() < at.Sub(base).Abs()) {
			at, ok = t, true
		}
	}
	return at, ok
}
