package firmware

import (
	"slices"
	"testing"
	"time"
)

// TestPress: what edges make of a button, and how long it was down.
func TestPress(t *testing.T) {
	type edge struct {
		at   int // ms
		down bool
	}
	for _, c := range []struct {
		name  string
		found bool // down
		edges []edge
		want  []int // ms
	}{
		{"nothing", false, nil, nil},
		{"a press", false, []edge{{100, true}, {300, false}}, []int{200}},
		{"two", false, []edge{{100, true}, {300, false}, {1000, true}, {7000, false}}, []int{200, 6000}},
		{"bounces of the press", false, []edge{{100, true}, {105, false}, {110, true}, {112, false}, {115, true}, {300, false}}, []int{185}},
		{"bounces of the release", false, []edge{{100, true}, {300, false}, {310, true}, {320, false}}, []int{220}},
		{"a gap while it is held", false, []edge{{100, true}, {3000, false}, {3049, true}, {6000, false}}, []int{5900}},
		{"a spark", false, []edge{{100, true}, {149, false}}, nil},
		{"sparks without end", false, []edge{{100, true}, {149, false}, {150, true}, {199, false}, {200, true}, {249, false}}, nil},
		{"just long enough", false, []edge{{100, true}, {151, false}}, []int{51}},
		{"held since before", true, []edge{{6000, false}}, nil},
		{"held since before, then pressed", true, []edge{{6000, false}, {7000, true}, {7500, false}}, []int{500}},
		{"held since before, with a gap", true, []edge{{6000, false}, {6020, true}, {7000, false}}, nil},
		{"never released", false, []edge{{100, true}}, nil},
		{"seen twice as it was", false, []edge{{100, true}, {120, true}, {300, false}, {310, false}}, []int{200}},
	} {
		begin := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		p := newPress(c.found, begin)
		var got []int
		see := func(down bool, at time.Time) {
			if held, ok := p.see(down, at); ok {
				got = append(got, int(held/time.Millisecond))
			}
		}
		level, now := c.found, begin
		for _, e := range append(c.edges, edge{20000, level}) {
			at := begin.Add(time.Duration(e.at) * time.Millisecond)
			for d := p.due(now); d >= 0 && now.Add(d).Before(at); d = p.due(now) {
				now = now.Add(d)
				see(level, now)
			}
			if now = at; e.at < 20000 {
				level = e.down
				see(level, now)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: held %v ms, want %v", c.name, got, c.want)
		}
	}
}
