package mqttbridge

import "wordclockd/internal/clock"

// eventTypes are what the topic events tells of.
var eventTypes = []string{"ota_update_available", "ota_complete", "ota_validated", "ota_rolled_back", "ota_failed", "surge"}

var firmwareSensors = []entity{
	diagnostic("ota_status", "Firmware update state", "ota/progress", "{{ value_json.state }}", component{
		DeviceClass: "enum", Options: []string{"idle", "checking", "downloading", "verifying", "flashing", "complete", "failed"}, Icon: "mdi:update",
	}),
	diagnostic("ota_progress", "Firmware update progress", "ota/progress", "{{ value_json.progress_percent }}", component{
		Unit: "%", StateClass: "measurement", Icon: "mdi:progress-download",
	}).dormant(),
	diagnostic("last_update_error", "Last update error", "system", "{{ (value_json.last_update_error or 'None')[:255] }}", component{
		AttributesTopic: "system", AttributesTemplate: "{{ {'cause': value_json.last_update_cause} | tojson }}", Icon: "mdi:alert-outline",
	}),
	diagnostic("firmware_health", "Firmware trial", "ota/version", "{{ value_json.health }}", component{
		DeviceClass: "enum", Options: imageStates(), AttributesTopic: "ota/version", Icon: "mdi:test-tube",
	}),
	diagnostic("boot_count", "Starts since confirmed", "ota/version", "{{ value_json.boot_count }}", component{StateClass: "measurement", Icon: "mdi:counter"}),
	diagnostic("running_partition", "Running slot", "ota/version", "{{ value_json.running_partition }}", component{Icon: "mdi:sd"}).dormant(),
	diagnostic("firmware_build_date", "Firmware build date", "ota/version", "{{ value_json.current_build_date or 'None' }}", component{Icon: "mdi:calendar-clock"}).dormant(),
	{id: "firmware_events", config: component{
		Platform: "event", Name: new("Firmware events"), StateTopic: "events", EventTypes: eventTypes, Icon: "mdi:update", Category: "diagnostic",
	}},
}

// imageStates are all states of the running image.
func imageStates() []string {
	return []string{string(clock.Validated), string(clock.OnTrial), string(clock.RollbackPending), string(clock.IsRolledBack)}
}

// problems are binary sensors of what can be wrong; on is a problem. Their templates ask
// for keys in brackets: after a point, update would be a method of Python's.
func problems() (list []entity) {
	for _, p := range []struct {
		key, name string
		needs     []clock.Capability
	}{
		{"leds", "LEDs", nil},
		{"rtc", "RTC", []clock.Capability{clock.HasRTC}},
		{"time", "Time", nil},
		{"light_sensor", "Light sensor", []clock.Capability{clock.HasLight}},
		{"knob", "Knob", []clock.Capability{clock.HasKnob}},
		{"health", "Health", nil},
		{"update", "Firmware update", nil},
		{"update_sources", "Update sources unreachable", nil},
	} {
		list = append(list, entity{id: "problem_" + p.key, needs: p.needs, config: component{
			Platform: "binary_sensor", Name: &p.name, DeviceClass: "problem", Category: "diagnostic",
			StateTopic: "problems", ValueTemplate: onOff("value_json['" + p.key + "']"), AttributesTopic: "problems",
		}})
	}
	return list
}
