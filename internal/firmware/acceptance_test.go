package firmware

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// TestNineRows: a driver that never answers leaves nine rows that keep the time. Nothing
// starts anew, none of the nine goes dark for a moment, and who asks is told. Without soak
// for three hours, else for a day.
func TestNineRows(t *testing.T) {
	begin := time.Now()
	hours := 24
	if len(proof.Seeds(t, 1)) == 1 {
		hours = 3
	}
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 5, 1, 0, 0, 0, 0, vienna(t))
		var e *beholder
		d := start(t, at.Add(-30*time.Second), func(d *clockwork) {
			e = watched(d.board)
			d.board.Sensors, d.board.Pot = nil, nil
			d.board.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x63})
		})
		time.Sleep(5 * time.Second) // the reset line has been tried, once and for all
		e.on(func(row int, now [face.Cols]uint16) {
			if row == 0 && now[0] == 0 {
				t.Errorf("%s: the first row is dark", time.Now())
			}
		})
		for range hours * 60 {
			time.Sleep(time.Until(at.Add(59 * time.Second)))
			d.sees(t, says(at), 3)
			at = at.Add(time.Minute)
		}
		e.on(nil)
		s, _ := d.service.Watch()
		if s.Boot != 1 || !slices.Equal(s.Face.Dark, []int{3}) || s.Validation == nil || !s.Validation.HardwareFaults {
			t.Errorf("start %d, rows dark %v, %+v", s.Boot, s.Face.Dark, s.Validation)
		}
		if n := len(s.Journal.Entries); n > 3 {
			t.Errorf("%d entries in the journal\n%s", n, &d.log)
		}
		answer, err := d.service.Do(t.Context(), clock.Command{Name: clock.CheckHealth})
		if h, _ := answer.(clock.Health); err != nil || h.Healthy || stateOf(h, "leds") != clock.Failing {
			t.Errorf("%+v, %v", answer, err)
		}
	})
	proof.Row(t, begin, "firmware: a driver that never answers, nine rows keep the time", fmt.Sprintf("%d hours", hours))
}

// TestHeldSDA: a driver that loses a clock and holds SDA keeps the whole bus from all
// others. Nine clocks, the reset line or in the end its supply free it, and the face is
// right again; nothing starts anew meanwhile.
func TestHeldSDA(t *testing.T) {
	for _, c := range []struct {
		name string
		firm bool // nine clocks do not help
		line bool // the reset line is wired
		hang bool
	}{
		{"nine clocks", false, false, false},
		{"the reset line", true, true, false},
		{"nothing but its supply", true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, quarterToThree, func(d *clockwork) {
					if !c.line {
						d.board.Reset = nil
					}
				})
				d.board.LEDBus.Inject(sim.Fault{Kind: sim.SDA, Addr: 0x69, Byte: 9, Firm: c.firm, Times: 1})
				time.Sleep(time.Until(quarterToThree.Truncate(time.Minute).Add(70 * time.Second)))
				if c.hang {
					s, _ := d.service.Watch()
					if len(s.Face.Dark) != face.Rows || s.Boot != 1 {
						t.Errorf("rows dark %v, start %d", s.Face.Dark, s.Boot)
					}
					d.board.Surge()
					time.Sleep(10 * time.Second)
				}
				d.shines(t)
				if s, _ := d.service.Watch(); s.Face.Dark != nil || s.Boot != 1 {
					t.Errorf("rows dark %v, start %d", s.Face.Dark, s.Boot)
				}
			})
		})
	}
}

// TestLightComesAtTheKnobsLowest: the light goes from 5 to 500 lx and back with the knob
// all the way down, where the old clock divided by zero; the face follows, and smoothly.
func TestLightComesAtTheKnobsLowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e *beholder
		d := start(t, quarterToThree, func(d *clockwork) {
			e = watched(d.board)
			d.board.Light.SetLux(5)
			d.board.Knob.TurnTo(0)
		})
		time.Sleep(8 * time.Second)
		for range 3 {
			for _, c := range []struct {
				lux   float64
				group clock.Level
			}{{500, 200}, {5, 16}} {
				es := steadiness{now: radianceOf(d.board)[0][0]}
				e.on(func(row int, now [face.Cols]uint16) {
					if row == 0 {
						es.look(now[0])
					}
				})
				d.board.Light.SetLux(c.lux)
				time.Sleep(15 * time.Second)
				d.shines(t)
				s, _ := d.service.Watch()
				if s.Light.Individual != 5 || s.Light.Group < c.group-2 || s.Light.Group > c.group+2 {
					t.Errorf("%g lx: %+v, want 5 x %d", c.lux, s.Light, c.group)
				}
				if es.steps < 15 || es.worst > 1.25 {
					t.Errorf("%g lx: %d steps, the largest by %.2f", c.lux, es.steps, es.worst)
				}
			}
		}
		if s, _ := d.service.Watch(); s.Boot != 1 {
			t.Errorf("start %d", s.Boot)
		}
	})
}

// A lazy speaker takes a minute for whatever it is to play.
type lazySpeaker struct{}

func (lazySpeaker) Write(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return len(p), nil
}

// TestSoundsAtNoon: whatever is to sound, and however long that takes, the face changes in
// time, and a surge is mended.
func TestSoundsAtNoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon := time.Date(2026, 5, 1, 12, 0, 0, 0, vienna(t))
		d := start(t, noon.Add(-20*time.Second), func(d *clockwork) { d.board.Speaker = lazySpeaker{} })
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error {
			s.Chimes.On, s.Transition.Off = true, true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(18 * time.Second)
		for _, name := range []string{clock.TestAudioFile, clock.TestAudio, clock.TestChimes} {
			if _, err := d.service.Do(t.Context(), clock.Command{Name: name}); err != nil && !errors.As(err, new(*clock.UnavailableError)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(time.Until(noon.Add(frame)))
		d.sees(t, says(noon))
		d.board.Surge()
		time.Sleep(5100 * time.Millisecond)
		d.shines(t)
	})
}
