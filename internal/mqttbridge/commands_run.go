package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wordclockd/internal/clock"
)

// nothing is all that is done by who asks for a state.
func nothing(_ *desk, _ context.Context, r *request) done { return r.command.finished(nil) }

// sayStatus answers command status.
func sayStatus(d *desk, _ context.Context, r *request) done {
	x := r.command.finished(nil)
	if r.isJSON {
		s, _ := d.service.Watch()
		x.tokens = []string{string(compact(jsonResult{jsonStatus{
			"status", "success", s.Network, s.Time.Quality == clock.Synced, true,
			levelsOf(s.Light),
		}}))}
	}
	return x
}

// jsonResult is how the old clock answered commands in JSON.
type jsonResult struct {
	Result any `json:"result"`
}

type jsonStatus struct {
	Command    string `json:"command"`
	Status     string `json:"status"`
	WiFi       bool   `json:"wifi_connected"`
	NTP        bool   `json:"ntp_synced"`
	MQTT       bool   `json:"mqtt_connected"`
	Brightness levels `json:"brightness"`
}

type jsonUpdated struct {
	Command string  `json:"command"`
	Status  string  `json:"status"`
	Updated updated `json:"updated"`
}

// updated are levels as they were asked for.
type updated struct {
	Individual any `json:"individual,omitempty"`
	Global     any `json:"global,omitempty"`
}

// setTime sets the time of a clock that no time server reaches.
func setTime(d *desk, ctx context.Context, r *request) done {
	text, ok := r.args["time"]
	if !ok {
		return r.command.refused(errMissing("time", timeForms))
	}
	date, h, m, ok := moment(text)
	if !ok {
		return r.command.refused(wants("time", text, timeForms))
	}
	r.args["time"] = fmt.Sprintf("%s%02d:%02d", date, h, m)
	x := carryOut(d, ctx, r)
	if x.err == nil {
		x.tokens = []string{"time_set_successfully", fmt.Sprintf("time_set_to_%02d_%02d", h, m)}
	}
	return x
}

const timeForms = "HH:MM, or YYYY-MM-DD HH:MM"

// moment reads a time of day, and the date that may stand before it with the blank between.
func moment(text string) (date string, hour, minute int, ok bool) {
	if day, _, dated := strings.Cut(text, " "); dated {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return "", 0, 0, false
		}
		date = day + " "
	}
	hour, minute, ok = timeOfDay(text[len(date):])
	return date, hour, minute, ok
}

// timeOfDay reads HH:MM, or H:M as the old clock did. Seconds count for nothing, as they
// did there: Home Assistant's times have them.
func timeOfDay(text string) (hour, minute int, ok bool) {
	h, rest, _ := strings.Cut(text, ":")
	m, s, precise := strings.Cut(rest, ":")
	hour, minute = twoDigits(h), twoDigits(m)
	return hour, minute, within(hour, 24) && within(minute, 60) && (!precise || within(twoDigits(s), 60))
}

func within(n, end int) bool { return 0 <= n && n < end }

// twoDigits reads one digit or two; -1 if it is something else.
func twoDigits(s string) int {
	if len(s) < 1 || len(s) > 2 || strings.Trim(s, "0123456789") != "" {
		return -1
	}
	n, _ := strconv.Atoi(s)
	return n
}

// syncTime has the time servers asked, and says what came of it.
func syncTime(d *desk, ctx context.Context, r *request) done {
	x := carryOut(d, ctx, r)
	s, _ := d.service.Watch()
	if x.err != nil && !s.Network {
		x.tokens = []string{"ntp_sync_failed_no_wifi"}
	}
	if x.err == nil {
		x.more = []message{heartbeat(view{d.names, s, time.Now()})}
	}
	return x
}

// republish has everything announced anew.
func republish(d *desk, _ context.Context, r *request) done {
	if d.prefix == "" {
		return r.command.refused(errors.New("nothing is announced: see mqtt.discovery in the configuration"))
	}
	x := r.command.finished(nil)
	x.last = true
	return x
}

func sayDemo(d *desk, _ context.Context, r *request) done {
	x := r.command.finished(nil)
	x.tokens = x.tokens[1:]
	if s, _ := d.service.Watch(); s.Demo {
		x.tokens = r.command.done[:1]
	}
	return x
}

// setVolume sets how loud the chimes are.
func setVolume(d *desk, ctx context.Context, r *request) done {
	list, err := edits(r.object, r.command.keys)
	if err == nil && list == nil {
		err = errMissing("volume", "0 to 100")
	}
	return d.setAs(ctx, r, list, err, func(s clock.Settings) []string {
		return []string{fmt.Sprintf("chime_volume_set_%d", s.Chimes.Volume)}
	})
}

// setAs makes edits for a command, whose words may depend on what is set then.
func (d *desk) setAs(ctx context.Context, r *request, list []clock.Edit, err error, words func(clock.Settings) []string) done {
	note := ""
	if err == nil {
		p := parlance{r.object, r.command.keys}
		note, err = d.alter(ctx, list, false, p)
		err = p.error(err)
	}
	x := r.command.finished(err)
	x.note = note
	if err == nil && words != nil {
		s, _ := d.service.Watch()
		x.tokens = words(s.Settings)
	}
	return x
}

// setQuiet sets when the chimes are quiet.
func setQuiet(d *desk, ctx context.Context, r *request) done {
	list, err := quietEdits(r.object["hours"])
	return d.setAs(ctx, r, list, err, nil)
}

func quietEdits(v any) ([]clock.Edit, error) {
	text, _ := v.(string)
	from, to, _ := strings.Cut(text, "-")
	start, _, ok := timeOfDay(from)
	end, _, also := timeOfDay(to)
	if !ok || !also {
		return nil, wants("hours", v, "HH:MM-HH:MM")
	}
	return []clock.Edit{{Key: quietStart, Value: start}, {Key: quietEnd, Value: end}}, nil
}

// setMelody takes the name of the only melody.
func setMelody(_ *desk, _ context.Context, r *request) done {
	if name, ok := r.object["name"]; name != "westminster" {
		if !ok {
			return r.command.refused(errMissing("name", "westminster"))
		}
		return r.command.refused(wants("name", name, "westminster"))
	}
	return r.command.finished(nil)
}

// setBrightness is the JSON command of the old clock.
func setBrightness(d *desk, ctx context.Context, r *request) done {
	x := setLevels(d, ctx, r)
	if x.err == nil {
		x.tokens = []string{string(compact(jsonResult{jsonUpdated{"set_brightness", "success", updated{r.object["individual"], r.object["global"]}}}))}
	}
	return x
}

func setTransition(d *desk, ctx context.Context, r *request) done {
	list, err := edits(r.object, transitionForm.keys)
	return d.set(ctx, r, transitionForm, list, err)
}

// fieldKeys are the keys of all settings, by their own names.
func fieldKeys() (keys []key) {
	for _, f := range clock.Fields {
		keys = append(keys, key{name: f.Key, field: f.Key})
	}
	return keys
}

// settingStates are the states that show settings.
var settingStates = []string{"light/state", "brightness/status", configStatus, nightStatus, "transition/status", "validation/config", chimesStatus, chimesVolume, sourceStatus}

// setFields sets settings by their own names.
func setFields(d *desk, ctx context.Context, r *request) done {
	list, err := edits(r.object, r.command.keys)
	if err == nil && list == nil {
		err = errMissing("parameters", "settings and their values")
	}
	x := d.setAs(ctx, r, list, err, nil)
	x.echo = settingStates
	return x
}

// sayConfig answers with all settings.
func sayConfig(d *desk, _ context.Context, r *request) done {
	s, _ := d.service.Watch()
	all := map[string]any{}
	for _, f := range clock.Fields {
		all[f.Key] = f.Get(&s.Settings)
	}
	x := r.command.finished(nil)
	x.answer = all
	return x
}

// checkOTA looks at the sources. That it came to nothing is said by the teller, if it is
// what the clock shows.
func checkOTA(d *desk, ctx context.Context, r *request) done {
	x := carryOut(d, ctx, r)
	check, ok := x.answer.(clock.Check)
	switch {
	case x.err != nil || !ok:
	case check.Error != "":
		x = r.command.refused(errors.New(check.Error))
		x.answer = check
		if s, _ := d.service.Watch(); s.Update.Last != nil && s.Update.Last.At.Equal(check.At) {
			x.tokens = nil
		}
	case check.UpdateAvailable:
		x.tokens = r.command.done[:1]
	default:
		x.tokens = r.command.done[1:]
	}
	return x
}
