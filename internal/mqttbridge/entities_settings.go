package mqttbridge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"wordclockd/internal/clock"
)

// Paths of topics that several entities share.
const (
	transitionTopic = "transition"
	brightnessTopic = "brightness"
	configTopic     = "brightness/config"
	nightTopic      = "night"
	validationTopic = "validation"
)

// A setting is an entity that shows and changes a field of the clock's settings. What it
// may be comes from the field.
type setting struct {
	id, suffix, name, key string
	topic                 string // status and set are below it
	read, write           string // where the value is in what is published, and in what is sent; write "" is as read
	icon                  string

	state    string // topic of what is published; "" is status
	opposite bool   // the entity is on where the field is false
	needs    []clock.Capability
}

// settings are the entities of fields.
func settings() []entity {
	list := []setting{
		{id: "halb_centric_style", name: "HALB-centric phrasing", key: "halb_centric_style", topic: configTopic, read: "halb_centric_style", icon: "mdi:clock-time-three"},
		{id: "transitions", name: "Smooth transitions", key: "transition.enabled", topic: transitionTopic, read: "enabled", icon: "mdi:transition"},
		{id: "transition_duration", name: "Transition duration", key: "transition.duration_ms", topic: transitionTopic, read: "duration_ms", icon: "mdi:timer-outline"},
		{id: "fadein_curve", suffix: "fadein", name: "Fade-in curve", key: "transition.fadein_curve", topic: transitionTopic, read: "fadein_curve", icon: "mdi:chart-bell-curve"},
		{id: "fadeout_curve", suffix: "fadeout", name: "Fade-out curve", key: "transition.fadeout_curve", topic: transitionTopic, read: "fadeout_curve", icon: "mdi:chart-bell-curve-cumulative"},
		{id: "auto_brightness", name: "Automatic brightness", key: "brightness.global_manual", topic: brightnessTopic, read: "global_manual", icon: "mdi:brightness-auto", opposite: true},
		{id: "auto_individual", name: "Automatic LED level", key: "brightness.individual_manual", topic: brightnessTopic, read: "individual_manual", icon: "mdi:knob", opposite: true},
		{id: "manual_minutes", name: "Manual levels hold for", key: "brightness.manual_minutes", topic: configTopic, read: "manual_minutes", icon: "mdi:timer-sand", needs: []clock.Capability{clock.CanAdapt, clock.CanTurn}},
		{id: "night_windows", name: "Night windows", key: "night.windows", topic: nightTopic, read: "windows", icon: "mdi:weather-night"},
		{id: "night_paused", name: "Pause night window", key: "night.paused", topic: nightTopic, read: "paused", icon: "mdi:sleep-off"},
		{id: "validation_enabled", name: "Validate LEDs", key: "validation.enabled", topic: validationTopic, state: "config", read: "enabled", icon: "mdi:check-circle"},
		{id: "validation_interval", name: "LED validation interval", key: "validation.interval_s", topic: validationTopic, state: "config", read: "interval_s", icon: "mdi:timer-outline"},
		{id: "individual_brightness", name: "LED level", key: "brightness.individual", topic: brightnessTopic, read: "individual", icon: "mdi:led-on"},
		{id: "safety_pwm_limit", name: "LED safety limit", key: "potentiometer.safety_limit_max", topic: configTopic, read: "potentiometer.safety_limit_max", icon: "mdi:security"},
		{id: "pot_min_brightness", name: "Knob, lowest level", key: "potentiometer.brightness_min", topic: configTopic, read: "potentiometer.brightness_min", icon: "mdi:knob"},
		{id: "pot_max_brightness", name: "Knob, highest level", key: "potentiometer.brightness_max", topic: configTopic, read: "potentiometer.brightness_max", icon: "mdi:knob"},
		{id: "pot_curve", name: "Knob curve", key: "potentiometer.curve_type", topic: configTopic, read: "potentiometer.curve_type", icon: "mdi:chart-bell-curve"},
		{id: "ota_source", name: "OTA Firmware Source", key: "ota.source", topic: "ota/source", read: "source", icon: "mdi:cloud-download"},
	}
	var all []entity
	for _, s := range slices.Concat(list, zones()) {
		all = append(all, s.entity())
	}
	return append(all, chimes()...)
}

// zones are the settings of the zones of light.
func zones() (list []setting) {
	for _, zone := range clock.ZoneNames {
		at, room := "light_sensor."+zone+".brightness", strings.ReplaceAll(zone, "_", " ")
		list = append(list,
			setting{id: "brightness_" + zone, name: "Brightness, " + room + " room", key: at, topic: configTopic, read: at, icon: "mdi:brightness-6"},
			setting{id: "brightness_" + zone + "_max", name: "Brightness, " + room + " room, bright end", key: at + "_max", topic: configTopic, read: at + "_max", icon: "mdi:brightness-7"})
	}
	for i := range clock.Zones - 1 {
		key := fmt.Sprintf("threshold_%d", i)
		name := fmt.Sprintf("Light threshold, %s to %s", strings.ReplaceAll(clock.ZoneNames[i], "_", " "), strings.ReplaceAll(clock.ZoneNames[i+1], "_", " "))
		list = append(list, setting{id: "lux_" + key, name: name, key: key, topic: configTopic, read: fmt.Sprintf("thresholds[%d]", i), write: key})
	}
	return list
}

// chimes are settings with topics and commands of their own.
func chimes() []entity {
	on := setting{id: "chimes_enabled", name: "Westminster chimes", key: "chimes.enabled", topic: "chimes", read: "enabled", icon: "mdi:bell-ring"}.entity()
	on.config.CommandTopic, on.config.PayloadOn, on.config.PayloadOff = "command", "chimes_enable", "chimes_disable"
	volume := setting{id: "chime_volume", name: "Chime volume", key: "chimes.volume", read: "volume", icon: "mdi:volume-high"}.entity()
	volume.config.StateTopic = "chimes/volume"
	volume.config.CommandTopic, volume.config.CommandTemplate = "command", "chimes_volume_{{ value | int }}"
	return []entity{on, volume}
}

// longestText is what Home Assistant has room for in a state.
const longestText = 255

// shownText returns a template of a text. Of one that is too long it shows no part, which
// would be all that is left of it once somebody edits that.
func shownText(expression string) string {
	return fmt.Sprintf("{{ %s if %[1]s | length <= %d else '(longer than can be shown here)' }}", expression, longestText)
}

// entity returns the switch, number, text or select that the kind of the field makes it.
func (s setting) entity() entity {
	f, err := clock.FieldOf(s.key)
	if err != nil {
		panic(err) // a bug of ours: the table above has the keys of fields
	}
	if s.write == "" {
		s.write = s.read
	}
	c := component{
		Name: &s.name, Icon: s.icon, Category: "config",
		StateTopic: s.topic + "/" + cmp.Or(s.state, "status"), ValueTemplate: "{{ value_json." + s.read + " }}", CommandTopic: s.topic + "/set",
	}
	switch f.Kind {
	case clock.Bool:
		c.Platform = "switch"
		c.ValueTemplate, c.StateOn, c.StateOff = onOff("value_json."+s.read), "ON", "OFF"
		c.PayloadOn, c.PayloadOff = nested(s.write, "true"), nested(s.write, "false")
		if s.opposite {
			c.ValueTemplate = onOff("not value_json." + s.read)
			c.PayloadOn, c.PayloadOff = c.PayloadOff, c.PayloadOn
		}
	case clock.Integer:
		c.Platform, c.CommandTemplate = "number", nested(s.write, "{{ value | int }}")
		c.Min, c.Max = &f.Min, &f.Max
		if f.Step != 1 {
			c.Step = f.Step
		}
		c.dimension(f.Unit)
	case clock.Text:
		c.Platform, c.Max = "text", new(longestText)
		c.ValueTemplate = shownText("value_json." + s.read)
		c.CommandTemplate = nested(s.write, "{{ value | tojson }}")
	default:
		c.Platform, c.Options = "select", f.Options
		c.CommandTemplate = nested(s.write, `"{{ value }}"`)
	}
	e := entity{id: s.id, suffix: s.suffix, config: c, needs: s.needs}
	if f.Needs != clock.NoNeed {
		e.needs = []clock.Capability{f.Needs}
	}
	return e
}

// dimension says what a number of that unit is. A level is a bare number.
func (c *component) dimension(unit string) {
	switch unit {
	case "ms", "s", "min":
		c.Unit, c.DeviceClass = unit, "duration"
	case "lx":
		c.Unit, c.DeviceClass = unit, "illuminance"
	case "%":
		c.Unit = unit
	}
}

// nested returns JSON that holds a value at a path of keys. Braces that close stand
// apart, lest a template that renders it take two of them for its own.
func nested(path, value string) string {
	keys := strings.Split(path, ".")
	return `{"` + strings.Join(keys, `":{"`) + `":` + value + strings.Repeat(" }", len(keys))
}

// onOff returns a template that says ON if an expression is true, else OFF.
func onOff(expression string) string { return "{{ 'ON' if " + expression + " else 'OFF' }}" }
