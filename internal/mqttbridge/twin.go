package mqttbridge

import "time"

// A twin is another client of the same id. A broker lets only the newest one stay, so
// that each throws the other out, for ever.
type twin struct {
	kicks []time.Time // when the broker hung up soon after it had let us in; at most two
	seen  bool
}

const (
	twinSoon   = 40 * time.Second // another clock comes back within 30 s
	twinWithin = 2 * time.Minute
	twinGone   = 5 * time.Minute // up for so long: it was another one's fault, or is over
)

// failed is that a try to connect failed: it is the broker that has a fault.
func (t *twin) failed() { t.kicks = nil }

// ended is that a connection ended that the broker let come about then; kicked is that the
// broker hung up, and up that all was said before. It reports whether that is the first
// sign of a twin. Signs begin with a connection that was up: a broker that cannot bear
// what the clock says never lets one be.
func (t *twin) ended(since, now time.Time, kicked, up bool) bool {
	if kicked && !up && len(t.kicks) == 0 {
		return false
	}
	if !kicked || now.Sub(since) > twinSoon {
		t.kicks = nil
		t.seen = t.seen && now.Sub(since) < twinGone
		return false
	}
	first := !t.seen && len(t.kicks) == 2 && now.Sub(t.kicks[0]) <= twinWithin
	t.seen = t.seen || first
	t.kicks = append(t.kicks, now)
	t.kicks = t.kicks[max(0, len(t.kicks)-2):]
	return first
}
