package firmware

import (
	"encoding/json"
	"fmt"
	"math"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// soon is how long after the last fault all is right again.
const soon = 10 * time.Second

// glides is more than it takes until a level that changes is where it is to be.
const glides = 1500 * time.Millisecond

// calm heals everything, and holds that all is right soon, and stays so.
func (s *storm) calm() {
	truth := s.heal()
	time.Sleep(soon - glides)
	for range 4 {
		s.rests()
		s.isRight(truth)
	}
	eventually(s, "connected", func() bool { st, _ := s.service.Watch(); return st.Link.State == clock.LinkUp })
	for end := time.Now().Add(2 * time.Second); s.unlike() != "" && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if unlike := s.unlike(); unlike != "" {
		s.Error(unlike)
	}
	if st, _ := s.service.Watch(); st.Boot != 1 {
		s.Errorf("start %d", st.Boot)
	}
}

// rests waits until no level has changed for a while, as one may whose time by hand is
// over, and no fade that the present minute began is under way.
func (s *storm) rests() {
	for {
		before, _ := s.service.Watch()
		time.Sleep(glides)
		synctest.Wait()
		st, _ := s.service.Watch()
		into := time.Duration(time.Now().UnixNano()) % time.Minute // zones are whole minutes off, and who is off is wrong
		if st.Light == before.Light && into > st.Settings.Transition.Duration+frame {
			return
		}
	}
}

// isRight fails unless the face, its levels and what the clock says of its parts are right.
func (s *storm) isRight(truth bool) {
	st, _ := s.service.Watch()
	for _, wrong := range []string{s.wrongFace(st, truth), s.wrongLight(st), s.wrongParts(st)} {
		if wrong != "" {
			s.Errorf("%s: %s", time.Now().In(s.zone).Format(time.TimeOnly), wrong)
		}
	}
}

// wrongFace compares the LEDs with the time, the true one or that which is believed.
func (s *storm) wrongFace(st clock.Status, truth bool) string {
	now := time.Now()
	local, known := st.Time.At(now)
	p := face.Phrase{}
	switch {
	case truth && s.synced.Load() && !known:
		return "the time is unknown"
	case truth && known && local.Sub(now).Abs() > time.Second:
		return fmt.Sprintf("the time is off by %s", local.Sub(now))
	case st.Light.Off:
	case known:
		p = face.Say(local.Hour(), local.Minute(), st.Settings.Style)
	case now.Unix()%2 == 0:
		p = face.Dots(4)
	}
	if got, want := radianceOf(s.board), radianceFor(p, st.Light); got != want {
		return fmt.Sprintf("the LEDs (row, column, is, want): %v; %+v", differences(got, want), st.Light)
	}
	return ""
}

// wrongLight compares the levels with what settings, light and knob ask for.
func (s *storm) wrongLight(st clock.Status) string {
	set, l := st.Settings, st.Light
	local, known := st.Time.At(time.Now())
	off, most := nightAt(set, local, known)
	group, individual := suits(set, s.board.Light.Lux(), l.Group, most), math.Abs(float64(l.Individual)-knobAt(set, st.Sensors.Knob)) <= 2
	if set.Manual.Global {
		group = l.Group == min(set.Global, most)
	}
	if set.Manual.Individual {
		individual = l.Individual == min(set.Individual, set.SafetyLimit)
	}
	if l.Off != (set.Off || off) || !group || !individual || l.Individual > set.SafetyLimit {
		return fmt.Sprintf("the light %+v; %g lx, knob at %.3f, %+v", l, s.board.Light.Lux(), st.Sensors.Knob, set)
	}
	return ""
}

// nightAt is what the windows of the night ask for.
func nightAt(set clock.Settings, local time.Time, known bool) (off bool, most clock.Level) {
	most = 255
	windows, _ := clock.ParseWindows(set.Night.Windows)
	if !known || set.Night.Paused {
		return false, most
	}
	minute := local.Hour()*60 + local.Minute()
	for _, w := range windows {
		today, yesterday := w.Days[local.Weekday()], w.Days[(local.Weekday()+6)%7]
		in := today && w.From <= minute && minute < w.To
		if w.To < w.From {
			in = today && minute >= w.From || yesterday && minute < w.To
		}
		if in && w.Off {
			off = true
		} else if in {
			most = min(most, w.Most)
		}
	}
	return off, most
}

// knobAt is the level of a lit LED that the knob asks for, not rounded.
func knobAt(set clock.Settings, x float64) float64 {
	switch set.Knob.Curve {
	case clock.KnobLogarithmic:
		x = math.Log10(1 + 9*x)
	case clock.KnobExponential:
		x = math.Exp2(x) - 1
	}
	level := float64(set.Knob.Min) + x*(float64(set.Knob.Max)-float64(set.Knob.Min))
	return min(max(level, float64(clock.MinLevel)), float64(set.SafetyLimit))
}

// wrongParts says which part is not well yet.
func (s *storm) wrongParts(st clock.Status) string {
	x := st.Sensors
	at, _ := s.board.Knob.Read()
	knob := math.Abs(x.Knob*3300 - float64(at.V)/1e6)
	if st.Face.Dark != nil || x.LightErr != "" || x.KnobErr != "" || knob > 40 || st.Demo {
		return fmt.Sprintf("rows dark %v, demo %t, %+v", st.Face.Dark, st.Demo, x)
	}
	return ""
}

// unlike says which of the published states is not what the clock says of itself.
func (s *storm) unlike() string {
	synctest.Wait()
	st, _ := s.service.Watch()
	state := "ON"
	if st.Light.Off {
		state = "OFF"
	}
	t := st.Settings.Transition
	for _, x := range []struct {
		path string
		want map[string]any
	}{
		{"brightness/status", map[string]any{"individual": float64(st.Light.Individual), "global": float64(st.Light.Group)}},
		{"light/state", map[string]any{"state": state, "brightness": float64(st.Light.Group)}},
		{"transition/status", map[string]any{"duration_ms": float64(t.Duration / time.Millisecond), "enabled": !t.Off, "fadein_curve": t.In.String()}},
		{"face/state", map[string]any{"unknown": st.Face.Unknown, "demo": false, "minute_leds": float64(st.Face.Phrase.MinuteLEDs())}},
		{"problems", map[string]any{"leds": false, "light_sensor": false, "knob": false}},
	} {
		payload := s.hub.state(x.path)
		var got map[string]any
		if err := json.Unmarshal([]byte(payload), &got); err != nil {
			return fmt.Sprintf("%s %s: %v", x.path, payload, err)
		}
		for name, v := range x.want {
			if got[name] != v {
				return fmt.Sprintf("%s %s: %s, want %v", x.path, payload, name, v)
			}
		}
	}
	return ""
}
