// Package timekeeper decides which time to believe, and owns the RTC.
//
// # Trust
//
// First the host's clock, when it is disciplined. Else the RTC, when its
// oscillator never stopped, its registers hold a date that exists and the year
// is 2024 or later. Else nobody: the time is unknown, and said to be.
//
// The RTC only tells whole seconds. The moment at which one begins is found by
// reading it until the second changes; from there on the host's monotonic
// clock counts, and is set right again every ten minutes.
package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/watch"
)

const (
	pace      = 5 * time.Second       // between two looks at the host's clock and, without it, the RTC
	idlePace  = time.Minute           // between two looks at an RTC that is not needed
	retry     = time.Second           // after a failed look at the RTC
	giveUp    = 3                     // failed looks in a row that cost the RTC its trust
	realign   = 10 * time.Minute      // age at which the begin of the second is sought again
	edgeStep  = 10 * time.Millisecond // between two reads that seek it
	edgeLimit = 1500 * time.Millisecond
	tolerance = 1500 * time.Millisecond // of a floored second against the count
	apart     = 2 * time.Second         // from the host's clock, at which an RTC is said to differ
	together  = time.Second             // at which it is said to agree again
	firstYear = 2024
)

// Config is what a Keeper needs.
type Config struct {
	Bus    i2c.Bus // of the RTC; nil if there is none
	Zone   *time.Location
	Synced func() (bool, error) // whether the host's clock is disciplined
	Time   *watch.Value[clock.Time]
	Log    *slog.Logger
}

// A Keeper keeps the time.
type Keeper struct {
	c Config // Immutable.

	// Owned by Run.
	rtc    *ds3231.Dev // nil if there is none
	looked time.Time   // at the RTC, last
	failed int         // looks at the RTC in a row
	err    error       // of the last of them

	// What the log was told.
	decided bool
	quality clock.Quality
	lost    bool // the RTC
	differs bool // it, from the host's clock
	news    int  // looks in a row that contradict this
}

// New returns a keeper. It does not touch the bus.
func New(c Config) *Keeper {
	k := &Keeper{c: c}
	if c.Bus != nil {
		k.rtc = ds3231.New(c.Bus)
	}
	return k
}

func (k *Keeper) String() string { return "timekeeper" }

// Run publishes the time to believe until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		sleep(ctx, k.step(ctx))
	}
	return nil
}

// step looks at everything once and returns how long to wait before the next.
func (k *Keeper) step(ctx context.Context) time.Duration {
	if k.synced() {
		k.publish(clock.FromHost(time.Now(), k.c.Zone))
		if k.rtc == nil || k.failed == 0 && time.Since(k.looked) < idlePace {
			return pace
		}
		return k.judge(k.compare(), false)
	}
	err := k.follow(ctx)
	if ctx.Err() != nil {
		return pace // it is over
	}
	wait := k.judge(err, true)
	if k.failed >= giveUp {
		k.publish(clock.Time{}) // until then, what was believed still is
	}
	return wait
}

func (k *Keeper) synced() bool {
	ok, err := k.c.Synced()
	if err != nil {
		k.c.Log.Debug("host clock cannot be asked", "err", err)
	}
	return ok && err == nil
}

// judge counts failed looks at the RTC and returns when to look again. If the
// RTC is needed its loss is logged as what it causes, an unknown time.
func (k *Keeper) judge(err error, needed bool) time.Duration {
	k.looked = time.Now()
	if err == nil {
		k.failed = 0
		if k.lost {
			k.lost = false
			k.c.Log.Info("RTC is back", "event", "rtc_back")
		}
		return pace
	}
	if k.failed++; k.failed < giveUp {
		return retry
	}
	k.err = err
	if !k.lost && !needed {
		k.lost = true
		k.c.Log.Error("RTC cannot be believed: check its battery and wiring", "event", "rtc_lost", "err", err)
	}
	return pace
}

// compare looks at an RTC that is not needed, so that its end does not come as
// a surprise.
func (k *Keeper) compare() error {
	at, err := k.read()
	if err != nil {
		return err
	}
	behind := time.Since(at) - time.Second/2 // half a second is lost by flooring
	if !k.differs && behind.Abs() <= apart || k.differs && behind.Abs() >= together {
		k.news = 0
		return nil
	}
	if k.news++; k.news < 2 {
		return nil // once may be a bit that was hit on the wire
	}
	k.news, k.differs = 0, !k.differs
	if k.differs {
		k.c.Log.Warn("RTC differs from the host's clock; it should keep UTC", "event", "rtc_differs", "behind", time.Since(at).Truncate(time.Second))
	} else {
		k.c.Log.Info("RTC agrees with the host's clock", "event", "rtc_agrees")
	}
	return nil
}

// follow believes the RTC, or says why not.
func (k *Keeper) follow(ctx context.Context) error {
	host := time.Now()
	at, err := k.read()
	if err != nil {
		return err
	}
	now := k.c.Time.Get()
	if now.Quality == clock.RTC && host.Sub(now.Host) < realign &&
		now.True.Add(host.Sub(now.Host)).Sub(at).Abs() <= tolerance {
		return nil
	}
	return k.align(ctx, at)
}

// align reads the RTC until its second changes from at on, and believes it to
// be right at that moment. One read alone might have been hit on the wire, and
// a clock that stands still is none.
func (k *Keeper) align(ctx context.Context, at time.Time) error {
	for start := time.Now(); ctx.Err() == nil; sleep(ctx, edgeStep) {
		host := time.Now()
		next, err := k.read()
		switch {
		case err != nil:
			return err
		case next.Equal(at.Add(time.Second)):
			k.publish(clock.Time{Quality: clock.RTC, Host: host, True: next})
			return nil
		case !next.Equal(at):
			return fmt.Errorf("jumps from %s to %s", at.Format(time.DateTime), next.Format(time.DateTime))
		case host.Sub(start) > edgeLimit:
			return fmt.Errorf("stands still at %s", at.Format(time.DateTime))
		}
	}
	return nil
}

var errNoRTC = errors.New("not wired")

// read returns the time of the RTC if it can be believed by itself.
func (k *Keeper) read() (time.Time, error) {
	if k.rtc == nil {
		return time.Time{}, errNoRTC
	}
	at, err := k.rtc.Time()
	if err == nil && at.Year() < firstYear {
		err = fmt.Errorf("year %d: was never set", at.Year())
	}
	return at, err
}

// publish believes t, and logs when the source changes.
func (k *Keeper) publish(t clock.Time) {
	t.Zone = k.c.Zone
	if old := k.c.Time.Get(); k.decided && old.Quality == clock.Synced && t.Quality == clock.Synced && old.Zone == t.Zone &&
		old.True.Add(t.Host.Sub(old.Host)).Sub(t.True).Abs() < time.Millisecond {
		return // as believed
	}
	k.c.Time.Set(t)
	if k.decided && t.Quality == k.quality {
		return
	}
	k.decided, k.quality = true, t.Quality
	if t.Quality == clock.Unknown {
		k.c.Log.Error("time is unknown: the host's clock is not synchronised, and the RTC cannot be believed",
			"event", "time_unknown", "rtc", k.err)
		return
	}
	local, _ := t.At(time.Now())
	k.c.Log.Info("time is known", "event", "time_known", "source", t.Quality.String(), "local", local.Format(time.RFC3339))
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
