package sim

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
)

// TestSpeed: a transfer takes the clocks of its bytes, of START and of STOP; the outputs
// change at its end.
func TestSpeed(t *testing.T) {
	for _, c := range []struct {
		name    string
		speed   physic.Frequency // 0 is not set
		addr    uint16
		w, r    []byte
		clocks  int
		refused bool
	}{
		{name: "no speed", addr: 0x60, w: burst(9)},
		{"a row", 100 * physic.KiloHertz, 0x60, burst(9), nil, 1 + 18*9 + 1, false},
		{"a row, fast", 400 * physic.KiloHertz, 0x60, burst(9), nil, 1 + 18*9 + 1, false},
		{"a register is read", 100 * physic.KiloHertz, 0x60, []byte{0}, make([]byte, 1), 1 + 2*9 + 1 + 2*9 + 1, false},
		{"nobody acknowledges", 100 * physic.KiloHertz, 0x61, burst(9), nil, 1 + 9 + 1, true},
		{"nothing", 100 * physic.KiloHertz, 0x60, nil, nil, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, chip := configured(t)
				want := time.Duration(0)
				if c.speed > 0 {
					if err := b.SetSpeed(c.speed); err != nil {
						t.Fatal(err)
					}
					want = time.Duration(c.clocks) * c.speed.Period()
				}
				begin := time.Now()
				if err := b.Tx(c.addr, c.w, c.r); (err != nil) != c.refused {
					t.Error(err)
				}
				if took := time.Since(begin); took != want {
					t.Errorf("took %s, want %s", took, want)
				}
				if len(c.w) == 17 && !c.refused && chip.Lit() != all(9) {
					t.Errorf("lit %v", chip.Lit())
				}
			})
		})
	}
	if err := NewBus("leds").SetSpeed(0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("no speed at all: %v", err)
	}
}

// TestOutputsWaitForStop: half a burst on the wire changes nothing yet.
func TestOutputsWaitForStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, chip := configured(t)
		if err := b.SetSpeed(100 * physic.KiloHertz); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- b.Tx(0x60, burst(9), nil) }()
		time.Sleep(1639 * time.Microsecond)
		if chip.Lit() != all(1) {
			t.Errorf("before STOP: lit %v", chip.Lit())
		}
		if err := <-done; err != nil || chip.Lit() != all(9) {
			t.Errorf("after STOP: lit %v, %v", chip.Lit(), err)
		}
	})
}
