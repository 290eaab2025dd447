package mqttbridge

import (
	"bytes"
	"slices"
	"time"

	"wordclockd/internal/clock"
)

// How often a topic is published.
const (
	pace   = 500 * time.Millisecond // at most
	period = time.Minute            // if it is periodic, or what has changed is noise
)

// A publisher decides what is published when: what has changed, each topic twice a
// second at most; changes of state and each tenth of an update at once.
//
// It belongs to one connection: what the broker has is not known at its begin.
type publisher struct {
	teller *teller
	sent   map[string]*sending // by path
	told   step                // the newest of an update
	beat   time.Time           // of the last heartbeat
	news   []message           // what the teller told last
}

// A sending is what was published last on a topic.
type sending struct {
	payload []byte
	view    view // that it was made of
	at      time.Time
	again   bool // it is to be published once more, changed or not
}

func newPublisher(t *teller) *publisher {
	return &publisher{teller: t, sent: map[string]*sending{}}
}

// all returns every state, as it is published when a connection is up, in order, and
// before them the steps that came since the connection began. The publisher takes them
// for published.
func (p *publisher) all(v view) (out []message) {
	if !p.beat.IsZero() {
		out = p.steps(topicOf(otaProgress), v)
	}
	for i := range topics {
		if t := &topics[i]; t.state != nil {
			if payload := t.state.payload(v); payload != nil {
				out = append(out, p.send(t, v, payload))
			}
		}
	}
	p.told, p.beat = newest(v.Update), v.now
	return out
}

// next returns what is to be published now, and how long to wait, unless the clock
// changes before, until it is to be asked again.
func (p *publisher) next(v view) (out []message, wait time.Duration) {
	beats := v.now.Sub(p.beat) >= period
	if beats {
		p.beat = v.now
	}
	wait = p.beat.Add(period).Sub(v.now)
	for i := range topics {
		t := &topics[i]
		if t.state == nil {
			continue
		}
		if t.state.steps {
			out = append(out, p.steps(t, v)...)
		}
		if beats && t.state.period {
			p.of(t).again, p.of(t).at = true, time.Time{}
		}
		m, due := p.look(t, v)
		out = append(out, m...)
		wait = min(wait, due)
	}
	if beats {
		out = append(out, heartbeat(v))
	}
	p.news = p.teller.news(v)
	return append(out, p.news...), wait
}

// rest returns what is left to say when the clock ends: no pace is kept, as there is no
// later. What next returned last is on its way, whether somebody has waited for its
// arrival or not.
func (p *publisher) rest(v view) []message {
	sent := p.news
	for _, s := range p.sent {
		s.at = time.Time{}
	}
	out, _ := p.next(v)
	return slices.DeleteFunc(out, func(m message) bool {
		return slices.ContainsFunc(sent, func(s message) bool { return s.topic == m.topic && bytes.Equal(s.payload, m.payload) })
	})
}

// again makes next publish the state of topics by their paths, changed or not.
func (p *publisher) again(paths ...string) {
	for _, path := range paths {
		if t := topicOf(path); t != nil && t.state != nil {
			p.of(t).again = true
		}
	}
}

func (p *publisher) of(t *topic) *sending {
	if p.sent[t.path] == nil {
		p.sent[t.path] = &sending{}
	}
	return p.sent[t.path]
}

// look returns the message of a topic if it is due, and after what time it is if it is
// not.
func (p *publisher) look(t *topic, v view) (out []message, wait time.Duration) {
	payload := t.state.payload(v)
	s := p.of(t)
	after, ok := t.state.after(s, v, payload)
	if !ok {
		return nil, period
	}
	age := v.now.Sub(s.at)
	if !s.at.IsZero() && 0 <= age && age < after {
		return nil, after - age
	}
	return []message{p.send(t, v, payload)}, period
}

// after returns how long after the last message the next one is due; ok is false if
// there is nothing to say.
func (x *state) after(s *sending, v view, payload []byte) (d time.Duration, ok bool) {
	changed := !bytes.Equal(payload, s.payload)
	switch {
	case payload == nil:
		return 0, false
	case s.again:
		return pace, true
	case !changed || x.steps:
		return 0, false
	case x.urgent:
		return 0, true
	case x.news != nil && s.payload != nil && !x.news(s.view, v):
		return period, true
	}
	return pace, true
}

// send returns a message that is published now.
func (p *publisher) send(t *topic, v view, payload []byte) message {
	*p.of(t) = sending{payload: payload, at: v.now}
	if t.state.news != nil {
		p.of(t).view = v
	}
	return v.on(t, payload)
}

// A step is one of an update.
type step struct {
	attempt uint32
	number  int
}

// before reports whether s came before another one.
func (s step) before(o step) bool {
	return s.attempt < o.attempt || s.attempt == o.attempt && s.number < o.number
}

// attempts yields all updates that are known, the newest last.
func attempts(u clock.Update, yield func(*clock.Attempt)) {
	for i := range u.History {
		yield(&u.History[i])
	}
	if u.Present != nil {
		yield(u.Present)
	}
}

func newest(u clock.Update) (last step) {
	attempts(u, func(a *clock.Attempt) {
		for _, s := range a.Steps {
			if at := (step{a.Number, s.Number}); last.before(at) {
				last = at
			}
		}
	})
	return last
}

// steps returns a message for each step that was not told yet.
func (p *publisher) steps(t *topic, v view) (out []message) {
	attempts(v.Update, func(a *clock.Attempt) {
		for i, s := range a.Steps {
			if at := (step{a.Number, s.Number}); p.told.before(at) {
				p.told = at
				out = append(out, p.send(t, v, compact(progressOf(a, i))))
			}
		}
	})
	return out
}
