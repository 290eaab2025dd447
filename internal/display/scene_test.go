package display

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
)

// A witness looks at the board after each transaction, from when it is told to.
type witness struct {
	i2c.Bus
	look    func()
	watches atomic.Bool
}

func (w *witness) Tx(addr uint16, out, in []byte) error {
	err := w.Bus.Tx(addr, out, in)
	if w.watches.Load() {
		w.look()
	}
	return err
}

// between has the display's bus go through it.
func (w *witness) between(c *Config) { w.Bus, c.Bus = c.Bus, w }

// lit is an LED that is lit whenever the time is known: the E of ES.
func (r *rig) lit() float64 { return float64(r.Rows[0].Duty()[0]) }

// TestGroupGlides: the group level goes to another by equal ratios in a second, and to a
// third from where it is.
func TestGroupGlides(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to clock.Level
	}{
		{"down", 255, 16}, {"up", 16, 255}, {"a little", 180, 170}, {"to the least", 180, 5}, {"to nothing", 180, 0}, {"from nothing", 0, 180},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 30, 3), nil, func(x *Config) {
					x.Light.Update(func(l *clock.Light) { l.Group = c.from })
				})
				r.light.Update(func(l *clock.Light) { l.Group = c.to })
				from, to := max(float64(c.from), 1), max(float64(c.to), 1)
				for n := range 25 {
					synctest.Wait()
					want := 60 * from * math.Pow(to/from, float64(n)*0.04)
					if got := r.lit(); n > 0 && math.Abs(got-want) > 60*0.5+1e-6 {
						t.Errorf("after %d ms: %g, want %g", 40*n, got/60, want/60)
					}
					time.Sleep(glideFrame)
				}
				synctest.Wait()
				if got := r.lit(); got != 60*float64(c.to) {
					t.Errorf("at the end: %g, want %d", got/60, c.to)
				}
			})
		})
	}
}

// TestGlideTurns: no LED jumps when a level is to become another one on the way, and none
// gets beyond where it was and where it is to be.
func TestGlideTurns(t *testing.T) {
	var g glide
	g.set(40)
	now := june(14, 30, 0)
	was := 40.0
	for _, to := range []clock.Level{80, 20, 255, 254, 5} {
		from := was
		g.turn(to, roomGlide, now)
		for range 7 {
			g.turn(to, roomGlide, now) // it is told again and again
			is := g.at(now)
			if is < min(from, float64(to)) || is > max(from, float64(to)) {
				t.Errorf("at %g between %g and %d", is, from, to)
			}
			if r := is / was; r > 1.2 || r < 1/1.2 {
				t.Errorf("jumps from %g to %g", was, is)
			}
			was = is
			now = now.Add(glideFrame)
		}
		was = g.at(now)
	}
	if now = now.Add(roomGlide); g.at(now) != 5 || g.moving(now) {
		t.Errorf("ends at %g", g.at(now))
	}
}

// TestSafetyLimit: what is above the limit is never shown, not even on the way down.
func TestSafetyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 34, 59), nil)
		time.Sleep(2 * time.Second) // in a fade
		r.settings.Update(func(s *clock.Settings) { s.SafetyLimit = 40 })
		synctest.Wait()
		if got := r.lit(); got != 40*180 {
			t.Errorf("lit by %g, want 40", got/180)
		}
		r.light.Update(func(l *clock.Light) { l.Individual = 40 })
		for range 100 {
			synctest.Wait()
			if got := r.lit(); got != 40*180 {
				t.Errorf("lit by %g, want 40", got/180)
			}
			time.Sleep(fadeFrame)
		}
	})
}

// TestNight: at low levels PWM and group change places, which nobody sees, and a fade has
// as many steps as there are counts then.
func TestNight(t *testing.T) {
	for _, c := range []struct {
		individual, group clock.Level
		pwm               uint8 // that goes into the chip
	}{
		{60, 180, 60}, {32, 180, 32}, {31, 180, 180}, {5, 180, 180}, {31, 31, 31}, {31, 20, 31}, {5, 40, 40}, {60, 5, 60},
	} {
		if pwm, group := registers(uint8(c.individual), uint8(c.group)); pwm != c.pwm || int(pwm)*int(group) != int(c.individual)*int(c.group) {
			t.Errorf("%d x %d: %d x %d", c.individual, c.group, pwm, group)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 34, 59), nil, func(c *Config) {
			c.Light.Update(func(l *clock.Light) { l.Individual, l.Group = 5, 180 })
		})
		time.Sleep(time.Second)
		seen := map[uint16]bool{}
		for range 101 {
			synctest.Wait()
			seen[r.Rows[3].Duty()[7]] = true // the N of NACH
			time.Sleep(fadeFrame)
		}
		if len(seen) < 80 {
			t.Errorf("a fade of %d steps, want 80", len(seen))
		}
		if got := r.Rows[3].Duty()[7]; got != 5*180 {
			t.Errorf("lit by %d, want 5 x 180", got)
		}
	})
}

// TestChangeOfPlaces: while the level of the LEDs sinks below the one at which they change
// places with the group, no transaction makes one brighter, nor darker than it has to get.
func TestChangeOfPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w witness
		r := start(t, june(14, 30, 3), nil, unchecked, w.between, func(c *Config) {
			c.Light.Update(func(l *clock.Light) { l.Individual = 40 })
		})
		was, least, seen := 40.0*180, 24.0*180, 0
		w.look = func() {
			is := r.lit()
			if is > was || is < least {
				t.Errorf("from %g to %g", was/180, is/180)
			}
			was = is
			seen++
		}
		w.watches.Store(true)
		r.light.Update(func(l *clock.Light) { l.Individual = 24 })
		time.Sleep(time.Second)
		w.watches.Store(false)
		synctest.Wait()
		if was != least || seen < 10 {
			t.Errorf("ends at %g after %d transactions", was/180, seen)
		}
	})
}
