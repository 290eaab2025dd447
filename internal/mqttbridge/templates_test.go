package mqttbridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/proof"
)

// TestTemplates renders every template of every profile: with what is published in
// several states of the clock, all of which Home Assistant has to be able to use; and with
// each option, minimum and maximum, which the clock has to take.
func TestTemplates(t *testing.T) {
	s := sheet{at: map[string]int{}}
	for _, p := range profiles {
		for _, state := range moments() {
			v := profileView("Clock_Stani_1", p.board, p.has)
			v.now = momentOfAll
			state.set(&v)
			published := map[string]string{}
			for _, m := range newPublisher(newTeller(v.Status)).all(v) {
				published[m.topic] = string(m.payload)
			}
			for _, e := range announced(v) {
				if v.Validation == nil && slices.Equal(e.needs, []clock.Capability{clock.CanValidate}) {
					continue // unknown until there was one
				}
				s.read(t, p.name+", "+state.name+", "+e.id, e.component(v.names), published)
			}
		}
	}
	s.send(t)
	s.render(t)
}

// read adds what Home Assistant makes of what is published.
func (s *sheet) read(t *testing.T, name string, c component, published map[string]string) {
	t.Helper()
	payload := func(topic string) string {
		p, ok := published[topic]
		if !ok {
			t.Errorf("%s: nothing was published on %s", name, topic)
		}
		return p
	}
	judge := func(text string) {
		t.Helper()
		if complaint := complaintOf(c, text); complaint != "" {
			t.Errorf("%s: %q: %s", name, text, complaint)
		}
	}
	switch {
	case c.StateTopic == "" && c.ImageTopic == "" || c.Platform == "event":
	case c.ImageTopic != "":
		judge(payload(c.ImageTopic))
	case c.ValueTemplate == "":
		judge(payload(c.StateTopic))
	default:
		s.add(c.ValueTemplate, payload(c.StateTopic), judge)
	}
	for _, a := range c.Availability {
		if a.Template == "" {
			continue
		}
		s.add(a.Template, payload(a.Topic), func(text string) {
			if want := presenceOf(t, a.Template, payload(a.Topic)); text != want {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		})
	}
	if c.AttributesTopic != "" {
		template := c.AttributesTemplate
		if template == "" {
			template = "{{ value_json | tojson }}"
		}
		s.add(template, payload(c.AttributesTopic), func(text string) {
			var attributes map[string]any
			if err := json.Unmarshal([]byte(text), &attributes); err != nil {
				t.Errorf("%s: attributes %s: %v", name, text, err)
			}
		})
	}
}

// presenceOf returns what has to be made of problems by a template that names one.
func presenceOf(t *testing.T, template, problems string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(problems), &all); err != nil {
		t.Fatal(err)
	}
	for key, is := range all {
		if is == true && strings.Contains(template, "'"+key+"'") {
			return "offline"
		}
	}
	return "online"
}

// complaintOf returns what Home Assistant would have against a state; "" is nothing.
func complaintOf(c component, text string) string {
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case c.Platform == "light":
		return lightComplaint(c, text)
	case c.Platform == "update":
		return updateComplaint(text)
	case c.Platform == "image":
		if !strings.HasPrefix(text, "<svg ") || !strings.HasSuffix(strings.TrimSpace(text), "</svg>") || len(text) >= 8<<10 {
			return "no picture, or too large a one"
		}
	case c.Platform == "switch" || c.Platform == "binary_sensor":
		if text != "ON" && text != "OFF" {
			return "want ON or OFF"
		}
	case c.Platform == "number":
		if err != nil || number < float64(*c.Min) || number > float64(*c.Max) {
			return fmt.Sprintf("want %d to %d", *c.Min, *c.Max)
		}
	case text == "None" && c.Platform == "sensor":
	case c.Options != nil:
		if !slices.Contains(c.Options, text) {
			return fmt.Sprintf("want one of %v", c.Options)
		}
	case c.DeviceClass == "timestamp":
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return err.Error()
		}
	case c.Unit != "" || c.StateClass != "":
		if err != nil {
			return "want a number"
		}
	case c.Platform == "text" && c.Min == nil:
		if len(text) > *c.Max {
			return fmt.Sprintf("want up to %d letters", *c.Max)
		}
	case text == "" || len([]rune(text)) > 255:
		return "want 1 to 255 letters"
	}
	return ""
}

// lightComplaint is of a light of the JSON schema.
func lightComplaint(c component, text string) string {
	var state map[string]any
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return err.Error()
	}
	level, _ := state["brightness"].(float64)
	effect, _ := state["effect"].(string)
	switch {
	case state["state"] != "ON" && state["state"] != "OFF":
		return "state"
	case state["color_mode"] != "brightness":
		return "color_mode"
	case level < 1 || level > 255:
		return "brightness"
	case c.Effect != slices.Contains(c.EffectList, effect):
		return "effect"
	}
	return ""
}

// updateComplaint is of an update entity, which drops a whole message for one key.
func updateComplaint(text string) string {
	var state map[string]any
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return err.Error()
	}
	for key, value := range state {
		ok := false
		switch key {
		case "installed_version", "latest_version", "title":
			s, isText := value.(string)
			ok = isText && s != ""
		case "release_summary":
			s, isText := value.(string)
			ok = isText && len([]rune(s)) <= 255
		case "in_progress":
			_, ok = value.(bool)
		case "update_percentage":
			n, isNumber := value.(float64)
			ok = value == nil || isNumber && n >= 0 && n <= 100
		}
		if !ok {
			return fmt.Sprintf("%s: %v", key, value)
		}
	}
	if state["installed_version"] == nil || state["latest_version"] == nil {
		return "a version is missing"
	}
	return ""
}

// send adds what Home Assistant sends.
func (s *sheet) send(t *testing.T) {
	t.Helper()
	v := profileView("Clock_Stani_1", "linux", profiles[2].has)
	for _, e := range announced(v) {
		c := e.component(v.names)
		send := func(v view, payload string, want bool) {
			t.Helper()
			if ok, why := taken(t, v, c.CommandTopic, payload); ok != want {
				t.Errorf("%s: %s: taken %v, want %v: %s", e.id, payload, ok, want, why)
			}
		}
		for _, payload := range []string{c.PayloadPress, c.PayloadInstall, c.PayloadOn, c.PayloadOff} {
			if payload != "" {
				send(v, payload, true)
			}
		}
		for _, each := range inputs(c) {
			s.add(c.CommandTemplate, each.value, func(text string) { send(each.room(v), text, each.ok) })
		}
		if c.Platform == "light" {
			for _, payload := range []string{
				`{"state":"ON"}`, `{"state":"OFF"}`, `{"state":"ON","brightness":1}`, `{"state":"ON","brightness":255}`,
				`{"state":"ON","effect":"smooth"}`, `{"state":"ON","effect":"instant"}`,
			} {
				send(v, payload, true)
			}
		}
	}
}

// TestEventTypes holds that every event between any two of the moments is of a type that
// the entity has.
func TestEventTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, from := range moments() {
		for _, to := range moments() {
			was, is := profileView("Clock_Stani_1", "sim", virtual), profileView("Clock_Stani_1", "sim", virtual)
			from.set(&was)
			to.set(&is)
			for _, m := range newTeller(was.Status).news(is) {
				var e struct {
					Type string `json:"event_type"`
				}
				if m.topic != is.base+"/events" {
					continue
				}
				if err := json.Unmarshal(m.payload, &e); err != nil || !slices.Contains(eventTypes, e.Type) {
					t.Errorf("from %s to %s: %s: %v", from.name, to.name, m.payload, err)
				}
				seen[e.Type] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, slices.Sorted(slices.Values(eventTypes))) {
		t.Errorf("events %v, want all of %v", got, eventTypes)
	}
}

type input struct {
	value any
	ok    bool
	edge  int // -1: the least that is announced; 1: the most
}

// room returns the clock with its other settings out of the way of an input.
func (i input) room(v view) view {
	s := &v.Settings
	switch i.edge {
	case -1:
		s.Zones = [clock.Zones]clock.Zone{{Min: 1, Max: 1}, {Min: 1, Max: 1}, {Min: 1, Max: 1}, {Min: 1, Max: 1}, {Min: 1, Max: 1}}
		s.Thresholds = [clock.Zones - 1]uint16{1, 2, 3, 4}
		s.Knob.Min, s.Knob.Max = 1, 2
	case 1:
		s.Thresholds = [clock.Zones - 1]uint16{9997, 9998, 9999, 10000}
		s.Knob.Min, s.Knob.Max = 254, 255
	}
	return v
}

// inputs are what a user of Home Assistant can enter, and what one cannot.
func inputs(c component) (list []input) {
	switch {
	case c.CommandTemplate == "":
	case c.Platform == "text" && c.Pattern != "":
		return []input{{"00:00", true, 0}, {"23:59", true, 0}, {"2026-11-28 14:30", true, 0}, {"24:00", false, 0}}
	case c.Platform == "text":
		return []input{{"", true, 0}, {"Mon-Fri 22:30-06:00 off; daily 20:00-22:00 dim 9", true, 0}, {`say "off"`, false, 0}, {"(longer than can be shown here)", false, 0}}
	case c.Options != nil:
		for _, o := range c.Options {
			list = append(list, input{o, true, 0})
		}
		return append(list, input{"something else", false, 0})
	case c.Min != nil:
		return []input{{*c.Min, true, -1}, {*c.Max, true, 1}, {*c.Min - 1, false, 0}, {*c.Max + 1, false, 0}}
	}
	return nil
}

// taken reports whether the clock takes a message, and what it says if it does not.
func taken(t *testing.T, v view, topic, payload string) (ok bool, why string) {
	t.Helper()
	f := newFakeClock()
	f.status.Update(func(s *clock.Status) { *s = v.Status })
	d := newDesk(v.names, f, new(proof.Log).Logger(), newLimits())
	out, job := d.take(message{topic: topic, payload: []byte(payload), qos: 1}, time.Unix(1e9, 0))
	if job.do != nil {
		more := job.do(t.Context())
		out.say = append(out.say, more.say...)
	}
	why = "no result"
	for _, m := range out.say {
		if m.topic != v.base+"/result" {
			continue
		}
		var result struct {
			OK    bool
			Error string
		}
		if err := json.Unmarshal(m.payload, &result); err != nil {
			t.Fatalf("%s: %v", m.payload, err)
		}
		ok, why = result.OK, result.Error
	}
	return ok, why
}
