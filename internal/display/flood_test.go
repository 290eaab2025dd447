package display

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// TestNoFlood: whatever comes and goes all the time, many times a second where levels
// glide, the log has it once, and self-checks are not published as often.
func TestNoFlood(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  sim.Fault
		glides bool
		every  time.Duration // self-checks, at most
		events []string
	}{
		{"a driver that answers now and then", sim.Fault{Kind: sim.Nack, Addr: hal.LEDAddrs[4], Times: 2}, true, flicker, []string{"leds_dark [4]", "validation_hardware [4]"}},
		{"a wire that lies now and then", sim.Fault{Kind: sim.Flip, Addr: hal.LEDAddrs[4], Byte: 5, Mask: 3, Times: 3}, false, DefaultPoll, []string{"validation_partial [4]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, checked := startChecked(t)
				for range 2000 { // ten minutes
					r.LEDBus.Inject(c.fault)
					if c.glides {
						r.light.Update(func(l *clock.Light) { l.Group = 250 - l.Group })
					}
					time.Sleep(300 * time.Millisecond)
				}
				r.logged(t, c.events...)
				if s := checked.Get().Stats; s.Total > 20+uint32(600*time.Second/c.every) || s.Failed == 0 { // and two for each minute
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestOtherRows: a failure that is known of some rows is told of others.
func TestOtherRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for _, row := range []int{3, 5, 3, 5, 5, 3} {
			pokeRow(row, 0x0C, 1)(b)
			b.run(t)
			b.run(t)
		}
		poke(0x12, 9)(b)
		b.run(t)
		time.Sleep(again)
		pokeRow(5, 0x0C, 1)(b)
		b.run(t)
		want := []string{"validation_partial [3]", "validation_partial [5]", "validation_group [3]", "validation_partial [5]"}
		if diff := cmp.Diff(want, b.log.Events("rows")); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
