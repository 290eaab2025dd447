package timekeeper

import "time"

// An anchor is a moment at which the time was known for sure, and what is known
// about counting on from there by the host's monotonic clock.
type anchor struct {
	host, true time.Time     // zero: never
	err        time.Duration // of true
	gain       float64       // millionths by which the monotonic clock gains
	doubt      float64       // millionths by which that may be wrong
}

// Of a monotonic clock that nobody ever compared with anything, and of one whose
// kernel said that it is disciplined.
const (
	freeDoubt = 50
	hostDoubt = 10
	minDoubt  = 5                      // a crystal without compensation minds the weather
	hostError = 100 * time.Millisecond // the kernel notices hours later that nobody disciplines it
)

func (a anchor) known() bool { return !a.host.IsZero() }

// at returns the time at a moment that time.Now gave.
func (a anchor) at(host time.Time) time.Time {
	d := host.Sub(a.host)
	return a.true.Add(d - time.Duration(float64(d)*a.gain/1e6))
}

// error returns how far off that may be.
func (a anchor) error(host time.Time) time.Duration {
	return a.err + time.Duration(float64(host.Sub(a.host).Abs())*a.doubt/1e6)
}

// A history has anchors that time servers gave, from which the drift of the
// monotonic clock follows.
type history []anchor

// Limits of a history.
const (
	maxHistory  = 32
	historySpan = 24 * time.Hour
	minSpan     = 10 * time.Minute // over less than this a drift is noise
	maxGain     = 500              // millionths: no crystal is worse
)

// add adds an anchor, and returns it with the drift since the oldest one.
func (h *history) add(a anchor) anchor {
	list := append(*h, a)
	for len(list) > maxHistory || a.host.Sub(list[0].host) > historySpan {
		list = list[1:]
	}
	a.gain, a.doubt = 0, freeDoubt
	first := list[0]
	if span := a.host.Sub(first.host); span >= minSpan {
		gain := 1e6 * float64(span-a.true.Sub(first.true)) / float64(span)
		doubt := max(minDoubt, 1e6*float64(a.err+first.err)/float64(span))
		if gain >= -maxGain && gain <= maxGain && doubt < freeDoubt {
			a.gain, a.doubt = gain, doubt
		}
	}
	*h = list
	return a
}
