package timekeeper

import (
	"slices"
	"time"

	"wordclockd/internal/clock"
)

// doubts are what speaks against time servers.
type doubts struct {
	off     time.Duration // a jump that is not believed yet, from what is
	times   int           // it came in a row
	hurried int           // rounds that were asked for because of it
	silent  int           // rounds without an answer in a row

	contradict bool          // servers agree, and the host's clock is something else
	apart      time.Duration // by how much, at most

	// What the log was told.
	failed, differ, disagree bool
}

// How much it takes to be believed.
const (
	jump      = time.Second // beyond what is allowed for, that is no measuring error
	confirmed = 3           // rounds in a row
	quiet     = 3           // rounds in a row without an answer are a failure
)

// hear takes in what the servers said, and returns what tells of the next round.
func (k *Keeper) hear() <-chan struct{} {
	if k.poller == nil {
		return nil
	}
	r, next := k.poller.rounds.Watch()
	if r.n == k.heard.n {
		return next
	}
	k.heard, k.heardAt = r, time.Now()
	best, n, ok := agree(r.samples)
	k.hearSilence(n)
	k.hearDispute(n > 0 && !ok)
	if !ok {
		k.doubts.times = 0
		return next
	}
	k.compareHost(best)
	if k.host && !k.doubts.contradict {
		k.doubts.times, k.doubts.hurried = 0, 0
		return next // it is sure of itself; the servers only confirm
	}
	if k.believable(best, n) {
		a := anchor{host: best.host, true: best.true, err: best.err}
		if !k.measured || k.doubts.times > 0 {
			k.past = nil // drift is measured between what is of one kind
		}
		k.sure, k.measured = k.past.add(a), true
		k.doubts.times, k.doubts.hurried = 0, 0
	}
	return next
}

// hurry has a jump looked at again soon.
func (k *Keeper) hurry() {
	if d := &k.doubts; d.times > 0 && d.hurried < confirmed && time.Since(k.heardAt) >= askSoon {
		d.hurried++
		k.heardAt = time.Now() // once
		k.Resync()
	}
}

// believable reports whether what n servers agree on may be believed at once. A
// jump has to be seen again and again, and by most of all servers that there are,
// not just by most of those that answer; unless several say that the RTC is wrong.
func (k *Keeper) believable(s sample, n int) bool {
	believed, ok := k.c.Time.Get().At(s.host)
	if !ok {
		return true
	}
	if k.host && k.measured {
		believed = k.sure.at(s.host) // the host is believed, but not by this
	}
	q := k.c.Time.Get().Quality
	allowed := jump + s.err
	if q == clock.RTC && n > 1 {
		return true
	}
	if q != clock.RTC && k.sure.known() {
		allowed += k.sure.error(s.host)
	}
	d := &k.doubts
	off := s.true.Sub(believed)
	if off.Abs() <= allowed {
		d.times, d.hurried = 0, 0
		return true
	}
	if d.times > 0 && (off-d.off).Abs() > jump {
		d.times = 0
	}
	d.off = off
	d.times++
	return d.times >= confirmed && 2*n > len(k.c.Servers)
}

// hearSilence logs when nobody answers any more, and when somebody does again.
func (k *Keeper) hearSilence(answers int) {
	d := &k.doubts
	if answers > 0 {
		d.silent = 0
		if d.failed {
			d.failed = false
			k.c.Log.Info("time servers answer again", "event", "ntp_back")
		}
		return
	}
	if d.silent++; d.silent < quiet || d.failed {
		return
	}
	d.failed = true
	log := k.c.Log.Warn
	if k.host {
		log = k.c.Log.Info // a pity, and no more
	}
	var why string
	if i := slices.IndexFunc(k.heard.samples, func(s sample) bool { return s.Err != "" }); i >= 0 {
		why = k.heard.samples[i].Name + ": " + k.heard.samples[i].Err
	}
	log("no time server answers: check network and time.ntp_servers", "event", "ntp_failed", "err", why)
}

// hearDispute logs when there is no majority.
func (k *Keeper) hearDispute(now bool) {
	if now && !k.doubts.disagree {
		k.c.Log.Warn("time servers disagree, none of them is believed: name three or more", "event", "ntp_disagree")
	}
	k.doubts.disagree = now
}

// compareHost looks whether a host that calls itself disciplined is right.
func (k *Keeper) compareHost(s sample) {
	if !k.host {
		k.doubts.contradict, k.doubts.differ = false, false
		return
	}
	off := s.off()
	k.doubts.contradict, k.doubts.apart = off.Abs() > jump+s.err, off.Abs()+s.err
	if k.doubts.contradict && !k.measured {
		k.sure = anchor{} // it came from the host
	}
	if k.doubts.contradict == k.doubts.differ {
		return
	}
	k.doubts.differ = k.doubts.contradict
	if k.doubts.differ {
		k.c.Log.Warn("time servers contradict the host's clock, which calls itself synchronised; it is believed, and the RTC left alone",
			"event", "ntp_differs", "off", off.Round(time.Millisecond))
	} else {
		k.c.Log.Info("time servers agree with the host's clock", "event", "ntp_agrees")
	}
}

// tell publishes how the time is come by, when that changed.
func (k *Keeper) tell() {
	if k.c.Sync == nil {
		return
	}
	s := clock.Sync{Host: k.host, Differs: k.host && k.doubts.contradict, RTC: k.chip.state(k.err, k.quality), Drift: k.sure.gain}
	now := time.Now()
	if k.sure.known() && !k.host { // else it is always now, which is no news
		s.LastSync = k.sure.at(k.sure.host).UTC().Truncate(time.Second)
	}
	switch k.quality {
	case clock.Synced, clock.Holdover:
		s.Error = coarse(k.sure.error(now))
		if k.host && k.doubts.contradict {
			s.Error = coarse(k.doubts.apart)
		}
	case clock.RTC:
		s.Error = coarse(k.chip.error(now))
	}
	for _, x := range k.heard.samples {
		s.Servers = append(s.Servers, x.Server)
	}
	if old := k.c.Sync.Get(); !equal(old, s) {
		k.c.Sync.Set(s)
	}
}

func equal(a, b clock.Sync) bool {
	same := slices.Equal(a.Servers, b.Servers) && a.LastSync.Equal(b.LastSync)
	return same && a.Host == b.Host && a.Differs == b.Differs && a.Drift == b.Drift && a.Error == b.Error && a.RTC == b.RTC
}

// coarse rounds up to a power of two of milliseconds, so that what grows
// steadily is news rarely.
func coarse(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	c := time.Millisecond
	for c < d && c < 24*time.Hour {
		c *= 2
	}
	return c
}

// news reports whether time servers have said what was not heard yet.
func (k *Keeper) news() bool { return k.poller != nil && k.poller.rounds.Get().n != k.heard.n }
