package display

import (
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// fromAll has the scene begin with every LED lit, of which all but those of the words fade
// away in 2 s, in a straight line from the highest level.
func fromAll(r *rig) {
	r.settings.Update(func(s *clock.Settings) {
		s.SafetyLimit, s.Transition.In, s.Transition.Out = 255, clock.Linear, clock.Linear
	})
	r.light.Update(func(l *clock.Light) { l.Individual, l.Group = 255, 255 })
	s := &r.display.scene
	s.face, s.how = clock.Face{Phrase: face.Dots(4)}, r.settings.Get().Transition
	s.individual.set(255)
	s.group.set(255)
	var all face.Mask
	for row := range all {
		all[row] = 0xFFFF
	}
	s.fade.set(all)
}

// TestFrames counts the frames of a second in which all rows change: 50, or the most
// that the wire allows if a tenth of its time is left to others. Fades end in time anyway.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		speed  physic.Frequency
		glides bool
		clocks int // of the wire for a row: START, bytes, STOP
		want   uint64
	}{
		{"400 kHz", 400 * physic.KiloHertz, false, 1 + 18*9 + 1, 50},
		{"100 kHz", 100 * physic.KiloHertz, false, 1 + 18*9 + 1, 50},
		{"100 kHz, and the room gets darker", 100 * physic.KiloHertz, true, 1 + 19*9 + 1, 50},
		{"50 kHz", 50 * physic.KiloHertz, false, 1 + 18*9 + 1, 27},
		{"20 kHz", 20 * physic.KiloHertz, false, 1 + 18*9 + 1, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if most := uint64(0.9 * float64(c.speed/physic.Hertz) / float64(10*c.clocks)); c.want != min(most, 50) {
					t.Fatalf("the wire allows %d frames a second", most)
				}
				r := build(june(14, 30, 3), func(b *sim.Board) {
					if err := b.LEDBus.SetSpeed(c.speed); err != nil {
						t.Error(err)
					}
				}, unchecked, func(x *Config) { x.Poll = 0 })
				fromAll(r)
				begin := time.Now()
				r.run(t)
				time.Sleep(500 * time.Millisecond)
				if c.glides {
					r.light.Update(func(l *clock.Light) { l.Group = 5 })
				}
				wire := r.LEDs.(*hal.Wire)
				before := wire.Traffic()
				time.Sleep(time.Second)
				after := wire.Traffic()
				frames := (after.Transactions - before.Transactions + 5) / 10
				if frames < c.want || frames > 51 {
					t.Errorf("%d frames of %d bytes in a second, want %d", frames, after.Bytes-before.Bytes, c.want)
				}
				frame := time.Duration(10*c.clocks) * c.speed.Period() * 10 / 9
				time.Sleep(time.Until(begin.Add(2*time.Second + max(frame, fadeFrame) + frame)))
				r.sees(t, "ES IST HALB DREI")
			})
		})
	}
}

// TestSurgeInFade: chips that are reset in the middle of a fade go on with it when they
// have been looked at.
func TestSurgeInFade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 34, 56), nil) // they are looked at at 14:35:01
		time.Sleep(4500 * time.Millisecond)
		r.Surge()
		time.Sleep(480 * time.Millisecond)
		if got := r.Lit(); got != ([10][16]uint8{}) {
			t.Errorf("lit %v by chips that were reset", got)
		}
		time.Sleep(520 * time.Millisecond)
		synctest.Wait()
		if got, want := r.Duty(), midway(mask("ES IST HALB DREI ····"), mask("ES IST FÜNF NACH HALB DREI"), 15); got != want {
			t.Errorf("at 75 %%: %v, want %v", got, want)
		}
		time.Sleep(500 * time.Millisecond)
		r.sees(t, "ES IST FÜNF NACH HALB DREI")
		r.logged(t, "leds_reset [0 1 2 3 4 5 6 7 8 9]")
	})
}
