package tlc59116_test

import (
	"testing"

	"wordclockd/internal/hal/sim"
	"wordclockd/internal/hal/tlc59116"
)

// TestOverModel is a chip's life: new, configured, lit, reset behind its back.
func TestOverModel(t *testing.T) {
	bus, chip := sim.NewBus("leds"), sim.NewTLC59116(0x6A)
	bus.Attach(chip)
	d := tlc59116.New(bus, 0x6A)

	want := [16]uint8{0, 1, 60, 60, 60, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80}
	lit := [16]uint8{0, 1, 43, 43, 43, 180, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57}
	for _, when := range []string{"new", "after a surge"} {
		if ok, err := d.Configured(); ok || err != nil {
			t.Errorf("%s: Configured() = %t, %v", when, ok, err)
		}
		if err := d.Configure(); err != nil {
			t.Fatal(err)
		}
		if ok, err := d.Configured(); !ok || err != nil {
			t.Errorf("%s, then configured: Configured() = %t, %v", when, ok, err)
		}
		if chip.Lit() != ([16]uint8{}) {
			t.Errorf("%s: configuring flashed %v", when, chip.Lit())
		}
		if err := d.SetGroup(180); err != nil {
			t.Fatal(err)
		}
		if err := d.SetPWM(&want); err != nil {
			t.Fatal(err)
		}
		if got := chip.Lit(); got != lit {
			t.Errorf("%s: lit %v, want %v", when, got, lit)
		}
		if bus.Tx(0x68, []byte{0x00}, nil) == nil {
			t.Errorf("%s: still answers to All-Call", when)
		}
		// A second Configure, as after a restart of the program, must not
		// disturb what is shown.
		if err := d.Configure(); err != nil || chip.Lit() != lit {
			t.Errorf("%s: configured again: %v, lit %v", when, err, chip.Lit())
		}
		chip.Reset()
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	bus := sim.NewBus("leds")
	bus.Attach(sim.NewTLC59116(0x60))
	d := tlc59116.New(bus, 0x60)
	var pwm [16]uint8
	if n := testing.AllocsPerRun(100, func() {
		pwm[3]++
		_ = d.SetPWM(&pwm)
		_ = d.SetGroup(pwm[3])
		_ = d.SetRow(&pwm, pwm[3])
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestRowAtOnce: levels that change places, PWM for group, are never seen in between.
func TestRowAtOnce(t *testing.T) {
	bus, chip := sim.NewBus("leds"), sim.NewTLC59116(0x60)
	bus.Attach(chip)
	d := tlc59116.New(bus, 0x60)
	if err := d.Configure(); err != nil {
		t.Fatal(err)
	}
	if err := d.SetRow(&[16]uint8{7: 20}, 180); err != nil {
		t.Fatal(err)
	}
	want := chip.Lit()
	if want[7] != 15 {
		t.Fatalf("lit %v, want 15 at 7", want)
	}
	row := []byte{0xE2, 8: 180, 17: 20} // the levels have changed places
	for n := range row {
		if err := bus.Msg(0x60, false, row[:n+1], n == len(row)-1); err != nil {
			t.Fatal(err)
		}
		if got := chip.Lit(); got != want {
			t.Errorf("after byte %d: lit %v, want %v", n, got, want)
		}
	}
	if err := verify(d, &[16]uint8{7: 180}, 20); err != nil {
		t.Error(err)
	}
}
