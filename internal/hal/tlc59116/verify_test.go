package tlc59116_test

import (
	"testing"

	"wordclockd/internal/hal/sim"
	"wordclockd/internal/hal/tlc59116"
)

// TestReadBack finds any bit of a register that says what is lit, and no other.
func TestReadBack(t *testing.T) {
	names := map[byte]string{0x00: "MODE1", 0x01: "MODE2", 0x02: "PWM0", 0x11: "PWM15", 0x12: "GRPPWM", 0x14: "LEDOUT0", 0x17: "LEDOUT3"}
	pwm := [16]uint8{3: 60, 15: 1}
	for reg := range byte(0x18) {
		for bit := range 8 {
			bus, chip := sim.NewBus("leds"), sim.NewTLC59116(0x60)
			bus.Attach(chip)
			d := tlc59116.New(bus, 0x60)
			if err := d.Configure(); err != nil {
				t.Fatal(err)
			}
			if err := d.SetGroup(180); err != nil {
				t.Fatal(err)
			}
			if err := d.SetPWM(&pwm); err != nil {
				t.Fatal(err)
			}
			if err := verify(d, &pwm, 180); err != nil {
				t.Fatalf("a healthy chip: %v", err)
			}
			before := chip.Lit()
			held := make([]byte, 1)
			if err := bus.Tx(0x60, []byte{reg}, held); err != nil {
				t.Fatal(err)
			}
			if err := bus.Tx(0x60, []byte{reg, held[0] ^ 1<<bit}, nil); err != nil {
				t.Fatal(err)
			}
			err := verify(d, &pwm, 180)
			if err == nil && chip.Lit() != before {
				t.Errorf("register 0x%02x, bit %d: shows something else unnoticed", reg, bit)
			}
			if err != nil && (reg == 0x13 || reg == 0x01 && bit == 7) {
				t.Errorf("register 0x%02x, bit %d: %v, and that changes nothing", reg, bit, err)
			}
			if want := names[reg]; err != nil && want != "" && err.Error()[:len(want)] != want {
				t.Errorf("register 0x%02x: %v, want %s", reg, err, want)
			}
		}
	}
	if err := verify(tlc59116.New(sim.NewBus("leds"), 0x60), &pwm, 180); err == nil {
		t.Error("a chip that is not there holds what is wanted")
	}
}

// verify returns an error unless the chip holds what was written.
func verify(d *tlc59116.Dev, pwm *[16]uint8, group uint8) error {
	r, err := d.ReadBack()
	if err != nil {
		return err
	}
	return r.Differ(pwm, group)
}
