package mqttbridge

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

func decode(t testing.TB, payload string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(payload), into); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
}

var at = time.Date(2025, 11, 15, 10, 46, 40, 0, time.UTC)

// views are clocks in all sorts of states.
func views() map[string]view {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		panic(err)
	}
	fine := clock.Status{
		Boot: 12, Started: at.Add(-time.Hour), Version: "2.11.3", Board: "linux", Network: true, Settings: clock.DefaultSettings(),
		Has:  []clock.Capability{clock.HasRTC, clock.HasLight, clock.HasKnob},
		Time: clock.FromHost(at, vienna), Sync: clock.Sync{LastSync: at.Add(-2 * time.Minute), Error: 1234 * time.Microsecond},
		Face:    clock.Face{Phrase: face.Say(14, 32, face.Default)},
		Sensors: clock.Sensors{At: at, Lux: 45.2000007, KnobRaw: 2890, KnobMV: 2847, Knob: 0.86272},
		Image: clock.Image{
			Project: "wordclock", BuildDate: "Nov  5 2025", BuildTime: "10:46:40", IDF: "v5.4.2", Digest: "0a1b2c3d4e5f", Size: 1310720,
			Slot: "ota_0", SlotSize: 2621440, Source: "github", State: clock.Validated, BootCount: 3,
		},
		Link:   clock.Link{State: clock.LinkUp, Broker: "broker.example:8883", Losses: 2},
		Light:  lightOf(clock.DefaultSettings()),
		Health: clock.Health{Healthy: true, At: at, Checks: []clock.HealthCheck{{Name: "mqtt", State: clock.Passed, TookMS: 12}}},
	}
	bad := fine
	bad.Face = clock.Face{Unknown: true, Dark: []int{3, 4}}
	bad.Time, bad.Sync = clock.Time{}, clock.Sync{RTC: clock.RTCState{Err: "does not answer"}}
	bad.Network, bad.Light.Off, bad.Settings.Transition.Off = false, true, true
	bad.Has = append(slices.Clone(fine.Has), clock.CanFade)
	bad.Sensors = clock.Sensors{Lux: math.NaN(), LightErr: "does not answer", Knob: math.Inf(1), KnobErr: "no converter"}
	bad.Image = clock.Image{State: clock.IsRolledBack, Rollback: &clock.Rollback{From: "2.12.0", To: "2.11.3", Reason: "crashed", Text: "panic", News: true}}
	bad.Health = clock.Health{Text: "rtc", Checks: []clock.HealthCheck{{Name: "rtc", State: clock.Failing}}}
	bad.Update = clock.Update{
		Last:    &clock.Check{Error: "github: dns; cloudflare: dns", At: at},
		History: []clock.Attempt{{Number: 4, State: "failed", Result: clock.Failed, Error: "Checksum mismatch", Cause: "wrong_bytes", Source: "github", Version: "2.12.0", Ended: at}},
	}
	bad.Validation = &clock.Validation{
		At: at, Took: 131 * time.Millisecond, Periodic: true, Failure: clock.PartialMismatch, Mismatches: 1,
		LEDs:  []clock.Mismatch{{Row: 3, Col: 5, Expected: 60, Software: 60}},
		Stats: clock.ValidationStats{Total: 9, Failed: 1, Health: 93, Consecutive: 1, By: [7]uint32{clock.HardwareFault: 2, clock.PartialMismatch: 1}},
	}
	bad.Journal = clock.Journal{Entries: []clock.Entry{{Time: at, Severity: clock.SeverityError, Origin: clock.OriginBus, Message: "row 3"}}}
	bad.Journal.Stats = clock.JournalStats{Written: 145, Total: 145}
	bad.Journal.Stats.ByOrigin[clock.OriginValidation], bad.Journal.Stats.BySeverity[clock.SeverityCritical] = 120, 5
	bad.Journal.Stats.Last[clock.OriginBus] = at
	night := fine
	night.Settings.Night.Windows, night.Settings.Manual.Individual = "daily 22:00-06:00 dim 20", true
	night.Light = clock.Light{
		Individual: 33, Group: 20, Window: night.Settings.Night.Windows,
		WhyIndividual: clock.Reason{By: clock.ByHand}, WhyGroup: clock.Reason{By: clock.ByNight},
	}
	updating := fine
	updating.Update = clock.Update{
		Last: &clock.Check{
			UpdateAvailable: true, CurrentVersion: "2.11.3", AvailableVersion: "2.12.0", Source: "github", At: at,
			Release: &clock.Release{SHA256: "4e5f60718293", Size: 1318912, BuildDate: "2025-12-01T08:00:00Z", Title: "Word clock 2.12", Description: strings.Repeat("ü", 300)},
		},
		Present: &clock.Attempt{
			Number: 5, State: "downloading", Version: "2.12.0", Source: "github", Bytes: 600000, Size: 1318912, RemainingS: 18.66, Begun: at.Add(-20 * time.Second),
			Steps: []clock.Step{{Number: 1, State: "checking", At: at.Add(-20 * time.Second)}, {Number: 2, State: "downloading", Source: "github", Percent: 45, Bytes: 589824, At: at}},
		},
	}
	updating.Validation = &clock.Validation{At: at, SoftwareValid: true, HardwareValid: true, Recovered: true}
	return map[string]view{"fine": {testNames, fine, at}, "night": {testNames, night, at}, "bad": {testNames, bad, at}, "updating": {testNames, updating, at}, "empty": {testNames, clock.Status{}, at}}
}

// TestStates holds what is published of clocks in all sorts of states.
func TestStates(t *testing.T) {
	all := views()
	for _, c := range []struct{ view, path, want string }{
		{"fine", "wifi", "connected"},
		{"bad", "wifi", "disconnected"}, // B24
		{"fine", "ntp", "synced"},
		{"bad", "ntp", "not_synced"},
		{"fine", lastSync, "2025-11-15T10:44:40Z"},
		{"bad", lastSync, "None"}, // B15
		{"fine", sensorStatus, `{"light_level_lux":45.2,"potentiometer_raw":2890,"potentiometer_voltage_mv":2847,"potentiometer_percentage":86.3,"current_pwm":60,"current_grppwm":180}`},
		{"bad", sensorStatus, `{"light_level_lux":0,"potentiometer_raw":0,"potentiometer_voltage_mv":0,"potentiometer_percentage":0,"current_pwm":60,"current_grppwm":180}`},
		{"fine", "light/state", `{"state":"ON","color_mode":"brightness","brightness":180}`},
		{"bad", "light/state", `{"state":"OFF","color_mode":"brightness","brightness":180,"effect":"instant"}`},
		{"fine", "brightness/status", levelsAre(60, 180, false, false)},
		{"night", "brightness/status", `{"individual":33,"global":20,"individual_manual":true,"global_manual":false,"individual_by":"manual","global_by":"night"}`}, // B20
		{"night", sensorStatus, `{"light_level_lux":45.2,"potentiometer_raw":2890,"potentiometer_voltage_mv":2847,"potentiometer_percentage":86.3,"current_pwm":33,"current_grppwm":20}`},
		{"night", "light/state", `{"state":"ON","color_mode":"brightness","brightness":20}`},
		{"night", nightStatus, `{"windows":"daily 22:00-06:00 dim 20","paused":false,"active":true,"window":"daily 22:00-06:00 dim 20"}`},
		{"fine", nightStatus, `{"windows":"","paused":false,"active":false,"window":""}`},
		{"fine", "validation/config", `{"enabled":true,"interval_s":350}`},
		{"fine", faceState, `{"text":"ES IST HALB DREI","minute_leds":2,"unknown":false,"dark_rows":[],"demo":false}`},
		{"bad", faceState, `{"text":"","minute_leds":0,"unknown":true,"dark_rows":[3,4],"demo":false}`},
		{"fine", otaVersion, `{"version":"2.11.3","build_date":"2025-11-05","build_time":"10:46:40","source":"github","health":"validated","boot_count":3,"first_boot":false,"rollback_reason":"","current_version":"2.11.3","current_binary_hash":"0a1b2c3d","current_build_date":"Nov  5 2025","current_idf_version":"v5.4.2","current_size_bytes":1310720,"update_available":false,"running_partition":"ota_0"}`},
		{"bad", otaVersion, `{"version":"2.11.3","build_date":"","build_time":"","source":"","health":"rolled_back","boot_count":0,"first_boot":false,"rollback_reason":"crashed","current_version":"2.11.3","current_binary_hash":"","current_build_date":"","current_idf_version":"","current_size_bytes":0,"update_available":false,"running_partition":"unknown"}`},
		{"fine", otaProgress, `{"state":"idle","progress":0,"bytes":0,"source":"","error":"","cause":"","progress_percent":0,"bytes_downloaded":0,"total_bytes":0,"time_elapsed_ms":0,"time_remaining_ms":0,"version":""}`},
		{"updating", otaProgress, `{"state":"downloading","progress":45,"bytes":589824,"source":"github","error":"","cause":"","progress_percent":45,"bytes_downloaded":589824,"total_bytes":1318912,"time_elapsed_ms":20000,"time_remaining_ms":18660,"version":"2.12.0"}`},
		{"fine", "update/state", `{"installed_version":"2.11.3","latest_version":"2.11.3","title":"wordclock","release_summary":"","in_progress":false,"update_percentage":null}`},
		{"updating", "update/state", `{"installed_version":"2.11.3","latest_version":"2.12.0","title":"Word clock 2.12","release_summary":"` + strings.Repeat("ü", 254) + `…","in_progress":true,"update_percentage":40}`},
		{"fine", "problems", `{"leds":false,"rtc":false,"time":false,"light_sensor":false,"knob":false,"health":false,"update":false,"update_sources":false,"details":{}}`},
		{"bad", "problems", `{"leds":true,"rtc":true,"time":true,"light_sensor":true,"knob":true,"health":true,"update":true,"update_sources":true,"details":{"health":"rtc","knob":"no converter","leds":"rows 3 4 do not answer","light_sensor":"does not answer","rtc":"does not answer","time":"nobody knows the time","update":"Checksum mismatch: github: wrong_bytes","update_sources":"github: dns; cloudflare: dns"}}`},
		{"fine", healthPath, `{"healthy":true,"text":"","at":"2025-11-15T10:46:40Z","checks":[{"name":"mqtt","state":"ok","text":"","took_ms":12}],"trial":null}`},
		{"fine", "system", `{"version":"2.11.3","board":"linux","boot":12,"started":"2025-11-15T09:46:40Z","time_quality":"synced","time_source_error_ms":1.2,"network":true,"broker":"broker.example:8883","losses":2,"journal_total":0,"last_error":"","last_update_error":"","last_update_cause":"","demo":false}`},
		{"bad", "validation/status", `{"result":"failed","timestamp":"2025-11-15T10:46:40Z","execution_time_ms":131}`},
		{"bad", "validation/last_result", `{"software_valid":false,"hardware_valid":false,"hardware_faults":false,"grppwm_mismatch":false,"mismatches":1,"failure_type":"PARTIAL_MISMATCH","software_errors":0,"hardware_read_failures":0,"recovery":"failed"}`},
		{"updating", "validation/last_result", `{"software_valid":true,"hardware_valid":true,"hardware_faults":false,"grppwm_mismatch":false,"mismatches":0,"failure_type":"NONE","software_errors":0,"hardware_read_failures":0,"validation_type":"post_transition"}`},
		{"bad", "validation/statistics", `{"total_validations":9,"validations_failed":1,"health_score":93,"consecutive_failures":1,"recovery_attempts":0,"recovery_successes":0,"hardware_fault_count":2,"i2c_bus_failure_count":0,"systematic_mismatch_count":0,"partial_mismatch_count":1,"grppwm_mismatch_count":0,"software_error_count":0}`},
		{"bad", "validation/mismatches", `{"count":1,"leds":[{"r":3,"c":5,"exp":60,"sw":60,"hw":0,"diff":60}]}`},
		{"updating", "validation/mismatches", `{"count":0,"leds":[]}`}, // B13: cleared
		{"fine", "validation/status", ""},
		{"bad", logStats, `{"total_entries_written":145,"current_entry_count":1,"buffer_capacity":50,"head_index":45,"total_errors":145,"errors_by_source":{"validation":120,"i2c":0,"wifi":0,"mqtt":0,"ntp":0,"system":0,"power":0,"sensor":0,"display":0},"errors_by_severity":{"info":0,"warning":0,"error":0,"critical":5},"last_errors":{"i2c":"2025-11-15T10:46:40Z"}}`},
	} {
		if got := string(topicOf(c.path).state.payload(all[c.view])); got != c.want {
			t.Errorf("%s, %s:\n%s, want\n%s", c.view, c.path, got, c.want)
		}
	}
}

// TestMismatchesFit holds B13: 160 LEDs that are wrong are all listed.
func TestMismatchesFit(t *testing.T) {
	x := clock.Validation{LEDs: make([]clock.Mismatch, 160)}
	for i := range x.LEDs {
		x.LEDs[i] = clock.Mismatch{Row: i / 16, Col: i % 16, Expected: 255, Software: 255, Hardware: 100}
	}
	var w struct {
		Count int
		LEDs  []struct{ R, C, Diff int }
	}
	decode(t, string(compact(validationMismatches(x))), &w)
	if w.Count != 160 || len(w.LEDs) != 160 || w.LEDs[159].R != 9 || w.LEDs[159].C != 15 || w.LEDs[159].Diff != 155 {
		t.Errorf("%+v", w)
	}
}

// TestLogEntries holds B12, that a validation's entry says what is known of it, and B14,
// that times are UTC.
func TestLogEntries(t *testing.T) {
	cet := time.FixedZone("CET", 3600)
	j := clock.Journal{Entries: []clock.Entry{
		{Origin: clock.OriginBus, Severity: clock.SeverityError, Code: 200, Event: "leds_dark", Message: "row 3", Uptime: 90 * time.Second},
		{Time: at.In(cet), Origin: clock.OriginValidation, Severity: clock.SeverityWarning, Code: 4, Message: "Validation failed", Details: `type=PARTIAL_MISMATCH mismatches=3 rows="[2 5]"`},
	}}
	want := `{"entries":[` +
		`{"timestamp":"2025-11-15T10:46:40Z","uptime_sec":0,"source":"LED_VALIDATION","severity":"WARNING","code":4,"message":"Validation failed","context":{"mismatch_count":3,"failure_type":4,"affected_rows":[2,5]},"details":"type=PARTIAL_MISMATCH mismatches=3 rows=\"[2 5]\""},` +
		`{"timestamp":"","uptime_sec":90,"source":"I2C_BUS","severity":"ERROR","code":200,"message":"row 3","event":"leds_dark"}],"count":2,"requested":10}`
	if got := string(logPayload(j, 10, 0)); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got := string(compact(contextOf(clock.Entry{Code: 900, Details: "rows=x mismatches="}))); got != `{"mismatch_count":0,"failure_type":0,"affected_rows":[]}` {
		t.Error(got)
	}
}

// TestHeartbeat holds what is said each minute.
func TestHeartbeat(t *testing.T) {
	all := views()
	for name, want := range map[string]string{
		"fine": `{"status":"heartbeat","wifi_connected":true,"ntp_synced":true,"last_ntp_sync":1763203480,"seconds_since_sync":120,"last_sync_time":"2025-11-15 11:44:40","next_sync_expected":1763207080}`,
		"bad":  `{"status":"heartbeat","wifi_connected":false,"ntp_synced":false}`,
	} {
		if m := heartbeat(all[name]); string(m.payload) != want || m.retain {
			t.Errorf("%s: %s, want %s", name, m.payload, want)
		}
	}
	v := all["fine"]
	v.Sync.Host = true
	if got := string(lastSyncPayload(v)); got != "2025-11-15T10:46:00Z" {
		t.Errorf("host: %s", got)
	}
}

// TestImage holds that the picture shows what is lit, is small, and is XML.
func TestImage(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*view)
		want string
	}{
		{"time", func(*view) {}, "ESISTHALBDREI●●"},
		{"rows that are dark", func(v *view) { v.Face.Dark = []int{0, 9} }, "HALBDREI"},
		{"unknown", func(v *view) { v.Face = clock.Face{Unknown: true} }, "●●●●"},
		{"off", func(v *view) { v.Light.Off = true }, ""},
	} {
		v := views()["fine"]
		c.edit(&v)
		svg := imagePayload(v)
		if len(svg) >= 8<<10 {
			t.Errorf("%s: %d bytes", c.name, len(svg))
		}
		if got := litIn(t, svg); got != c.want {
			t.Errorf("%s: %s is lit, want %s", c.name, got, c.want)
		}
	}
}

// litIn returns what is bright in a picture, and fails unless each letter has a place.
func litIn(t *testing.T, svg []byte) (lit string) {
	d := xml.NewDecoder(bytes.NewReader(svg))
	var bright bool
	var places int
	for {
		token, err := d.Token()
		if err == io.EOF {
			return lit
		}
		if err != nil {
			t.Fatalf("%s: %v", svg, err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			places, bright = 0, false
			for _, a := range x.Attr {
				if a.Name.Local == "x" {
					places = len(strings.Fields(a.Value))
				}
				bright = bright || a.Value == color(true)
			}
			if x.Name.Local == "circle" && bright {
				lit += "●"
			}
		case xml.CharData:
			if n := len([]rune(string(x))); n != places {
				t.Errorf("%d letters at %d places", n, places)
			}
			if bright {
				lit += string(x)
			}
		}
	}
}

// TestOldKeys holds that what the old clock published of itself is there still, of the
// same types.
func TestOldKeys(t *testing.T) {
	v := views()["updating"]
	for _, row := range table(t, "published.tsv") {
		var old, now map[string]any
		decode(t, row[1], &old)
		decode(t, string(topicOf(row[0]).state.payload(v)), &now)
		for k, x := range old {
			if reflect.TypeOf(now[k]) != reflect.TypeOf(x) {
				t.Errorf("%s: %s is %v, was %v", row[0], k, now[k], x)
			}
		}
	}
}

// TestSentBack holds B19: the state that is published can be sent to the topic that
// sets it, and changes nothing.
func TestSentBack(t *testing.T) {
	for set, state := range map[string]string{
		"transition/set": "transition/status", "brightness/set": "brightness/status", "brightness/config/set": configStatus, "light/set": "light/state",
		"night/set": nightStatus, "validation/set": "validation/config",
	} {
		x := newCounter(t)
		x.clock.status.Update(func(s *clock.Status) {
			s.Settings.Individual, s.Settings.Global, s.Settings.Zones[2] = 33, 44, clock.Zone{Min: 55, Max: 66}
			s.Settings.Transition.Off, s.Settings.Off = true, true
			s.Settings.Manual.Individual, s.Settings.Night, s.Settings.SelfCheck.Off = true, clock.Night{Windows: "daily 22:00-06:00 off", Paused: true}, true
			s.Light = lightOf(s.Settings)
		})
		before := x.clock.status.Get().Settings
		before.Manual.Global = set == "light/set" // a brightness is one that is set by hand
		if r := only(t, x.send(set, string(topicOf(state).state.payload(x.view())))); !r.OK || x.clock.status.Get().Settings != before {
			t.Errorf("%s: %+v, %+v", set, r, x.clock.status.Get().Settings)
		}
	}
}

// TestDocumentedKeys holds that each key that is published is documented, and the
// reverse.
func TestDocumentedKeys(t *testing.T) {
	for _, topic := range topics {
		seen := map[string]bool{}
		payloads := []string{topic.sample}
		for _, v := range views() {
			if topic.state != nil {
				payloads = append(payloads, string(topic.state.payload(v)))
			}
		}
		for _, p := range payloads {
			if topic.keys == nil || !strings.HasPrefix(p, "{") {
				continue
			}
			var o map[string]any
			decode(t, p, &o)
			flatten(seen, "", o, topic.keys)
		}
		documented := map[string]bool{}
		for _, k := range topic.keys {
			if f, err := clock.FieldOf(k.field); (err != nil && k.takes == "") || (k.doc == "" && (f == nil || f.Doc == "")) {
				t.Errorf("%s: %s is not explained", topic.path, k.name)
			}
			if topic.take == nil {
				documented[k.name] = true
			}
		}
		if topic.take != nil {
			for k := range seen {
				if !slices.ContainsFunc(topic.keys, func(d key) bool { return d.name == k }) {
					t.Errorf("%s: %s is in the sample, and not documented", topic.path, k)
				}
			}
			continue
		}
		if a, b := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(documented)); topic.keys != nil && topic.path != eventsPath && topic.path != resultPath && fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: published are\n%v, documented\n%v", topic.path, a, b)
		}
	}
}

// flatten notes the keys of an object, those within by dotted names where keys has such.
func flatten(seen map[string]bool, prefix string, o map[string]any, keys []key) {
	for name, v := range o {
		path := prefix + name
		if inner, ok := v.(map[string]any); ok && hasPrefix(keys, path+".") {
			flatten(seen, path+".", inner, keys)
			continue
		}
		seen[path] = true
	}
}

// TestNotSo holds what is left out of states as it is not so any more, or not of this
// clock.
func TestNotSo(t *testing.T) {
	for _, c := range []struct {
		name, path string
		edit       func(*clock.Status)
		want       string
	}{
		{"a look by the image before this one", "update/state", func(s *clock.Status) { s.Update.Present, s.Version = nil, "2.13.0" }, `"installed_version":"2.13.0","latest_version":"2.13.0"`},
		{"an update that has failed", "update/state", func(s *clock.Status) { s.Update.Present = &clock.Attempt{State: "failed", Version: "2.12.0"} }, `"in_progress":false,"update_percentage":null`},
		{"an update of an earlier start", otaProgress, func(s *clock.Status) {
			a := updateOf(4, "failed")
			a.Result, a.Ended = clock.Failed, s.Started.Add(-time.Hour)
			s.Update = clock.Update{History: []clock.Attempt{a}}
		}, `"state":"idle","progress":0`},
		{"a sensor that is not there", "problems", func(s *clock.Status) { s.Has, s.Sensors.LightErr = nil, "no bus" }, `"light_sensor":false,"knob":false`},
		{"an update that somebody cancelled", "problems", func(s *clock.Status) {
			s.Update.History = []clock.Attempt{{Result: clock.Failed, Error: "Download failed", Cause: "cancelled"}}
		}, `"update":false`},
		{"an update that failed, in full", "problems", func(s *clock.Status) {
			s.Update.History = []clock.Attempt{{Result: clock.Failed, Error: "Download failed", Cause: "refused", Source: "github", Reason: "github: refused: nobody listens"}}
		}, `"details":{"update":"Download failed: github: refused: nobody listens"}`},
		{"an update of a file that failed", "problems", func(s *clock.Status) {
			s.Update.History = []clock.Attempt{{Result: clock.Failed, Error: "Flash operation failed", Cause: "flash_io"}}
		}, `"details":{"update":"Flash operation failed: flash_io"}`},
		{"an update that was given up", "system", func(s *clock.Status) {
			s.Update.History = []clock.Attempt{{Result: clock.RolledBack, Version: "2.12.0", Reason: "crashed: panic"}}
		}, `"last_update_error":"crashed: panic","last_update_cause":"rolled_back"`},
		{"LEDs that could not be mended", "problems", func(s *clock.Status) {
			s.Validation = &clock.Validation{Failure: clock.PartialMismatch, Mismatches: 3}
		}, `"details":{"leds":"PARTIAL_MISMATCH: 3 of 160 LEDs are not as they should be"}`},
		{"a group level that could not be mended", "problems", func(s *clock.Status) {
			s.Validation = &clock.Validation{Failure: clock.GroupMismatch}
		}, `"details":{"leds":"GRPPWM_MISMATCH, and it could not be mended"}`},
		{"LEDs that were mended", "problems", func(s *clock.Status) {
			s.Validation = &clock.Validation{Failure: clock.PartialMismatch, Mismatches: 3, Repaired: true, Recovered: true}
		}, `"leds":false`},
		{"LEDs that nobody looks at any more", "problems", func(s *clock.Status) {
			s.Validation, s.Settings.SelfCheck.Off = &clock.Validation{Failure: clock.PartialMismatch, Mismatches: 3}, true
		}, `"leds":false`},
		{"a warning before news", "system", func(s *clock.Status) {
			s.Journal.Entries = []clock.Entry{{Severity: clock.SeverityWarning, Message: "row 3"}, {Message: "back"}}
		}, `"last_error":"row 3"`},
	} {
		v := views()["updating"]
		c.edit(&v.Status)
		if got := string(topicOf(c.path).state.payload(v)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
