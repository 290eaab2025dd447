package tlc59116

import (
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestBytes(t *testing.T) {
	pwm := [16]uint8{0: 1, 1: 2, 14: 254, 15: 255}
	for _, c := range []struct {
		name string
		do   func(*Dev) error
		want []i2ctest.IO
	}{
		{"configure", (*Dev).Configure, []i2ctest.IO{
			{Addr: 0x65, W: []byte{0x80, 0x00, 0x00}},
			{Addr: 0x65, W: []byte{0x94, 0xFF, 0xFF, 0xFF, 0xFF}},
		}},
		{"all outputs in one burst", func(d *Dev) error { return d.SetPWM(&pwm) }, []i2ctest.IO{
			{Addr: 0x65, W: []byte{0xA2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 255}},
		}},
		{"all outputs and group in one burst", func(d *Dev) error { return d.SetRow(&pwm, 180) }, []i2ctest.IO{
			{Addr: 0x65, W: []byte{0xE2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 255, 180}},
		}},
		{"group", func(d *Dev) error { return d.SetGroup(180) }, []i2ctest.IO{
			{Addr: 0x65, W: []byte{0x12, 180}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &i2ctest.Playback{Ops: c.want, DontPanic: true}
			if err := c.do(New(b, 0x65)); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConfigured(t *testing.T) {
	for mode1, want := range map[byte]bool{
		0x00: true,
		0xA0: true,  // the auto-increment flags are not ours
		0x11: false, // power-on
		0x10: false, // reset, and All-Call cleared by who shares the bus
		0x01: false,
		0x02: false, // answers to a sub-call
		0x04: false,
		0x08: false,
	} {
		b := &i2ctest.Playback{Ops: []i2ctest.IO{{Addr: 0x60, W: []byte{0x00}, R: []byte{mode1}}}, DontPanic: true}
		if got, err := New(b, 0x60).Configured(); got != want || err != nil {
			t.Errorf("MODE1 %#02x: Configured() = %t, %v, want %t", mode1, got, err, want)
		}
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	for name, do := range map[string]func(*Dev) error{
		"Configure":  (*Dev).Configure,
		"Configured": func(d *Dev) error { _, err := d.Configured(); return err },
		"SetPWM":     func(d *Dev) error { return d.SetPWM(new([16]uint8)) },
		"SetRow":     func(d *Dev) error { return d.SetRow(new([16]uint8), 0) },
		"SetGroup":   func(d *Dev) error { return d.SetGroup(0) },
	} {
		if err := do(New(&i2ctest.Playback{DontPanic: true}, 0x60)); err == nil {
			t.Errorf("%s: no error from a bus that refuses", name)
		}
	}
}
