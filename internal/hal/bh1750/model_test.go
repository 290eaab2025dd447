package bh1750_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/hal/bh1750"
	"wordclockd/internal/hal/sim"
)

func TestOverModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := sim.NewBus("sensors"), sim.NewBH1750()
		bus.Attach(chip)
		d := bh1750.New(bus, 0x23)
		for _, lux := range []float64{0, 1, 42, 500, 54000} {
			chip.SetLux(lux)
			if err := d.Configure(); err != nil {
				t.Fatal(err)
			}
			if got, err := d.Lux(); got != 0 || err != nil {
				t.Errorf("%v lx: %v, %v before the first measurement, want 0", lux, got, err)
			}
			time.Sleep(bh1750.MeasurementTime)
			if got, err := d.Lux(); err != nil || math.Abs(float64(got)-lux) > 1 {
				t.Errorf("%v, %v, want %v lx", got, err, lux)
			}
		}
		chip.Reset()
		time.Sleep(bh1750.MeasurementTime)
		if got, err := d.Lux(); got != 0 || err != nil {
			t.Errorf("%v, %v after a brown-out, want 0", got, err)
		}
	})
}
