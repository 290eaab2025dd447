package firmware

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
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
// minute; noise of the light is shown every ten seconds, that of the knob never.
func TestSensorsAreQuiet(t *testing.T) {
	for _, c := range []struct {
		noise float64 // lx
		knob  int     // counts
		want  int     // within a minute
	}{{0, 0, 1}, {0, 3, 1}, {1, 0, 6}} {
		synctest.Test(t, func(t *testing.T) {
			d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(100); d.board.Knob.Noise(c.knob) })
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
				t.Errorf("noise of %g lx, %d counts: shown %d times, want %d", c.noise, c.knob, n, c.want)
			}
		})
	}
}

// A countedBus counts transactions.
type countedBus struct {
	i2c.Bus
	n atomic.Int64
}

func (b *countedBus) Tx(addr uint16, w, r []byte) error {
	if addr == hal.LightAddr {
		b.n.Add(1)
	}
	return b.Bus.Tx(addr, w, r)
}

// A countedPot counts readings.
type countedPot struct {
	analog.PinADC
	n atomic.Int64
}

func (p *countedPot) Read() (analog.Sample, error) { p.n.Add(1); return p.PinADC.Read() }

// TestSensorsAtRest: what does not move is looked at rarely, and what does often.
func TestSensorsAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.synced.Store(true)
		bus, pot := &countedBus{Bus: d.board.Sensors}, &countedPot{PinADC: d.board.Pot}
		d.run(t, func(c *Config) { c.Board.Sensors, c.Board.Pot = bus, pot })
		looks := func(during time.Duration) (light, knob int64) {
			light, knob = bus.n.Load(), pot.n.Load()
			time.Sleep(during)
			return bus.n.Load() - light, (pot.n.Load() - knob) / turnSamples
		}
		time.Sleep(2*time.Minute + 50*time.Millisecond)
		if light, knob := looks(10 * time.Second); light > 10 || knob > 20 {
			t.Errorf("at rest: %d looks at the light, %d at the knob in 10 s", light, knob)
		}
		d.board.Light.SetLux(800)
		d.board.Knob.TurnTo(0.8)
		time.Sleep(time.Second)
		if light, knob := looks(time.Second); light < 4 || knob < 18 {
			t.Errorf("on the move: %d looks at the light, %d at the knob in a second", light, knob)
		}
	})
}

// TestLightMean: a flash is not followed, a change is within two seconds, and in between
// there is what is in between.
func TestLightMean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(100) })
		time.Sleep(10*time.Second + 100*time.Millisecond)
		d.reads(t, 100, 730)
		d.board.Light.SetLux(500)
		most := 0.0
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			lux := d.service.(*device).ambient.Get().Lux
			if lux < most {
				t.Errorf("%g lx after %g lx", lux, most)
			}
			if most <= 100 && lux > 301 {
				t.Errorf("%g lx at once", lux)
			}
			most = lux
		}
		d.reads(t, 500, 730)
		time.Sleep(10 * time.Second)
		d.board.Light.SetLux(0)
		time.Sleep(time.Second) // one look, or two
		d.board.Light.SetLux(500)
		time.Sleep(300 * time.Millisecond)
		d.reads(t, 500, 730)
	})
}

// TestKnob: a twist is followed at once, by what is more than noise; both ends can be
// reached, however slowly.
func TestKnob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(100) })
		time.Sleep(2 * time.Minute)
		for _, c := range []struct{ turned, shown int }{
			{740, 730}, {747, 747}, {731, 747}, {730, 730}, {2000, 2000}, {3290, 3290}, {3300, 3300}, {3290, 3300}, {10, 10}, {0, 0}, {10, 0}, {100, 100},
		} {
			d.board.Knob.Turn(physic.ElectricPotential(c.turned) * physic.MilliVolt)
			time.Sleep(turnRest)
			d.reads(t, 100, c.shown)
		}
		d.board.Knob.Turn(1650 * physic.MilliVolt)
		time.Sleep(turnBrisk)
		d.reads(t, 100, 1650)
	})
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
				time.Sleep(wellFor)
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
			d.reads(t, 120, 730)
		}
		d.logged(t, "time_known")
	})
}

// TestSensorBrownout: a light sensor that was reset reads 0 for ever, and nothing else
// tells; it is configured anew before anybody takes that for darkness. Real darkness is
// believed, and doubted as long as it lasts.
func TestSensorBrownout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Light.SetLux(120) })
		time.Sleep(5 * time.Second)
		d.board.Light.Reset()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			d.reads(t, 120, 730)
		}
		d.board.Light.SetLux(20)
		time.Sleep(2 * time.Second)
		d.reads(t, 20, 730)
		d.board.Light.SetLux(0)
		time.Sleep(3 * time.Second)
		d.reads(t, 0, 730)
		for range 3 { // whenever it is reset, in the dark
			d.board.Light.Reset()
			time.Sleep(doubtEvery + 700*time.Millisecond)
			d.board.Light.SetLux(120)
			time.Sleep(2 * time.Second)
			d.reads(t, 120, 730)
			d.board.Light.SetLux(0)
			time.Sleep(20 * time.Second)
			d.reads(t, 0, 730)
		}
		d.logged(t, "time_known")
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
