package firmware

import (
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
)

// TestSensors: what falls on the sensor and how the knob is turned is to be seen within
// a second, or two when it was configured anew.
func TestSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(120); d.board.Knob.TurnTo(0.25) })
		time.Sleep(200 * time.Millisecond)
		d.reads(t, 120, 825)
		for _, lux := range []float64{0, 3, 54000, 10} {
			d.board.Light.SetLux(lux)
			time.Sleep(2 * time.Second)
			d.reads(t, lux, 825)
		}
		d.board.Knob.Turn(3300 * physic.MilliVolt)
		time.Sleep(time.Second)
		d.reads(t, 10, 3300)
		if s, _ := d.service.Watch(); s.Sensors.KnobRaw != 4095 || s.Sensors.Knob != 1 {
			t.Errorf("%+v", s.Sensors)
		}
		d.logged(t, "time_known")
	})
}

// reads fails unless the sensors say so, to a lux.
func (d *clockwork) reads(t *testing.T, lux float64, mv int) {
	t.Helper()
	synctest.Wait()
	s, _ := d.service.Watch()
	if x := s.Sensors; math.Abs(x.Lux-lux) > 1 || x.KnobMV != mv || x.LightErr != "" || x.KnobErr != "" || time.Since(x.At) > proveEvery+lookEvery {
		t.Errorf("%+v, want %g lx, %d mV", x, lux, mv)
	}
}

// TestSensorsAreQuiet: as long as there is no news nobody is woken up, but for once a
// minute; noise is shown every ten seconds.
func TestSensorsAreQuiet(t *testing.T) {
	for _, c := range []struct {
		noise float64
		want  int // within a minute
	}{{0, 1}, {1, 6}} {
		synctest.Test(t, func(t *testing.T) {
			d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(100) })
			device := d.service.(*device)
			time.Sleep(90 * time.Second)
			n := 0
			for second := range 60 {
				before, _ := d.service.Watch()
				d.board.Light.SetLux(100 + c.noise*float64(second%4))
				time.Sleep(time.Second)
				synctest.Wait()
				if !device.ambient.Get().At.Equal(before.Sensors.At) {
					n++
				}
			}
			if n != c.want {
				t.Errorf("noise of %g lx: shown %d times, want %d", c.noise, n, c.want)
			}
		})
	}
}

// TestSensorLost: that one does not answer is told once, the other goes on, and it is
// back by itself.
func TestSensorLost(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name        string
		hurt, heal  func(*sim.Board)
		light, knob bool // of no use meanwhile
	}{
		{"light sensor gone", func(b *sim.Board) { b.SensorBus.Detach(b.Light) }, func(b *sim.Board) { b.Light.Reset(); b.SensorBus.Attach(b.Light) }, true, false},
		{"knob broken", func(b *sim.Board) { b.Knob.Fail(broken) }, func(b *sim.Board) { b.Knob.Fail(nil) }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(120); d.board.Knob.TurnTo(0.5) })
				time.Sleep(5 * time.Second)
				d.reads(t, 120, 1650)
				c.hurt(d.board)
				time.Sleep(4 * time.Second)
				synctest.Wait()
				s, _ := d.service.Watch()
				if x := s.Sensors; (x.LightErr != "") != c.light || (x.Lux == 0) != c.light || (x.KnobErr != "") != c.knob || (x.KnobMV == 0) != c.knob {
					t.Errorf("%+v", x)
				}
				d.logged(t, "time_known", "sensor_lost")
				time.Sleep(10 * time.Minute)
				_, err := d.service.Do(t.Context(), clock.Command{Name: "refresh_sensors"})
				if !errors.Is(err, &clock.UnavailableError{Code: "sensor_refresh_failed"}) {
					t.Errorf("error %v", err)
				}
				c.heal(d.board)
				time.Sleep(2 * mostPause)
				d.reads(t, 120, 1650)
				d.logged(t, "time_known", "sensor_lost", "sensor_back")
			})
		})
	}
}

// TestSensorGlitch: a single transaction that fails is nothing to tell.
func TestSensorGlitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(120) })
		time.Sleep(5 * time.Second)
		for range 20 {
			d.board.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x23, Times: 1})
			time.Sleep(3 * time.Second)
			d.reads(t, 120, 0)
		}
		d.logged(t, "time_known")
	})
}

// TestSensorBrownout: a light sensor that was reset reads 0 for ever, and nothing else
// tells; it is configured anew, and meanwhile light that goes away is no reason to.
func TestSensorBrownout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(120) })
		time.Sleep(5 * time.Second)
		d.board.Light.Reset()
		time.Sleep(10 * time.Second)
		d.reads(t, 0, 0)
		time.Sleep(darkLooks * lookEvery)
		d.reads(t, 120, 0)
	})
}

// TestRefreshSensors reads them at once.
func TestRefreshSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		time.Sleep(5300 * time.Millisecond)
		d.board.Light.SetLux(77)
		d.board.Knob.TurnTo(0.5)
		time.Sleep(200 * time.Millisecond) // a measurement
		if v, err := d.service.Do(t.Context(), clock.Command{Name: "refresh_sensors"}); v != nil || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		if s, _ := d.service.Watch(); s.Sensors.KnobMV != 1650 || !s.Sensors.At.Equal(time.Now()) || s.Sensors.Lux < 76 {
			t.Errorf("%+v", s.Sensors)
		}
	})
}

// TestNoSensors: on a board without them nothing is read, and nothing pretends to be
// there.
func TestNoSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.synced.Store(true)
		d.run(t, func(c *Config) { c.Board.Sensors, c.Board.Pot, c.Board.Reset = nil, nil, nil })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s, _ := d.service.Watch()
		if s.Sensors != (clock.Sensors{}) || slices.ContainsFunc([]clock.Capability{clock.HasLight, clock.HasKnob, clock.HasRTC, clock.HasReset}, s.Can) {
			t.Errorf("%+v, %v", s.Sensors, s.Has)
		}
		for name, code := range map[string]string{
			"refresh_sensors": "sensor_refresh_failed", "tlc_hardware_reset": "tlc_reset_not_available", "set_time": "time_set_failed",
		} {
			c := clock.Command{Name: name}
			if name == "set_time" {
				c.Args = map[string]string{"time": "14:30"}
			}
			if _, err := d.service.Do(t.Context(), c); !errors.Is(err, &clock.UnavailableError{Code: code}) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	})
}
