package mqttbridge

import "wordclockd/internal/clock"

var sensors = []entity{
	sensor("face", "Time in words", "face/state", "{{ value_json.text or 'None' }}", component{Icon: "mdi:clock-text-outline"}),
	diagnostic("wifi_status", "Network", "wifi", "", component{DeviceClass: "enum", Options: []string{"connected", "disconnected"}, Icon: "mdi:wifi"}).as("wifi"),
	diagnostic("ntp_status", "Time synchronisation", "ntp", "", component{DeviceClass: "enum", Options: []string{"synced", "not_synced"}, Icon: "mdi:clock-check"}).as("ntp"),
	diagnostic("ntp_last_sync", "Last time synchronisation", "ntp/last_sync", "", component{DeviceClass: "timestamp"}),
	diagnostic("time_quality", "Time quality", "system", "{{ value_json.time_quality }}", component{DeviceClass: "enum", Options: qualities(), Icon: "mdi:clock-check-outline"}),
	diagnostic("started", "Started", "system", "{{ value_json.started or 'None' }}", component{DeviceClass: "timestamp"}),
	diagnostic("last_error", "Last error", "system", "{{ (value_json.last_error or 'None')[:255] }}", component{Icon: "mdi:alert-circle-outline"}),
	diagnostic("error_total", "Logged errors", "error_log/stats", "{{ value_json.total_errors }}", component{
		StateClass: "total_increasing", AttributesTopic: "error_log/stats", Icon: "mdi:alert-octagon",
	}),

	sensor("led_brightness", "LED brightness", "sensors/status", percent("current_pwm"), component{Unit: "%", StateClass: "measurement", Icon: "mdi:brightness-6"}),
	sensor("display_brightness", "Display brightness", "sensors/status", percent("current_grppwm"), component{Unit: "%", StateClass: "measurement", Icon: "mdi:brightness-7"}),
	diagnostic("current_pwm", "LED PWM", "sensors/status", "{{ value_json.current_pwm }}", component{StateClass: "measurement", Icon: "mdi:brightness-4"}).dormant(),
	diagnostic("current_grppwm", "Group PWM", "sensors/status", "{{ value_json.current_grppwm }}", component{StateClass: "measurement", Icon: "mdi:brightness-1"}).dormant(),
	sensor("current_lux", "Illuminance", "sensors/status", "{{ value_json.light_level_lux }}", component{
		DeviceClass: "illuminance", Unit: "lx", StateClass: "measurement", Precision: new(1),
	}, clock.HasLight).without("light_sensor"),
	diagnostic("pot_reading", "Brightness knob", "sensors/status", "{{ value_json.potentiometer_percentage }}", component{
		Unit: "%", StateClass: "measurement", Precision: new(1), Icon: "mdi:knob",
	}, clock.HasKnob).without("knob"),
	diagnostic("pot_voltage", "Brightness knob voltage", "sensors/status", "{{ (value_json.potentiometer_voltage_mv / 1000) | round(3) }}", component{
		DeviceClass: "voltage", Unit: "V", StateClass: "measurement", Precision: new(1),
	}, clock.HasKnob).without("knob").dormant(),

	validation("validation_status", "LED validation", "status", "result", component{
		DeviceClass: "enum", Options: []string{"passed", "failed"}, AttributesTopic: "validation/last_result", Icon: "mdi:check-circle",
	}),
	validation("validation_last_time", "Last LED validation", "status", "timestamp or 'None'", component{DeviceClass: "timestamp"}),
	validation("validation_exec_time", "LED validation time", "status", "execution_time_ms", component{DeviceClass: "duration", Unit: "ms", StateClass: "measurement"}).dormant(),
	validation("validation_health", "LED health score", "statistics", "health_score", component{Unit: "%", StateClass: "measurement", Icon: "mdi:heart-pulse"}),
	validation("validation_total", "LED validations", "statistics", "total_validations", component{StateClass: "measurement", Icon: "mdi:counter"}),
	validation("validation_failed", "Failed LED validations", "statistics", "validations_failed", component{StateClass: "measurement", Icon: "mdi:alert-circle"}),
	validation("hardware_faults", "LED hardware faults", "statistics", "hardware_fault_count", component{StateClass: "measurement", Icon: "mdi:chip"}),
	validation("i2c_failures", "I2C bus failures", "statistics", "i2c_bus_failure_count", component{StateClass: "measurement", Icon: "mdi:swap-horizontal"}),
	validation("consecutive_failures", "Consecutive LED failures", "statistics", "consecutive_failures", component{StateClass: "measurement", Icon: "mdi:alert-circle-outline"}),
}

// sensor returns one that shows what a template makes of a topic; "" is all of it.
func sensor(id, name, topic, template string, c component, needs ...clock.Capability) entity {
	c.Platform, c.Name, c.StateTopic, c.ValueTemplate = "sensor", &name, topic, template
	return entity{id: id, needs: needs, config: c}
}

// diagnostic returns a sensor that Home Assistant shows with the device only.
func diagnostic(id, name, topic, template string, c component, needs ...clock.Capability) entity {
	c.Category = "diagnostic"
	return sensor(id, name, topic, template, c, needs...)
}

// validation returns a sensor of one key of a topic of validation/.
func validation(id, name, topic, key string, c component) entity {
	return diagnostic(id, name, "validation/"+topic, "{{ value_json."+key+" }}", c, clock.CanValidate)
}

// as gives the entity the unique_id that it had in the old clock.
func (e entity) as(suffix string) entity {
	e.suffix = suffix
	return e
}

// without makes the entity one that is unavailable while there is a problem, by its key
// in problems: what is published then is no reading.
func (e entity) without(problem string) entity {
	e.unless = problem
	return e
}

// dormant makes the entity one that has to be enabled in Home Assistant first.
func (e entity) dormant() entity {
	e.config.Enabled = new(false)
	return e
}

// percent returns a template that shows a level in percent.
func percent(key string) string {
	return "{{ (value_json." + key + " / 255 * 100) | round(0) | int }}"
}

// qualities are the names of all qualities of time.
func qualities() (names []string) {
	for q := clock.Unknown; q <= clock.Synced; q++ {
		names = append(names, q.String())
	}
	return names
}
