package bh1750

import (
	"math"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestConfigure(t *testing.T) {
	b := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x23, W: []byte{0x01}},
		{Addr: 0x23, W: []byte{0x07}},
		{Addr: 0x23, W: []byte{0x10}},
	}}
	if err := New(b, 0x23).Configure(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestLux(t *testing.T) {
	for _, c := range []struct {
		raw  [2]byte
		want Lux
	}{
		{[2]byte{0x00, 0x00}, 0},
		{[2]byte{0x00, 0x01}, 1 / 1.2},
		{[2]byte{0x01, 0xE3}, 402.5},
		{[2]byte{0x83, 0x90}, 28066.67}, // the datasheet's example
		{[2]byte{0xFF, 0xFF}, 54612.5},
	} {
		b := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x23, R: c.raw[:]}}}
		if got, err := New(b, 0x23).Lux(); err != nil || math.Abs(float64(got-c.want)) > 0.01 {
			t.Errorf("% x: %.2f lx, %v, want %.2f", c.raw, got, err, c.want)
		}
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	d := New(&i2ctest.Playback{DontPanic: true}, 0x23)
	if err := d.Configure(); err == nil {
		t.Error("Configure: no error from a bus that refuses")
	}
	if _, err := d.Lux(); err == nil {
		t.Error("Lux: no error from a bus that refuses")
	}
}
