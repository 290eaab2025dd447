// Package timekeeper decides which time to believe, and owns the RTC.
//
// # Trust
//
// First the host's clock, when the kernel says that it is disciplined. Else what
// most of the time servers agree on, which are measured and never steer the
// host. When both are gone, the host's monotonic clock counts on, corrected by
// the drift that was seen, as long as that is good to half a second or better
// than the RTC. Then the RTC, when its oscillator never stopped, its registers
// hold a date that exists, the year is 2024 or later, its second was seen to
// advance, and it is not known to be off. Then again the monotonic clock, up to
// half a minute of doubt. Else nobody: the time is unknown, and said to be.
//
// A time that jumps away from the one believed has to come three rounds in a row,
// from most of all servers that there are, before it is.
//
// The RTC only tells whole seconds. The moment at which one begins is found by
// reading it until the second changes; from there on the host's monotonic
// clock counts, and is set right again every ten minutes.
//
// # Setting the RTC
//
// The RTC is set at the begin of a second, when the time is known for sure and
// nothing contradicts it, and the RTC is off by more than a tenth of a second or
// has lost the time; once an hour at most. One that is known to be off and could
// not be set is not believed.
package timekeeper

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

const (
	pace      = 5 * time.Second // between two looks at the host's clock and, without it, the RTC
	idlePace  = time.Minute     // between two looks at an RTC that is not needed
	retry     = time.Second     // after a failed look at the RTC
	fresh     = 3 * askRarely   // age of what servers agreed on, up to which it is for sure
	good      = 500 * time.Millisecond
	tolerable = 30 * time.Second
	firstYear = 2024
)

// Config is what a Keeper needs.
type Config struct {
	Bus    i2c.Bus // of the RTC; nil if there is none
	Zone   *time.Location
	Synced func() (bool, error) // whether the host's clock is disciplined
	Time   *watch.Value[clock.Time]
	Sync   *watch.Value[clock.Sync] // nil: nobody wants to know
	Log    *slog.Logger

	// Slept says for how long in all the host was suspended since it was booted:
	// the monotonic clock stands still meanwhile. nil: never.
	Slept func() time.Duration

	Source  string   // auto, host, ntp or rtc; "" is auto
	Servers []string // time servers, host or host:port
	Dial    func(local, remote string) (net.Conn, error)
	Network *watch.Value[bool] // whether there is a way to them; nil: nobody knows
}

// A Keeper keeps the time.
type Keeper struct {
	// Immutable.
	c         Config
	poller    *poller // nil if no server is asked
	questions chan func()

	// Owned by keep.
	sure     anchor // when the time was last known for sure
	measured bool   // by servers, not by the host
	host     bool   // the host's clock is disciplined
	heard    round  // the last that was looked at
	heardAt  time.Time
	slept    time.Duration // when last asked
	past     history
	doubts   doubts
	chip     chip
	err      error // why the RTC is not believed

	quality clock.Quality // of what is believed
	since   time.Time     // when it became so

	// What the log was told.
	decided bool
	told    clock.Quality
}

// New returns a keeper. It does not touch the bus.
func New(c Config) *Keeper {
	k := &Keeper{c: c, questions: make(chan func())}
	if c.Bus != nil {
		k.chip.dev = ds3231.New(c.Bus)
	}
	if len(c.Servers) > 0 && k.listens("ntp") {
		k.poller = newPoller(c.Servers, c.Dial, c.Network)
	}
	return k
}

// listens reports whether a source of time is one to believe.
func (k *Keeper) listens(source string) bool {
	return slices.Contains([]string{"", "auto", source}, k.c.Source)
}

func (k *Keeper) String() string { return "timekeeper" }

// Resync makes the keeper ask the time servers now. It may be called at any
// time, and does not wait.
func (k *Keeper) Resync() {
	if k.poller == nil {
		return
	}
	select {
	case k.poller.nudge <- struct{}{}:
	default:
	}
}

// Run publishes the time to believe until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	g, _ := task.NewGroup(ctx)
	g.Go("keep", k.keep)
	if k.poller != nil {
		g.Go("ntp", k.poller.run)
	}
	return g.Wait()
}

func (k *Keeper) keep(ctx context.Context) error {
	for ctx.Err() == nil {
		heard := k.hear()
		k.hurry()
		wait := time.NewTimer(k.step(ctx))
		k.rest(ctx, wait.C, heard)
		wait.Stop()
	}
	return nil
}

// rest answers questions until something is to be done.
func (k *Keeper) rest(ctx context.Context, wait <-chan time.Time, heard <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait:
			return
		case <-heard:
			return
		case q := <-k.questions:
			q()
		}
	}
}

// step looks at everything once and returns how long to wait before the next.
func (k *Keeper) step(ctx context.Context) time.Duration {
	defer k.tell()
	defer k.announce()
	k.wake()
	now := time.Now()
	if k.host = k.listens("host") && k.synced(); k.host {
		a := anchor{host: now, true: now.Round(0), err: hostError, doubt: hostDoubt}
		if !k.doubts.contradict { // else it is nothing to count on from
			k.sure, k.measured = a, false
		}
		k.publish(clock.Synced, a)
		return k.tend(ctx, true)
	}
	if k.measured && now.Sub(k.sure.host) < fresh {
		k.publish(clock.Synced, k.sure)
		return k.tend(ctx, true)
	}
	if k.holds(now) {
		k.publish(clock.Holdover, k.sure)
		return k.tend(ctx, false)
	}
	return k.need(ctx)
}

// holds reports whether to count on is good enough, or better than the RTC.
func (k *Keeper) holds(now time.Time) bool {
	if !k.sure.known() {
		return false
	}
	err, rtc := k.sure.error(now), k.chip.error(now)
	return err < good || rtc > 0 && err < min(rtc, tolerable)
}

// wake forgets whatever was counted when the host was suspended meanwhile.
func (k *Keeper) wake() {
	if k.c.Slept == nil {
		return
	}
	slept := k.c.Slept()
	if (slept - k.slept).Abs() < off {
		return
	}
	k.slept = slept
	if k.since.IsZero() {
		return // nothing was counted yet
	}
	k.sure, k.measured, k.past, k.doubts.times, k.doubts.hurried = anchor{}, false, nil, 0, 0
	k.quality = clock.Unknown
	k.c.Time.Set(clock.Time{Zone: k.c.Zone})
	k.Resync()
}

// need is a step without a time that is sure: the RTC has to tell it.
func (k *Keeper) need(ctx context.Context) time.Duration {
	err := k.follow(ctx)
	if ctx.Err() != nil {
		return pace // it is over
	}
	counts := k.sure.known() && k.sure.error(time.Now()) < tolerable
	wait := k.judge(err, !counts)
	switch {
	case err == nil || k.chip.failed < giveUp: // until then, what was believed still is
	case counts:
		k.publish(clock.Holdover, k.sure)
	default:
		k.publish(clock.Unknown, anchor{})
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

// publish believes an anchor, and logs when the source changes.
func (k *Keeper) publish(q clock.Quality, a anchor) {
	t := clock.Time{Quality: q, Zone: k.c.Zone}
	if q != clock.Unknown {
		t.Host = time.Now()
		t.True = a.at(t.Host).Round(0)
	}
	if old := k.c.Time.Get(); k.decided && old.Quality == q && old.Zone == t.Zone && q != clock.RTC &&
		old.True.Add(t.Host.Sub(old.Host)).Sub(t.True).Abs() < 5*time.Millisecond {
		return // as believed
	}
	k.c.Time.Set(t)
	if q != k.quality || k.since.IsZero() {
		k.quality, k.since = q, time.Now()
	}
	k.announce()
}

// announce logs how well the time is known, when that changed. Bad news are told
// at once, and so are time servers; that the RTC can be believed again has to hold
// for a while first: a loose wire is one event.
func (k *Keeper) announce() {
	q := k.quality
	if k.since.IsZero() || k.decided && (q == k.told || q > k.told && q != clock.Synced && time.Since(k.since) < wellFor) {
		return
	}
	k.decided, k.told = true, q
	if q == clock.Unknown {
		k.c.Log.Error("time is unknown: the host's clock is not synchronised, no time server can be believed, nor can the RTC",
			"event", "time_unknown", "rtc", k.err)
		return
	}
	local, _ := k.c.Time.Get().At(time.Now())
	k.c.Log.Info("time is known", "event", "time_known", "source", q.String(), "local", local.Format(time.RFC3339))
}

var errNoRTC = errors.New("not wired")
