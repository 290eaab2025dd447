package mqttbridge

import (
	"math/rand/v2"
	"time"
)

// minPause is the least between two tries to connect.
const minPause = 2 * time.Second

// A retry says when to try again. Pauses rise from minPause to longest, and are drawn at
// random below that, so that clocks that lost the same broker do not come all at once.
type retry struct {
	longest time.Duration
	tries   int // in a row
}

// pause returns how long after the begin of a try that took so long the next one starts.
// Counted so, a broker that is back waits for longest at most.
func (r *retry) pause(took time.Duration) time.Duration {
	least := min(minPause, r.longest)
	most := r.longest
	if r.tries < 16 {
		most = min(most, minPause<<(r.tries+1))
	}
	r.tries++
	return max(least, least+rand.N(most-least+1)-took)
}
