package firmware

import (
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// TestDemo shows 14:00 to 15:00 again and again until it is stopped, on the front only.
func TestDemo(t *testing.T) {
	for name, end := range map[string]string{"stopped": "test_transitions_stop", "ended by a restart": "restart"} {
		synctest.Test(t, func(t *testing.T) {
			d := start(t, time.Date(2026, 6, 15, 7, 12, 3, 0, time.UTC), nil)
			do := func(name string) {
				if v, err := d.service.Do(t.Context(), clock.Command{Name: name}); v != nil || err != nil {
					t.Errorf("%s: %v, %v", name, v, err)
				}
			}
			do("test_transitions_start")
			if s, _ := d.service.Watch(); !s.Demo {
				t.Error("there is no demonstration")
			}
			time.Sleep(faded + frame)
			for n := range 30 {
				d.sees(t, says(time.Date(2026, 1, 1, 14, n%13*5, 0, 0, time.UTC)))
				s, _ := d.service.Watch()
				if at, ok := s.Time.At(time.Now()); !ok || !at.Equal(time.Now()) || !s.Demo {
					t.Errorf("the time is %s", at)
				}
				if n == 7 {
					do("test_transitions_start") // goes on
				}
				time.Sleep(demoEvery - faded - 2*frame)
				d.sees(t, says(time.Date(2026, 1, 1, 14, n%13*5, 0, 0, time.UTC)))
				time.Sleep(faded + 2*frame)
			}
			do(end)
			time.Sleep(faded + frame)
			d.sees(t, says(time.Now().UTC()))
			if s, _ := d.service.Watch(); s.Demo || s.Face.Phrase != says(time.Now().UTC()) {
				t.Errorf("%s: demonstration %t, face %q", name, s.Demo, s.Face.Phrase)
			}
			do("test_transitions_stop") // is none
			time.Sleep(5 * time.Minute)
			d.sees(t, says(time.Now().UTC()))
		})
	}
}

// TestDemoOfUnknownTime: the demonstration needs no time, and the time comes back as
// unknown as it was.
func TestDemoOfUnknownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 7, 12, 3, 0, time.UTC), func(d *clockwork) {
			d.synced.Store(false)
			d.board.RTC.PowerLoss()
		})
		time.Sleep(10 * time.Second)
		d.service.(*device).demo.turn(true)
		time.Sleep(frame)
		d.sees(t, face.Say(14, 0, face.Default))
		d.service.(*device).demo.turn(false)
		time.Sleep(time.Until(time.Now().Truncate(2 * time.Second).Add(2*time.Second + frame)))
		d.sees(t, face.Dots(4))
		d.logged(t, "time_unknown", "demo", "demo")
	})
}
