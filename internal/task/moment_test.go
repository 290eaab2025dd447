package task

import (
	"testing"
	"time"
)

// TestMoments: zero is never, which is after all others and no deadline.
func TestMoments(t *testing.T) {
	var never time.Time
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range []struct {
		moments []time.Time
		want    time.Time
	}{
		{nil, never}, {[]time.Time{never, never}, never},
		{[]time.Time{late, early}, early}, {[]time.Time{never, late, never, early}, early}, {[]time.Time{early, never}, early},
	} {
		if got := Soonest(c.moments...); !got.Equal(c.want) {
			t.Errorf("soonest of %v: %v, want %v", c.moments, got, c.want)
		}
	}
	for _, got := range []time.Time{Later(early, late), Later(late, early), Later(never, late)} {
		if !got.Equal(late) {
			t.Errorf("later: %v, want %v", got, late)
		}
	}
}
