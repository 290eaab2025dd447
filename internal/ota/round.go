package ota

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// How long a check waits.
const (
	limit = 10 * time.Second // for all
	grace = 2 * time.Second  // for one source, more than the other took
)

// errNotWaited is why a source is left when the other has decided.
var errNotWaited = errors.New("not waited for")

// A round asks the sources once. It belongs to the goroutine that made it,
// which alone changes it.
type round struct {
	// Immutable.
	c         *Checker
	r         Request
	begin     time.Time
	group     *task.Group
	ctx       context.Context // of the requests
	giveUp    context.CancelCauseFunc
	transport *http.Transport
	broken    error // why there is no transport
	came      chan Answer

	asked   int
	answers []Answer
}

// ask returns the answers of all that were asked and, without a comparison,
// were needed.
func (c *Checker) ask(ctx context.Context, r Request) []Answer {
	g, life := task.NewGroup(ctx)
	rd := &round{c: c, r: r, begin: time.Now(), group: g, came: make(chan Answer, len(clock.Sources))}
	rd.ctx, rd.giveUp = context.WithCancelCause(life)
	// The context of the requests, not one above it: whoever sees a connection
	// that was closed by its end has to see that end too.
	rd.transport, rd.broken = NewTransport(c.c.OTA, within(rd.ctx, c.c.Dial))
	rd.run()
	rd.giveUp(errNotWaited)
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		panic(err) // of a parser: a bug, and no answer
	}
	return rd.answers
}

func (rd *round) run() {
	rd.ask(rd.r.Preferred)
	if rd.c.c.OTA.CompareSources && !rd.r.Only {
		rd.ask(rd.r.Preferred.Other())
	}
	for !rd.done() {
		patience := time.NewTimer(time.Until(rd.deadline()))
		select {
		case a := <-rd.came:
			rd.take(a)
		case <-patience.C:
			rd.expire()
		}
		patience.Stop()
	}
}

func (rd *round) first() *Answer  { return of(rd.answers, rd.r.Preferred) }
func (rd *round) second() *Answer { return of(rd.answers, rd.r.Preferred.Other()) }

// spare tells whether there is a source that was not asked yet.
func (rd *round) spare() bool { return rd.asked == 1 && !rd.r.Only }

func (rd *round) done() bool {
	return len(rd.answers) == rd.asked || rd.first().valid() && !rd.c.c.OTA.CompareSources
}

// deadline is how long all who were asked may take at present.
func (rd *round) deadline() time.Time {
	d := rd.c.limit
	switch first, second := rd.first(), rd.second(); {
	case first.valid():
		d = first.Took + rd.c.grace
	case second.valid():
		d = second.Took + rd.c.grace
	case rd.spare():
		d = rd.c.grace
	}
	return rd.begin.Add(min(d, rd.c.limit))
}

// take notes an answer, and turns to the other source if it was a failure.
func (rd *round) take(a Answer) {
	rd.answers = append(rd.answers, a)
	if a.Err != nil && rd.spare() {
		rd.ask(rd.r.Preferred.Other())
	}
}

// expire is what happens at the deadline: a source that is spare is asked, or those
// who are still asked are left.
func (rd *round) expire() {
	if rd.spare() {
		rd.ask(rd.r.Preferred.Other())
		return
	}
	took := time.Since(rd.begin).Round(time.Millisecond)
	if rd.first().valid() {
		rd.giveUp(fault(Timeout, fmt.Errorf("%w after %s", errNotWaited, took)))
	} else {
		rd.giveUp(fault(Timeout, fmt.Errorf("no answer within %s", took)))
	}
	for len(rd.answers) < rd.asked {
		rd.answers = append(rd.answers, <-rd.came)
	}
}

// ask lets a source answer in time.
func (rd *round) ask(s clock.Source) {
	rd.asked++
	rd.group.Go("ask "+s.String(), func(context.Context) error {
		begin := time.Now()
		a := Answer{Source: s, Err: new(Error)}
		defer func() { rd.came <- a }() // even if this panics
		m, status, err := rd.fetch(s)
		a = Answer{Source: s, Manifest: m, Status: status, Took: time.Since(begin)}
		if err != nil {
			a.Err = at(err, Checking, s.String(), status)
		}
		return nil
	})
}

func (rd *round) fetch(s clock.Source) (Manifest, int, error) {
	if rd.broken != nil {
		return Manifest{}, 0, rd.broken
	}
	o := rd.c.c.OTA
	return FetchManifest(rd.ctx, NewHTTP(o, s, rd.transport, rd.c.c.Agent), o.AllowUnhashed)
}
