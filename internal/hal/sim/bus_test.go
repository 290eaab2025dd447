package sim

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// configured returns a bus with a chip at 0x60 whose outputs all glow at 1.
func configured(t *testing.T) (*Bus, *TLC59116) {
	t.Helper()
	b, c := NewBus("leds"), NewTLC59116(0x60)
	b.Attach(c)
	for _, w := range [][]byte{{0x80, 0, 0}, {0x94, 0xAA, 0xAA, 0xAA, 0xAA}, burst(1)} {
		if err := b.Tx(0x60, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if c.Lit() != all(1) {
		t.Fatalf("lit %v before the test", c.Lit())
	}
	return b, c
}

func burst(v byte) []byte { return append([]byte{0xA2}, slices.Repeat([]byte{v}, 16)...) }

func all(v uint8) (lit [16]uint8) {
	for n := range lit {
		lit[n] = v
	}
	return lit
}

// TestBusIsLinux holds what i2c-dev and its adapters do.
func TestBusIsLinux(t *testing.T) {
	b, c := configured(t)
	t.Run("an empty transaction succeeds at any address", func(t *testing.T) {
		b.Inject(Fault{Kind: Stuck})
		defer b.Heal()
		for addr := range uint16(0x80) {
			if err := b.Tx(addr, nil, nil); err != nil {
				t.Errorf("%#02x: %v", addr, err)
			}
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if err := b.Tx(0x61, []byte{0}, nil); !errors.Is(err, syscall.EREMOTEIO) {
			t.Errorf("error %v, want %v", err, syscall.EREMOTEIO)
		}
	})
	t.Run("several chips acknowledge", func(t *testing.T) {
		d := NewTLC59116(0x61)
		b.Attach(d)
		defer b.Detach(d)
		if err := b.Tx(0x60, []byte{0x00, 0x01}, nil); err != nil { // All-Call on again
			t.Fatal(err)
		}
		if err := b.Tx(0x68, burst(0x0F), nil); err != nil {
			t.Fatal(err)
		}
		if err := b.Tx(0x61, []byte{0x02, 0xF1}, nil); err != nil {
			t.Fatal(err)
		}
		r := make([]byte, 2)
		if err := b.Tx(0x68, []byte{0xA2}, r); err != nil || r[0] != 0x01 || r[1] != 0x0F {
			t.Errorf("read % x, %v: want the wired AND 01 0f", r, err)
		}
		if c.Lit()[5] != 0x0F {
			t.Errorf("All-Call did not reach the first chip: %v", c.Lit())
		}
	})
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault
		err   error
		want  [16]uint8 // lit after a burst of 9s
		mode1 byte
		took  time.Duration
	}{
		{name: "address not acknowledged", fault: Fault{Kind: Nack}, err: syscall.EREMOTEIO, want: all(1)},
		{name: "byte not acknowledged", fault: Fault{Kind: Nack, Byte: 4}, err: syscall.EREMOTEIO,
			want: [16]uint8{9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{name: "other address", fault: Fault{Kind: Nack, Addr: 0x61}, want: all(9)},
		{name: "byte beyond the message", fault: Fault{Kind: Nack, Byte: 18}, want: all(9)},
		{name: "stuck", fault: Fault{Kind: Stuck}, err: syscall.ETIMEDOUT, want: all(1), took: Timeout},
		{name: "stuck for a second", fault: Fault{Kind: Stuck, Delay: time.Second}, err: syscall.ETIMEDOUT, want: all(1), took: time.Second},
		{name: "flipped data", fault: Fault{Kind: Flip, Byte: 2, Mask: 0x80},
			want: [16]uint8{0x89, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}},
		{name: "flipped address", fault: Fault{Kind: Flip, Mask: 0x02}, err: syscall.EREMOTEIO, want: all(1)},
		{name: "flipped R/W", fault: Fault{Kind: Flip, Mask: 0x01}, err: syscall.EREMOTEIO, want: all(1)},
		{name: "brown-out in the address", fault: Fault{Kind: BrownOut}, err: syscall.EREMOTEIO, mode1: 0x11},
		{name: "brown-out between two bytes", fault: Fault{Kind: BrownOut, Byte: 9}, err: syscall.EREMOTEIO, mode1: 0x11},
		{name: "slow", fault: Fault{Kind: Slow, Delay: time.Millisecond}, want: all(9), took: 18 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, chip := configured(t)
				heal := b.Inject(c.fault)
				start := time.Now()
				if err := b.Tx(0x60, burst(9), nil); !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
				if got := chip.Lit(); got != c.want {
					t.Errorf("lit %v, want %v", got, c.want)
				}
				heal()
				var r [1]byte
				if err := b.Tx(0x60, []byte{0}, r[:]); err != nil || r[0] != c.mode1 {
					t.Errorf("healed: MODE1 %#02x, %v, want %#02x", r[0], err, c.mode1)
				}
			})
		})
	}
}

// TestStopAfterError: a master that is refused sends a STOP.
func TestStopAfterError(t *testing.T) {
	b, c := configured(t)
	b.Inject(Fault{Kind: Nack, Byte: 3, Times: 1})
	if err := b.Tx(0x60, burst(9), make([]byte, 1)); err == nil || c.Lit()[0] != 9 {
		t.Errorf("%v, lit %v, want the first output changed", err, c.Lit())
	}
}

func TestHealOne(t *testing.T) {
	b, _ := configured(t)
	heal := b.Inject(Fault{Kind: Slow})
	b.Inject(Fault{Kind: Nack})
	heal()
	if b.Tx(0x60, burst(9), nil) == nil {
		t.Error("healing one fault ended another")
	}
	b.Heal()
	if err := b.Tx(0x60, burst(9), nil); err != nil {
		t.Error(err)
	}
}

func TestFaultTimes(t *testing.T) {
	b, _ := configured(t)
	b.Inject(Fault{Kind: Nack, Times: 2})
	b.Inject(Fault{Kind: Nack, Times: 1, Byte: 3})
	var failed []bool
	for range 4 {
		failed = append(failed, b.Tx(0x60, []byte{0x12, 1}, nil) != nil)
	}
	if want := []bool{true, true, false, false}; !slices.Equal(failed, want) {
		t.Errorf("failed %v, want %v", failed, want)
	}
	if b.Tx(0x60, burst(1), nil) == nil {
		t.Error("a fault in byte 3 was used up by shorter messages")
	}
}

// TestBrownOutWhileReading: a master cannot see that a chip stops to drive the
// wire; it reads ones.
func TestBrownOutWhileReading(t *testing.T) {
	b, _ := configured(t)
	b.Inject(Fault{Kind: BrownOut, Byte: 2, Times: 1})
	r := make([]byte, 3)
	// The write of the control byte is too short to be befallen.
	if err := b.Tx(0x60, []byte{0xA2}, r); err != nil || r[0] != 1 || r[1] != 0xFF || r[2] != 0xFF {
		t.Errorf("read % x, %v: want 01 ff ff", r, err)
	}
}

func TestWholeSurge(t *testing.T) {
	b := NewBoard()
	for _, addr := range []uint16{0x60, 0x61} {
		for _, w := range [][]byte{{0x00, 0x00}, {0x94, 0xFF, 0xFF, 0xFF, 0xFF}, burst(200)} {
			if err := b.LEDs.Tx(addr, w, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.LEDBus.Inject(Fault{Kind: BrownOut, Byte: 3, Whole: true, Times: 1})
	if err := b.LEDs.Tx(0x60, burst(9), nil); err == nil {
		t.Error("no error from a chip that is reset")
	}
	if b.Lit() != ([10][16]uint8{}) {
		t.Errorf("lit %v after the supply broke down", b.Lit())
	}
}

// TestHeld holds that transactions exclude each other though they take time,
// and that looking at the chips never waits for them.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := configured(t)
		b.Inject(Fault{Kind: Slow, Delay: time.Millisecond})
		start := time.Now()
		var wg sync.WaitGroup
		for v := range byte(10) {
			wg.Go(func() {
				if err := b.Tx(0x60, burst(v), nil); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		if c.Lit() != all(1) {
			t.Errorf("lit %v before the first STOP", c.Lit())
		}
		if took := time.Since(start); took != 5*time.Millisecond {
			t.Errorf("Lit waited: %s", took)
		}
		wg.Wait()
		if took, want := time.Since(start), 180*time.Millisecond; took != want {
			t.Errorf("ten bursts of 18 ms took %s, want %s", took, want)
		}
		if lit := c.Lit(); lit != all(lit[0]) {
			t.Errorf("bursts were mixed: %v", lit)
		}
	})
}

func TestBusDoesNotAllocate(t *testing.T) {
	b, _ := configured(t)
	w := burst(3)
	if n := testing.AllocsPerRun(100, func() { _ = b.Tx(0x60, w, nil) }); n != 0 {
		t.Errorf("%v allocations in a write, want none", n)
	}
}

func TestKindNames(t *testing.T) {
	for k, want := range map[Kind]string{Nack: "nack", Stuck: "stuck", Flip: "flip", BrownOut: "brownout", Slow: "slow", 99: "Kind(99)"} {
		if got := k.String(); got != want {
			t.Errorf("Kind(%d) is %q, want %q", uint8(k), got, want)
		}
	}
}
