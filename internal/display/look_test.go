package display

import (
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/watch"
)

// slowly has the wire be one of 100 kHz.
func slowly(t *testing.T) func(*sim.Board) {
	return func(b *sim.Board) {
		if err := b.LEDBus.SetSpeed(100 * physic.KiloHertz); err != nil {
			t.Error(err)
		}
	}
}

// TestLookDelaysNobody: wherever the look at the chips falls, words are there within a
// frame of their minute, on the slow wire too; and a surge just then is over in time.
func TestLookDelaysNobody(t *testing.T) {
	for before := -30 * time.Millisecond; before <= 70*time.Millisecond; before += 5 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			minute := june(14, 35, 0)
			r := start(t, minute.Add(-before-2*DefaultPoll), slowly(t), atOnce)
			time.Sleep(time.Until(minute.Add(frame)))
			r.sees(t, "ES IST FÜNF NACH HALB DREI")
			r.Surge()
			time.Sleep(surgeKnown)
			r.sees(t, "ES IST FÜNF NACH HALB DREI")
			if t.Failed() {
				t.Fatalf("looked at %s before", before)
			}
		})
	}
}

// A tap knows the longest time between two writes to a row, from a moment on.
type tap struct {
	i2c.Bus
	addr    uint16
	from    time.Time
	last    time.Time
	longest time.Duration
}

func (p *tap) Tx(addr uint16, w, r []byte) error {
	if now := time.Now(); addr == p.addr && len(r) == 0 {
		if p.last.After(p.from) {
			p.longest = max(p.longest, now.Sub(p.last))
		}
		p.last = now
	}
	return p.Bus.Tx(addr, w, r)
}

// TestLookInFade: frames follow each other though the chips are looked at.
func TestLookInFade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		minute := june(14, 35, 0)
		tap := tap{addr: hal.LEDAddrs[3], from: minute} // of NACH
		r := start(t, minute.Add(-time.Second), slowly(t), func(c *Config) {
			tap.Bus, c.Bus, c.Poll = c.Bus, &tap, 330*time.Millisecond
			c.Settings.Update(func(s *clock.Settings) { s.Transition.In = clock.Linear })
			c.Light.Update(func(l *clock.Light) { l.Individual, l.Group = 20, 250 }) // a count in 8 ms
		})
		time.Sleep(2900 * time.Millisecond) // the fade is not over
		r.stop()
		if tap.longest == 0 || tap.longest > 30*time.Millisecond {
			t.Errorf("%s between two frames", tap.longest)
		}
		r.logged(t, "leds_out")
	})
}

// TestChecksWhileLevelsGlide: a row that is wrong is repaired though the light never comes
// to rest.
func TestChecksWhileLevelsGlide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, checked := startChecked(t)
		for n := range 40 {
			if n == 10 {
				glow(t, r)
			}
			r.light.Update(func(l *clock.Light) { l.Group = 250 - l.Group })
			time.Sleep(500 * time.Millisecond)
		}
		repaired(t, r, checked)
	})
}

// TestChecksWhileUnknown: so it is while the time is not known, by a loop that is always a
// little late.
func TestChecksWhileUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checked := new(watch.Value[*clock.Validation])
		r := build(june(14, 30, 7), nil, func(c *Config) { c.Checked = checked })
		set := r.settings.Get()
		for n := range 20 {
			if n == 10 {
				glow(t, r)
			}
			time.Sleep(time.Until(june(14, 30, 8+n).Add(time.Millisecond)))
			r.display.step(&set, lightOf(set), clock.Time{})
		}
		repaired(t, r, checked)
	})
}

// glow has an LED lit that should be dark.
func glow(t *testing.T, r *rig) {
	t.Helper()
	if err := r.LEDBus.Tx(hal.LEDAddrs[2], []byte{0x08, 200}, nil); err != nil {
		t.Fatal(err)
	}
}

// repaired fails unless that was found, once, and is over.
func repaired(t *testing.T, r *rig, checked *watch.Value[*clock.Validation]) {
	t.Helper()
	synctest.Wait()
	if got := r.Rows[2].Lit()[6]; got != 0 {
		t.Errorf("it still is lit by %d", got)
	}
	if v := checked.Get(); v == nil || v.Stats.By[clock.PartialMismatch] != 1 || v.Stats.Recoveries != 1 {
		t.Errorf("published %+v", v)
	}
}

// TestDateInDemo: a self-check is dated by the time that is believed, whatever is shown.
func TestDateInDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, checked := startChecked(t, func(c *Config) {
			c.Believed = watch.NewValue(c.Time.Get())
			c.Time.Set(clock.Time{Quality: clock.Synced, Host: time.Now(), True: time.Unix(0, 0)})
		})
		time.Sleep(10 * time.Second)
		if v, want := checked.Get(), june(14, 29, 58); v == nil || v.At.Before(want) {
			t.Errorf("published %+v, want one at %s", v, want)
		}
	})
}
