package ota

import (
	"encoding/hex"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// Running is the image that runs, and what the boot loader has to say.
type Running struct {
	flash.Desc
	Digest [32]byte     // at its end
	Slot   string       // its name
	Device flash.Device // its partition; nil if nobody knows
	Trial  func() bool  // whether it has yet to be confirmed; nil is never
	Fuses  flash.Fuses
	GaveUp *GaveUp // the image that was given up last; nil is none

	Instead string // why another image, which was to be started, was not; "" is none
}

func (r Running) onTrial() bool { return r.Trial != nil && r.Trial() }

// GaveUp is an image that was given up.
type GaveUp struct {
	Digest  [32]byte // zero if it is not there any more
	Version string
	Reason  string // such as crashed
	Text    string // for people; may be ""
	Cut     bool   // it was not judged: the power went, or it was stopped too often
	News    bool   // no start was told of it before this one
}

// is reports whether that was the image of an update.
func (g *GaveUp) is(a clock.Attempt) bool {
	switch {
	case g == nil:
		return false
	case g.Digest == [32]byte{}:
		return g.Version == a.Version
	}
	return a.Digest == hex.EncodeToString(g.Digest[:])
}

func (g *GaveUp) why() string {
	if g.Text == "" {
		return g.Reason
	}
	return g.Reason + ": " + g.Text
}

// Settled returns what the next start makes of a record if it is that of x: what an
// [Updater] would show then. Nothing is stored.
func Settled(r Record, x Running, now time.Time) Record {
	r.settle(x, now)
	r.revise(x)
	return r
}

// settle draws the conclusions of a start: what became of the update that was under
// way, and of the image that was installed last. It returns the former if it was
// interrupted. What the boot loader remembers of a slot is about the image before, as
// long as the new one is not staged: that is no news.
func (r *Record) settle(x Running, now time.Time) (interrupted *clock.Attempt) {
	if g := x.GaveUp; g != nil && !g.News && r.Plan != nil {
		x.GaveUp = nil
	}
	if a := r.Present; a != nil {
		r.Present = nil
		done := *a
		if x.runs(done) || done.Digest != "" && x.GaveUp.is(done) && x.GaveUp.News {
			done.State, done.Result = Complete.String(), clock.Installed
			r.Plan = nil
		} else {
			done.State, done.Result, done.Reason = Failed.String(), clock.Interrupted, r.goesOn()
			interrupted = &done
		}
		done.Ended = now.UTC()
		r.History = added(r.History, done, clock.HistorySize)
	}
	r.settleInstalled(x, now)
	return interrupted
}

// goesOn says what is left of an update that was interrupted.
func (r *Record) goesOn() string {
	if r.Plan == nil || r.Plan.Done == 0 {
		return "the clock ended meanwhile: `ota update` begins anew"
	}
	return "the clock ended meanwhile: `ota update` goes on where it was"
}

// runs reports whether the image of an update runs.
func (x Running) runs(a clock.Attempt) bool {
	there := a.Slot == x.Slot || a.Slot == "" || x.Slot == ""
	return there && a.Digest != "" && a.Digest == hex.EncodeToString(x.Digest[:])
}

// settleInstalled compares the image that was installed last, and those that were
// confirmed, with what the boot loader did.
func (r *Record) settleInstalled(x Running, now time.Time) {
	newest := r.edit(isInstalled, func(a *clock.Attempt) {
		switch {
		case x.runs(*a) && x.onTrial():
		case x.runs(*a):
			a.Result = clock.Confirmed
			r.absolve(a.SHA256)
		case x.GaveUp.is(*a):
			a.Result, a.Reason = clock.RolledBack, x.GaveUp.why()
		case x.Instead != "":
			a.Result, a.Reason = clock.RolledBack, x.Instead
		default:
			a.Result, a.Reason = clock.RolledBack, "another image runs: the power went while it was tried first, or somebody selected the other slot"
		}
	})
	if newest == nil {
		newest = r.edit(func(a clock.Attempt) bool {
			return a.Result == clock.Confirmed && x.GaveUp.is(a) && x.GaveUp.News && !x.runs(a)
		}, func(a *clock.Attempt) { a.Result, a.Reason = clock.RolledBack, x.GaveUp.why() })
	}
	if newest != nil && newest.Result == clock.RolledBack && x.GaveUp.is(*newest) && !x.GaveUp.Cut && newest.SHA256 != "" {
		r.condemn(Bad{SHA256: newest.SHA256, Version: newest.Version, Proven: true, At: now.UTC(),
			Reason: "it was rolled back, " + x.GaveUp.why()})
	}
}

func isInstalled(a clock.Attempt) bool { return a.Result == clock.Installed }
