package firmware

import "time"

// debounce is how long a button has to stay as it is before that counts.
const debounce = 50 * time.Millisecond

// A press is what a button is seen to do, bounces left out.
type press struct {
	down  bool      // what counts
	seen  bool      // what was seen last,
	since time.Time // and since when
	began time.Time // down; zero is before anybody looked
}

// newPress returns that of a button as it is found. If it is down, it is not known for
// how long, and the release does not count.
func newPress(down bool, now time.Time) press { return press{down: down, seen: down, since: now} }

// see notes how the button is. If that makes a release, ok is true and held how long it
// was down.
func (p *press) see(down bool, now time.Time) (held time.Duration, ok bool) {
	if down != p.seen {
		p.seen, p.since = down, now
	}
	if p.seen == p.down || now.Sub(p.since) < debounce {
		return 0, false
	}
	if p.down = p.seen; p.down {
		p.began = p.since
		return 0, false
	}
	return p.since.Sub(p.began), !p.began.IsZero()
}

// due returns when to look again though nothing is heard of the button; negative is never.
func (p *press) due(now time.Time) time.Duration {
	if p.seen == p.down {
		return -1
	}
	return max(p.since.Add(debounce).Sub(now), time.Millisecond)
}
