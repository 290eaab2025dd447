package ota

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// maxSwitches is how often the slot's image is asked for anew after a failure,
// of another supplier or of the same, until it is given up.
const maxSwitches = 5

// errNobody says that no supplier is left, or maxSwitches are used up.
var errNobody = errors.New("no source is left")

// final is an error that no other supplier can help against.
type final struct{ error }

// A filling brings a slot from what it holds to the whole image. It belongs to
// the goroutine that runs it.
type filling struct {
	*job
	slot       sink
	meter      meter
	buf        []byte  // of one piece
	pieces     *Pieces // nil: there are none, or they are not believed
	distrusted bool    // there were pieces, and they are not believed
	earlier    bool    // part of what the slot holds was fetched before this run, and is unchecked
	all        []*standing
	order      []*standing // all, in the order in which they are asked
	last       *standing   // that was asked last
}

// A standing is what became of a supplier in the course of a job.
type standing struct {
	supplier
	clock.Served
	err       *Error        // the last
	busy      time.Duration // with answers that are over
	since     time.Time     // with the present one; zero if there is none
	plain     bool          // it is asked for ImageName
	whole     bool          // it is asked for nothing but the whole file
	out       bool          // it is not asked again
	refused   bool          // the judge refused what it delivered
	doubted   bool          // a piece that it delivered was wrong
	delivered bool          // some of what the slot holds
}

func newFilling(j *job) *filling {
	f := &filling{job: j, buf: make([]byte, PieceSize)}
	f.slot = sink{dev: j.dev, size: j.manifest.Size, done: f.keepDone}
	f.meter = meter{state: Downloading}
	for _, s := range j.suppliers {
		f.all = append(f.all, &standing{supplier: s, plain: j.manifest.SHA256 == ""})
	}
	f.order = slices.Clone(f.all)
	if len(f.all) > 0 {
		f.meter.source = f.all[0].name
	}
	return f
}

// run does the job. An error that is not of ctx is what job.run returns.
func (f *filling) run(ctx context.Context) error {
	f.show()
	defer f.show()
	err := f.bring(ctx)
	if e, ok := errors.AsType[final](err); ok {
		return e.error
	}
	return err
}

func (f *filling) bring(ctx context.Context) error {
	f.findPieces(ctx)
	if err := f.resume(ctx); err != nil {
		return err
	}
	err := f.together(ctx)
	if errors.Is(err, errApart) {
		return f.apart(ctx)
	}
	return err
}

// fill brings the slot to its end by any of who, who take turns when they
// fail. The error is errNobody, or final, or that of ctx.
func (f *filling) fill(ctx context.Context, who []*standing) error {
	s := after(nil, who)
	for n := 0; s != nil && !f.slot.full(); n++ {
		err := f.request(ctx, s)
		if err == nil {
			break
		}
		if is[final](err) || ctx.Err() != nil {
			return err
		}
		e := at(err, Downloading, s.name, 0)
		if s.out = permanent(e); e.Cause == WrongBytes {
			f.blame(s, e, f.slot.off)
		}
		next := after(s, who)
		if n == maxSwitches {
			next = nil
		}
		f.failed(s, e, next)
		if next != nil && !s.out {
			pause(ctx, n)
		}
		s = next
	}
	if !f.slot.full() {
		return errNobody
	}
	return nil
}

// after returns who is asked after s: the next that is not out, s itself if
// there is no other, nil if there is none.
func after(s *standing, who []*standing) *standing {
	i := slices.Index(who, s) + 1
	for k := range who {
		if next := who[(i+k)%len(who)]; !next.out {
			return next
		}
	}
	return nil
}

// permanent tells whether asking the same supplier again is of no use.
func permanent(e *Error) bool {
	switch e.Cause {
	case DNS, Refused, Timeout, Stalled, Truncated, RangeBroken: // whose range is broken is asked for all
		return false
	case HTTPStatus:
		return e.Status < 500 && !slices.Contains([]int{408, 425, 429}, e.Status)
	}
	return true
}

// The n-th pause is shorter than firstPause << n, and than maxPause.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 10 * time.Second
)

// pause waits for a random time, so that clocks which failed together do not
// come back together.
func pause(ctx context.Context, n int) {
	task.Sleep(ctx, rand.N(min(maxPause, firstPause<<n)))
}

// failed notes an error of s; next is asked instead, nil is nobody.
func (f *filling) failed(s *standing, e *Error, next *standing) {
	level := slog.LevelWarn
	if s.err != nil {
		level = slog.LevelInfo // that it fails again is no news
	}
	s.err = e
	s.Error = bounded(e.Cause.String() + ": " + e.Detail())
	name := ""
	if next != nil {
		name = next.name
	}
	f.log.Log(context.Background(), level, "source does not deliver", "event", "ota_fetch_failed", "source", s.name,
		"cause", e.Cause.String(), "status", e.Status, "err", e.Detail(), "next", name)
	f.show()
}
