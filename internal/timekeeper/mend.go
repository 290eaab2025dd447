package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wordclockd/internal/hal"
	"wordclockd/internal/task"
)

// tend looks at an RTC that is not needed, so that its end does not come as a
// surprise, and sets it if the time is sure.
func (k *Keeper) tend(ctx context.Context, sure bool) time.Duration {
	c := &k.chip
	if c.dev == nil || c.failed == 0 && c.news == 0 && !c.lost && time.Since(c.looked) < idlePace {
		return pace
	}
	sure = sure && !k.doubts.contradict && k.doubts.times == 0 && k.sure.error(time.Now()) <= off
	err := k.compare(ctx, sure)
	if ctx.Err() != nil {
		return pace
	}
	wait := k.judge(err, false)
	if c.news > 0 {
		wait = retry
	}
	return wait
}

// compare looks whether the RTC has the time, and sets it if it has not and may.
func (k *Keeper) compare(ctx context.Context, may bool) error {
	c := &k.chip
	var begin time.Time // of the second to look at closely; zero is none
	if may && time.Since(c.fine) >= fineEvery {
		begin = k.awaitBegin(ctx)
	}
	at, err := k.read()
	if _, bus := errors.AsType[*hal.TxError](err); bus || ctx.Err() != nil {
		c.news = 0
		return err
	}
	right := false
	if err == nil {
		if right = k.near(at, may); right && !begin.IsZero() {
			if right, err = k.exact(ctx, at, begin); err != nil || ctx.Err() != nil {
				return err
			}
		}
	}
	if right {
		c.news = 0
		k.agrees()
		return nil
	}
	if c.news++; c.news < 2 {
		return err // once may be a bit that was hit on the wire
	}
	c.news = 0
	if may && k.measured && time.Since(k.sure.host) > recent {
		k.Resync() // better to hear it once more before the RTC is blamed
		return err
	}
	return k.mend(ctx, may, err)
}

// near reports whether a floored second is what it should be, as far as one look
// can tell.
func (k *Keeper) near(at time.Time, sure bool) bool {
	allowed := time.Second/2 + off // half a second is lost by flooring
	if !sure {
		allowed += k.sure.error(time.Now())
	}
	k.chip.behind = k.now().Sub(at.Add(time.Second / 2)).Truncate(time.Millisecond)
	return k.chip.behind.Abs() <= allowed
}

// awaitBegin waits until just before a second begins, and returns when that is.
func (k *Keeper) awaitBegin(ctx context.Context) time.Time {
	begin := k.now().Truncate(time.Second).Add(time.Second)
	if begin.Sub(k.now()) < off {
		begin = begin.Add(time.Second)
	}
	task.Sleep(ctx, begin.Add(-off).Sub(k.now()))
	return begin
}

// exact reports whether the second of the RTC begins when it should, to a tenth
// of a second: just before the begin it was the old one, just after it is the
// new one.
func (k *Keeper) exact(ctx context.Context, before, begin time.Time) (bool, error) {
	task.Sleep(ctx, begin.Add(off).Sub(k.now()))
	after, err := k.read()
	if err != nil || !before.Equal(begin.Add(-time.Second)) || !after.Equal(begin) {
		return false, err
	}
	now := time.Now()
	k.chip.proven(now, off+k.sure.error(now))
	return true, nil
}

// now is the time as it is believed.
func (k *Keeper) now() time.Time {
	t, _ := k.c.Time.Get().At(time.Now())
	return t.UTC()
}

// agrees notes that the RTC has the time.
func (k *Keeper) agrees() {
	c := &k.chip
	if c.wrong || c.notSet {
		k.c.Log.Info("RTC has the time", "event", "rtc_agrees")
	}
	c.wrong, c.notSet, c.behind = false, false, 0
}

// mend sets an RTC that has not the time, or says why not. why is what was wrong
// with it beside that.
func (k *Keeper) mend(ctx context.Context, may bool, why error) error {
	c := &k.chip
	switch {
	case !may || k.now().Year() < firstYear:
		return why // nobody can say better
	case !c.set.IsZero() && time.Since(c.set) < setEvery && (why == nil || c.again >= mostSets):
		k.complain("rtc_drifts", "RTC does not keep the time that it was set to: check its supply", nil)
		c.wrong = true
		return why
	}
	if time.Since(c.set) >= setEvery {
		c.again = 0
	}
	c.again++
	behind := c.behind
	err := k.setRTC(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		c.wrong = true
		k.complain("rtc_not_set", "RTC cannot be set, and is not believed until it is", err)
		return why
	}
	c.set, c.setAt = time.Now(), k.now().Truncate(time.Second)
	c.proven(c.set, k.sure.error(c.set))
	c.wrong, c.notSet, c.behind, c.failed, c.lost = false, false, 0, 0, false
	k.err = nil
	attrs := []any{"event", "rtc_set", "behind", behind.Round(time.Millisecond)}
	if why != nil {
		attrs = []any{"event", "rtc_set", "was", why}
	}
	k.c.Log.Info("RTC was set", attrs...)
	return nil
}

// complain says once that the RTC has not the time and why it was not set.
func (k *Keeper) complain(event, text string, err error) {
	if !k.chip.notSet {
		k.c.Log.Warn(text, "event", event, "behind", k.chip.behind.Round(time.Millisecond), "err", err)
	}
	k.chip.notSet = true
}

// setRTC sets the RTC at the begin of a second, and reads it back.
func (k *Keeper) setRTC(ctx context.Context) error {
	var begin time.Time
	for tries := 0; ; tries++ {
		begin = k.now().Truncate(time.Second).Add(time.Second)
		task.Sleep(ctx, begin.Sub(k.now()))
		if ctx.Err() != nil {
			return nil
		}
		if k.now().Sub(begin) < late {
			break
		}
		if tries == giveUp {
			return errors.New("host is too busy to meet the begin of a second")
		}
	}
	if err := k.chip.dev.SetTime(begin); err != nil {
		return err
	}
	if took := k.now().Sub(begin); took > off {
		return fmt.Errorf("took %s", took.Round(time.Millisecond))
	}
	task.Sleep(ctx, begin.Add(2*off).Sub(k.now()))
	at, err := k.read()
	if err == nil && !at.Equal(begin) {
		err = fmt.Errorf("reads back as %s", at.Format(time.DateTime))
	}
	return err
}
