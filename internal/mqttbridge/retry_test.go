package mqttbridge

import (
	"testing"
	"time"
)

// TestRetry holds that pauses rise to the longest, are spread, and that a broker is never
// left alone for longer.
func TestRetry(t *testing.T) {
	const longest = 30 * time.Second
	for range 200 {
		r := retry{longest: longest}
		for i, most := range []time.Duration{4, 8, 16, 30, 30, 30} {
			if p := r.pause(0); p < minPause || p > most*time.Second {
				t.Fatalf("pause %d is %v", i, p)
			}
		}
		for took := time.Duration(0); took <= connectLimit; took += time.Second {
			if p := r.pause(took); p < minPause || p+took > max(longest, connectLimit+minPause) {
				t.Fatalf("pause %v after a try of %v", p, took)
			}
		}
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		r := retry{longest: longest}
		seen[r.pause(0)] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d different pauses of 20", len(seen))
	}
	short := retry{longest: 100 * time.Millisecond}
	for range 100 {
		if p := short.pause(0); p != 100*time.Millisecond {
			t.Fatalf("pause %v", p)
		}
	}
}

func TestTwinSigns(t *testing.T) {
	type end struct {
		after, up time.Duration // the end, since that of the one before; how long it was up
		kicked    bool
		early     bool // it never was up
	}
	kick := end{10 * time.Second, 5 * time.Second, true, false}
	early := end{10 * time.Second, 0, true, true}
	for _, c := range []struct {
		name string
		ends []end
		want int // index of the first sign; -1 is none
	}{
		{"never up", []end{early, early, early, early}, -1},
		{"up once, then thrown out before it is up", []end{kick, early, early, early}, 2},
		{"three in a row", []end{kick, kick, kick, kick}, 2},
		{"the clock's own fault in between", []end{kick, kick, {10 * time.Second, 5 * time.Second, false, false}, kick, kick}, -1},
		{"a long one in between", []end{kick, kick, {time.Minute, time.Minute, true, false}, kick, kick}, -1},
		{"too far between", []end{{time.Minute, 30 * time.Second, true, false}, {time.Minute, 30 * time.Second, true, false}, {2 * time.Minute, 30 * time.Second, true, false}}, -1},
		{"a try failed in between", []end{kick, kick, {}, kick, kick}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tw twin
			now, got := time.Unix(0, 0), -1
			for i, e := range c.ends {
				if now = now.Add(e.after); e == (end{}) {
					tw.failed()
				} else if tw.ended(now.Add(-e.up), now, e.kicked, !e.early) {
					got = i
				}
			}
			if got != c.want || tw.seen != (c.want >= 0) {
				t.Errorf("sign at %d, seen %v, want %d", got, tw.seen, c.want)
			}
		})
	}
}
