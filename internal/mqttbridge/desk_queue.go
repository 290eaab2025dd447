package mqttbridge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A queue has the payloads that came on topics beside command, and were not looked at
// yet. Of those on one topic the newest stay: whoever moves a slider gets what it was
// left at, however many messages that made.
type queue struct {
	mu      sync.Mutex
	waiting map[*topic][][]byte
}

// How many of one topic may wait: those that a scene of Home Assistant's sends at once,
// or, once they come faster than it is any one's turn, a few.
const (
	maxWaiting = 32
	maxFlooded = 3
)

// push adds a payload. It returns the oldest one of the topic if there were too many.
func (q *queue) push(t *topic, p []byte, most int) (oldest []byte, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[*topic][][]byte{}
	}
	list := append(q.waiting[t], p)
	if len(list) > most {
		oldest, list, full = list[0], slices.Clone(list[len(list)-most:]), true
	}
	q.waiting[t] = list
	return oldest, full
}

// pop returns the oldest payload of a topic; ok is false if none waits.
func (q *queue) pop(t *topic) (p []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting[t]) == 0 {
		return nil, false
	}
	p, q.waiting[t] = q.waiting[t][0], q.waiting[t][1:]
	return p, true
}

// drop takes the newest payload of a topic back; ok is false if none waits.
func (q *queue) drop(t *topic) (ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.waiting[t]) - 1
	if n >= 0 {
		q.waiting[t] = q.waiting[t][:n]
	}
	return n >= 0
}

// empty reports whether none waits.
func (q *queue) empty(t *topic) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting[t]) == 0
}

// line has a payload wait for its turn. There is a job for each that waits; those of
// payloads that had to go find nothing.
func (d *desk) line(t *topic, p []byte, now time.Time) (outcome, job) {
	most := maxWaiting
	if d.turns.Tokens() < 1 {
		most = maxFlooded
	}
	oldest, full := d.push(t, p, most)
	if !full {
		return outcome{}, job{do: func(ctx context.Context) outcome { return d.serve(ctx, t) }}
	}
	if !d.tells(now) {
		return outcome{}, job{}
	}
	r, _, err := t.take.read(t, oldest)
	if err == nil {
		err = errors.New("too many requests: newer ones came before it was its turn")
	}
	return d.answer(r, done{err: err}), job{}
}

// serve looks at the payload of a topic whose turn it is.
func (d *desk) serve(ctx context.Context, t *topic) outcome {
	if d.empty(t) || d.turns.Wait(ctx) != nil {
		return outcome{}
	}
	p, ok := d.pop(t)
	if !ok {
		return outcome{}
	}
	r, e, err := t.take.read(t, p)
	if err != nil {
		return d.answer(r, e.refused(err))
	}
	return d.answer(r, d.carry(ctx, r, e))
}
