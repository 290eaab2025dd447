package mqttbridge

import (
	"strings"

	"wordclockd/internal/clock"
)

const onChange = "when a connection is up, and on each change"

// states are the topics that say how the clock is.
var states = []topic{
	{
		path: configStatus, qos: 1, retain: true, doc: "How the light zones and the knob map to levels, how long what is set by hand holds, and how the time is told.", when: onChange,
		keys:   zoneKeys(),
		sample: `{"light_sensor":{"very_dark":{"brightness":5,"brightness_max":30},"dim":{"brightness":30,"brightness_max":60},"normal":{"brightness":60,"brightness_max":120},"bright":{"brightness":120,"brightness_max":200},"very_bright":{"brightness":200,"brightness_max":255}},"thresholds":[10,50,200,500],"potentiometer":{"brightness_min":5,"brightness_max":255,"curve_type":"linear","safety_limit_max":80},"halb_centric_style":false,"manual_minutes":0}`,
		state:  &state{payload: configPayload},
	},
	{
		path: "wifi", qos: 1, retain: true, doc: "Whether there is a way out of the host.", when: onChange + "; each minute",
		text: "`connected` or `disconnected`", sample: "connected",
		state: &state{payload: wifiPayload, period: true},
	},
	{
		path: "ntp", qos: 1, retain: true, doc: "Whether the time is that of time servers.", when: onChange + "; each minute",
		text: "`synced` or `not_synced`", sample: "synced",
		state: &state{payload: ntpPayload, period: true},
	},
	{
		path: lastSync, qos: 1, retain: true, doc: "When the time was known for sure last, UTC. A host whose clock is disciplined knows it each minute anew.", when: onChange + "; each minute",
		text: "`YYYY-MM-DDTHH:MM:SSZ`, or `None` before the first time", sample: "2025-11-15T10:46:40Z",
		state: &state{payload: lastSyncPayload, news: lastSyncNews, period: true},
	},
	{
		path: "transition/status", qos: 1, retain: true, doc: "How one face becomes the next.", when: onChange, needs: clock.CanFade,
		keys:   transitionForm.keys[:4],
		sample: `{"duration_ms":2000,"enabled":true,"fadein_curve":"ease_in_out","fadeout_curve":"ease_in_out"}`,
		state:  &state{payload: transitionPayload},
	},
	{
		path: "brightness/status", qos: 1, retain: true, doc: "How bright a lit LED is: `individual` × `global` / 255. What is set by hand holds until the knob or the light moves.", when: onChange,
		keys: []key{
			{name: "individual", takes: "integer, 5 to 255", doc: "level of a lit LED, whatever it comes from"},
			{name: "global", takes: "integer, 5 to 255", doc: "level of the whole face"},
			{name: "individual_manual", field: individualManual, doc: "the level of a lit LED was set by hand, and holds until the knob moves"},
			{name: "global_manual", field: globalManual, doc: "the level of the whole face was set by hand, and holds until the light moves"},
			{name: "individual_by", takes: rulers(), doc: "what decides the level of a lit LED"},
			{name: "global_by", takes: rulers(), doc: "what decides that of the whole face: what is set, what was set by hand, knob, light sensor, or a window of the night"},
		},
		sample: `{"individual":60,"global":180,"individual_manual":false,"global_manual":false,"individual_by":"knob","global_by":"light_sensor"}`,
		state:  &state{payload: brightnessPayload},
	},
	{
		path: nightStatus, qos: 1, retain: true, doc: "When the face is dim or dark.", when: onChange,
		keys: []key{
			{name: "windows", field: nightWindows},
			{name: "paused", field: nightPaused},
			{name: "active", takes: "boolean", doc: "it is so now"},
			{name: "window", takes: "text", doc: "the window that it is so by; empty if it is not"},
		},
		sample: `{"windows":"mon-fri 22:30-06:00 off; daily 20:00-22:30 dim 40","paused":false,"active":true,"window":"daily 20:00-22:30 dim 40"}`,
		state:  &state{payload: nightPayload},
	},
	{
		path: "light/state", qos: 1, retain: true, doc: "The face as a light, of Home Assistant's JSON schema.", when: onChange,
		keys: []key{
			{name: "state", takes: "`ON` or `OFF`", doc: "whether anything is to be lit: not while `display.on` is false, or in a window of the night that is `off`"},
			{name: "color_mode", takes: "`brightness`", doc: "always that"},
			{name: "brightness", takes: "integer, 5 to 255", doc: "the group level, as `global` of `brightness/status`; also while it is off"},
			{name: "effect", takes: "`smooth` or `instant`", doc: "whether one face fades into the next; only on a clock that can"},
		},
		sample: `{"state":"ON","color_mode":"brightness","brightness":180}`,
		state:  &state{payload: lightPayload},
	},
	{
		path: sensorStatus, qos: 1, retain: true, when: "when a connection is up; when the light changed by more than a tenth and 1 lx, the knob by more than 1 %, or a level; other changes after a minute; command `refresh_sensors`",
		doc: "What the sensors say. What is not there, or does not work, is 0; `problems` says which.",
		keys: []key{
			{name: "light_level_lux", takes: "number, lx", doc: "light, to one decimal"},
			{name: "potentiometer_raw", takes: "integer, 0 to 4095", doc: "count of the converter"},
			{name: "potentiometer_voltage_mv", takes: "integer, 0 to 3300 mV", doc: "voltage at the knob"},
			{name: "potentiometer_percentage", takes: "number, 0 to 100", doc: "position of the knob, to one decimal"},
			{name: "current_pwm", takes: "integer, 5 to 255", doc: "level of a lit LED, in force"},
			{name: "current_grppwm", takes: "integer, 5 to 255", doc: "level of the whole face"},
		},
		sample: `{"light_level_lux":45.2,"potentiometer_raw":2890,"potentiometer_voltage_mv":2847,"potentiometer_percentage":86.3,"current_pwm":75,"current_grppwm":180}`,
		state:  &state{payload: sensorsPayload, news: sensorNews},
	},
	{
		path: chimesStatus, qos: 1, retain: true, doc: "Whether the quarters are struck.", when: onChange, needs: clock.CanChime,
		keys: []key{{name: "enabled", field: chimesOn}}, sample: `{"enabled":true}`,
		state: &state{payload: chimesPayload},
	},
	{
		path: chimesVolume, qos: 1, retain: true, doc: "How loud they are.", when: onChange, needs: clock.CanChime,
		keys: []key{{name: "volume", field: volume}}, sample: `{"volume":80}`,
		state: &state{payload: volumePayload},
	},
	{
		path: faceState, qos: 1, retain: true, doc: "What stands on the front.", when: onChange,
		keys: []key{
			{name: "text", takes: "text", doc: "the lit words; empty if there is none"},
			{name: "minute_leds", takes: "integer, 0 to 4", doc: "how many of the minute LEDs are lit"},
			{name: "unknown", takes: "boolean", doc: "nobody knows the time: the minute LEDs blink"},
			{name: "dark_rows", takes: "array of integers", doc: "rows whose LED driver does not answer, 0 at the top"},
			{name: "demo", takes: "boolean", doc: "it is that of `test_transitions_start`"},
		},
		sample: `{"text":"ES IST HALB DREI","minute_leds":0,"unknown":false,"dark_rows":[],"demo":false}`,
		state:  &state{payload: facePayload},
	},
	{
		path: "face/image", qos: 1, retain: true, doc: "The front as a picture, less than 8 KiB.", when: onChange, text: "SVG",
		state: &state{payload: imagePayload},
	},
	{
		path: otaProgress, qos: 0, retain: false, when: "when a connection is up, and at each step of an update: a change of its state or of its source, and each twentieth of the image; none is left out",
		doc:    "How far an update is: the one that is under way, or the last one since the start.",
		keys:   progressKeys,
		sample: `{"state":"downloading","progress":45,"bytes":589824,"source":"github","error":"","cause":"","progress_percent":45,"bytes_downloaded":589824,"total_bytes":1310720,"time_elapsed_ms":15340,"time_remaining_ms":18660,"version":"2.12.0"}`,
		state:  &state{payload: progressPayload, steps: true},
	},
	{
		path: otaVersion, qos: 1, retain: true, doc: "The firmware that runs, what is thought of it, and what there is elsewhere.", when: onChange,
		keys:   versionKeys,
		sample: `{"version":"2.11.3","build_date":"2025-11-15","build_time":"10:46:40","source":"github","health":"validated","boot_count":1,"first_boot":false,"rollback_reason":"","current_version":"2.11.3","current_binary_hash":"0a1b2c3d","current_build_date":"Nov 15 2025","current_idf_version":"v5.4.2","current_size_bytes":1310720,"available_version":"2.12.0","available_binary_hash":"4e5f6071","available_build_date":"2025-12-01T08:00:00Z","available_size_bytes":1318912,"update_available":true,"running_partition":"ota_0"}`,
		state:  &state{payload: versionPayload},
	},
	{
		path: sourceStatus, qos: 1, retain: true, doc: "The source of firmware that is asked first, and where each of them has it.", when: onChange,
		keys: []key{
			{name: "source", field: otaSource},
			{name: "github_url", takes: "URL", doc: "of the image at github"},
			{name: "cloudflare_url", takes: "URL", doc: "of the image at cloudflare"},
		},
		sample: `{"source":"github","github_url":"https://example.org/wordclock.bin","cloudflare_url":"https://example.net/wordclock.bin"}`,
		state:  &state{payload: sourcePayload},
	},
	{
		path: "update/state", qos: 1, retain: true, doc: "The firmware as Home Assistant's `update` entity takes it.", when: onChange + " of state, and at each tenth of an update",
		keys: []key{
			{name: "installed_version", takes: "text", doc: "what runs"},
			{name: "latest_version", takes: "text", doc: "what there is; the same if there is nothing newer, or nobody knows"},
			{name: "title", takes: "text", doc: "of the release"},
			{name: "release_summary", takes: "text, up to 255 characters", doc: "what is new in it; empty if there is nothing newer"},
			{name: "in_progress", takes: "boolean", doc: "an update is under way, or waits for the restart"},
			{name: "update_percentage", takes: "integer, 0 to 100, or null", doc: "how much of it is there, in tenths"},
		},
		sample: `{"installed_version":"2.11.3","latest_version":"2.12.0","title":"Word clock","release_summary":"","in_progress":true,"update_percentage":40}`,
		state:  &state{payload: updatePayload, urgent: true},
	},
	{
		path: "problems", qos: 1, retain: true, doc: "What is wrong, each true if it is.", when: onChange,
		keys: []key{
			{name: "leds", takes: "boolean", doc: "a row of LEDs does not answer, or the last read-back found what could not be mended"},
			{name: "rtc", takes: "boolean", doc: "the battery-backed clock cannot be believed"},
			{name: "time", takes: "boolean", doc: "nobody knows the time"},
			{name: "light_sensor", takes: "boolean", doc: "it does not answer"},
			{name: "knob", takes: "boolean", doc: "it cannot be read"},
			{name: "health", takes: "boolean", doc: "an examination found something"},
			{name: "update", takes: "boolean", doc: "the last update failed, or was given up"},
			{name: "update_sources", takes: "boolean", doc: "no source of firmware had a valid answer"},
			{name: "details", takes: "object of texts", doc: "what exactly, by the names of those that are true"},
		},
		sample: `{"leds":true,"rtc":false,"time":false,"light_sensor":false,"knob":false,"health":false,"update":false,"update_sources":false,"details":{"leds":"row 3 does not answer"}}`,
		state:  &state{payload: problemsPayload},
	},
	{
		path: healthPath, qos: 1, retain: true, doc: "What the last examination of the clock found.", when: onChange,
		keys: []key{
			{name: "healthy", takes: "boolean", doc: "no check failed, but for what was so before an update"},
			{name: "text", takes: "text", doc: "what is wrong, in one line"},
			{name: "at", takes: "time, UTC", doc: "when it was; left out before the first"},
			{name: "checks", takes: "array of objects", doc: "`name`, `state` (`ok`, `failed`, `known_bad`, `waiting`, `skipped`, `absent`), `text`, `took_ms` of each"},
			{name: "trial", takes: "object or null", doc: "`attempt`, `attempts`, `next`: how far new firmware is examined; null if none is on trial"},
		},
		sample: `{"healthy":true,"text":"","at":"2025-11-15T10:46:40Z","checks":[{"name":"mqtt","state":"ok","text":"","took_ms":12}],"trial":null}`,
		state:  &state{payload: healthPayload},
	},
	{
		path: "system", qos: 1, retain: true, doc: "Of interest to who looks after the clock.", when: onChange + "; the error of the time each minute",
		keys:   systemKeys,
		sample: `{"version":"2.11.3","board":"linux","boot":12,"started":"2025-11-15T10:46:40Z","time_quality":"synced","time_source_error_ms":1.2,"network":true,"broker":"broker.example:8883","losses":0,"journal_total":3,"last_error":"","last_update_error":"","last_update_cause":"","demo":false}`,
		state:  &state{payload: systemPayload, news: systemNews},
	},
	{
		path: logStats, qos: 1, retain: true, doc: "How much went wrong, counted across restarts.", when: onChange,
		keys:   statsKeys,
		sample: `{"total_entries_written":145,"current_entry_count":50,"buffer_capacity":50,"head_index":45,"total_errors":145,"errors_by_source":{"validation":120,"i2c":15,"wifi":8,"mqtt":2,"ntp":0,"system":0,"power":0,"sensor":0,"display":0},"errors_by_severity":{"info":0,"warning":100,"error":40,"critical":5},"last_errors":{"validation":"2025-10-14T17:38:08Z"}}`,
		state:  &state{payload: logStatsPayload},
	},
	{
		path: "validation/config", qos: 1, retain: true, doc: "How the LEDs are read back.", when: onChange, needs: clock.CanValidate,
		keys:   validationForm.keys,
		sample: `{"enabled":true,"interval_s":350}`,
		state:  &state{payload: validationConfig},
	},
	{
		path: "validation/status", qos: 1, retain: true, doc: "What the last read-back of the LEDs came to.", when: afterValidation, needs: clock.CanValidate,
		keys: []key{
			{name: "result", takes: "`passed` or `failed`", doc: "the verdict"},
			{name: "timestamp", takes: "time, UTC", doc: "when it was"},
			{name: "execution_time_ms", takes: "integer, ms", doc: "how long it took"},
		},
		sample: `{"result":"passed","timestamp":"2025-11-09T14:30:00Z","execution_time_ms":131}`,
		state:  &state{payload: validated(validationStatus)},
	},
	{
		path: "validation/last_result", qos: 1, retain: true, doc: "The same in detail.", when: afterValidation, needs: clock.CanValidate,
		keys:   resultKeys,
		sample: `{"software_valid":true,"hardware_valid":true,"hardware_faults":false,"grppwm_mismatch":false,"mismatches":0,"failure_type":"NONE","software_errors":0,"hardware_read_failures":0,"validation_type":"post_transition"}`,
		state:  &state{payload: validated(validationResult)},
	},
	{
		path: "validation/statistics", qos: 1, retain: true, doc: "What all of them in the last 24 hours came to.", when: afterValidation, needs: clock.CanValidate,
		keys:   statisticsKeys,
		sample: `{"total_validations":288,"validations_failed":0,"health_score":100,"consecutive_failures":0,"recovery_attempts":0,"recovery_successes":0,"hardware_fault_count":0,"i2c_bus_failure_count":0,"systematic_mismatch_count":0,"partial_mismatch_count":0,"grppwm_mismatch_count":0,"software_error_count":0}`,
		state:  &state{payload: validated(validationStatistics)},
	},
	{
		path: "validation/mismatches", qos: 1, retain: true, doc: "LEDs that were not as they should have been, in the last one.", when: afterValidation, needs: clock.CanValidate,
		keys: []key{
			{name: "count", takes: "integer", doc: "how many; 0 once all is well again"},
			{name: "leds", takes: "array of objects", doc: "row `r`, column `c`; level `exp` that was wanted, `sw` that was sent, `hw` that was read; `diff` of the last two"},
		},
		sample: `{"count":1,"leds":[{"r":3,"c":5,"exp":60,"sw":60,"hw":0,"diff":60}]}`,
		state:  &state{payload: validated(validationMismatches)},
	},
}

// rulers are what levels may come from.
func rulers() string {
	var names []string
	for r := clock.ByDefault; r <= clock.ByNight; r++ {
		names = append(names, "`"+r.String()+"`")
	}
	return strings.Join(names, ", ")
}

const afterValidation = "after a read-back, if it came to something else than the one before"
