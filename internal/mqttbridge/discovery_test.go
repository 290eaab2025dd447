package mqttbridge

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wordclockd/internal/clock"
)

// profiles are clocks with different hardware and features.
var profiles = []struct {
	name, board string
	has         []clock.Capability
}{
	{"bare", "linux", []clock.Capability{clock.HasRTC}},
	{"virtual", "sim", virtual},
	{"everything", "linux", slices.Concat(virtual, []clock.Capability{clock.HasSpeaker, clock.CanChime})},
}

// virtual is what the virtual clock has, and can do.
var virtual = []clock.Capability{
	clock.HasRTC, clock.HasLight, clock.HasKnob, clock.HasReset, clock.HasButton,
	clock.CanFade, clock.CanAdapt, clock.CanTurn, clock.CanValidate,
}

// profileView returns a moment of a clock that is announced.
func profileView(device, board string, has []clock.Capability) view {
	v := view{names: names{
		device: device, id: device + "_5A1E74", base: "home/" + device, prefix: "homeassistant",
		mac: "dc:a6:32:5a:1e:74", program: "0.5.0",
	}}
	v.Version, v.Board, v.Has, v.Settings = "2.11.3", board, has, clock.DefaultSettings()
	v.Light = lightOf(v.Settings)
	return v
}

// decoded returns a device message with its components as maps, as Home Assistant takes
// them: with what the device has for all that have none of their own.
func decoded(t *testing.T, m message) (root map[string]any, components map[string]map[string]any) {
	t.Helper()
	var c struct {
		Components map[string]map[string]any `json:"cmps"`
	}
	for _, v := range []any{&root, &c} {
		if err := json.Unmarshal(m.payload, v); err != nil {
			t.Fatal(err)
		}
	}
	for id, short := range c.Components {
		c.Components[id] = inheriting(root, spelledOut(short))
	}
	return root, c.Components
}

// inheriting returns a component with the device's command topic, if it has none.
func inheriting(root, component map[string]any) map[string]any {
	if component["command_topic"] == nil {
		component["command_topic"] = root["cmd_t"]
	}
	return component
}

// TestDeviceMessage holds the device message of each profile against its golden file.
func TestDeviceMessage(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			m := discovery(profileView("Clock_Stani_1", p.board, p.has))
			if m.topic != "homeassistant/device/Clock_Stani_1_5A1E74/config" || m.qos != 1 || !m.retain {
				t.Errorf("topic %s, QoS %d, retain %v", m.topic, m.qos, m.retain)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, m.payload, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden(t, "testdata/discovery/"+p.name+".json", got.String())
		})
	}
}

// golden compares a text with a file, which -update writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what it should be (-want +got), go test ./internal/mqttbridge -update writes it anew:\n%s", file, diff)
	}
}

// TestMessageSize holds that no clock's device message is too long; and that one with long
// topics goes without wishes for entity ids, and then without icons.
func TestMessageSize(t *testing.T) {
	longest := strings.Repeat("m", 32)
	for _, c := range []struct{ device, prefix, ids, icons string }{
		{"Clock_Stani_1", "home", "bare virtual everything", "bare virtual everything"},
		{longest, "home", "bare", "bare virtual everything"},
		{longest, "house/ground-floor", "bare", "bare"},
	} {
		for _, p := range profiles {
			v := profileView(c.device, p.board, p.has)
			v.base = c.prefix + "/" + c.device
			m := discovery(v)
			if len(m.payload) >= sizeLimit {
				t.Errorf("%s of %s: %d bytes", p.name, v.base, len(m.payload))
			}
			_, components := decoded(t, m)
			ids, icons := strings.Contains(c.ids, p.name), strings.Contains(c.icons, p.name)
			if got := components["firmware_health"]; (got["default_entity_id"] != nil) != ids || (got["icon"] != nil) != icons {
				t.Errorf("%s of %s: %v, want entity ids %v, icons %v", p.name, v.base, got, ids, icons)
			}
		}
	}
}

// TestNothingAnnounced holds that without a prefix there is no message.
func TestNothingAnnounced(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", virtual)
	v.prefix = ""
	if m := discovery(v); m.topic != "" || m.payload != nil {
		t.Errorf("got %+v", m)
	}
}

// TestRetraction holds that an empty retained message takes the device away.
func TestRetraction(t *testing.T) {
	n := profileView("Clock_Stani_1", "sim", nil).names
	want := message{topic: "homeassistant/device/Clock_Stani_1_5A1E74/config", qos: 1, retain: true}
	if got := retraction(n); !cmp.Equal(got, want, cmp.AllowUnexported(message{})) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestUniqueIDs holds that unique ids are unique within and across platforms, keep to
// Home Assistant's letters, and are those of the old clock where it had the entity.
func TestUniqueIDs(t *testing.T) {
	v := profileView("Clock_Stani_1", "linux", profiles[2].has)
	of := map[string]string{} // unique_id to platform
	ids := map[string]bool{}
	for _, e := range announced(v) {
		u := e.unique(v.names)
		if of[u] != "" || ids[e.id] {
			t.Errorf("%s, %s: twice", e.id, u)
		}
		of[u], ids[e.id] = e.config.Platform, true
		if !regexp.MustCompile("^Clock_Stani_1_5A1E74_[a-z0-9_]+$").MatchString(u) {
			t.Errorf("unique_id %q", u)
		}
	}
	var changed []string
	for _, o := range oldEntities(t) {
		if of["Clock_Stani_1_5A1E74_"+o.suffix] != o.platform {
			changed = append(changed, o.platform+" "+o.suffix)
		}
	}
	want := []string{"button ota_start", "button set_time", "binary_sensor update_available", "sensor chime_status", "sensor firmware_version"}
	slices.Sort(changed)
	slices.Sort(want)
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("entities of the old clock that go (-want +got):\n%s", diff)
	}
}

// TestGates holds that a clock announces nothing that it does not have, and all that it
// has.
func TestGates(t *testing.T) {
	common := announcedIDs(profileView("Clock_Stani_1", "linux", nil))
	for _, c := range []struct {
		has  clock.Capability
		want []string
	}{
		{clock.HasRTC, []string{"problem_rtc", "set_time"}},
		{clock.HasLight, []string{"current_lux", "problem_light_sensor", "refresh_sensors"}},
		{clock.HasKnob, []string{"pot_reading", "pot_voltage", "problem_knob", "refresh_sensors"}},
		{clock.HasReset, []string{"tlc_hw_reset"}},
		{clock.HasButton, nil},
		{clock.HasSpeaker, nil},
		{clock.CanFade, []string{"fadein_curve", "fadeout_curve", "transition_duration", "transitions"}},
		{clock.CanAdapt, []string{
			"auto_brightness", "brightness_bright", "brightness_bright_max", "brightness_dim", "brightness_dim_max", "brightness_normal", "brightness_normal_max",
			"brightness_very_bright", "brightness_very_bright_max", "brightness_very_dark", "brightness_very_dark_max",
			"lux_threshold_0", "lux_threshold_1", "lux_threshold_2", "lux_threshold_3", "manual_minutes",
		}},
		{clock.CanTurn, []string{"auto_individual", "manual_minutes", "pot_curve", "pot_max_brightness", "pot_min_brightness"}},
		{clock.CanValidate, []string{
			"consecutive_failures", "hardware_faults", "i2c_failures", "validation_enabled", "validation_exec_time", "validation_failed", "validation_health",
			"validation_interval", "validation_last_time", "validation_status", "validation_total",
		}},
		{clock.CanChime, []string{"chime_volume", "chimes_enabled"}},
	} {
		got := announcedIDs(profileView("Clock_Stani_1", "linux", []clock.Capability{c.has}))
		got = slices.DeleteFunc(got, func(id string) bool { return slices.Contains(common, id) })
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("with capability %d (-want +got):\n%s", c.has, diff)
		}
	}
}

func announcedIDs(v view) []string {
	ids := map[string]bool{}
	for _, e := range announced(v) {
		ids[e.id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// TestEffects holds that the light has effects only where faces fade.
func TestEffects(t *testing.T) {
	for _, p := range profiles {
		_, components := decoded(t, discovery(profileView("Clock_Stani_1", p.board, p.has)))
		want := slices.Contains(p.has, clock.CanFade)
		if got := components["display"]["effect"] == true; got != want {
			t.Errorf("%s: effects %v, want %v", p.name, got, want)
		}
	}
}
