package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"wordclockd/internal/clock"
)

// A desk takes what is published to the clock's command and set topics. It belongs to
// the goroutine that calls take; jobs may run in others.
type desk struct {
	// Immutable.
	names
	service clock.Service
	log     *slog.Logger

	*limits
	queue
}

// newDesk returns a desk; limits outlast it, so that who connects anew does not get more.
func newDesk(n names, s clock.Service, log *slog.Logger, l *limits) *desk {
	return &desk{names: n, service: s, log: log, limits: l}
}

// A job is the rest of what a message asks for.
type job struct {
	do       func(context.Context) outcome // may wait for the clock
	slow     bool                          // may take seconds: others need not wait for it
	promised bool                          // was answered already: nothing may keep it from being done
}

// An outcome is what a message came to.
type outcome struct {
	say  []message // answers, to be published in this order
	echo []string  // paths of topics whose state is to be published again, changed or not
	last []message // announce everything anew, discovery, then all states; and then say this
}

// take reads a message. It does not wait; it returns what is to be said at once, and
// what is to be done, in the order of messages unless it is slow; do nil is nothing.
// Retained messages are not for it: who published them meant it long ago.
func (d *desk) take(m message, now time.Time) (outcome, job) {
	t := d.topic(m)
	if t == nil {
		return outcome{}, job{}
	}
	if t.path != commandPath {
		return d.line(t, m.payload, now)
	}
	wait := d.wait(now)
	if wait > 0 && !d.tells(now) {
		return outcome{}, job{} // unread: a flood costs nothing
	}
	r, e, err := t.take.read(t, m.payload)
	switch {
	case wait > 0:
		return d.holdOff(r, wait), job{}
	case err != nil:
		return d.answer(r, e.refused(err)), job{}
	case e.heavy:
		wait = d.waitHeavy(r.name, now)
	}
	switch {
	case wait <= 0:
		return d.begin(r, e)
	case !d.tells(now):
		return outcome{}, job{}
	}
	return d.holdOff(r, wait), job{}
}

// begin says what is said of a request before it is carried out.
func (d *desk) begin(r *request, e errand) (o outcome, j job) {
	if e.after > 0 {
		return d.part(r, e)
	}
	if e.begin != "" {
		o.say = append(o.say, d.status(e.begin))
	}
	return o, job{slow: e.slow, do: func(ctx context.Context) outcome { return d.answer(r, d.carry(ctx, r, e)) }}
}

// part answers a request before it is carried out, as nobody is there after it.
func (d *desk) part(r *request, e errand) (outcome, job) {
	token := e.begin
	if r.isJSON {
		token = e.beginJSON
	}
	return d.answer(r, done{tokens: []string{token}}), job{promised: true, do: func(ctx context.Context) outcome {
		select {
		case <-ctx.Done(): // it was answered, and is done even if nobody can be told more
		case <-time.After(e.after):
		}
		if x := d.carry(context.WithoutCancel(ctx), r, e); x.err != nil {
			return d.answer(r, x)
		}
		return outcome{}
	}}
}

// topic returns the topic of ours that a message is on.
func (d *desk) topic(m message) *topic {
	path, ours := strings.CutPrefix(m.topic, d.base+"/")
	if t := topicOf(path); ours && t != nil && t.take != nil {
		return t
	}
	return nil
}

// holdOff is the answer to who asks for too much.
func (d *desk) holdOff(r *request, wait time.Duration) outcome {
	return d.answer(r, done{err: fmt.Errorf("too many requests, try again in %.0f s", math.Ceil(wait.Seconds()))})
}

// busy is the answer to the message that was taken last, if nobody is there to do its job.
func (d *desk) busy(m message) outcome {
	t := d.topic(m)
	if t == nil {
		return outcome{}
	}
	if t.path != commandPath && !d.drop(t) {
		return outcome{} // another job has just done it
	}
	r, e, err := t.take.read(t, m.payload)
	if err == nil {
		err = errors.New("busy with what was asked for before, try again in some seconds")
	}
	return d.answer(r, e.refused(err))
}

// filters are the topics that a desk takes messages on.
func (n names) filters() (filters []string) {
	for _, t := range topics {
		if t.take != nil {
			filters = append(filters, n.base+"/"+t.path)
		}
	}
	return filters
}
