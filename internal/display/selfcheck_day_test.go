package display

import (
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/watch"
)

// startChecked starts a display, and returns what it publishes of its self-checks.
func startChecked(t *testing.T, options ...func(*Config)) (*rig, *watch.Value[*clock.Validation]) {
	t.Helper()
	checked := new(watch.Value[*clock.Validation])
	return start(t, june(14, 29, 58), nil, append(options, func(c *Config) { c.Checked = checked })...), checked
}

// TestNoFalseAlarm: a day of changes of the face, of levels and of settings, and no
// self-check fails; there is one after each change.
func TestNoFalseAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, checked := startChecked(t, func(c *Config) {
			c.Settings.Update(func(s *clock.Settings) { s.Transition.Duration = 200 * time.Millisecond })
		})
		minutes := proof.Shorter(24 * 60)
		for n := range minutes {
			time.Sleep(time.Until(june(14, 30+n, 0).Add(time.Duration(n%50) * time.Second)))
			switch n % 9 {
			case 0:
				r.change(func(s *clock.Settings) { s.Global = clock.Level(5 + n%251) })
			case 3:
				r.change(func(s *clock.Settings) { s.Individual = clock.Level(5 + n%76) })
			case 6:
				r.change(func(s *clock.Settings) { s.Off = true })
			case 7:
				r.change(func(s *clock.Settings) { s.Off = false })
			case 8:
				r.change(func(s *clock.Settings) { s.Style = face.Style(n % 2) })
			}
		}
		s := checked.Get().Stats
		if s.Failed != 0 || int(s.Total) < minutes*8/10 || s.Health != 100 || s.Attempts != 0 {
			t.Errorf("%+v\n%s", s, &r.log)
		}
		r.logged(t)
	})
}

// TestDeadRowForADay: nine rows go on, the log has one event of each kind, and the row is
// drawn within 5 s when it is back.
func TestDeadRowForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, checked := startChecked(t, atOnce)
		r.LEDBus.Detach(r.Rows[3])
		r.Rows[3].Reset()
		minutes := proof.Shorter(24 * 60)
		last := ""
		for n := range minutes {
			at := june(14, 30+n, 3)
			time.Sleep(time.Until(at))
			last = face.Say(at.Hour(), at.Minute(), face.Default).String()
			r.sees(t, last, 3)
		}
		r.logged(t, "leds_dark [3]", "validation_hardware [3]")
		if v := checked.Get(); v.Failure != clock.HardwareFault || v.Stats.Failed > 1 {
			t.Errorf("%+v", v)
		}
		time.Sleep(7 * time.Second)
		r.LEDBus.Attach(r.Rows[3])
		time.Sleep(5 * time.Second)
		r.sees(t, last)
		time.Sleep(time.Minute)
		r.logged(t, "leds_dark [3]", "validation_hardware [3]", "leds_back [3]")
		if v := checked.Get(); v.Failure != clock.FailureNone {
			t.Errorf("back: %+v", v)
		}
	})
}

// TestEndOfAnOutage: that a row is well again, or the bus, is told within ten seconds; and
// while nothing changes nothing is.
func TestEndOfAnOutage(t *testing.T) {
	for name, hurt := range map[string]func(*rig) (heal func()){
		"row": func(r *rig) func() { return r.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: hal.LEDAddrs[3]}) },
		"bus": func(r *rig) func() { return r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, checked := startChecked(t, atOnce)
				heal := hurt(r)
				time.Sleep(time.Until(june(14, 31, 5)))
				bad := checked.Get()
				time.Sleep(30 * time.Second)
				if v := checked.Get(); v != bad || v.Failure == clock.FailureNone || v.Recovered {
					t.Errorf("%+v", v)
				}
				heal()
				time.Sleep(10 * time.Second)
				if v := checked.Get(); v.Failure != clock.FailureNone || !v.Recovered {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

// TestFlipIsFound by the next look at the chips.
func TestFlipIsFound(t *testing.T) {
	for _, c := range []struct {
		name     string
		after    time.Duration
		hurt     func(*rig)
		options  func(*Config)
		periodic bool
	}{
		{"at once", 5100 * time.Millisecond, func(*rig) {}, func(*Config) {}, true},
		{"after a change", time.Minute, func(*rig) {}, func(*Config) {}, false},
		{"by itself", 351 * time.Second, func(r *rig) { r.change(func(s *clock.Settings) { s.Off = true }) }, func(*Config) {}, true},
		{"as often as is set", 61 * time.Second, func(r *rig) { r.change(func(s *clock.Settings) { s.Off = true }) },
			func(c *Config) { c.Settings.Update(func(s *clock.Settings) { s.SelfCheck.Every = time.Minute }) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, checked := startChecked(t, c.options)
				time.Sleep(10 * time.Second)
				c.hurt(r)
				time.Sleep(time.Second)
				for _, row := range []int{2, 6} {
					if err := r.LEDBus.Tx(hal.LEDAddrs[row], []byte{0x08, 200}, nil); err != nil {
						t.Fatal(err)
					}
				}
				before := checked.Get()
				time.Sleep(c.after)
				v := checked.Get()
				if before == v || v.Periodic != c.periodic || v.Stats.By[clock.PartialMismatch] != 1 || v.Stats.Recoveries != 1 {
					t.Errorf("%+v", v)
				}
				if lit := r.Lit(); lit[2][6] != 0 || lit[6][6] != 0 {
					t.Errorf("it is still there: %v", lit)
				}
				r.logged(t, "validation_partial [2 6]")
			})
		})
	}
}

// TestNeverBlank: while LEDs are repaired those that are right stay lit.
func TestNeverBlank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := startChecked(t, func(c *Config) { c.Settings.Update(func(s *clock.Settings) { s.SelfCheck.Every = 30 * time.Second }) })
		r.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 90 * time.Microsecond}) // 100 kHz
		time.Sleep(10 * time.Second)
		if err := r.LEDBus.Tx(hal.LEDAddrs[3], []byte{0x02, 200}, nil); err != nil {
			t.Fatal(err)
		}
		want := still(face.Say(14, 30, face.Default))
		for range 30_000 {
			time.Sleep(time.Millisecond)
			lit := r.Lit()
			for row := range want.PWM {
				for col, v := range want.PWM[row] {
					if v > 0 && lit[row][col] != 43 {
						t.Fatalf("%s: row %d, column %d is %d", time.Now(), row, col, lit[row][col])
					}
				}
			}
		}
		r.logged(t, "validation_partial [3]")
	})
}
