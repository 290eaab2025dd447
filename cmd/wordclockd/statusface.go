package main

import (
	"fmt"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// printSensors prints what the sensors say that are there.
func printSensors(row func(name, format string, args ...any), s control.Sensors) {
	switch l := s.Light; {
	case l == nil:
	case l.Error != "":
		row("light sensor", "%s", l.Error)
	default:
		row("light sensor", "%g lx", l.Lux)
	}
	switch k := s.Knob; {
	case k == nil:
	case k.Error != "":
		row("knob", "%s", k.Error)
	default:
		row("knob", "%g %%, %d mV", k.Percent, k.MV)
	}
}

// checkedLine is what the last read-back of the LEDs came to, and those of a day.
func checkedLine(s control.Status) string {
	v := s.Checked
	switch {
	case s.Settings["validation.enabled"] == false:
		return "off, by validation.enabled"
	case v == nil:
		return "there was none yet"
	}
	text := "passed"
	if v.Failure != clock.FailureNone.String() {
		text = v.Failure
		if v.Repaired && v.Recovered {
			text += ", mended"
		}
	}
	if age, ok := between(v.At, s.Time.UTC); ok {
		text += fmt.Sprintf(" %.0f s ago", age.Seconds())
	}
	checks := "checks"
	if v.Day.Total == 1 {
		checks = "check"
	}
	return text + fmt.Sprintf("; 24 h: %d %s, %d failed; health %d", v.Day.Total, checks, v.Day.Failed, v.Day.Health)
}

// between returns how long after one time another is, as the API has them.
func between(from, to string) (d time.Duration, ok bool) {
	a, err1 := time.Parse(time.RFC3339, from)
	b, err2 := time.Parse(time.RFC3339, to)
	return b.Sub(a), err1 == nil && err2 == nil && !b.Before(a)
}

func faceLine(s control.Status) string {
	f := s.Face
	text := strings.TrimSpace(f.Text + " " + strings.Repeat("·", f.MinuteLEDs))
	switch {
	case f.Off:
		text = "off, by " + offBy(s.Light)
	case f.Demo:
		text += ", a demo"
	case f.Unknown:
		text = "none, the time is unknown"
	}
	if len(f.DarkRows) > 0 {
		text += fmt.Sprintf("; rows that do not answer: %s", strings.Trim(fmt.Sprint(f.DarkRows), "[]"))
	}
	return text
}

// offBy is what keeps the face dark.
func offBy(l control.Brightness) string {
	if l.Why.Off != nil && l.Why.Off.By == clock.ByNight.String() {
		return "the window of the night " + l.Window
	}
	return "display.on"
}
