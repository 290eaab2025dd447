package light

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

// A room is a clock with knob and light sensor on a Monday, 2026-06-15, at noon; its
// marks are taken back when that is asked.
type room struct {
	t     testing.TB
	mixer Mixer
	in    Input
	asked Release // all that was asked
	light clock.Light
	next  time.Time
}

func newRoom(t testing.TB) *room {
	noon := time.Date(2026, 6, 15, 12, 0, 0, 0, vienna(t))
	r := &room{t: t, in: Input{
		Now: noon.UTC(), Local: noon, Settings: clock.DefaultSettings(), Knob: true, Light: true,
		Sensors: clock.Sensors{At: noon, Lux: 425, KnobMV: 730},
	}}
	return r
}

// mix mixes as the dimmer does.
func (r *room) mix() {
	r.t.Helper()
	l, release, next := r.mixer.Mix(r.in)
	if !next.IsZero() && !next.After(r.in.Now) {
		r.t.Fatalf("asks to be asked at %s, now is %s", next, r.in.Now)
	}
	r.asked.Individual = r.asked.Individual || release.Individual
	r.asked.Global = r.asked.Global || release.Global
	r.asked.Paused = r.asked.Paused || release.Paused
	s := &r.in.Settings
	s.Manual.Individual = s.Manual.Individual && !release.Individual
	s.Manual.Global = s.Manual.Global && !release.Global
	s.Night.Paused = s.Night.Paused && !release.Paused
	if r.light, r.next = l, next; release != (Release{}) {
		r.mix()
	}
}

// set sets fields, KEY=VALUE and so on, as a user does.
func (r *room) set(text string) {
	r.t.Helper()
	var edits []clock.Edit
	for pair := range strings.SplitSeq(text, ", ") {
		key, value, _ := strings.Cut(pair, "=")
		f, err := clock.FieldOf(key)
		if err != nil {
			r.t.Fatal(err)
		}
		v, err := f.Parse(value)
		if err != nil {
			r.t.Fatal(err)
		}
		edits = append(edits, clock.Edit{Key: key, Value: v})
	}
	if err := clock.Apply(&r.in.Settings, edits); err != nil {
		r.t.Fatal(err)
	}
}

// wait lets time pass and mixes whenever the mixer wants to be asked, and at the end.
func (r *room) wait(d time.Duration) {
	r.t.Helper()
	for end := r.in.Now.Add(d); ; {
		to := end
		if !r.next.IsZero() && r.next.Before(end) {
			to = r.next
		}
		if !r.in.Local.IsZero() {
			r.in.Local = r.in.Local.Add(to.Sub(r.in.Now))
		}
		r.in.Now = to
		r.mix()
		if to.Equal(end) {
			return
		}
	}
}

// do does what a step says: set, lux, knob (mV), wait, and what fails and is mended.
func (r *room) do(step string) {
	r.t.Helper()
	what, arg, _ := strings.Cut(step, " ")
	number := func() (x float64) {
		if _, err := fmt.Sscan(arg, &x); err != nil {
			r.t.Fatal(step, err)
		}
		return x
	}
	s := &r.in.Sensors
	switch what {
	case "set":
		r.set(arg)
	case "lux":
		s.At, s.Lux, s.LightErr = r.in.Now, number(), ""
	case "knob":
		s.At, s.KnobMV, s.KnobErr = r.in.Now, int(number()), ""
	case "lost":
		s.Lux, s.KnobMV, s.LightErr, s.KnobErr = 0, 0, "nobody there", "nobody there"
	case "unread":
		s.At = time.Time{}
	case "none":
		r.in.Knob, r.in.Light = false, false
	case "timeless":
		r.in.Local = time.Time{}
	case "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			r.t.Fatal(err)
		}
		r.wait(d)
		return
	default:
		r.t.Fatal("no step ", step)
	}
	r.mix()
}

// levels says how bright the room's clock is.
func (r *room) levels() string {
	if r.light.Off {
		return "off"
	}
	return fmt.Sprintf("%d x %d", r.light.Individual, r.light.Group)
}

// whole says why, too.
func (r *room) whole() string {
	l := r.light
	return fmt.Sprintf("%s: %s (%s); %s (%s)", r.levels(), l.WhyIndividual.Text, l.WhyIndividual.By, l.WhyGroup.Text, l.WhyGroup.By)
}

// TestRule: who has the levels, step by step. After each step stand the levels.
func TestRule(t *testing.T) {
	for name, steps := range map[string][]string{
		"knob and light rule": {
			"lux 425 > 60 x 180", "knob 1000 > 80 x 180", "knob 3300 > 80 x 180", "knob 0 > 5 x 180", "lux 5 > 5 x 16", "lux 20000 > 5 x 255",
		},
		"noise does not count": {
			"lux 425 > 60 x 180", "lux 450 > 60 x 180", "lux 400 > 60 x 180", "lux 382 > 60 x 168", "lux 400 > 60 x 168",
			"knob 743 > 60 x 168", "knob 744 > 60 x 168", "knob 757 > 62 x 168", "knob 745 > 62 x 168",
		},
		"an end stop is no noise": {"knob 14 > 6 x 180", "knob 0 > 5 x 180", "set potentiometer.safety_limit_max=255 > 5 x 180", "knob 3290 > 254 x 180", "knob 3300 > 255 x 180"},
		"the knob goes on beyond the limit": {
			"knob 980 > 79 x 180", "knob 985 > 79 x 180", "knob 1010 > 80 x 180", "knob 1650 > 80 x 180", "knob 980 > 79 x 180",
		},
		"settings count at once": {
			"lux 425 > 60 x 180", "set light_sensor.bright.brightness_max=240 > 60 x 210", "set threshold_3=600 > 60 x 187",
			"set potentiometer.brightness_min=20 > 71 x 187", "set potentiometer.curve_type=exponential > 58 x 187", "set potentiometer.safety_limit_max=40 > 40 x 187",
		},
		"by hand, until the knob moves": {
			"set brightness.individual=70 > 70 x 180", "wait 72h > 70 x 180", "knob 790 > 70 x 180", "knob 664 > 70 x 180", "knob 797 > 65 x 180", "knob 730 > 60 x 180",
		},
		"by hand, until the light changes": {
			"set brightness.global=40 > 60 x 40", "wait 72h > 60 x 40", "lux 300 > 60 x 40", "wait 72h > 60 x 40", "lux 250 > 60 x 40",
			"wait 2999ms > 60 x 40", "wait 1ms > 60 x 133", "lux 425 > 60 x 180",
		},
		"a shadow is no change": {
			"set brightness.global=40 > 60 x 40", "lux 5 > 60 x 40", "wait 2s > 60 x 40", "lux 400 > 60 x 40", "wait 2s > 60 x 40", "lux 5 > 60 x 40",
			"wait 2s > 60 x 40", "lux 8 > 60 x 40", "wait 1s > 60 x 24",
		},
		"in the dark a few steps are no change": {
			"lux 1 > 60 x 5", "set brightness.global=90 > 60 x 90", "lux 4 > 60 x 90", "wait 1h > 60 x 90", "lux 7 > 60 x 90", "wait 4s > 60 x 21",
		},
		"by hand, twice": {
			"set brightness.individual=70 > 70 x 180", "knob 780 > 70 x 180", "set brightness.individual=50 > 50 x 180", "knob 830 > 50 x 180", "knob 850 > 69 x 180",
		},
		"by hand, for a time": {
			"set brightness.individual=70, brightness.global=40, brightness.manual_minutes=10 > 70 x 40", "wait 9m > 70 x 40",
			"set brightness.global=41 > 70 x 41", "wait 59s > 70 x 41", "wait 1s > 60 x 41", "wait 9m > 60 x 180",
		},
		"a time that is set later": {
			"set brightness.global=40 > 60 x 40", "wait 30m > 60 x 40", "set brightness.manual_minutes=31 > 60 x 40", "wait 1m > 60 x 180",
			"set brightness.global=40 > 60 x 40", "wait 5m > 60 x 40", "set brightness.manual_minutes=5 > 60 x 180",
		},
		"given back": {
			"set brightness.individual=70, brightness.global=40 > 70 x 40", "set brightness.individual_manual=false > 60 x 40",
			"set brightness.global_manual=false > 60 x 180", "set brightness.global_manual=true > 60 x 40",
		},
		"zones that are set do not move the light": {
			"set brightness.global=40 > 60 x 40", "set light_sensor.bright.brightness=10 > 60 x 40", "wait 1h > 60 x 40", "lux 250 > 60 x 40", "wait 3s > 60 x 41",
		},
		"nothing that measures": {
			"none > 60 x 180", "lux 5 > 60 x 180", "set brightness.individual=70, brightness.manual_minutes=1 > 70 x 180", "wait 1h > 70 x 180",
			"set brightness.individual_manual=false > 70 x 180", "set potentiometer.safety_limit_max=50 > 50 x 180",
		},
		"not read yet": {"unread > 60 x 180", "set brightness.global=40 > 60 x 40"},
		"held over a restart": {
			"unread > 60 x 180", "set brightness.individual=70, brightness.global=40 > 70 x 40", "wait 5s > 70 x 40",
			"lux 5 > 70 x 40", "wait 5s > 70 x 40", "knob 1650 > 80 x 40", "lux 425 > 80 x 40", "wait 3s > 80 x 180",
		},
		"lost: what it last asked for": {
			"knob 250 > 23 x 180", "lux 5 > 23 x 16", "lost > 23 x 16", "wait 72h > 23 x 16", "lux 425 > 23 x 180",
		},
		"lost: what is set then rules": {
			"knob 250 > 23 x 180", "lost > 23 x 180", "set brightness.individual=70 > 70 x 180", "set brightness.individual_manual=false > 70 x 180",
			"set brightness.individual=71, brightness.individual_manual=false > 71 x 180", "knob 730 > 60 x 180",
		},
		"lost while held, and back elsewhere": {
			"set brightness.global=40 > 60 x 40", "lost > 60 x 40", "wait 1h > 60 x 40", "lux 5 > 60 x 40", "wait 2s > 60 x 40", "lost > 60 x 40",
			"wait 5s > 60 x 40", "lux 5 > 60 x 40", "wait 3s > 60 x 16",
		},
		"lost while held, and the time is over": {
			"set brightness.global=40, brightness.manual_minutes=1 > 60 x 40", "lost > 60 x 40", "wait 1h > 60 x 40", "lux 425 > 60 x 180",
		},
		"the limit lowers what is set": {
			"set brightness.individual=70 > 70 x 180", "set potentiometer.safety_limit_max=50 > 50 x 180", "set potentiometer.safety_limit_max=80 > 50 x 180",
		},
		"off is off": {
			"set display.on=false > off", "knob 1000 > off", "set brightness.global=40 > off", "wait 1h > off", "set display.on=true > 80 x 40",
		},
		"night": {
			"set night.windows=13:00-14:00 dim 20; 14:00-15:00 off > 60 x 180", "wait 1h > 60 x 20", "lux 5 > 60 x 16", "set brightness.global=90 > 60 x 20",
			"set brightness.global=7 > 60 x 7", "wait 1h > off", "knob 1000 > off", "wait 1h > 80 x 7",
		},
		"night, not now": {
			"set night.windows=11:00-14:00 dim 20; 14:00-15:00 off > 60 x 20", "set night.paused=true > 60 x 180", "wait 2h > 60 x 180", "wait 1h > 60 x 180",
			"wait 20h > 60 x 20",
		},
		"a pause of no night is none": {"set night.paused=true > 60 x 180", "set night.windows=11:00-14:00 dim 20 > 60 x 20"},
		"who has no time has no night": {
			"set night.windows=00:00-24:00 off > off", "timeless > 60 x 180", "set night.paused=true > 60 x 180", "wait 1h > 60 x 180",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.mix()
			if r.levels() != "60 x 180" {
				t.Fatalf("begins with %s", r.levels())
			}
			if strings.HasPrefix(steps[0], "unread") {
				r = newRoom(t)
			}
			for i, step := range steps {
				do, want, _ := strings.Cut(step, " > ")
				if r.do(do); r.levels() != want {
					t.Errorf("step %d, %s: %s, want %s", i+1, do, r.whole(), want)
				}
			}
		})
	}
}

// TestMarksAreTakenBack when they have had their time, and not before.
func TestMarksAreTakenBack(t *testing.T) {
	for _, c := range []struct {
		steps string
		want  Release
	}{
		{"set brightness.individual=70 / set brightness.global=40 / wait 1000h", Release{}},
		{"set brightness.individual=70 / knob 800", Release{Individual: true}},
		{"set brightness.individual=70 / knob 790", Release{}},
		{"set brightness.global=40 / lux 5 / wait 2s", Release{}},
		{"set brightness.global=40 / lux 5 / wait 3s", Release{Global: true}},
		{"set brightness.global=40 / set brightness.manual_minutes=1 / wait 1m", Release{Global: true}},
		{"none / set brightness.global=40 / set brightness.manual_minutes=1 / lux 5 / wait 1h", Release{}},
		{"set night.windows=11:00-13:00 off / set night.paused=true / wait 59m", Release{}},
		{"set night.windows=11:00-13:00 off / set night.paused=true / wait 1h", Release{Paused: true}},
		{"set night.windows=11:00-13:00 off; 12:30-14:00 dim 9 / set night.paused=true / wait 119m", Release{}},
		{"set night.windows=11:00-13:00 off / set night.paused=true / timeless / wait 48h", Release{}},
	} {
		r := newRoom(t)
		r.mix()
		for step := range strings.SplitSeq(c.steps, " / ") {
			r.do(step)
		}
		if r.asked != c.want {
			t.Errorf("%s: %+v, want %+v", c.steps, r.asked, c.want)
		}
	}
}

// TestWhy: what a person is told.
func TestWhy(t *testing.T) {
	for _, c := range []struct{ steps, want string }{
		{"lux 425", "60 x 180: the knob, at 22 % (knob); the light sensor, at 430 lx (light_sensor)"},
		{"lux 0", "60 x 5: the knob, at 22 % (knob); the light sensor, at 0 lx (light_sensor)"},
		{"lux 0.8333 / knob 3300", "80 x 5: the knob asks for 255, the safety limit is 80 (knob); the light sensor, at 0.83 lx (light_sensor)"},
		{"lux 54612.5", "60 x 255: the knob, at 22 % (knob); the light sensor, at 55000 lx (light_sensor)"},
		{"unread", "60 x 180: as it was last set; the knob has not been read yet (setting); as it was last set; the light sensor has not been read yet (setting)"},
		{"lost", "60 x 180: as it was last set; the knob does not answer (setting); as it was last set; the light sensor does not answer (setting)"},
		{"none", "60 x 180: as it was set; there is no knob (setting); as it was set; there is no light sensor (setting)"},
		{"lux 425 / lost", "60 x 180: the knob does not answer: what it last asked for (knob); the light sensor does not answer: what it last asked for (light_sensor)"},
		{"set brightness.individual=70 / set brightness.global=40", "70 x 40: set by hand, until the knob moves (manual); set by hand, until the light changes (manual)"},
		{"set brightness.individual=70, brightness.manual_minutes=150",
			"70 x 180: set by hand, until the knob moves, 14:30 at the latest (manual); the light sensor, at 430 lx (light_sensor)"},
		{"timeless / set brightness.individual=70, brightness.manual_minutes=150",
			"70 x 180: set by hand, until the knob moves, for 150 min at most (manual); the light sensor, at 430 lx (light_sensor)"},
		{"set brightness.global=40, brightness.manual_minutes=2880",
			"60 x 40: the knob, at 22 % (knob); set by hand, until the light changes, Wed 17 Jun 12:00 at the latest (manual)"},
		{"set night.windows=mon-fri 11:00-13:00 dim 20", "60 x 20: the knob, at 22 % (knob); night window mon-fri 11:00-13:00 dim 20 (night)"},
		{"set night.windows=mon-fri 11:00-13:00 dim 200", "60 x 180: the knob, at 22 % (knob); the light sensor, at 430 lx (light_sensor)"},
	} {
		r := newRoom(t)
		for step := range strings.SplitSeq(c.steps, " / ") {
			r.do(step)
		}
		if r.whole() != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.steps, r.whole(), c.want)
		}
	}
}

// TestWhyOff names window and end, or the setting, which goes first.
func TestWhyOff(t *testing.T) {
	r := newRoom(t)
	until := func(d time.Duration) time.Time { return newRoom(t).in.Now.Add(d) }
	for _, c := range []struct {
		step   string
		want   clock.Reason
		window string
	}{
		{"lux 425", clock.Reason{}, ""},
		{"set night.windows=11:00-13:00 off; 10:00-14:00 off; 10:00-12:30 dim 20",
			clock.Reason{By: clock.ByNight, Text: "night window daily 10:00-14:00 off", Until: until(2 * time.Hour)}, "daily 10:00-14:00 off"},
		{"set display.on=false", clock.Reason{By: clock.ByHand, Text: "display.on is false"}, "daily 10:00-14:00 off"},
		{"set night.paused=true", clock.Reason{By: clock.ByHand, Text: "display.on is false"}, ""},
		{"set display.on=true", clock.Reason{}, ""},
	} {
		r.do(c.step)
		if l := r.light; l.WhyOff != c.want || l.Window != c.window || l.Off != (c.want != clock.Reason{}) {
			t.Errorf("%s: %+v in %q, want %+v in %q", c.step, l.WhyOff, l.Window, c.want, c.window)
		}
	}
}

// TestTimeIsSet: a window comes by what the clock believes now. A time that is set by
// less than a second wakes nobody.
func TestTimeIsSet(t *testing.T) {
	r := newRoom(t)
	r.do("set night.windows=14:00-15:00 dim 20")
	r.in.Local = r.in.Local.Add(2 * time.Hour)
	r.mix()
	before := r.light
	if r.levels() != "60 x 20" || before.WhyGroup.Until != r.in.Now.Add(time.Hour) {
		t.Errorf("set on: %s, until %s", r.whole(), before.WhyGroup.Until)
	}
	r.in.Local = r.in.Local.Add(300 * time.Millisecond)
	if r.mix(); r.light != before {
		t.Errorf("set a little: %+v, was %+v", r.light, before)
	}
	r.in.Local = r.in.Local.Add(-time.Hour)
	if r.mix(); r.levels() != "60 x 180" {
		t.Errorf("set back: %s", r.whole())
	}
	if want := r.in.Now.Add(time.Hour - 300*time.Millisecond); r.next != want {
		t.Errorf("asks to be asked at %s, want %s", r.next, want)
	}
	r.in.Local = r.in.Local.In(time.FixedZone("", 3*60*60))
	if r.mix(); r.levels() != "60 x 20" {
		t.Errorf("in another zone: %s", r.whole())
	}
}

// TestRefusedRelease: a mark that cannot be taken back has no effect any more, until
// something is set by hand again.
func TestRefusedRelease(t *testing.T) {
	r := newRoom(t)
	r.set("brightness.individual=70, brightness.manual_minutes=1")
	r.mix()
	for range 3 {
		r.in.Now = r.in.Now.Add(time.Minute)
		l, release, next := r.mixer.Mix(r.in) // and nothing comes of it
		if l.Individual != 60 || !release.Individual || !next.IsZero() {
			t.Errorf("%d, %+v, asks to be asked at %s", l.Individual, release, next)
		}
	}
	r.set("brightness.individual=71")
	if r.mix(); r.levels() != "71 x 180" {
		t.Error(r.whole())
	}
}
