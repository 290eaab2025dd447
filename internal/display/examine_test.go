package display

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
)

// TestExamine reads back what the chips hold, and has what they do not hold written
// again.
func TestExamine(t *testing.T) {
	poke := func(reg, value byte) func(*sim.Board) {
		return func(b *sim.Board) { _ = b.LEDBus.Tx(0x63, []byte{reg, value}, nil) }
	}
	for _, c := range []struct {
		name string
		hurt func(*sim.Board) // while it runs
		want string
		once bool // it is repaired
	}{
		{"all well", func(*sim.Board) {}, "", true},
		{"reset", func(b *sim.Board) { b.Rows[3].Reset() }, "row 3: read back tlc59116 0x63: MODE1 is 0x11, want 0x00", true},
		{"blinks", poke(0x01, 0x20), "row 3: read back tlc59116 0x63: MODE2 is 0x20, want 0x00", true},
		{"output off", poke(0x15, 0xFC), "row 3: read back tlc59116 0x63: LEDOUT1 is 0xfc, want 0xff", true},
		{"other level", poke(0x0C, 9), "row 3: read back tlc59116 0x63: PWM10 is 0x09, want 0x00", true},
		{"other group level", poke(0x12, 1), "row 3: read back tlc59116 0x63: GRPPWM is 0x01, want 0xb4", true},
		{"blinking rate, which nobody sees", poke(0x13, 1), "", true},
		{"wire that lies once", func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Flip, Addr: 0x63, Byte: 21, Mask: 1, Times: 1})
		}, "", true},
		{"wire that lies", func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Flip, Addr: 0x63, Byte: 21, Mask: 1}) },
			"row 3: read back tlc59116 0x63: LEDOUT0 is 0xfe, want 0xff", false},
		{"gone", func(b *sim.Board) { b.LEDBus.Detach(b.Rows[3]) }, "row 3: read back tlc59116 0x63: leds 0x63: write 1, read 24 bytes: remote I/O error", false},
		{"two gone", func(b *sim.Board) { b.LEDBus.Detach(b.Rows[3]); b.LEDBus.Detach(b.Rows[9]) },
			"row 3: read back tlc59116 0x63: leds 0x63: write 1, read 24 bytes: remote I/O error; row 9: read back tlc59116 0x6a: leds 0x6a: write 1, read 24 bytes: remote I/O error", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 30, 7), nil)
				c.hurt(r.Board)
				if got := examined(t, r); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
				if got := examined(t, r); (got == "") != c.once {
					t.Errorf("afterwards: %q", got)
				}
				if c.once {
					r.sees(t, "ES IST HALB DREI")
				}
			})
		})
	}
}

// TestExamineHungBus does not wait for each chip of a bus that hangs, and the face goes
// on where it can.
func TestExamineHungBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 7), nil)
		heal := r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		time.Sleep(6 * time.Second) // it is noticed
		begin := time.Now()
		if got := examined(t, r); strings.Count(got, "the bus hangs: ") != face.Rows {
			t.Errorf("%q", got)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("that took %s", took)
		}
		heal()
		time.Sleep(6 * time.Second)
		if got := examined(t, r); got != "" {
			t.Errorf("healed: %q", got)
		}
	})
}

// TestExamineDoesNotDelay: the words change in time, however often somebody examines.
func TestExamineDoesNotDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 34, 58), func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 90 * time.Microsecond}) // 100 kHz
		}, atOnce)
		g, ctx := task.NewGroup(t.Context())
		g.Go("examines", func(context.Context) error {
			for ctx.Err() == nil {
				_, _ = r.display.Examine(ctx)
			}
			return nil
		})
		time.Sleep(time.Until(june(14, 35, 0)) + 30*time.Millisecond)
		r.sees(t, "ES IST FÜNF NACH HALB DREI")
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestExamineNobody: a display that does not run does not hold up who asks.
func TestExamineNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 7), nil)
		r.stop()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := r.display.Examine(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func examined(t *testing.T, r *rig) string {
	t.Helper()
	wrong, err := r.display.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // for what is repaired
	var all []string
	for row, err := range wrong {
		if err != nil {
			all = append(all, fmt.Sprintf("row %d: %v", row, err))
		}
	}
	return strings.Join(all, "; ")
}
