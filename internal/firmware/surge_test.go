package firmware

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
)

// TestKnobInFade: a knob that is turned while one face becomes the next changes how
// bright the cells are, and none of them jumps; then all of them are exact.
func TestKnobInFade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 5, 1, 14, 49, 50, 0, vienna(t))
		var e *beholder
		d := start(t, at, func(d *clockwork) { e = watched(d.board) })
		time.Sleep(5 * time.Second)
		old, worst := radianceOf(d.board), 0
		e.on(func(row int, now [face.Cols]uint16) {
			for col := range now {
				worst = max(worst, int(now[col])-int(old[row][col]), int(old[row][col])-int(now[col]))
			}
			old[row] = now
		})
		time.Sleep(time.Until(at.Add(10 * time.Second)))
		for n, part := range []float64{0.3, 0.2, 0.15, 0.28, 0.2} {
			time.Sleep(time.Duration(70*n) * time.Millisecond)
			d.board.Knob.TurnTo(part)
		}
		if lit := d.board.Seen(); lit == says(at).Mask() || lit == says(at.Add(10*time.Second)).Mask() {
			t.Errorf("sees %04X: the fade is over, or has not begun", lit)
		}
		time.Sleep(5 * time.Second)
		d.shines(t)
		if s, _ := d.service.Watch(); s.Light.Individual < 54 || s.Light.Individual > 56 || s.Light.Group < 178 {
			t.Errorf("%+v, want the knob's 55, 180", s.Light)
		}
		if most := 80 * 180 / 6; worst > most || worst == 0 {
			t.Errorf("a cell jumped by %d, want %d at most", worst, most)
		}
	})
}

// TestSurgeAtAnyTime: drivers that are reset while one face becomes the next, in the
// middle of a transaction or at rest show just what they are to show within 5.1 s; nobody
// touches the configuration of the others.
func TestSurgeAtAnyTime(t *testing.T) {
	every, some := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{2, 9}
	cases := []struct {
		name string
		hurt func(*sim.Board)
		rows []int // that were reset; nil is any one
	}{
		{"all chips", (*sim.Board).Surge, every},
		{"some chips", func(b *sim.Board) { b.Rows[2].Reset(); b.Rows[9].Reset() }, some},
		{"all chips, in the middle of a transaction", brownOut(true), every},
		{"one chip, in the middle of a transaction", brownOut(false), nil},
	}
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 5, 1, 14, 0, 0, 0, vienna(t))
		var e *beholder
		d := start(t, at.Add(-10*time.Second), func(d *clockwork) { e = watched(d.board) })
		for n := range 2 * len(cases) {
			c := cases[n/2]
			d.set(t, clock.Edit{Key: "transition.duration_ms", Value: 2000 + n%2*3000})
			for _, moment := range []time.Duration{0, 7 * time.Millisecond, 500 * time.Millisecond, time.Second, 1970 * time.Millisecond, 10 * time.Second} {
				time.Sleep(time.Until(at.Add(moment)))
				e.setUp()
				c.hurt(d.board)
				time.Sleep(5100 * time.Millisecond)
				d.shines(t)
				checkReset(t, fmt.Sprint(c.name, " ", moment, " after a change"), e.setUp(), c.rows)
				at = at.Add(5 * time.Minute)
			}
		}
		if s, _ := d.service.Watch(); s.Boot != 1 {
			t.Errorf("start %d", s.Boot)
		}
	})
}

// brownOut breaks the supply down in the next message.
func brownOut(whole bool) func(*sim.Board) {
	return func(b *sim.Board) {
		b.LEDBus.Inject(sim.Fault{Kind: sim.BrownOut, Byte: 1, Whole: whole, Times: 1})
	}
}

// checkReset fails unless the chips of these rows were configured, and no others.
func checkReset(t *testing.T, what string, times [face.Rows]int, rows []int) {
	t.Helper()
	var want, got [face.Rows]bool
	for _, row := range rows {
		want[row] = true
	}
	n := 0
	for row := range times {
		if got[row] = times[row] > 0; got[row] {
			n++
		}
	}
	if got != want && (rows != nil || n != 1) {
		t.Errorf("%s: rows configured %v, want %v", what, times, rows)
	}
}
