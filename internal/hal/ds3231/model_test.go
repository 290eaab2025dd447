package ds3231_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/hal/sim"
)

// TestOverModel is a chip's life: new, set, running, in 12-hour mode, without
// power.
func TestOverModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := sim.NewBus("sensors"), sim.NewDS3231()
		bus.Attach(chip)
		d := ds3231.New(bus)
		if at, err := d.Time(); !errors.Is(err, ds3231.ErrStopped) {
			t.Errorf("new chip: %s, %v, want %v", at, err, ds3231.ErrStopped)
		}

		at := time.Date(2026, 12, 31, 23, 59, 58, 0, time.UTC)
		if err := d.SetTime(at); err != nil {
			t.Fatal(err)
		}
		check := func(name string, pass time.Duration) {
			t.Helper()
			time.Sleep(pass)
			at = at.Add(pass)
			if got, err := d.Time(); err != nil || !got.Equal(at) {
				t.Errorf("%s: %s, %v, want %s", name, got, err, at)
			}
		}
		check("just set", 0)
		check("new year", 2*time.Second)
		chip.Poke(2, 0x52) // 12 AM
		for range 26 {
			check("12-hour mode", time.Hour)
		}
		if err := d.SetTime(at); err != nil {
			t.Fatal(err)
		}
		check("24-hour mode again", 13*time.Hour)
		at = time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC)
		if err := d.SetTime(at); err != nil {
			t.Fatal(err)
		}
		check("the turn of the century", time.Second)

		chip.Poke(0, 0x75)
		if got, err := d.Time(); err == nil {
			t.Errorf("second 75 reads as %s", got)
		}
		chip.PowerLoss()
		if got, err := d.Time(); !errors.Is(err, ds3231.ErrStopped) {
			t.Errorf("after a power loss: %s, %v, want %v", got, err, ds3231.ErrStopped)
		}

		want := physic.ZeroCelsius - 9*physic.Kelvin - physic.Kelvin/4
		chip.SetTemperature(want)
		if got, err := d.Temperature(); got != want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	})
}
