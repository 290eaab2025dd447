package display

import (
	"time"

	"wordclockd/internal/clock"
)

// Statistics cover the last 24 hours, to the five minutes: what is older than 23 h 55 min
// may be left out, what is older than 24 h is. They go by the monotonic clock, whatever
// the time of day does.
const (
	window = 24 * time.Hour
	slot   = 5 * time.Minute
)

// A result is what one validation counts as.
type result struct {
	failure              clock.FailureType
	attempted, recovered bool // a repair; recovered is true if there was nothing to repair
}

// statistics counts validations. The zero value has seen none.
type statistics struct {
	begin       time.Time // of the first slot
	slots       [window / slot]clock.ValidationStats
	now         int // the present slot, counted from begin
	consecutive uint32
}

// add counts a validation that ended just now.
func (s *statistics) add(now time.Time, r result) {
	s.advance(now)
	c := &s.slots[s.now%len(s.slots)]
	c.Total++
	if r.attempted {
		c.Attempts++
		if r.recovered {
			c.Recoveries++
		}
	}
	if r.failure == clock.FailureNone {
		s.consecutive = 0
		return
	}
	s.consecutive++
	c.Failed++
	c.By[r.failure]++
}

// advance empties the slots that were not reached before.
func (s *statistics) advance(now time.Time) {
	if s.begin.IsZero() {
		s.begin = now
	}
	n := int(now.Sub(s.begin) / slot)
	for i := max(s.now+1, n-len(s.slots)+1); i <= n; i++ {
		s.slots[i%len(s.slots)] = clock.ValidationStats{}
	}
	s.now = max(s.now, n)
}

// sum returns the counts of the window, and the health that follows from them and from
// what is wrong at present.
func (s *statistics) sum(now time.Time, present clock.FailureType) (sum clock.ValidationStats) {
	s.advance(now)
	for _, c := range s.slots {
		sum.Total += c.Total
		sum.Failed += c.Failed
		sum.Attempts += c.Attempts
		sum.Recoveries += c.Recoveries
		for f, n := range c.By {
			sum.By[f] += n
		}
	}
	sum.Consecutive = s.consecutive
	sum.Health = health(sum, present)
	return sum
}

// health scores from 0 to 100, by the firmware's deductions. A driver that does not
// answer counts as long as it does not.
func health(s clock.ValidationStats, present clock.FailureType) int {
	score := 100
	deduct := func(points int, from bool) {
		if from {
			score -= points
		}
	}
	seen := func(f clock.FailureType) bool { return s.By[f] > 0 || present == f }
	deduct(10, seen(clock.HardwareFault))
	deduct(10, seen(clock.BusFailure))
	deduct(5, seen(clock.SystematicMismatch))
	deduct(1, seen(clock.SoftwareError))
	deduct(20, 10*(s.Attempts-s.Recoveries) > s.Attempts)
	deduct(10, 20*s.Failed > s.Total)
	few := func(n uint32) int { return int(min(n, 100)) } // more make no difference
	score -= 2*few(s.By[clock.PartialMismatch]) + 2*few(s.By[clock.GroupMismatch]) + 5*few(s.Consecutive)
	return max(score, 0)
}
