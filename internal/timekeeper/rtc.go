package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/task"
)

const (
	giveUp    = 3                     // failed looks in a row that cost the RTC its trust
	realign   = 10 * time.Minute      // age at which the begin of the second is sought again
	edgeStep  = 10 * time.Millisecond // between two reads that seek it
	edgeLimit = 1500 * time.Millisecond
	tolerance = 1500 * time.Millisecond // of a floored second against the count
	off       = 100 * time.Millisecond  // by which an RTC may differ from the time
	fineEvery = time.Hour               // between two looks for less than a second
	setEvery  = time.Hour               // at most
	mostSets  = 3                       // of one that loses the time again and again within the hour
	recent    = 2 * time.Minute         // is what servers must have said, for an RTC to be set by it
	wellFor   = 10 * time.Second        // until an RTC that was lost counts as back
	late      = 50 * time.Millisecond   // after the begin of a second that is too late to set it
	unsure    = time.Minute             // may be off an RTC that nobody compared with anything
	reading   = 50 * time.Millisecond   // lost in finding its second, and in counting on until it is sought again
	rtcDrift  = 5                       // millionths, over all temperatures (datasheet, page 1)
)

// A chip is the RTC, and what is known about it.
type chip struct {
	dev    *ds3231.Dev   // nil if there is none
	looked time.Time     // last
	failed int           // looks in a row
	well   time.Time     // since when none has; zero while it fails
	fine   time.Time     // when it was last seen to be right to a tenth of a second
	sure   time.Time     // when it was last known how far off it is at most; zero: never
	within time.Duration // and that was by
	behind time.Duration
	wrong  bool      // it differs from a time that was sure, and could not be set yet
	again  int       // times that it was set without an hour between them
	set    time.Time // by this keeper, last, by the monotonic clock
	setAt  time.Time // the same, in UTC

	// What the log was told.
	lost, notSet bool
	news         int // looks in a row that contradict what is believed of it
}

// state returns what others may know, of the RTC and of why it is not believed.
func (c *chip) state(err error, q clock.Quality) clock.RTCState {
	s := clock.RTCState{Condition: clock.RTCGood, Behind: c.behind, Set: c.setAt}
	switch {
	case c.dev == nil:
		err = errNoRTC
	case c.wrong:
		err = errWrong
	case c.looked.IsZero():
		err = errUnseen
	case c.failed < giveUp && (c.failed == 0 || q != clock.Unknown):
		s.Hour12 = c.dev.Hour12()
		return s
	}
	s.Condition, s.Err = conditionOf(err), err.Error()
	return s
}

// conditionOf returns what kind of a reason it is not to believe an RTC.
func conditionOf(err error) clock.RTCCondition {
	for e, c := range map[error]clock.RTCCondition{
		errNoRTC: clock.RTCAbsent, errUnseen: clock.RTCUnseen, errUnset: clock.RTCUnset, errWrong: clock.RTCDiffers, ds3231.ErrStopped: clock.RTCStopped,
	} {
		if errors.Is(err, e) {
			return c
		}
	}
	if _, ok := errors.AsType[*ds3231.RegisterError](err); ok {
		return clock.RTCInvalid
	}
	if _, ok := errors.AsType[*hal.TxError](err); ok {
		return clock.RTCSilent
	}
	return clock.RTCUnsteady
}

// error returns how far off the RTC may be.
func (c *chip) error(now time.Time) time.Duration {
	if c.sure.IsZero() {
		return unsure // 2 ppm make a minute in a year, and nobody knows more
	}
	return c.within + reading + time.Duration(float64(now.Sub(c.sure))*rtcDrift/1e6)
}

// proven notes that the RTC was seen to be right to within d.
func (c *chip) proven(now time.Time, d time.Duration) {
	c.fine, c.sure, c.within = now, now, d
}

var (
	errWrong  = errors.New("differs from the time that was known, and was not set since")
	errUnset  = errors.New("was never set")
	errUnseen = errors.New("was not looked at yet")
)

// read returns the time of the RTC if it can be believed by itself.
func (k *Keeper) read() (time.Time, error) {
	if k.chip.dev == nil {
		return time.Time{}, errNoRTC
	}
	at, err := k.chip.dev.Time()
	if err == nil && at.Year() < firstYear {
		err = fmt.Errorf("year %d: %w", at.Year(), errUnset)
	}
	return at, err
}

// judge counts failed looks at the RTC and returns when to look again. If the
// RTC is needed its loss is logged as what it causes, an unknown time.
func (k *Keeper) judge(err error, needed bool) time.Duration {
	c := &k.chip
	c.looked = time.Now()
	if err == nil {
		c.failed = 0
		if c.well.IsZero() {
			c.well = c.looked
		}
		if c.lost && c.looked.Sub(c.well) >= wellFor {
			c.lost = false
			k.c.Log.Info("RTC is back", "event", "rtc_back")
		}
		return pace
	}
	c.well, k.err = time.Time{}, err
	if c.failed++; c.failed < giveUp {
		return retry
	}
	if !c.lost && !needed && c.dev != nil && !errors.Is(err, errWrong) {
		c.lost = true
		k.c.Log.Error("RTC cannot be believed: check its battery and wiring", "event", "rtc_lost", "err", err)
	}
	return pace
}

// follow believes the RTC, or says why not.
func (k *Keeper) follow(ctx context.Context) error {
	host := time.Now()
	if k.chip.wrong {
		return errWrong
	}
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
	for start := time.Now(); ctx.Err() == nil; task.Sleep(ctx, edgeStep) {
		if k.news() {
			return nil // somebody better has spoken
		}
		host := time.Now()
		next, err := k.read()
		switch {
		case err != nil:
			return err
		case next.Equal(at.Add(time.Second)):
			if k.contradicts(next, host) {
				k.chip.wrong = true
				k.complain("rtc_differs", "RTC differs from what was counted on since the time was known, and is not believed until it is set", nil)
				return errWrong
			}
			k.publish(clock.RTC, anchor{host: host, true: next})
			return nil
		case !next.Equal(at):
			return fmt.Errorf("jumps from %s to %s", at.Format(time.DateTime), next.Format(time.DateTime))
		case host.Sub(start) > edgeLimit:
			return fmt.Errorf("stands still at %s", at.Format(time.DateTime))
		}
	}
	return nil
}

// contradicts reports whether an RTC that showed at is off from the count, while
// that can be relied on.
func (k *Keeper) contradicts(at, host time.Time) bool {
	if !k.sure.known() {
		return false
	}
	doubt, behind := k.sure.error(host), k.sure.at(host).Sub(at)
	if doubt >= tolerable || behind.Abs() <= jump+doubt {
		return false
	}
	k.chip.behind = behind
	return true
}
