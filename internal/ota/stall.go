package ota

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A request is given up that is slower than slowRate, in bytes per second, over
// twice the time after which it stalls.
const slowRate = 1 << 10

// A guard gives up a request that lets us wait: until something comes at all,
// and because too little comes. What time we take ourselves in between does not
// count.
type guard struct {
	// Immutable.
	stall  time.Duration
	giveUp context.CancelCauseFunc

	timer *time.Timer
	since time.Time
	slow  atomic.Bool // it is the rate that is waited for

	// Of the present stretch, which ends when enough came.
	waited time.Duration
	came   float64
}

// arm begins to wait.
func (g *guard) arm() {
	left := 2*g.stall - g.waited
	g.slow.Store(left < g.stall)
	g.since = time.Now()
	if d := min(left, g.stall); g.timer == nil {
		g.timer = time.AfterFunc(d, g.expire)
	} else {
		g.timer.Reset(d)
	}
}

// expire gives the request up.
func (g *guard) expire() {
	err := fmt.Errorf("no byte for %s", g.stall)
	if g.slow.Load() {
		err = fmt.Errorf("less than 1 KiB/s for %s", 2*g.stall)
	}
	g.giveUp(fault(Timeout, err))
}

// answered ends the wait for an answer; what the network yields is measured from
// here on.
func (g *guard) answered() {
	g.timer.Stop()
	g.waited, g.came = 0, 0
}

// rest ends the wait, in which n bytes came.
func (g *guard) rest(n int) {
	g.timer.Stop()
	g.waited += time.Since(g.since)
	if g.came += float64(n); g.came >= slowRate*2*g.stall.Seconds() {
		g.waited, g.came = 0, 0
	}
}

// A stream is the body of an answer, under guard and counted.
type stream struct {
	*Body
	guard *guard
	count func(n int)
}

func (s *stream) Read(p []byte) (int, error) {
	s.guard.arm()
	n, err := s.Body.Read(p)
	s.guard.rest(n)
	s.count(n)
	return n, err
}
