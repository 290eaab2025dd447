package mqttbridge

import "wordclockd/internal/clock"

// The light is the display: its brightness is the level of the whole face.
func light(v view) entity {
	no := false
	e := entity{id: "display", config: component{
		Platform: "light", Schema: "json", StateTopic: "light/state", CommandTopic: "light/set", Icon: "mdi:clock-digital",
		ColorModes: []string{"brightness"}, Flash: &no, Transition: &no,
	}}
	if v.Can(clock.CanFade) {
		e.config.Effect, e.config.EffectList = true, []string{"smooth", "instant"}
	}
	return e
}

var picture = entity{id: "face_image", config: component{
	Platform: "image", Name: new("Face"), ImageTopic: "face/image", ContentType: "image/svg+xml", Icon: "mdi:clock-digital",
}}

// Without payload_install Home Assistant shows a button that does nothing.
var firmware = entity{id: "firmware", suffix: "firmware_update", config: component{
	Platform: "update", Name: new("Firmware"), StateTopic: "update/state", CommandTopic: "command", PayloadInstall: clock.StartOTA,
	DeviceClass: "firmware", Title: "Word clock firmware",
}}

var buttons = []entity{
	button("restart", "Restart", clock.Restart, component{DeviceClass: "restart"}),
	button("test_transitions", "Test transitions", clock.StartDemo, component{Icon: "mdi:animation-play"}),
	button("test_transitions_stop", "Stop testing transitions", clock.StopDemo, component{Icon: "mdi:stop"}),
	button("refresh_sensors", "Refresh sensors", clock.RefreshSensors, component{Icon: "mdi:refresh", Category: "diagnostic"}, clock.HasLight, clock.HasKnob),
	button("tlc_hw_reset", "Reset LED drivers", clock.ResetLEDs, component{Icon: "mdi:restart-alert"}, clock.HasReset),
	button("reset_brightness", "Reset brightness settings", "reset", component{CommandTopic: "brightness/config/reset", Icon: "mdi:restore"}),
	button("ota_check", "Check for firmware update", clock.CheckOTA, component{Icon: "mdi:cloud-search"}),
	button("ota_cancel", "Cancel firmware update", clock.CancelOTA, component{Icon: "mdi:cancel"}),
	{id: "set_time", needs: []clock.Capability{clock.HasRTC}, config: component{
		Platform: "text", Name: new("Set clock time"), CommandTopic: "command", CommandTemplate: clock.SetTime + " {{ value }}",
		Min: new(5), Max: new(16), Pattern: "^([0-9]{4}-[0-9]{2}-[0-9]{2} )?([01][0-9]|2[0-3]):[0-5][0-9]$", Icon: "mdi:clock-edit", Category: "config",
	}},
}

// button returns one that sends a text, to the topic of commands unless c has another.
func button(id, name, press string, c component, needs ...clock.Capability) entity {
	c.Platform, c.Name, c.PayloadPress = "button", &name, press
	if c.CommandTopic == "" {
		c.CommandTopic = "command"
	}
	if c.Category == "" {
		c.Category = "config"
	}
	return entity{id: id, needs: needs, config: c}
}
