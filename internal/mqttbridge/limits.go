package mqttbridge

import (
	"time"

	"golang.org/x/time/rate"
)

// How much is taken: of commands together, of each command that costs a restart or a
// download, and of everything else, which waits for its turn.
const (
	manyRate  = 5 // a second
	manyBurst = 20

	heavyEvery = 10 * time.Second
	heavyBurst = 2

	turnRate  = 10 // a second
	turnBurst = 50 // a scene sets each of some thirty values by a message of its own
)

// limits hold off who asks for too much.
type limits struct {
	many  *rate.Limiter
	heavy map[string]*rate.Limiter // by command
	turns *rate.Limiter
	told  time.Time // when somebody was told last
}

func newLimits() *limits {
	return &limits{
		many: rate.NewLimiter(manyRate, manyBurst), heavy: map[string]*rate.Limiter{},
		turns: rate.NewLimiter(turnRate, turnBurst),
	}
}

// wait returns how long to wait until another command is taken; 0 takes this one.
func (l *limits) wait(now time.Time) time.Duration { return reserve(l.many, now) }

// waitHeavy is wait for a command that costs much.
func (l *limits) waitHeavy(command string, now time.Time) time.Duration {
	if l.heavy[command] == nil { // of our own table: there are few
		l.heavy[command] = rate.NewLimiter(rate.Every(heavyEvery), heavyBurst)
	}
	return reserve(l.heavy[command], now)
}

func reserve(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// tells reports whether to answer who was held off: a flood gets an answer a second.
func (l *limits) tells(now time.Time) bool {
	if !l.told.IsZero() && now.Sub(l.told) < time.Second {
		return false
	}
	l.told = now
	return true
}
