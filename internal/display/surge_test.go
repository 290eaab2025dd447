package display

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// surgeKnown is when a surge is over at the latest: the chips are looked at every five
// seconds.
const surgeKnown = 5100 * time.Millisecond

// A ledger counts how often each driver is configured.
type ledger struct {
	i2c.Bus
	configured [face.Rows]int
}

func (l *ledger) Tx(addr uint16, w, r []byte) error {
	if w[0] == 0x80 && len(r) == 0 {
		l.configured[slices.Index(hal.LEDAddrs[:], addr)]++
	}
	return l.Bus.Tx(addr, w, r)
}

// holds fails unless every chip is set up, and holds the face at rest: PWM, LEDOUT and
// GRPPWM.
func (r *rig) holds(t *testing.T) {
	t.Helper()
	synctest.Wait()
	now := time.Now().UTC()
	want := still(face.Say(now.Hour(), now.Minute(), face.Default))
	for row, addr := range hal.LEDAddrs {
		var regs [0x18]byte
		if err := r.LEDBus.Tx(addr, []byte{0x80}, regs[:]); err != nil {
			t.Fatal(err)
		}
		wanted := [0x18]byte{0x12: want.Group, 0x14: 0xFF, 0x15: 0xFF, 0x16: 0xFF, 0x17: 0xFF}
		copy(wanted[2:], want.PWM[row][:])
		if regs[0] &= 0x1F; regs != wanted {
			t.Errorf("%s: row %d holds % x, want % x", now.Format(time.StampMilli), row, regs, wanted)
		}
	}
}

// TestSurge: whenever it comes, at rest or in a fade, between transactions or in one, to
// all chips or to some, every chip holds what is wanted 5.1 s later; and only those that
// were reset are set up again.
func TestSurge(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 12)
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) { surge(t, rand.New(rand.NewPCG(seed, 7))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	proof.Row(t, begin, "display: surges at rest, in fades and within transactions, chips are as wanted 5.1 s later", fmt.Sprintf("%d seeds x 6 surges", len(seeds)))
}

func surge(t *testing.T, rng *rand.Rand) {
	var book *ledger
	r := start(t, june(14, 29, 50), nil, func(c *Config) {
		book = &ledger{Bus: c.Bus}
		c.Bus = book
	})
	for n := range 6 {
		// Into the fade of the next five minutes, which takes 2 s, or past it.
		at := june(14, 30+5*n, 0).Add(time.Duration(rng.IntN(4000)) * time.Millisecond)
		time.Sleep(time.Until(at))
		synctest.Wait()
		book.configured = [face.Rows]int{}
		var reset [face.Rows]int
		within := rng.IntN(3) == 0 // a transaction: it shows which rows were reset
		switch {
		case within:
			r.LEDBus.Inject(sim.Fault{Kind: sim.BrownOut, Byte: rng.IntN(19), Whole: rng.IntN(2) == 0, Times: 1})
			time.Sleep(surgeKnown)
			r.LEDBus.Heal()
		case rng.IntN(2) == 0:
			r.Surge()
			reset = [face.Rows]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
		default:
			for range 1 + rng.IntN(5) {
				row := rng.IntN(face.Rows)
				r.Rows[row].Reset()
				reset[row] = 1
			}
		}
		time.Sleep(surgeKnown)
		r.holds(t)
		if !within && book.configured != reset {
			t.Errorf("%d: rows %v were reset, and set up %v", n, reset, book.configured)
		}
	}
}

// TestSurgeWhileOff lights nothing.
func TestSurgeWhileOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 7), nil)
		r.change(func(s *clock.Settings) { s.Off = true })
		r.Surge()
		for range 600 {
			r.sees(t, "")
			time.Sleep(20 * time.Millisecond)
		}
		r.logged(t, "leds_reset [0 1 2 3 4 5 6 7 8 9]")
	})
}
