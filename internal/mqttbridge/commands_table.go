package mqttbridge

import (
	"time"

	"wordclockd/internal/clock"
)

// commands lists what topic command takes. The first ones are the old clock's, with its
// words on topic status.
var commands = []command{
	{
		name: "status", doc: "publish the state of network and time",
		errand: errand{tokens: tokens{done: []string{"status_request_secure"}}, echo: []string{"wifi", "ntp", lastSync}, run: sayStatus},
	},
	{
		name: "restart", does: clock.Restart,
		errand: errand{tokens: tokens{begin: "restarting"}, beginJSON: "json_restart_initiated", after: time.Second, heavy: true},
	},
	{
		name: "reset_wifi", does: clock.ResetWiFi,
		errand: errand{tokens: tokens{done: []string{"wifi_reset_starting", "wifi_reset_acknowledged_restarting"}, failed: []string{"wifi_reset_failed", "wifi_reset_not_available"}}, slow: true, heavy: true},
	},
	{
		name: "set_time", blank: " ", param: "time", shape: "[YYYY-MM-DD ]HH:MM", does: clock.SetTime,
		errand: errand{tokens: tokens{done: []string{"time_set_successfully", "time_set_to_HH_MM"}, failed: []string{"time_set_failed"}, invalid: "invalid_time_format"}, slow: true, run: setTime},
	},
	{
		name: "force_ntp_sync", aliases: []string{"sync_time"}, does: clock.ForceNTPSync,
		errand: errand{
			tokens: tokens{begin: "force_ntp_sync_requested", done: []string{"ntp_sync_started"}, failed: []string{"ntp_sync_start_failed", "ntp_sync_failed_no_wifi"}},
			slow:   true, echo: []string{lastSync}, run: syncTime,
		},
	},
	{
		name: "refresh_sensors", does: clock.RefreshSensors,
		errand: errand{tokens: tokens{done: []string{"sensor_values_refreshed"}, failed: []string{"sensor_refresh_failed"}}, slow: true, echo: []string{sensorStatus}},
	},
	{
		name: "republish_discovery", doc: "announce the clock to Home Assistant anew, and publish every state",
		errand: errand{tokens: tokens{done: []string{"discovery_republished"}, failed: []string{"discovery_republish_failed"}}, run: republish},
	},
	{
		name: "test_transitions_start", does: clock.StartDemo,
		errand: errand{tokens: tokens{done: []string{"transition_test_started"}, failed: []string{"transition_test_start_failed"}}, echo: []string{faceState}},
	},
	{
		name: "test_transitions_stop", does: clock.StopDemo,
		errand: errand{tokens: tokens{done: []string{"transition_test_stopped"}, failed: []string{"transition_test_stop_failed"}}, echo: []string{faceState}},
	},
	{
		name: "test_transitions_status", doc: "say whether that is shown",
		errand: errand{tokens: tokens{done: []string{"transition_test_active", "transition_test_inactive"}}, run: sayDemo},
	},
	{
		name: "test_very_bright_update", doc: "set the zone `very_bright` to 150 at its dark end",
		sets:   []clock.Edit{{Key: "light_sensor.very_bright.brightness", Value: 150}},
		errand: errand{tokens: tokens{done: []string{"very_bright_test_success"}, failed: []string{"very_bright_test_failed"}}, echo: []string{configStatus}},
	},
	{
		name: "test_very_dark_update", doc: "set the zone `very_dark` to 25 at its dark end",
		sets:   []clock.Edit{{Key: "light_sensor.very_dark.brightness", Value: 25}},
		errand: errand{tokens: tokens{done: []string{"very_dark_test_success"}, failed: []string{"very_dark_test_failed"}}, echo: []string{configStatus}},
	},
	{
		name: "test_audio", does: clock.TestAudio,
		errand: errand{tokens: tokens{done: []string{"test_audio_playing"}, failed: []string{"test_audio_failed"}}, slow: true},
	},
	{
		name: "test_audio_file", does: clock.TestAudioFile,
		errand: errand{tokens: tokens{done: []string{"test_audio_file_playing"}, failed: []string{"test_audio_file_failed", "test_audio_file_not_found"}}, slow: true},
	},
	{
		name: "chimes_enable", doc: "strike the quarters", needs: clock.CanChime,
		sets:   []clock.Edit{{Key: chimesOn, Value: true}},
		errand: errand{tokens: tokens{done: []string{"chimes_enabled"}, failed: []string{"chimes_enable_failed"}}, echo: []string{chimesStatus}},
	},
	{
		name: "chimes_disable", doc: "do not strike them", needs: clock.CanChime,
		sets:   []clock.Edit{{Key: chimesOn, Value: false}},
		errand: errand{tokens: tokens{done: []string{"chimes_disabled"}, failed: []string{"chimes_disable_failed"}}, echo: []string{chimesStatus}},
	},
	{
		name: "chimes_test_strike", doc: "the melody of the hour, and three strokes, whatever is set", does: clock.TestChimes, args: map[string]string{"what": "strike"},
		errand: testChimes,
	},
	{
		name: "chimes_set_quiet_hours_off", doc: "strike at any hour", needs: clock.CanChime,
		sets:   []clock.Edit{{Key: quietStart, Value: 0}, {Key: quietEnd, Value: 0}},
		errand: errand{tokens: tokens{done: []string{"chimes_quiet_hours_disabled"}, failed: []string{"chimes_quiet_hours_failed"}}},
	},
	{
		name: "chimes_set_quiet_hours_default", doc: "be quiet from 22 to 7", needs: clock.CanChime,
		sets:   []clock.Edit{{Key: quietStart, Value: 22}, {Key: quietEnd, Value: 7}},
		errand: errand{tokens: tokens{done: []string{"chimes_quiet_hours_set"}, failed: []string{"chimes_quiet_hours_failed"}}},
	},
	{
		name: "chimes_volume", blank: "_", param: "volume", shape: "N", doc: "set how loud the chimes are", needs: clock.CanChime,
		keys: []key{{name: "volume", field: volume}},
		errand: errand{
			tokens: tokens{done: []string{"chime_volume_set_N"}, failed: []string{"chime_volume_failed"}, invalid: "chime_volume_invalid"},
			echo:   []string{chimesVolume}, run: setVolume,
		},
	},
	{name: "chimes_get_volume", doc: "publish how loud the chimes are", errand: errand{echo: []string{chimesVolume}, run: nothing}},
	{
		name: "list_chime_files", does: clock.ListChimes,
		errand: errand{tokens: tokens{done: []string{"chime_files_listed"}, failed: []string{"chime_files_list_failed"}}},
	},
	{
		name: "list_sdcard", does: clock.ListChimes,
		errand: errand{tokens: tokens{done: []string{"sdcard_listed"}, failed: []string{"sdcard_list_failed"}}},
	},
	{
		name: "list_chimes_dir", does: clock.ListChimes,
		errand: errand{tokens: tokens{done: []string{"chimes_dir_listed"}, failed: []string{"chimes_dir_list_failed"}}},
	},
	{
		name: "ota_check_update", aliases: []string{"check_ota_update"}, does: clock.CheckOTA,
		errand: errand{
			tokens: tokens{done: []string{"ota_update_available", "ota_up_to_date"}, failed: []string{"ota_check_failed"}},
			slow:   true, heavy: true, echo: []string{otaVersion}, run: checkOTA,
		},
	},
	{name: "ota_start_update", does: clock.StartOTA, errand: startOTA},
	{name: "ota_force_update", doc: "the same, and an older or equal version will do; nothing else is skipped", does: clock.StartOTA, args: map[string]string{"force": "true"}, errand: startOTA},
	{
		name: "ota_cancel_update", does: clock.CancelOTA,
		errand: errand{tokens: tokens{done: []string{"ota_cancelled"}, failed: []string{"ota_cancel_failed"}}, slow: true, echo: []string{otaProgress}},
	},
	{name: "ota_get_progress", doc: "publish how far an update is", errand: errand{echo: []string{otaProgress}, run: nothing}},
	{name: "ota_get_version", doc: "publish what runs and what there is; the sources are not asked", errand: errand{echo: []string{otaVersion}, run: nothing}},
	{
		name: "tlc_hardware_reset", does: clock.ResetLEDs,
		errand: errand{
			tokens: tokens{begin: "tlc_reset_starting", done: []string{"tlc_reset_success"}, failed: []string{"tlc_reset_failed", "tlc_reset_not_available", "tlc_reset_reinit_failed"}},
			slow:   true, heavy: true,
		},
	},
	{
		name: "set_brightness", doc: "as topic `brightness/set`", keys: brightnessForm.keys,
		errand: errand{echo: brightnessForm.echo, run: setBrightness},
	},

	// Of the old clock's documents alone.
	{name: "chimes_status", doc: "publish whether the quarters are struck, and how loud", errand: errand{echo: []string{chimesStatus, chimesVolume}, run: nothing}},
	{name: "chimes_test_quarter", doc: "the melody of the first quarter", does: clock.TestChimes, args: map[string]string{"what": "quarter"}, errand: testChimes},
	{name: "chimes_test_half", doc: "the melody of the half hour", does: clock.TestChimes, args: map[string]string{"what": "half"}, errand: testChimes},
	{name: "chimes_test_quarter_to", doc: "the melody of the third quarter", does: clock.TestChimes, args: map[string]string{"what": "quarter_to"}, errand: testChimes},
	{name: "chimes_test_hour", doc: "the melody of the hour, and its strokes", does: clock.TestChimes, args: map[string]string{"what": "hour"}, errand: testChimes},
	{
		name: "chimes_quiet_hours", blank: " ", param: "hours", shape: "HH:MM-HH:MM", doc: "set when the chimes are quiet, in whole hours", needs: clock.CanChime,
		keys:   []key{{name: "hours", takes: "`HH:MM-HH:MM`", doc: "from when to when; the minutes count for nothing"}},
		errand: errand{tokens: tokens{done: []string{"chimes_quiet_hours_set"}, failed: []string{"chimes_quiet_hours_failed"}}, run: setQuiet},
	},
	{
		name: "chimes_set", blank: " ", param: "name", shape: "NAME", doc: "choose the melody; there is one", needs: clock.CanChime,
		keys:   []key{{name: "name", takes: "`westminster`", doc: "the melody"}},
		errand: errand{run: setMelody},
	},
	{
		name: "set_transition", doc: "as topic `transition/set`", keys: transitionForm.keys,
		errand: errand{echo: transitionForm.echo, run: setTransition},
	},
	{name: "get_config", doc: "answer with all settings, and publish their states", errand: errand{echo: settingStates, run: sayConfig}},
	{name: "set_config", doc: "set any settings, all or none", keys: fieldKeys(), errand: errand{run: setFields}},
	{name: "health_check", does: clock.CheckHealth, errand: errand{slow: true, echo: []string{healthPath}}},

	// Of this clock.
	{name: "ota_confirm", does: clock.ConfirmOTA, errand: errand{heavy: true, slow: true, echo: []string{otaVersion}}},
	{name: "ota_rollback", does: clock.RollBackOTA, errand: errand{heavy: true, slow: true}},
	{name: "error_log_clear", does: clock.ClearJournal, errand: errand{echo: []string{logStats}}},
	{name: "chimes_test", does: clock.TestChimes, errand: testChimes},
}

var testChimes = errand{tokens: tokens{done: []string{"chimes_test_playing"}, failed: []string{"chimes_test_failed"}}, slow: true}

var startOTA = errand{
	tokens: tokens{done: []string{"ota_update_started"}, failed: []string{"ota_start_failed", "ota_already_running"}},
	heavy:  true, echo: []string{otaProgress},
}
