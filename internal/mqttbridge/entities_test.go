package mqttbridge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// allowed are the keys that Home Assistant's platforms know, as far as the clock uses
// them; required ones begin with "!". Beside them there are those of each entity.
var (
	ofEach  = strings.Fields("!p !unique_id !name default_entity_id icon ent_cat enabled_by_default json_attributes_topic json_attributes_template avty avty_mode")
	allowed = map[string][]string{
		"light":         strings.Fields("!schema !command_topic !state_topic !supported_color_modes !flash !transition effect effect_list"),
		"image":         strings.Fields("!image_topic !content_type"),
		"update":        strings.Fields("!state_topic !command_topic !payload_install !device_class title"),
		"event":         strings.Fields("!state_topic !event_types"),
		"button":        strings.Fields("!command_topic !payload_press device_class"),
		"text":          strings.Fields("!command_topic !command_template state_topic value_template min max pattern"),
		"select":        strings.Fields("!state_topic !value_template !command_topic !command_template !options"),
		"number":        strings.Fields("!state_topic !value_template !command_topic !command_template !min !max step device_class unit_of_measurement"),
		"switch":        strings.Fields("!state_topic !value_template !command_topic !payload_on !payload_off !state_on !state_off"),
		"binary_sensor": strings.Fields("!state_topic !value_template !device_class"),
		"sensor":        strings.Fields("!state_topic value_template device_class state_class unit_of_measurement options suggested_display_precision"),
	}

	// units are those that a device class of a sensor or number has.
	units = map[string][]string{"illuminance": {"lx"}, "voltage": {"V"}, "duration": {"ms", "s", "min"}, "timestamp": {""}, "enum": {""}}
)

// TestSchema holds that Home Assistant accepts each component, and has no reason to
// complain of it.
func TestSchema(t *testing.T) {
	v := profileView("Clock_Stani_1", "linux", profiles[2].has)
	for _, e := range announced(v) {
		c := decodedComponent(t, e.component(v.names))
		platform := c["p"].(string)
		complain := func(format string, a ...any) {
			t.Helper()
			t.Errorf("%s %s: %s", platform, e.id, fmt.Sprintf(format, a...))
		}
		known := slices.Concat(ofEach, allowed[platform])
		for key, value := range c {
			if !slices.Contains(known, key) && !slices.Contains(known, "!"+key) {
				complain("unknown key %s", key)
			}
			if value == "" || value == nil && !(key == "name" && e.id == "display") {
				complain("%s is empty", key)
			}
		}
		for _, key := range known {
			if key, needed := strings.CutPrefix(key, "!"); needed {
				if _, ok := c[key]; !ok {
					complain("%s is missing", key)
				}
			}
		}
		wish, _ := c["default_entity_id"].(string)
		made := slug(fmt.Sprint(c["name"]))
		if want := platform + ".word_clock_clock_stani_1_" + e.id; cmp.Or(wish, platform+".word_clock_clock_stani_1_"+made) != want || made == e.id && wish != "" {
			complain("default_entity_id %q, of the name comes …%s, want %s and no wish if it comes by itself", wish, made, want)
		}
		if name, ok := c["name"].(string); ok && regexp.MustCompile(`^[A-Z]?[0-9]\.`).MatchString(name) {
			complain("name %s: a prefix that sorts ends up in entity ids", name)
		}
		if icon, ok := c["icon"]; ok && !regexp.MustCompile("^mdi:[a-z0-9-]+$").MatchString(icon.(string)) {
			complain("icon %v", icon)
		}
		if message := schemaOf(platform, c); message != "" {
			complain("%s", message)
		}
	}
}

// schemaOf returns what Home Assistant's rules beyond single keys have against a component.
func schemaOf(platform string, c map[string]any) string {
	class, _ := c["device_class"].(string)
	unit, _ := c["unit_of_measurement"].(string)
	category, _ := c["ent_cat"].(string)
	readOnly := slices.Contains([]string{"sensor", "binary_sensor", "event", "image"}, platform)
	switch want, ok := units[class]; {
	case !slices.Contains([]string{"", "config", "diagnostic"}, category):
		return "entity_category " + category
	case readOnly && category == "config":
		return "nothing of it can be configured"
	case (platform == "sensor" || platform == "number") && class != "" && (!ok || !slices.Contains(want, unit)):
		return class + " in " + unit
	case platform == "sensor" && (class == "enum") != (c["options"] != nil):
		return "options without enum, or the reverse"
	case platform == "sensor" && (class == "enum" || class == "timestamp") && c["state_class"] != nil:
		return class + " with state_class"
	case platform == "sensor" && unit != "" && c["state_class"] == nil:
		return "a unit without state_class: there would be no statistics"
	case platform == "binary_sensor" && class != "problem", platform == "button" && class != "" && class != "restart":
		return "device_class " + class
	}
	return ""
}

// decodedComponent returns a component as it goes over the wire.
func decodedComponent(t *testing.T, c component) (m map[string]any) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return spelledOut(m)
}

// long are the keys that Home Assistant reads short ones as.
var long = map[string]string{
	"uniq_id": "unique_id", "def_ent_id": "default_entity_id", "stat_t": "state_topic", "val_tpl": "value_template",
	"cmd_t": "command_topic", "cmd_tpl": "command_template", "json_attr_t": "json_attributes_topic", "json_attr_tpl": "json_attributes_template",
	"pl_on": "payload_on", "pl_off": "payload_off", "stat_on": "state_on", "stat_off": "state_off", "pl_prs": "payload_press",
	"ops": "options", "dev_cla": "device_class", "stat_cla": "state_class", "unit_of_meas": "unit_of_measurement", "ic": "icon", "en": "enabled_by_default",
}

// spelledOut returns a component with long keys.
func spelledOut(c map[string]any) map[string]any {
	all := map[string]any{}
	for key, value := range c {
		all[cmp.Or(long[key], key)] = value
	}
	return all
}

// TestNothingDeprecated holds that no key of the past is in a device message.
func TestNothingDeprecated(t *testing.T) {
	m := discovery(profileView("Clock_Stani_1", "linux", profiles[2].has))
	for _, key := range []string{"object_id", "obj_id", "color_mode", "brightness", "via_hub", "configuration_url", "json_attributes", "last_reset_topic", "~"} {
		if strings.Contains(string(m.payload), `"`+key+`":`) {
			t.Errorf("has %q", key)
		}
	}
	root, _ := decoded(t, m)
	want := []string{"avty", "avty_mode", "cmd_t", "cmps", "dev", "o", "qos"}
	if diff := gocmp.Diff(want, slices.Sorted(maps.Keys(root))); diff != "" {
		t.Errorf("keys of the message; any other makes Home Assistant refuse all of it (-want +got):\n%s", diff)
	}
}

// TestNested holds that what entities send has no two braces in a row but those of
// templates, and is JSON.
func TestNested(t *testing.T) {
	for _, c := range []struct{ path, value, want string }{
		{"duration_ms", "{{ value | int }}", `{"duration_ms":{{ value | int }} }`},
		{"light_sensor.dim.brightness", "{{ value | int }}", `{"light_sensor":{"dim":{"brightness":{{ value | int }} } } }`},
		{"potentiometer.curve_type", `"{{ value }}"`, `{"potentiometer":{"curve_type":"{{ value }}" } }`},
		{"enabled", "true", `{"enabled":true }`},
	} {
		got := nested(c.path, c.value)
		if got != c.want {
			t.Errorf("nested(%q, %q) = %s, want %s", c.path, c.value, got, c.want)
		}
		if filled := regexp.MustCompile("{{[^}]*}}").ReplaceAllString(got, "1"); !json.Valid([]byte(filled)) || strings.Contains(filled, "}}") {
			t.Errorf("nested(%q, %q) is no JSON: %s", c.path, c.value, filled)
		}
	}
}

// TestFieldsAnnounced holds that each field of the settings that a clock has can be
// changed in Home Assistant, with the bounds and options of the field.
func TestFieldsAnnounced(t *testing.T) {
	// The light is for two of them; hours without chimes have no topic.
	elsewhere := []string{"display.on", "brightness.global", "chimes.quiet_start", "chimes.quiet_end"}
	shown := map[string]component{}
	for _, e := range settings() {
		shown[*e.config.Name] = e.config
	}
	if want := len(clock.Fields) - len(elsewhere); len(shown) != want {
		t.Errorf("%d entities of fields, want %d", len(shown), want)
	}
	for _, c := range []struct {
		name string
		want []any
	}{
		{"LED level", []any{"number", 5, 255}},
		{"LED safety limit", []any{"number", 5, 255}},
		{"Transition duration", []any{"number", 200, 5000}},
		{"Light threshold, very dark to dim", []any{"number", 1, 9997}},
		{"Chime volume", []any{"number", 0, 100}},
		{"Knob curve", []any{"select", "linear", "logarithmic", "exponential"}},
		{"OTA Firmware Source", []any{"select", "github", "cloudflare"}},
		{"HALB-centric phrasing", []any{"switch"}},
		{"Automatic brightness", []any{"switch"}},
		{"Manual levels hold for", []any{"number", 0, 10080}},
		{"LED validation interval", []any{"number", 10, 3600}},
	} {
		s := shown[c.name]
		got := []any{s.Platform}
		if s.Min != nil {
			got = append(got, *s.Min, *s.Max)
		}
		for _, o := range s.Options {
			got = append(got, o)
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
