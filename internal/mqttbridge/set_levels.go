package mqttbridge

import (
	"context"
	"slices"

	"wordclockd/internal/clock"
)

// published is of keys that are taken as they are published, so that a state can be sent
// back.
const published = "changes nothing: it is in what is published"

var brightnessForm = form{
	keys: []key{
		{name: "individual", field: individual, doc: "level of a lit LED; above the safety limit it is limited to that, and a note says so"},
		{name: "global", field: global, doc: "level of the whole face, by which that of each LED is multiplied; a window of the night that is `dim` stands above it, and a note says so"},
		{name: "individual_manual", field: individualManual, doc: "`false` gives the level of a lit LED back to the knob; `true` alone holds that of the moment"},
		{name: "global_manual", field: globalManual, doc: "`false` gives the level of the whole face back to the light sensor; `true` alone holds that of the moment"},
		{name: "individual_by", takes: "any", doc: published},
		{name: "global_by", takes: "any", doc: published},
	},
	words: []word{
		{fields: []string{individual}, done: "individual_brightness_updated", failed: "individual_brightness_update_failed", invalid: "invalid_individual_brightness"},
		{fields: []string{global}, done: "global_brightness_updated", failed: "global_brightness_update_failed", invalid: "invalid_global_brightness"},
	},
	cut:  true,
	echo: []string{"brightness/status"},
}

// setLevels sets levels by hand, or gives them back.
func setLevels(d *desk, ctx context.Context, r *request) done {
	list, err := edits(r.object, brightnessForm.keys)
	status, _ := d.service.Watch()
	return d.set(ctx, r, brightnessForm, held(list, status.Light), err)
}

// held adds to a mark that is set alone the level of the moment, lest it jump to what was
// set by hand long ago. What a night makes of it is no level to keep.
func held(list []clock.Edit, l clock.Light) []clock.Edit {
	has := func(key string, value any) bool {
		return slices.ContainsFunc(list, func(e clock.Edit) bool { return e.Key == key && (value == nil || e.Value == value) })
	}
	all := slices.Clone(list)
	if has(individualManual, true) && !has(individual, nil) && l.WhyIndividual.By != clock.ByNight {
		all = append(all, clock.Edit{Key: individual, Value: int(l.Individual)})
	}
	if has(globalManual, true) && !has(global, nil) && l.WhyGroup.By != clock.ByNight {
		all = append(all, clock.Edit{Key: global, Value: int(l.Group)})
	}
	return all
}

var nightForm = form{
	keys: []key{
		{name: "windows", field: nightWindows},
		{name: "paused", field: nightPaused},
		{name: "active", takes: "any", doc: published},
		{name: "window", takes: "any", doc: published},
	},
	echo: []string{nightStatus},
}

var validationForm = form{
	keys: []key{{name: "enabled", field: validates}, {name: "interval_s", field: validateEvery}},
	echo: []string{"validation/config"},
}
