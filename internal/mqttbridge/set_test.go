package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
)

// TestSetFollows holds that each topic that sets something is followed by its state, and
// answered in the old clock's words.
func TestSetFollows(t *testing.T) {
	for _, c := range []struct {
		name, path, payload string
		words               []string
		state, want         string
		note                string
	}{
		{
			"B1: a switch", "transition/set", `{"enabled":false}`, []string{"transitions_disabled"},
			"transition/status", `{"duration_ms":2000,"enabled":false,"fadein_curve":"ease_in_out","fadeout_curve":"ease_in_out"}`, "",
		},
		{
			"B1: curves", "transition/set", `{"fadein_curve":"bounce"}`, []string{"transition_curves_updated"},
			"transition/status", `{"duration_ms":2000,"enabled":true,"fadein_curve":"bounce","fadeout_curve":"ease_in_out"}`, "",
		},
		{
			"all of it", "transition/set", `{"duration_ms":1500,"enabled":true,"fadein_curve":"ease_out","fadeout_curve":"ease_in"}`,
			[]string{"transition_duration_updated", "transitions_enabled", "transition_curves_updated"},
			"transition/status", `{"duration_ms":1500,"enabled":true,"fadein_curve":"ease_out","fadeout_curve":"ease_in"}`, "",
		},
		{"levels", "brightness/set", `{"individual":70,"global":100}`, []string{"individual_brightness_updated", "global_brightness_updated"}, "brightness/status", levelsAre(70, 100, true, true), ""},
		{
			"above the limit", "brightness/set", `{"individual":255}`, []string{"individual_brightness_updated"},
			"brightness/status", levelsAre(80, 180, true, false), "individual: 255 is above the safety limit, and was limited to 80",
		},
		{"B22: one least level", "brightness/set", `{"global":5}`, []string{"global_brightness_updated"}, "brightness/status", levelsAre(60, 5, false, true), ""},
		{"B22: the same as a command", "command", `{"command":"set_brightness","parameters":{"global":5}}`, []string{`{"result":{"command":"set_brightness","status":"success","updated":{"global":5}}}`}, "brightness/status", levelsAre(60, 5, false, true), ""},
		{"nothing", "brightness/set", `{}`, nil, "brightness/status", levelsAre(60, 180, false, false), ""},
		{"a zone's one number takes the other along", "brightness/config/set", `{"light_sensor":{"dim":{"brightness":90}}}`, nil, configStatus, configWith(`"dim":{"brightness":30,"brightness_max":60}`, `"dim":{"brightness":90,"brightness_max":90}`), ""},
		{"B19: both ends", "brightness/config/set", `{"light_sensor":{"dim":{"brightness":20,"brightness_max":50}}}`, nil, configStatus, configWith(`"dim":{"brightness":30,"brightness_max":60}`, `"dim":{"brightness":20,"brightness_max":50}`), ""},
		{"B19: thresholds as they are published", "brightness/config/set", `{"thresholds":[1,2,3,4]}`, nil, configStatus, configWith(`[10,50,200,500]`, `[1,2,3,4]`), ""},
		{"a threshold", "brightness/config/set", `{"threshold_1":60.0}`, nil, configStatus, configWith(`[10,50,200,500]`, `[10,60,200,500]`), ""},
		{"style", "brightness/config/set", `{"halb_centric_style":true}`, nil, configStatus, configWith(`style":false`, `style":true`), ""},
		{"B5: within what is announced", "command", `test_very_bright_update`, []string{"very_bright_test_success"}, configStatus, configWith(`"very_bright":{"brightness":200`, `"very_bright":{"brightness":150`), ""},
		{"dark", "command", `test_very_dark_update`, []string{"very_dark_test_success"}, configStatus, configWith(`"very_dark":{"brightness":5`, `"very_dark":{"brightness":25`), ""},
		{"source", "ota/source/set", `CLOUDFLARE`, nil, sourceStatus, `{"source":"cloudflare","github_url":"https://example.org/wordclock.bin","cloudflare_url":"https://example.net/wordclock.bin"}`, ""},
		{"off", "light/set", `{"state":"OFF"}`, nil, "light/state", `{"state":"OFF","color_mode":"brightness","brightness":180,"effect":"smooth"}`, ""},
		{"no brightness is off", "light/set", `{"state":"ON","brightness":0}`, nil, "light/state", `{"state":"OFF","color_mode":"brightness","brightness":180,"effect":"smooth"}`, ""},
		{"hardly any", "light/set", `{"brightness":1}`, nil, "light/state", `{"state":"ON","color_mode":"brightness","brightness":5,"effect":"smooth"}`, ""},
		{"effect", "light/set", `{"state":"ON","effect":"instant"}`, nil, "light/state", `{"state":"ON","color_mode":"brightness","brightness":180,"effect":"instant"}`, ""},
		{"a mark alone holds the level of the moment", "brightness/set", `{"global_manual":true}`, []string{"global_brightness_updated"}, "brightness/status", levelsAre(60, 180, false, true), ""},
		{"nights", "night/set", `{"windows":"Fri,sat 23:00-07:30  OFF"}`, nil, nightStatus, `{"windows":"fri-sat 23:00-07:30 off","paused":false,"active":false,"window":""}`, ""},
		{"read-back", "validation/set", `{"enabled":false,"interval_s":60}`, nil, "validation/config", `{"enabled":false,"interval_s":60}`, ""},
		{"how long by hand", "brightness/config/set", `{"manual_minutes":90}`, nil, configStatus, configWith(`minutes":0`, `minutes":90`), ""},
		{"volume", "command", `chimes_volume_0`, []string{"chime_volume_set_0"}, chimesVolume, `{"volume":0}`, ""},
		{"chimes", "command", `chimes_enable`, []string{"chimes_enabled"}, chimesStatus, `{"enabled":true}`, ""},
		{"any setting", "command", `{"command":"set_config","parameters":{"display.on":false,"chimes.volume":5}}`, nil, "light/state", `{"state":"OFF","color_mode":"brightness","brightness":180,"effect":"smooth"}`, ""},
	} {
		x := newCounter(t)
		published := x.send(c.path, c.payload)
		if r := only(t, published); !r.OK || r.Note != c.note {
			t.Errorf("%s: %+v, want note %q", c.name, r, c.note)
		}
		if got := of(published, statusPath); !slices.Equal(got, c.words) {
			t.Errorf("%s: said %q, want %q", c.name, got, c.words)
		}
		if got := of(published, c.state); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %s is\n%q, want\n%s", c.name, c.state, got, c.want)
		}
	}
}

// configWith is the default state of brightness/config/status with one thing changed.
func configWith(old, now string) string {
	text := string(configPayload(view{Status: clock.Status{Settings: clock.DefaultSettings()}}))
	changed := strings.Replace(text, old, now, 1)
	if changed == text {
		panic(old)
	}
	return changed
}

// TestLightTurnsOn holds that brightness alone turns the face on, and an effect does not.
func TestLightTurnsOn(t *testing.T) {
	for payload, on := range map[string]bool{`{"brightness":9}`: true, `{"state":"ON"}`: true, `{"effect":"smooth"}`: false, `{"state":"OFF","brightness":9}`: false, `{}`: false} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) { s.Settings.Off, s.Light.Off = true, true })
		if r := only(t, x.send("light/set", payload)); !r.OK || x.clock.status.Get().Settings.Off == on {
			t.Errorf("%s: %+v, off %t", payload, r, !on)
		}
	}
}

// TestDimmedAtNight holds that who sets a level above what a window of the night allows is
// told why nothing comes of it yet.
func TestDimmedAtNight(t *testing.T) {
	for _, c := range []struct {
		by            clock.Ruler
		path, payload string
		note          string
	}{
		{clock.ByNight, "light/set", `{"state":"ON","brightness":200}`, "brightness.global: the window daily 22:00-06:00 dim 20 dims the face to 20 until it ends"},
		{clock.ByNight, "brightness/set", `{"global":200}`, "global: the window daily 22:00-06:00 dim 20 dims the face to 20 until it ends"},
		{clock.ByNight, "brightness/set", `{"individual":50}`, ""},
		{clock.ByHand, "brightness/set", `{"global":10}`, ""},
	} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) {
			s.Light.Window, s.Light.Group, s.Light.WhyGroup.By = "daily 22:00-06:00 dim 20", 20, c.by
		})
		if r := only(t, x.send(c.path, c.payload)); !r.OK || r.Note != c.note {
			t.Errorf("%s %s: %+v, want note %q", c.path, c.payload, r, c.note)
		}
	}
}

// TestLightAtNight holds that the light that is turned on in a window of the night that
// is off stays on for the rest of it, and says so.
func TestLightAtNight(t *testing.T) {
	for _, c := range []struct {
		window, payload string
		paused          bool
	}{
		{"mon-fri 22:00-06:00 off", `{"state":"ON"}`, true},
		{"mon-fri 22:00-06:00 off", `{"brightness":9}`, true},
		{"mon-fri 22:00-06:00 off", `{"effect":"smooth"}`, false},
		{"mon-fri 22:00-06:00 off", `{"state":"OFF"}`, false},
		{"mon-fri 22:00-06:00 dim 20", `{"state":"ON"}`, false},
		{"", `{"state":"ON"}`, false},
	} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) { s.Light.Window, s.Light.Off = c.window, strings.HasSuffix(c.window, "off") })
		note := ""
		if c.paused {
			note = "state: the window " + c.window + " is paused until it ends"
		}
		if r := only(t, x.send("light/set", c.payload)); !r.OK || r.Note != note || x.clock.status.Get().Settings.Night.Paused != c.paused {
			t.Errorf("%s, %s: %+v, want note %q", c.window, c.payload, r, note)
		}
	}
}

// TestHeld holds what a mark does that is set without a level: nothing jumps, but by night
// the level is that of the last day.
func TestHeld(t *testing.T) {
	for _, c := range []struct {
		payload string
		light   clock.Light
		want    []any // levels and marks that are set then
	}{
		{`{"individual_manual":true}`, clock.Light{Individual: 33, Group: 44}, []any{clock.Level(33), clock.Level(180), true, false}},
		{`{"global_manual":true}`, clock.Light{Individual: 33, Group: 44}, []any{clock.Level(60), clock.Level(44), false, true}},
		{`{"global_manual":true,"global":99}`, clock.Light{Individual: 33, Group: 44}, []any{clock.Level(60), clock.Level(99), false, true}},
		{`{"global_manual":false,"global":99}`, clock.Light{Individual: 33, Group: 44}, []any{clock.Level(60), clock.Level(99), false, false}},
		{`{"global_manual":true}`, clock.Light{Individual: 33, Group: 20, WhyGroup: clock.Reason{By: clock.ByNight}}, []any{clock.Level(60), clock.Level(180), false, true}},
		{`{"individual_manual":false,"global_manual":false}`, clock.Light{Individual: 33, Group: 44}, []any{clock.Level(60), clock.Level(180), false, false}},
	} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) { s.Light = c.light })
		r := only(t, x.send("brightness/set", c.payload))
		s := x.clock.status.Get().Settings
		if got := []any{s.Individual, s.Global, s.Manual.Individual, s.Manual.Global}; !r.OK || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v: %v, want %v", c.payload, r, got, c.want)
		}
	}
}

// TestResetConfig holds that a reset is of what brightness/config/status shows, and of
// no more; but levels that were set by hand are given back.
func TestResetConfig(t *testing.T) {
	x := newCounter(t)
	for path, payload := range map[string]string{
		"brightness/config/set": `{"light_sensor":{"dim":{"brightness":1,"brightness_max":2}},"thresholds":[1,2,3,4],"potentiometer":{"brightness_min":9,"brightness_max":99,"curve_type":"exponential","safety_limit_max":200},"halb_centric_style":true,"manual_minutes":90}`,
		"transition/set":        `{"duration_ms":700}`,
		"ota/source/set":        "cloudflare",
	} {
		x.send(path, payload)
	}
	x.send("brightness/set", `{"individual":190,"global":99}`)
	published := x.send("brightness/config/reset", "reset")
	want := clock.DefaultSettings()
	want.Individual, want.Global, want.Source, want.Transition.Duration = 80, 99, clock.Cloudflare, 700e6
	if got := x.clock.status.Get().Settings; got != want || len(of(published, configStatus)) != 1 {
		t.Errorf("%+v, want %+v; published %q", got, want, published)
	}
}

// TestInVain holds that what has no effect on this clock is stored, and said to be so.
func TestInVain(t *testing.T) {
	x := newCounter(t)
	x.clock.status.Update(func(s *clock.Status) { s.Has = nil })
	for _, m := range [][2]string{{"transition/set", `{"duration_ms":700}`}, {"command", "chimes_enable"}, {"command", "chimes_volume_5"}} {
		if r := only(t, x.send(m[0], m[1])); !r.OK || !strings.HasSuffix(r.Note, ": stored, and without effect on this clock") {
			t.Errorf("%s: %+v", m, r)
		}
	}
	if r := only(t, x.send("light/set", `{"effect":"instant"}`)); r.OK || r.Error != "effect: this clock cannot fade" {
		t.Errorf("%+v", r)
	}
	if r := only(t, x.send("transition/set", `{"duration":700}`)); r.Note != "duration: stored, and without effect on this clock" {
		t.Errorf("%+v", r)
	}
	if s := x.clock.status.Get().Settings; s.Transition.Duration != 700e6 || !s.Chimes.On || s.Transition.Off {
		t.Errorf("%+v", s)
	}
	if got := string(lightPayload(x.view())); strings.Contains(got, "effect") {
		t.Error(got)
	}
}

// A broken clock stores nothing.
type broken struct{ clock.Service }

func (broken) Change(context.Context, func(*clock.Settings) error) (clock.Changed, error) {
	return clock.Changed{}, errors.New("store settings: disk full")
}

// TestUnstored holds what is said of settings that cannot be stored.
func TestUnstored(t *testing.T) {
	for payload, want := range map[[2]string]string{
		{"transition/set", `{"duration_ms":300,"fadein_curve":"linear"}`}: "[transition_duration_update_failed transition_curves_update_failed]",
		{"brightness/set", `{"individual":9,"global":9}`}:                 "[individual_brightness_update_failed global_brightness_update_failed]",
		{"command", "chimes_volume_5"}:                                    "[chime_volume_failed]",
		{"command", "test_very_dark_update"}:                              "[very_dark_test_failed]",
		{"light/set", `{"state":"OFF"}`}:                                  "[]",
	} {
		x := newCounter(t)
		x.desk.service = broken{x.clock}
		published := x.send(payload[0], payload[1])
		if r := only(t, published); r.OK || r.Error != "store settings: disk full" || fmt.Sprint(of(published, statusPath)) != want {
			t.Errorf("%s: %q, want %s", payload, published, want)
		}
	}
}

// TestQuery holds what comes on error_log/response.
func TestQuery(t *testing.T) {
	for payload, want := range map[string]string{
		"":                          "10 10, from 59",
		"get":                       "10 10, from 59",
		"{}":                        "10 10, from 59",
		`{"count":3}`:               "3 3, from 59",
		`{"count":3,"offset":48}`:   "2 3, from 11",
		`{"count":80}`:              "50 50, from 59",
		`{"offset":50,"count":1}`:   "0 1, from",
		`{"offset":5000000}`:        "0 10, from",
		`{"count":2e1,"offset":10}`: "20 20, from 49",
	} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) {
			for n := range uint32(50) {
				s.Journal.Entries = append(s.Journal.Entries, clock.Entry{Number: n + 10, Code: uint16(n + 10)})
			}
		})
		published := x.send("error_log/query", payload)
		var r struct {
			Entries          []struct{ Code int }
			Count, Requested int
		}
		decode(t, of(published, logResponse)[0], &r)
		got := fmt.Sprintf("%d %d, from", r.Count, r.Requested)
		if len(r.Entries) > 0 {
			got += fmt.Sprint(" ", r.Entries[0].Code)
		}
		if got != want || len(r.Entries) != r.Count || !only(t, published).OK {
			t.Errorf("%s: %s, want %s", payload, got, want)
		}
	}
}
