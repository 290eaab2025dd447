package firmware

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// sets sets fields by hand, KEY VALUE and so on.
func (d *clockwork) sets(t testing.TB, pairs ...any) {
	t.Helper()
	var edits []clock.Edit
	for pair := range slices.Chunk(pairs, 2) {
		edits = append(edits, clock.Edit{Key: pair[0].(string), Value: pair[1]})
	}
	if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { return clock.Apply(s, edits) }); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// isLit fails unless the front ends are told of these levels now, and each LED that is lit
// has their product a moment later, when the ramp is over.
func (d *clockwork) isLit(t testing.TB, individual, group clock.Level) {
	t.Helper()
	synctest.Wait()
	s, _ := d.service.Watch()
	if s.Light.Off || s.Light.Individual != individual || s.Light.Group != group {
		t.Errorf("%s: light %+v, want %d x %d", time.Now().In(d.zone).Format(time.TimeOnly), s.Light, individual, group)
	}
	time.Sleep(5 * time.Second)
	want := int(individual) * int(group) / 255
	for row, levels := range d.board.Lit() {
		for col, level := range levels {
			if level > 0 && max(int(level)-want, want-int(level)) > 1 {
				t.Errorf("row %d, column %d: lit at %d, want %d", row, col, level, want)
			}
		}
	}
	if d.board.Seen() == (face.Mask{}) {
		t.Error("nothing is lit")
	}
}

// TestByHand: what is set holds over a restart, until the knob or the light moves. Then
// the mark is gone, in the store too.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		kept := func(d *clockwork) { d.store = path }
		d := start(t, quarterToThree, kept)
		time.Sleep(2 * time.Second) // sensors are read
		d.isLit(t, 60, 180)
		d.sets(t, "brightness.individual", 70, "brightness.global", 40)
		d.isLit(t, 70, 40)
		d.stop()
		for _, step := range []struct {
			do                func()
			individual, group clock.Level
			manual            clock.Manual
		}{
			{func() {}, 70, 40, clock.Manual{Individual: true, Global: true}},
			{func() { d.board.Knob.Turn(1000 * physic.MilliVolt) }, 80, 40, clock.Manual{Global: true}},
			{func() { d.board.Light.SetLux(50) }, 80, 60, clock.Manual{}},
		} {
			board := d.board
			d = start(t, time.Now(), func(d *clockwork) { kept(d); d.board = board })
			if s, _ := d.service.Watch(); s.Face.Phrase != (face.Phrase{}) && (s.Light.Off || s.Light.Group == 0) {
				t.Errorf("begins with %+v", s.Light)
			}
			time.Sleep(2 * time.Second)
			step.do()
			time.Sleep(6 * time.Second)
			d.isLit(t, step.individual, step.group)
			if s, _ := d.service.Watch(); s.Settings.Manual != step.manual || s.Settings.Individual != 70 || s.Settings.Global != 40 {
				t.Errorf("settings %+v, want %+v", s.Settings, step.manual)
			}
			d.stop()
		}
	})
}

// TestMarkStays in a store that is broken: it has no effect any more, and taking it back is
// tried now and then, no more.
func TestMarkStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.store = filepath.Join(t.TempDir(), "nvs.db") })
		d.sets(t, "brightness.individual", 70, "brightness.manual_minutes", 1)
		time.Sleep(30 * time.Second)
		if err := d.service.(*device).store.Store.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		d.isLit(t, 70, 180)
		time.Sleep(10 * time.Second)
		d.isLit(t, 60, 180)
		time.Sleep(time.Minute)
		refused := 0
		for _, e := range d.log.Events() {
			if e == "settings_unstored" {
				refused++
			}
		}
		if s, _ := d.service.Watch(); !s.Settings.Manual.Individual || refused < 5 || refused > 8 {
			t.Errorf("refused %d times, settings %+v", refused, s.Settings.Manual)
		}
	})
}

// TestFirstLook: a light sensor that does not answer at first, while the knob does, leaves
// the level as it was set.
func TestFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) {
			d.board.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: hal.LightAddr, Times: 2})
		})
		for range 20 {
			if l, _ := d.service.Watch(); l.Light.Group != 180 {
				t.Fatalf("light %+v", l.Light)
			}
			time.Sleep(100 * time.Millisecond)
		}
		d.isLit(t, 60, 180)
	})
}

// TestNight: the face is dark or dim by the minute, whatever else happens, and a start in
// the night lights nothing.
func TestNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		kept := func(d *clockwork) { d.store = path }
		d := start(t, time.Date(2026, 6, 15, 21, 59, 50, 0, vienna(t)), kept)
		time.Sleep(2 * time.Second)
		d.sets(t, "night.windows", "22:00-23:00 dim 20; mon 23:00-06:00 off")
		d.isLit(t, 60, 180)
		time.Sleep(3 * time.Second)
		d.isLit(t, 60, 20)
		time.Sleep(time.Until(time.Date(2026, 6, 15, 23, 0, 0, -1, vienna(t))))
		d.sees(t, says(time.Now().In(d.zone)))
		time.Sleep(time.Second)
		d.sees(t, face.Phrase{})
		d.stop()

		d = start(t, time.Now().In(vienna(t)), kept)
		for range 50 {
			time.Sleep(40 * time.Millisecond)
			d.sees(t, face.Phrase{})
		}
		s, _ := d.service.Watch()
		if want := time.Date(2026, 6, 16, 6, 0, 0, 0, vienna(t)); s.Light.Window != "mon 23:00-06:00 off" || !s.Light.WhyOff.Until.Equal(want) {
			t.Errorf("%+v, want until %s", s.Light, want)
		}
		d.sets(t, "night.paused", true)
		d.isLit(t, 60, 180)
		time.Sleep(time.Until(time.Date(2026, 6, 16, 6, 0, 0, 0, vienna(t))))
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Settings.Night.Paused || s.Light.Off {
			t.Errorf("in the morning %+v, %+v", s.Settings.Night, s.Light)
		}
	})
}

// TestTimeUnknown: who does not know the time has no night.
func TestTimeUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.synced.Store(false); d.board.RTC.PowerLoss() })
		d.sets(t, "night.windows", "00:00-24:00 off")
		if s, _ := d.service.Watch(); s.Light.Off || s.Light.Window != "" {
			t.Errorf("light %+v", s.Light)
		}
	})
}

// TestLightIsTold: front ends are told why, and not told again while nothing changes.
func TestLightIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		time.Sleep(2 * time.Second)
		light := d.service.(*device).light
		l, changed := light.Watch()
		got := fmt.Sprintln(l.WhyIndividual.Text) + l.WhyGroup.Text
		if want := "the knob, at 22 %\nthe light sensor, at 430 lx"; !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		time.Sleep(10 * time.Minute)
		select {
		case <-changed:
			t.Errorf("changed for no cause: %+v", light.Get())
		default:
		}
	})
}
