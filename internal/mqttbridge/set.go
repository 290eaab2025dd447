package mqttbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"wordclockd/internal/clock"
)

// Fields of clock.Fields that more is said of here.
const (
	displayOn   = "display.on"
	global      = "brightness.global"
	individual  = "brightness.individual"
	safetyLimit = "potentiometer.safety_limit_max"
	halb        = "halb_centric_style"
	fades       = "transition.enabled"
	fadeTime    = "transition.duration_ms"
	fadeIn      = "transition.fadein_curve"
	fadeOut     = "transition.fadeout_curve"
	chimesOn    = "chimes.enabled"
	volume      = "chimes.volume"
	quietStart  = "chimes.quiet_start"
	quietEnd    = "chimes.quiet_end"
	otaSource   = "ota.source"

	individualManual = "brightness.individual_manual"
	globalManual     = "brightness.global_manual"
	manualMinutes    = "brightness.manual_minutes"
	nightWindows     = "night.windows"
	nightPaused      = "night.paused"
	validates        = "validation.enabled"
	validateEvery    = "validation.interval_s"
)

var transitionForm = form{
	keys: []key{
		{name: "duration_ms", field: fadeTime}, {name: "enabled", field: fades},
		{name: "fadein_curve", field: fadeIn}, {name: "fadeout_curve", field: fadeOut},
		{name: "duration", field: fadeTime, doc: "the same as `duration_ms`"},
	},
	words: []word{
		{fields: []string{fadeTime}, done: "transition_duration_updated", failed: "transition_duration_update_failed", invalid: "invalid_transition_duration"},
		{fields: []string{fades}, done: "transitions_enabled", off: "transitions_disabled"},
		{fields: []string{fadeIn, fadeOut}, done: "transition_curves_updated", failed: "transition_curves_update_failed", invalid: "transition_curves_update_failed"},
	},
	echo: []string{"transition/status"},
}

// thresholds is the key of all borders between the zones of light.
const thresholds = "thresholds"

// zoneKeys are the keys of what depends on light and knob, as it is published.
func zoneKeys() (keys []key) {
	for _, zone := range clock.ZoneNames {
		for _, end := range []string{".brightness", ".brightness_max"} {
			keys = append(keys, key{name: "light_sensor." + zone + end, field: "light_sensor." + zone + end})
		}
	}
	keys = append(keys, key{name: thresholds, takes: "array of 4 integers, as `threshold_0` to `threshold_3`", doc: "where a zone ends and the next one begins, in lx, ascending"})
	for _, k := range []string{"brightness_min", "brightness_max", "curve_type", "safety_limit_max"} {
		keys = append(keys, key{name: "potentiometer." + k, field: "potentiometer." + k})
	}
	return append(keys, key{name: halb, field: halb}, key{name: "manual_minutes", field: manualMinutes})
}

var configForm = form{keys: append(zoneKeys(), thresholdKeys()...), echo: []string{configStatus}}

func thresholdKeys() (keys []key) {
	for i := range clock.Zones - 1 {
		name := fmt.Sprintf("threshold_%d", i)
		keys = append(keys, key{name: name, field: name})
	}
	return keys
}

// cutDown brings the level of an LED, of that name, down to the safety limit.
func cutDown(list []clock.Edit, limit clock.Level, name string) (cut []clock.Edit, notes []string) {
	cut = slices.Clone(list)
	for i, e := range cut {
		n, ok := wholeNumber(e.Value)
		if ok && e.Key == individual && n > int(limit) && n <= 255 {
			cut[i].Value = int(limit)
			notes = append(notes, fmt.Sprintf("%s: %d is above the safety limit, and was limited to %d", name, n, limit))
		}
	}
	return cut, notes
}

// wholeNumber returns a JSON number that is whole.
func wholeNumber(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	x, err := n.Float64()
	return int(x), err == nil && x >= -1<<31 && x < 1<<31 && x == float64(int(x))
}

// setConfig sets what depends on light and knob.
func setConfig(d *desk, ctx context.Context, r *request) done {
	list, err := edits(r.object, configForm.keys)
	if err == nil {
		list, err = withThresholds(list, r.object)
	}
	return d.set(ctx, r, configForm, list, err)
}

// withThresholds adds the edits that the array of all thresholds is short for.
func withThresholds(list []clock.Edit, o object) ([]clock.Edit, error) {
	v, ok := o[thresholds]
	if !ok {
		return list, nil
	}
	all, ok := v.([]any)
	if !ok || len(all) != clock.Zones-1 {
		return nil, &clock.InvalidError{Key: thresholds, Text: fmt.Sprintf("want an array of %d integers", clock.Zones-1)}
	}
	for i, lx := range all {
		list = append(list, clock.Edit{Key: fmt.Sprintf("threshold_%d", i), Value: lx})
	}
	return list, nil
}

// resetConfig sets what configForm has to what it is by default, and lets go of the
// levels.
func resetConfig(d *desk, ctx context.Context, r *request) done {
	defaults := clock.DefaultSettings()
	list := []clock.Edit{{Key: individualManual, Value: false}, {Key: globalManual, Value: false}}
	for _, k := range configForm.keys {
		if f, err := clock.FieldOf(k.field); err == nil {
			list = append(list, clock.Edit{Key: k.field, Value: f.Get(&defaults)})
		}
	}
	return d.set(ctx, r, configForm, list, nil)
}

// setSource sets the source of firmware.
func setSource(d *desk, ctx context.Context, r *request) done {
	return d.set(ctx, r, sourceForm, []clock.Edit{{Key: otaSource, Value: r.object["source"]}}, sourceErr(r.object))
}

var sourceForm = form{keys: []key{{name: "source", field: otaSource}}, echo: []string{sourceStatus}}

func sourceErr(o object) error {
	if _, ok := o["source"]; !ok && len(o) == 0 {
		return &clock.InvalidError{Key: "source", Text: "is missing: want " + strings.Join(sourceNames(), " or ")}
	}
	_, err := edits(o, sourceForm.keys)
	return err
}

func sourceNames() (names []string) {
	for _, s := range clock.Sources {
		names = append(names, s.String())
	}
	return names
}

// justEcho has the state published.
func justEcho(*desk, context.Context, *request) done { return done{echo: configForm.echo} }
