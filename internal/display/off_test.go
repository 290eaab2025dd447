package display

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
)

// TestOff: nothing is lit, whether the time is known or not, the chips are well, and on
// again the time is there at once.
func TestOff(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, june(14, 30, 7), nil)
			if !known {
				r.time.Set(clock.Time{})
			}
			r.change(func(s *clock.Settings) { s.Off = true })
			for range 50 {
				r.sees(t, "")
				time.Sleep(2500 * time.Millisecond)
			}
			if f := r.face.Get(); !f.Off || f.Phrase != (face.Phrase{}) || f.Unknown == known || f.Dark != nil {
				t.Errorf("known %t: %+v", known, f)
			}
			if got := examined(t, r); got != "" {
				t.Errorf("known %t: %s", known, got)
			}
			r.Surge()
			time.Sleep(6 * time.Second)
			r.sees(t, "")
			r.time.Set(clock.FromHost(time.Now(), nil))
			r.change(func(s *clock.Settings) { s.Off = false })
			r.sees(t, "ES IST HALB DREI ··")
			if f := r.face.Get(); f.Off || f.Unknown {
				t.Errorf("known %t: %+v", known, f)
			}
		})
	}
}

// TestNothingLightsWhileOff watches each transaction: whatever happens to a face that is
// off, not an LED is lit, not for a moment; and on again the face is there at once.
func TestNothingLightsWhileOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*testing.T, *rig)
	}{
		{"nothing", func(*testing.T, *rig) {}},
		{"a surge", func(_ *testing.T, r *rig) { r.Surge() }},
		{"a level is set", func(_ *testing.T, r *rig) {
			r.light.Update(func(l *clock.Light) { l.Individual, l.Group = 80, 255 })
			time.Sleep(time.Second)
			r.light.Update(func(l *clock.Light) { l.Individual, l.Group = 60, 180 })
		}},
		{"the settings change", func(_ *testing.T, r *rig) {
			r.settings.Update(func(s *clock.Settings) { s.Style = face.HalbCentric; s.Transition.Duration = time.Second })
			r.settings.Update(func(s *clock.Settings) { s.Style = face.Default; s.Transition.Off = true })
		}},
		{"a demonstration", func(_ *testing.T, r *rig) {
			for n := range 5 {
				r.time.Set(clock.FromHost(time.Now(), time.FixedZone("", 300*n)))
				time.Sleep(10 * time.Second)
			}
			r.time.Set(clock.FromHost(time.Now(), nil))
		}},
		{"the time is not known", func(_ *testing.T, r *rig) {
			r.time.Set(clock.Time{})
			time.Sleep(5 * time.Second)
			r.time.Set(clock.FromHost(time.Now(), nil))
		}},
		{"self-checks", func(t *testing.T, r *rig) {
			r.LEDBus.Inject(sim.Fault{Kind: sim.Flip, Byte: 5, Mask: 0xFF, Times: 3})
			time.Sleep(400 * time.Second)
			if got := examined(t, r); got != "" {
				t.Error(got)
			}
		}},
		{"a reset", func(t *testing.T, r *rig) {
			if err := r.display.Reset(t.Context()); err != nil {
				t.Error(err)
			}
		}},
		{"a driver comes back", func(_ *testing.T, r *rig) {
			r.LEDBus.Detach(r.Rows[4])
			time.Sleep(20 * time.Second)
			r.Rows[4].Reset()
			r.LEDBus.Attach(r.Rows[4])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { nothingLights(t, c.happen) })
		})
	}
}

// nothingLights switches a face off in the middle of a fade, and on again later.
func nothingLights(t *testing.T, happen func(*testing.T, *rig)) {
	var w witness
	var board *sim.Board
	r := start(t, june(14, 34, 59), func(b *sim.Board) { board = b }, w.between, func(c *Config) { c.Reset = board.Reset })
	time.Sleep(2 * time.Second)
	w.look = func() {
		if got := r.Seen(); got != (face.Mask{}) {
			t.Errorf("%s: lit %v", time.Now().Format("15:04:05.000"), got)
		}
	}
	r.light.Update(func(l *clock.Light) { l.Off = true })
	r.sees(t, "")
	w.watches.Store(true)
	happen(t, r)
	time.Sleep(6 * time.Second)
	r.sees(t, "")
	w.watches.Store(false)
	r.light.Update(func(l *clock.Light) { l.Off = false })
	now := time.Now().UTC()
	r.sees(t, face.Say(now.Hour(), now.Minute(), face.Default).String())
}

// startWired starts a display that has the reset line.
func startWired(t *testing.T) *rig {
	t.Helper()
	var board *sim.Board
	return start(t, june(14, 30, 7), func(b *sim.Board) { board = b }, func(c *Config) { c.Reset = board.Reset })
}

// TestReset: chips that nothing else brings back are reset by their line, and the face
// is there again when that is answered.
func TestReset(t *testing.T) {
	for _, c := range []struct {
		name string
		hurt func(*sim.Board)
		dark []int
	}{
		{"all well", func(*sim.Board) {}, nil},
		{"told to share an address", func(b *sim.Board) { _ = b.LEDBus.Tx(0x63, []byte{0x00, 0x09}, nil) }, nil},
		{"one is gone", func(b *sim.Board) { b.LEDBus.Detach(b.Rows[8]); b.Rows[8].Reset() }, []int{8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startWired(t)
				c.hurt(r.Board)
				begin := time.Now()
				err := r.display.Reset(t.Context())
				r.sees(t, "ES IST HALB DREI", c.dark...)
				dark, isDark := errors.AsType[*DarkError](err)
				if c.dark == nil && err != nil || c.dark != nil && (!isDark || !slices.Equal(dark.Rows, c.dark)) {
					t.Errorf("error %v, want rows %v", err, c.dark)
				}
				if took := time.Since(begin); took > 100*time.Millisecond || r.Pin.Pulses() != 1 {
					t.Errorf("%d pulses, %s", r.Pin.Pulses(), took)
				}
				var mode [1]byte
				if err := r.LEDBus.Tx(0x63, []byte{0x00}, mode[:]); err != nil || mode[0]&0x1F != 0 {
					t.Errorf("MODE1 is %#02x, %v", mode[0], err)
				}
				time.Sleep(20 * time.Second)
				r.sees(t, "ES IST HALB DREI", c.dark...)
				if slices.Contains(r.log.Events(), "leds_reset") {
					t.Errorf("a surge is told of\n%s", &r.log)
				}
			})
		})
	}
}

// TestResetEndsPauses: what did not answer is asked at once.
func TestResetEndsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.LEDBus.Detach(r.Rows[3])
		time.Sleep(6*time.Minute + 100*time.Millisecond)
		r.LEDBus.Attach(r.Rows[3])
		r.Rows[3].Reset()
		if err := r.display.Reset(t.Context()); err != nil {
			t.Error(err)
		}
		r.sees(t, "ES IST FÜNF NACH HALB DREI ·")
	})
}

// TestResetFails: the line cannot be set, and the face stays.
func TestResetFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		broken := errors.New("no such line")
		r.Pin.Fail(broken)
		if err := r.display.Reset(t.Context()); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		r.sees(t, "ES IST HALB DREI")
		r.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.display.Reset(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v of a display that is gone", err)
		}
	})
}

// TestHeldInReset: while the line is low no chip hears anything.
func TestHeldInReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		p := NewPanel(b.LEDs, new(rig).log.Logger())
		f := still(face.Say(14, 30, face.Default))
		p.Show(&f, time.Time{})
		if b.Seen() == (face.Mask{}) {
			t.Fatal("nothing is lit")
		}
		if err := b.Reset.Out(false); err != nil || b.Seen() != (face.Mask{}) {
			t.Errorf("lit in reset, %v", err)
		}
		if err := b.LEDBus.Tx(0x60, []byte{0x00}, make([]byte, 1)); err == nil {
			t.Error("answers in reset")
		}
		if err := b.Reset.Out(true); err != nil || b.Seen() != (face.Mask{}) {
			t.Errorf("lit after a reset, %v", err)
		}
	})
}
