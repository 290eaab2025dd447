package firmware

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/clock"
)

// level is how bright the brightest LED is, once all is at rest.
func level(d *clockwork) int {
	time.Sleep(6 * time.Second)
	return brightestOf(d, func(int, int) bool { return true })
}

func brightestOf(d *clockwork, counts func(row, col int) bool) (most int) {
	for row, levels := range d.board.Lit() {
		for col, l := range levels {
			if counts(row, col) {
				most = max(most, int(l))
			}
		}
	}
	return most
}

// in is level in a room so bright, with the knob there.
func in(lux float64, mv int) func(*clockwork) int {
	return func(d *clockwork) int {
		d.board.Light.SetLux(lux)
		d.board.Knob.Turn(physic.ElectricPotential(mv) * physic.MilliVolt)
		return level(d)
	}
}

// up is a knob that is all the way up.
const up = 3300

// nextWords is when other words come.
func nextWords() time.Time { return time.Now().Truncate(5 * time.Minute).Add(5 * time.Minute) }

// restless is how many tenths of a second it takes until the next words are at rest.
func restless(d *clockwork) int {
	at := nextWords()
	time.Sleep(time.Until(at))
	was, last := d.board.Lit(), time.Now()
	for time.Since(at) < 6*time.Second {
		time.Sleep(20 * time.Millisecond)
		if lit := d.board.Lit(); lit != was {
			was, last = lit, time.Now()
		}
	}
	return int((last.Sub(at) + 50*time.Millisecond) / (100 * time.Millisecond))
}

// early is how bright those LEDs are, a quarter of the way from one face to the next,
// that come, or those that go.
func early(come bool) func(*clockwork) int {
	return func(d *clockwork) int {
		at := nextWords()
		time.Sleep(time.Until(at.Add(500 * time.Millisecond)))
		before, after := says(at.Add(-time.Minute)).Mask(), says(at).Mask()
		return brightestOf(d, func(row, col int) bool {
			return before.Lit(row, col) != after.Lit(row, col) && after.Lit(row, col) == come
		})
	}
}

// checks is how many self-checks there are in two and a half minutes, in which the face
// changes three times.
func checks(d *clockwork) int {
	time.Sleep(8 * time.Second)
	total := func() uint32 {
		s, _ := d.service.Watch()
		if s.Validation == nil {
			return 0
		}
		return s.Validation.Stats.Total
	}
	before := total()
	time.Sleep(150 * time.Second)
	return int(total() - before)
}

// words is whether the front says DREIVIERTEL.
func words(d *clockwork) int {
	time.Sleep(6 * time.Second)
	if d.board.Seen() == says(time.Now().In(d.zone)).Mask() {
		return 0
	}
	return 1
}

// An effect is what each of two values of a setting comes to.
type effect struct {
	key    string
	before []any // settings, KEY VALUE and so on
	look   func(*clockwork) int
	values [2]any
	want   [2]int
}

// bright leaves the level of the whole face to be seen alone, at the knob's upper end.
var bright = []any{"potentiometer.safety_limit_max", 255}

var effects = []effect{
	{"display.on", nil, level, [2]any{true, false}, [2]int{42, 0}},
	{"halb_centric_style", nil, words, [2]any{false, true}, [2]int{0, 1}},
	{"potentiometer.safety_limit_max", nil, in(425, up), [2]any{80, 200}, [2]int{56, 141}},
	{"brightness.individual", nil, level, [2]any{40, 70}, [2]int{28, 49}},
	{"brightness.global", nil, level, [2]any{100, 255}, [2]int{23, 60}},
	{"brightness.individual_manual", []any{"brightness.individual", 30}, level, [2]any{true, false}, [2]int{21, 42}},
	{"brightness.global_manual", []any{"brightness.global", 60}, level, [2]any{true, false}, [2]int{14, 42}},
	{"brightness.manual_minutes", []any{"brightness.individual", 30}, func(d *clockwork) int { time.Sleep(time.Minute); return level(d) }, [2]any{0, 1}, [2]int{21, 42}},
	{"night.windows", nil, level, [2]any{"", "14:00-15:00 dim 100"}, [2]int{42, 23}},
	{"night.paused", []any{"night.windows", "14:00-15:00 off"}, level, [2]any{true, false}, [2]int{42, 0}},
	{"transition.enabled", nil, restless, [2]any{true, false}, [2]int{20, 0}},
	{"transition.duration_ms", nil, restless, [2]any{500, 4000}, [2]int{5, 40}},
	{"transition.fadein_curve", nil, early(true), [2]any{"linear", "ease_in"}, [2]int{10, 3}},
	{"transition.fadeout_curve", nil, early(false), [2]any{"linear", "ease_in"}, [2]int{32, 40}},
	{"light_sensor.very_dark.brightness", bright, in(0, up), [2]any{9, 20}, [2]int{9, 20}},
	{"light_sensor.very_dark.brightness_max", bright, in(10, up), [2]any{10, 20}, [2]int{10, 20}},
	{"light_sensor.dim.brightness", bright, in(11, up), [2]any{10, 50}, [2]int{11, 50}},
	{"light_sensor.dim.brightness_max", bright, in(50, up), [2]any{40, 90}, [2]int{40, 90}},
	{"light_sensor.normal.brightness", bright, in(51, up), [2]any{30, 100}, [2]int{30, 100}},
	{"light_sensor.normal.brightness_max", bright, in(200, up), [2]any{80, 250}, [2]int{80, 250}},
	{"light_sensor.bright.brightness", bright, in(201, up), [2]any{70, 190}, [2]int{70, 190}},
	{"light_sensor.bright.brightness_max", bright, in(500, up), [2]any{130, 240}, [2]int{130, 240}},
	{"light_sensor.very_bright.brightness", bright, in(501, up), [2]any{100, 250}, [2]int{100, 250}},
	{"light_sensor.very_bright.brightness_max", bright, in(2000, up), [2]any{210, 250}, [2]int{210, 250}},
	{"threshold_0", bright, in(20, up), [2]any{10, 20}, [2]int{37, 30}},
	{"threshold_1", bright, in(90, up), [2]any{50, 90}, [2]int{76, 60}},
	{"threshold_2", bright, in(300, up), [2]any{200, 300}, [2]int{146, 120}},
	{"threshold_3", bright, in(800, up), [2]any{500, 800}, [2]int{216, 200}},
	{"potentiometer.brightness_min", nil, in(425, 0), [2]any{20, 70}, [2]int{14, 49}},
	{"potentiometer.brightness_max", bright, in(425, up), [2]any{50, 255}, [2]int{35, 180}},
	{"potentiometer.curve_type", bright, in(425, 1650), [2]any{"linear", "logarithmic"}, [2]int{91, 134}},
	{"validation.enabled", nil, checks, [2]any{true, false}, [2]int{3, 0}},
	{"validation.interval_s", nil, checks, [2]any{3600, 10}, [2]int{3, 15}},
}

// TestEachSettingCounts: whatever can be set makes a difference to who looks on, but for
// what this clock does not have, and the source of firmware, which has tests of its own.
func TestEachSettingCounts(t *testing.T) {
	keys := []string{"ota.source"}
	for _, e := range effects {
		keys = append(keys, e.key)
		synctest.Test(t, func(t *testing.T) {
			d := start(t, quarterToThree, nil)
			time.Sleep(2 * time.Second) // sensors are read
			d.sets(t, e.before...)
			for i, value := range e.values {
				d.sets(t, e.key, value)
				if got := e.look(d); max(got-e.want[i], e.want[i]-got) > 1 {
					t.Errorf("%s = %v: %d, want %d", e.key, value, got, e.want[i])
				}
			}
			d.stop()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, quarterToThree, nil).service.Watch()
		for _, f := range clock.Fields {
			if s.Can(f.Needs) != slices.Contains(keys, f.Key) {
				t.Errorf("%s: its effect is seen %t, want %t", f.Key, !s.Can(f.Needs), s.Can(f.Needs))
			}
		}
	})
}

// TestChangeIsWhole: nobody is told of new settings beside the light of the old ones.
func TestChangeIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		stop := make(chan struct{})
		seen := make(chan int)
		go func() {
			n := 0
			for {
				s, changed := d.service.Watch()
				if s.Settings.Night.Windows != s.Light.Window {
					t.Errorf("windows %q, of which %q rules", s.Settings.Night.Windows, s.Light.Window)
				}
				n++
				select {
				case <-changed:
				case <-stop:
					seen <- n
					return
				}
			}
		}()
		for i := range 200 {
			d.sets(t, "night.windows", [...]string{"daily 14:00-15:00 off", "daily 14:00-16:00 dim 20"}[i%2])
		}
		close(stop)
		if n := <-seen; n < 200 {
			t.Errorf("looked %d times", n)
		}
	})
}
