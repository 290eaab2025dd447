package main

import (
	"strings"
	"testing"
	"text/tabwriter"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// TestStatusLines holds what a person reads of the face, of why it is so bright, of the
// sensors and of the self-check.
func TestStatusLines(t *testing.T) {
	checked := func(edit func(*control.Validation)) *control.Validation {
		v := &control.Validation{At: "2026-11-28T14:30:00Z", Failure: "NONE", Recovered: true, Day: control.ValidationStats{Total: 288, Health: 100}}
		edit(v)
		return v
	}
	for _, c := range []struct {
		name string
		edit func(*control.Status)
		want string // a line
	}{
		{"the face", func(*control.Status) {}, "face ES IST HALB DREI ··"},
		{"off", func(s *control.Status) { s.Face.Off, s.Light.Off = true, true }, "face off, by display.on"},
		{"off by night", func(s *control.Status) {
			s.Face.Off, s.Light.Off, s.Light.Window = true, true, "daily 22:00-06:00 off"
			s.Light.Why.Off = &control.Reason{By: clock.ByNight.String()}
		}, "face off, by the window of the night daily 22:00-06:00 off"},
		{"why an LED is as bright as it is", func(*control.Status) {}, "brightness individual 60: the knob, at 22 %"},
		{"why the face is", func(*control.Status) {}, "brightness group 180: the light sensor, at 420 lx"},
		{"light", func(*control.Status) {}, "light sensor 420.5 lx"},
		{"no light", func(s *control.Status) { s.Sensors.Light.Error = "no answer" }, "light sensor no answer"},
		{"knob", func(*control.Status) {}, "knob 22.1 %, 730 mV"},
		{"no knob", func(s *control.Status) { s.Sensors.Knob.Error = "no converter" }, "knob no converter"},
		{"all is well", func(*control.Status) {}, "self-check passed 12 s ago; 24 h: 288 checks, 0 failed; health 100"},
		{"the first one", func(s *control.Status) { s.Checked.Day.Total = 1 }, "self-check passed 12 s ago; 24 h: 1 check, 0 failed; health 100"},
		{"nobody knows the time", func(s *control.Status) { s.Time.UTC = "" }, "self-check passed; 24 h: 288 checks, 0 failed; health 100"},
		{"never", func(s *control.Status) { s.Checked = nil }, "self-check there was none yet"},
		{"not wanted", func(s *control.Status) { s.Settings["validation.enabled"] = false }, "self-check off, by validation.enabled"},
		{"mended", func(s *control.Status) {
			s.Checked = checked(func(v *control.Validation) {
				v.Failure, v.Repaired, v.Day.Failed, v.Day.Health = "PARTIAL_MISMATCH", true, 1, 98
			})
		}, "self-check PARTIAL_MISMATCH, mended 12 s ago; 24 h: 288 checks, 1 failed; health 98"},
		{"not mended", func(s *control.Status) {
			s.Checked = checked(func(v *control.Validation) {
				v.Failure, v.Recovered, v.Day.Failed, v.Day.Health = "HARDWARE_FAULT", false, 1, 90
			})
		}, "self-check HARDWARE_FAULT 12 s ago; 24 h: 288 checks, 1 failed; health 90"},
	} {
		s := control.Status{
			Face:     control.Face{Text: "ES IST HALB DREI", MinuteLEDs: 2},
			Settings: map[string]any{"validation.enabled": true},
			Sensors:  control.Sensors{Light: &control.Light{Lux: 420.5}, Knob: &control.Knob{Percent: 22.1, MV: 730}},
			Checked:  checked(func(*control.Validation) {}),
		}
		s.Light.Individual, s.Light.Group = 60, 180
		s.Light.Why.Individual.Text, s.Light.Why.Group.Text = "the knob, at 22 %", "the light sensor, at 420 lx"
		s.Time.UTC = "2026-11-28T14:30:12Z"
		c.edit(&s)
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
		printStatus(w, s)
		_ = w.Flush()
		if !strings.Contains(oneBlank(b.String()), "\n"+c.want+"\n") {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, &b)
		}
	}
}

// oneBlank makes one blank of several.
func oneBlank(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
