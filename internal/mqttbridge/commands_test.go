package mqttbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestOldCommands holds that each command of the old clock, and of its documents, is
// taken in both forms and has its words; and that no other is, but for the new ones.
func TestOldCommands(t *testing.T) {
	left := map[string]bool{}
	for _, c := range commands {
		left[c.name] = true
	}
	for _, row := range table(t, "commands.tsv") {
		payload, done, failed := row[2], strings.Fields(row[3]), strings.Fields(row[4])
		c, _, err := readCommand(topicOf("command"), []byte(payload))
		if err != nil {
			t.Errorf("%s: %v", payload, err)
			continue
		}
		delete(left, c.name)
		has := append(c.command.all(), c.command.beginJSON)
		for _, token := range append(done, failed...) {
			if !slices.Contains(has, token) {
				t.Errorf("%s: never says %s", payload, token)
			}
		}
		if row[0] != "json" {
			for _, token := range c.command.all() {
				if row[0] == "plain" && !slices.Contains(append(done, failed...), token) && !slices.Contains(newTokens, token) {
					t.Errorf("%s: says %s, which the old clock did not", payload, token)
				}
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("not in testdata/old/commands.tsv: %v", slices.Sorted(maps.Keys(left)))
	}
}

// TestUnknownByName holds that an answer says which command there is not, by the id of who
// asked.
func TestUnknownByName(t *testing.T) {
	c := newCounter(t)
	for payload, want := range map[string]string{
		"dance":                        `{"id":null,"command":"dance","ok":false`,
		`{"command":"dance","id":"7"}`: `{"id":"7","command":"dance","ok":false`,
	} {
		if got := of(c.send("command", payload), resultPath); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q, want %s", payload, got, want)
		}
	}
}

// newTokens are words that the old clock's firmware had no use for.
var newTokens = []string{"wifi_reset_failed", "wifi_reset_not_available"}

// TestEveryClockCommand holds that whatever a clock can do can be asked for by MQTT.
func TestEveryClockCommand(t *testing.T) {
	for _, spec := range clock.Commands {
		for _, name := range append([]string{spec.Name}, spec.Aliases...) {
			c, _, err := commandOf(name)
			if err != nil || c.does != spec.Name {
				t.Errorf("%s: %+v, %v", name, c, err)
				continue
			}
			for _, p := range spec.Params {
				if !p.Local && !slices.ContainsFunc(c.params(), func(k key) bool { return k.name == p.Name }) {
					t.Errorf("%s: cannot be given %s", name, p.Name)
				}
			}
		}
	}
}

// TestCommandFollows holds that each command is answered in both forms, and followed by
// the states that it is about.
func TestCommandFollows(t *testing.T) {
	for _, row := range table(t, "commands.tsv") {
		plain, params, _ := commandForms(t, row[2])
		payloads := []string{params}
		if plain != "" {
			payloads = append(payloads, plain)
		}
		for _, payload := range payloads {
			if strings.Contains(payload, clock.Restart) {
				continue // see TestRestart
			}
			x := newCounter(t)
			published := x.send("command", payload)
			r := only(t, published)
			c, _, _ := readCommand(topicOf("command"), []byte(payload))
			if !r.OK || r.Command != c.command.name {
				t.Errorf("%s: %+v", payload, r)
			}
			for _, path := range c.command.echo {
				if got, want := of(published, path), string(topicOf(path).state.payload(x.view())); !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %s is %q, want %s", payload, path, got, want)
				}
			}
			if c.command.does != "" && !slices.Equal(x.clock.done(), []string{c.command.does}) {
				t.Errorf("%s: did %v", payload, x.clock.done())
			}
		}
	}
}

// commandForms returns a command as text, "" if it has none, and as JSON.
func commandForms(t *testing.T, payload string) (plain, inJSON string, name string) {
	c, _, err := readCommand(topicOf("command"), []byte(payload))
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	if !c.isJSON {
		plain = payload
		name, _, err := commandOf(payload)
		if err != nil {
			t.Fatal(err)
		}
		object := map[string]any{"command": name.name, "parameters": c.object}
		return plain, string(compact(object)), name.name
	}
	return "", payload, c.name
}

// TestCommandWords holds what is said on status of commands whose words depend on what
// they come to.
func TestCommandWords(t *testing.T) {
	u := func(code string) func(context.Context, clock.Command) (any, error) {
		return func(context.Context, clock.Command) (any, error) {
			return nil, &clock.UnavailableError{Code: code, Text: "it is so"}
		}
	}
	check := func(c clock.Check) func(context.Context, clock.Command) (any, error) {
		return func(context.Context, clock.Command) (any, error) { return c, nil }
	}
	for _, c := range []struct {
		payload string
		answer  func(context.Context, clock.Command) (any, error)
		edit    func(*clock.Status)
		want    []string
		ok      bool
	}{
		{payload: "set_time 9:5", want: []string{"time_set_successfully", "time_set_to_09_05"}, ok: true},
		{payload: "set_time 09:05:59", want: []string{"time_set_successfully", "time_set_to_09_05"}, ok: true},
		{payload: "set_time 09:05:60", want: []string{"invalid_time_format"}},
		{payload: "set_time 2026-11-28 9:5", want: []string{"time_set_successfully", "time_set_to_09_05"}, ok: true},
		{payload: "set_time 2026-02-29 09:05", want: []string{"invalid_time_format"}},
		{payload: "set_time 09:05 2026-11-28", want: []string{"invalid_time_format"}},
		{payload: "set_time 24:00", want: []string{"invalid_time_format"}},
		{payload: "set_time 9:05 ", want: []string{"invalid_time_format"}},
		{payload: "set_time", want: []string{"invalid_time_format"}},
		{payload: "set_time +9:05", want: []string{"invalid_time_format"}},
		{payload: "set_time 14:30", answer: u("time_set_failed"), want: []string{"time_set_failed"}},
		{payload: "chimes_volume_40", want: []string{"chime_volume_set_40"}, ok: true},
		{payload: "chimes_volume_007", want: []string{"chime_volume_set_7"}, ok: true},
		{payload: "chimes_volume_101", want: []string{"chime_volume_invalid"}},
		{payload: "chimes_volume_", want: []string{"chime_volume_invalid"}},
		{payload: "chimes_volume_+5", want: []string{"chime_volume_invalid"}},
		{payload: `{"command":"chimes_volume"}`, want: []string{"chime_volume_invalid"}},
		{payload: `{"command":"chimes_volume","parameters":{"volume":15}}`, want: []string{"chime_volume_set_15"}, ok: true},
		{payload: "chimes_quiet_hours 25:00-07:00", want: []string{"chimes_quiet_hours_failed"}},
		{payload: "chimes_set jingle"},
		{payload: "test_transitions_status", want: []string{"transition_test_inactive"}, ok: true},
		{payload: "test_transitions_status", edit: func(s *clock.Status) { s.Demo = true }, want: []string{"transition_test_active"}, ok: true},
		{payload: "force_ntp_sync", answer: u("ntp_sync_start_failed"), want: []string{"force_ntp_sync_requested", "ntp_sync_start_failed"}},
		{
			payload: "sync_time", answer: u("ntp_sync_start_failed"), edit: func(s *clock.Status) { s.Network = false },
			want: []string{"force_ntp_sync_requested", "ntp_sync_failed_no_wifi"},
		},
		{payload: "tlc_hardware_reset", answer: u("tlc_reset_not_available"), want: []string{"tlc_reset_starting", "tlc_reset_not_available"}},
		{payload: "tlc_hardware_reset", answer: u("something_new"), want: []string{"tlc_reset_starting", "tlc_reset_failed"}},
		{payload: "reset_wifi", answer: u("wifi_reset_not_available"), want: []string{"wifi_reset_not_available"}},
		{payload: "reset_wifi", answer: u("wifi_reset_failed"), want: []string{"wifi_reset_failed"}},
		{payload: "reset_wifi", want: []string{"wifi_reset_starting", "wifi_reset_acknowledged_restarting"}, ok: true},
		{payload: "ota_start_update", answer: u("ota_already_running"), want: []string{"ota_already_running"}},
		{payload: "ota_force_update", answer: u("ota_on_trial"), want: []string{"ota_start_failed"}},
		{payload: "chimes_test_hour", answer: u("chimes_test_failed"), want: []string{"chimes_test_failed"}},
		{payload: "test_audio_file", answer: u("test_audio_file_not_found"), want: []string{"test_audio_file_not_found"}},
		{payload: "check_ota_update", answer: check(clock.Check{UpdateAvailable: true}), want: []string{"ota_update_available"}, ok: true},
		{payload: "ota_check_update", answer: check(clock.Check{}), want: []string{"ota_up_to_date"}, ok: true},
		{payload: "ota_check_update", answer: check(clock.Check{Error: "nobody answers"}), want: []string{"ota_check_failed"}},
		{payload: "reboot", want: []string{"unknown_command"}},
		{payload: "Restart", want: []string{"unknown_command"}},
		{payload: " restart", want: []string{"unknown_command"}},
		{payload: "restart\n", want: []string{"unknown_command"}},
		{payload: "", want: []string{"unknown_command"}},
		{payload: `{"bogus":1}`, want: []string{"unknown_command"}},
		{payload: `{"command":5}`, want: []string{"unknown_command"}},
		{payload: `{"command":"restart","parameters":[]}`, want: []string{"unknown_command"}},
		{payload: `{"command":"restart","parameters":{"now":true}}`},
		{payload: `{"command":"set_brightness","parameters":{"individual":80,"global":200}}`, ok: true, want: []string{
			`{"result":{"command":"set_brightness","status":"success","updated":{"individual":80,"global":200}}}`,
		}},
		{payload: `{"command":"set_brightness","parameters":{"individual":4}}`, want: []string{"invalid_individual_brightness"}},
		{payload: `{"command":"status"}`, ok: true, want: []string{
			`{"result":{"command":"status","status":"success","wifi_connected":true,"ntp_synced":false,"mqtt_connected":true,"brightness":{"individual":60,"global":180}}}`,
		}},
		{payload: `{"command":"set_transition","parameters":{"enabled":false,"duration":300}}`, want: []string{"transition_duration_updated", "transitions_disabled"}, ok: true},
	} {
		x := newCounter(t)
		x.clock.answer = c.answer
		if c.edit != nil {
			x.clock.status.Update(c.edit)
		}
		published := x.send("command", c.payload)
		if got := of(published, statusPath); !slices.Equal(got, c.want) || only(t, published).OK != c.ok {
			t.Errorf("%s: %q, %+v, want %q", c.payload, got, only(t, published), c.want)
		}
	}
}

// TestCheckFailedOnce holds that a failed look that the clock shows is said once, whoever
// asked for it.
func TestCheckFailedOnce(t *testing.T) {
	x := newCounter(t)
	x.clock.answer = func(context.Context, clock.Command) (any, error) {
		c := clock.Check{Error: "nobody answers", At: x.now}
		x.clock.status.Update(func(s *clock.Status) { s.Update.Last = &c })
		return c, nil
	}
	if got := of(x.send("command", "ota_check_update"), statusPath); !slices.Equal(got, []string{"ota_check_failed"}) {
		t.Errorf("said %q", got)
	}
	x.clock.answer = func(context.Context, clock.Command) (any, error) {
		return clock.Check{Error: "nobody answers", At: x.now.Add(1)}, nil // which the clock does not show
	}
	if got := of(x.send("command", `{"command":"ota_check_update","parameters":{"only":true}}`), statusPath); !slices.Equal(got, []string{"ota_check_failed"}) {
		t.Errorf("said of one source alone %q", got)
	}
}

// TestParameters holds what of a command's parameters gets to the clock.
func TestParameters(t *testing.T) {
	for payload, want := range map[string]string{
		`{"command":"ota_check_update","parameters":{"source":"GitHub","only":true}}`: `ota_check_update map[only:true source:github]`,
		`{"command":"ota_force_update","parameters":{"reboot":false}}`:                `ota_start_update map[force:true reboot:false]`,
		`ota_force_update`:           `ota_start_update map[force:true]`, // B23: nothing else is skipped
		`chimes_test_strike`:         `chimes_test map[what:strike]`,
		`list_sdcard`:                `list_chime_files map[]`,
		`set_time 9:5`:               `set_time map[time:09:05]`,
		`set_time 2026-11-28 9:5:59`: `set_time map[time:2026-11-28 09:05]`,
		`ota_get_version`:            ``, // B9: nobody is asked
		`ota_get_progress`:           ``,
		`test_very_dark_update`:      ``,
		`{"command":"set_time 9:5"}`: `set_time map[time:09:05]`,
		`{"command":"ota_start_update","parameters":{"file":"/etc/passwd"}}`: `file: is taken only on the clock's own host`,
		`{"command":"ota_force_update","parameters":{"force":false}}`:        `force: no such key, there are source, reboot, file`,
		`{"command":"ota_check_update","parameters":{"only":"true"}}`:        `only: "true": want true or false`,
		`{"command":"ota_check_update","parameters":{"source":1}}`:           `source: 1: want text`,
		`{"command":"ota_check_update","parameters":{"source":"gitlab"}}`:    `ota_check_update: source "gitlab": want github or cloudflare`,
		`{"command":"set_time 9:5","parameters":{"time":"10:00"}}`:           `time: is named twice`,
		`{"command":"restart","paramters":{}}`:                               `paramters: no such key, the nearest is parameters`,
		`{"command":"ota_chek_update"}`:                                      `ota_chek_update: no such command, the nearest is ota_check_update`,
		`{"command":"set_config","parameters":{}}`:                           `parameters: is missing: want settings and their values`,
		`{"command":"set_config","parameters":{"brightness.global":1}}`:      `brightness.global: 1: want 5 to 255`,
		`chimes_volume_101`: `volume: 101: want 0 to 100`,
		`{"command":"set_transition","parameters":{"duration":100}}`:                     `duration: 100: want 200 to 5000`,
		`{"command":"set_brightness","parameters":{"global":1}}`:                         `global: 1: want 5 to 255`,
		`{"command":"set_config","parameters":{"brightness.individual":200}}`:            `brightness.individual: 200: want 5 to 80, the safety limit`,
		`{"command":"set_config","parameters":{"display.on":false,"ota.source":"none"}}`: `ota.source: "none": want github or cloudflare`,
		`{"command":"health_check","id":1,"extra":2}`:                                    `extra: no such key, there are command, parameters, id`,
	} {
		x := newCounter(t)
		got := only(t, x.send("command", payload)).Error
		if did := x.clock.did; len(did) > 0 && !strings.HasPrefix(got, did[0].Name) {
			got = fmt.Sprint(did[0].Name, " ", did[0].Args)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", payload, got, want)
		}
	}
}

// TestCommandAnswers holds that what a command answers with is on result: B28, lists that were
// to be seen on a serial line alone.
func TestCommandAnswers(t *testing.T) {
	for payload, want := range map[string]any{
		"list_chime_files": []any{"quarter.pcm"},
		"list_sdcard":      []any{"quarter.pcm"},
		"list_chimes_dir":  []any{"quarter.pcm"},
	} {
		x := newCounter(t)
		x.clock.answer = func(context.Context, clock.Command) (any, error) { return []string{"quarter.pcm"}, nil }
		if r := only(t, x.send("command", payload)); !r.OK || !cmp.Equal(r.Answer, want) {
			t.Errorf("%s: %+v", payload, r)
		}
	}
	r := only(t, newCounter(t).send("command", "get_config"))
	all, _ := r.Answer.(map[string]any)
	if len(all) != len(clock.Fields) || all["brightness.global"] != 180.0 || all["display.on"] != true {
		t.Errorf("get_config: %v", all)
	}
	back, _ := json.Marshal(map[string]any{"command": "set_config", "parameters": all})
	x := newCounter(t)
	if r := only(t, x.send("command", string(back))); !r.OK || x.clock.status.Get().Settings != clock.DefaultSettings() {
		t.Errorf("what get_config answers cannot be sent back: %+v", r)
	}
}

// TestRepublish holds that discovery can be announced anew, if there is any.
func TestRepublish(t *testing.T) {
	x := newCounter(t)
	_, j := x.desk.take(message{topic: testNames.base + "/command", payload: []byte("republish_discovery")}, x.now)
	if out := j.do(t.Context()); len(out.say) > 0 || !slices.Equal(of(shown(out.last), statusPath), []string{"discovery_republished"}) || !only(t, shown(out.last)).OK {
		t.Errorf("%+v", out)
	}
	x.desk.prefix = ""
	if out := j.do(t.Context()); out.last != nil || only(t, shown(out.say)).OK || !slices.Equal(of(shown(out.say), statusPath), []string{"discovery_republish_failed"}) {
		t.Errorf("%q", shown(out.say))
	}
}
