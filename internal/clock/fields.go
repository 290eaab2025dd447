package clock

import (
	"fmt"
	"time"
)

var manualFields = []Field{
	{
		Key: "brightness.individual_manual", Doc: "brightness.individual was set by hand, and holds until the knob moves; false gives it back to the knob", Kind: Bool, Needs: CanTurn,
		Get: func(s *Settings) any { return s.Manual.Individual },
		set: func(s *Settings, v any) { s.Manual.Individual = v.(bool) },
	},
	{
		Key: "brightness.global_manual", Doc: "brightness.global was set by hand, and holds until the light moves; false gives it back to the light sensor", Kind: Bool, Needs: CanAdapt,
		Get: func(s *Settings) any { return s.Manual.Global },
		set: func(s *Settings, v any) { s.Manual.Global = v.(bool) },
	},
	{
		Key: "brightness.manual_minutes", Doc: "the longest that a level set by hand holds; 0 is until knob or light move", Unit: "min", Kind: Integer, Min: 0, Max: 10080, Step: 1,
		Get: func(s *Settings) any { return int(s.Manual.For / time.Minute) },
		set: func(s *Settings, v any) { s.Manual.For = time.Duration(v.(int)) * time.Minute },
	},
}

var nightFields = []Field{
	{
		Key: "night.windows", Doc: "when the face is dim or dark: " + windowForm + "; further ones after a semicolon", Kind: Text, Max: 1000,
		Get: func(s *Settings) any { return s.Night.Windows },
		set: func(s *Settings, v any) { s.Night.Windows = v.(string) },
		canonical: func(text string) (string, error) {
			windows, err := ParseWindows(text)
			return FormatWindows(windows), err
		},
	},
	{
		Key: "night.paused", Doc: "the windows of the night do not count, until there is none", Kind: Bool,
		Get: func(s *Settings) any { return s.Night.Paused },
		set: func(s *Settings, v any) { s.Night.Paused = v.(bool) },
	},
}

var checkFields = []Field{
	{
		Key: "validation.enabled", Doc: "read the LED drivers back after each change of the face, and now and then", Kind: Bool, Needs: CanValidate,
		Get: func(s *Settings) any { return !s.SelfCheck.Off },
		set: func(s *Settings, v any) { s.SelfCheck.Off = !v.(bool) },
	},
	{
		Key: "validation.interval_s", Doc: "how long after the last time, if nothing changes", Unit: "s", Kind: Integer, Min: 10, Max: 3600, Step: 10, Needs: CanValidate,
		Get: func(s *Settings) any { return int(s.SelfCheck.Every / time.Second) },
		set: func(s *Settings, v any) { s.SelfCheck.Every = time.Duration(v.(int)) * time.Second },
	},
}

var transitionFields = []Field{
	{
		Key: "transition.enabled", Doc: "let one face fade into the next; else it changes at once", Kind: Bool, Needs: CanFade,
		Get: func(s *Settings) any { return !s.Transition.Off },
		set: func(s *Settings, v any) { s.Transition.Off = !v.(bool) },
	},
	{
		Key: "transition.duration_ms", Doc: "how long that takes", Unit: "ms", Kind: Integer, Min: 200, Max: 5000, Step: 100, Needs: CanFade,
		Get: func(s *Settings) any { return int(s.Transition.Duration / time.Millisecond) },
		set: func(s *Settings, v any) { s.Transition.Duration = time.Duration(v.(int)) * time.Millisecond },
	},
	{
		Key: "transition.fadein_curve", Doc: "how LEDs come", Kind: Choice, Options: curves[:], Needs: CanFade,
		Get: func(s *Settings) any { return s.Transition.In.String() },
		set: func(s *Settings, v any) { s.Transition.In, _ = ParseCurve(v.(string)) },
	},
	{
		Key: "transition.fadeout_curve", Doc: "how LEDs go", Kind: Choice, Options: curves[:], Needs: CanFade,
		Get: func(s *Settings) any { return s.Transition.Out.String() },
		set: func(s *Settings, v any) { s.Transition.Out, _ = ParseCurve(v.(string)) },
	},
}

// zoneFields are the levels of each zone of light. The lower one takes the upper one
// along: who sets one number, as the old clock had it, gets at least that.
func zoneFields() (fields []Field) {
	for i, zone := range ZoneNames {
		fields = append(fields, Field{
			Key: "light_sensor." + zone + ".brightness", Doc: "level of the whole face at the dark end of this zone of light; the one at its bright end is not below it",
			Unit: "1/255", Kind: Integer, Min: 1, Max: 255, Step: 1, Needs: CanAdapt,
			Get: func(s *Settings) any { return int(s.Zones[i].Min) },
			set: func(s *Settings, v any) {
				s.Zones[i].Min = Level(v.(int))
				s.Zones[i].Max = max(s.Zones[i].Max, s.Zones[i].Min)
			},
		}, Field{
			Key: "light_sensor." + zone + ".brightness_max", Doc: "level of the whole face at the bright end of this zone",
			Unit: "1/255", Kind: Integer, Min: 1, Max: 255, Step: 1, Needs: CanAdapt,
			Get: func(s *Settings) any { return int(s.Zones[i].Max) },
			set: func(s *Settings, v any) { s.Zones[i].Max = Level(v.(int)) },
		})
	}
	return fields
}

// thresholdFields are the borders between the zones of light. Each leaves room for the
// others.
func thresholdFields() (fields []Field) {
	const most = 10000
	for i := range Zones - 1 {
		fields = append(fields, Field{
			Key: fmt.Sprintf("threshold_%d", i), Doc: fmt.Sprintf("where the zone %s ends and %s begins; more than the threshold before it", ZoneNames[i], ZoneNames[i+1]),
			Unit: "lx", Kind: Integer, Min: 1 + i, Max: most - (Zones - 2 - i), Step: 1, Needs: CanAdapt,
			Get: func(s *Settings) any { return int(s.Thresholds[i]) },
			set: func(s *Settings, v any) { s.Thresholds[i] = uint16(v.(int)) },
		})
	}
	return fields
}

var knobFields = []Field{
	{
		Key: "potentiometer.brightness_min", Doc: "level of a lit LED with the knob all the way down", Unit: "1/255", Kind: Integer, Min: 1, Max: 254, Step: 1, Needs: CanTurn,
		Get: func(s *Settings) any { return int(s.Knob.Min) },
		set: func(s *Settings, v any) { s.Knob.Min = Level(v.(int)) },
	},
	{
		Key: "potentiometer.brightness_max", Doc: "level of a lit LED with the knob all the way up, up to the safety limit", Unit: "1/255", Kind: Integer, Min: 2, Max: 255, Step: 1, Needs: CanTurn,
		Get: func(s *Settings) any { return int(s.Knob.Max) },
		set: func(s *Settings, v any) { s.Knob.Max = Level(v.(int)) },
	},
	{
		Key: "potentiometer.curve_type", Doc: "how the level follows the knob", Kind: Choice, Options: knobCurves[:], Needs: CanTurn,
		Get: func(s *Settings) any { return s.Knob.Curve.String() },
		set: func(s *Settings, v any) { s.Knob.Curve, _ = ParseKnobCurve(v.(string)) },
	},
}

var chimeFields = []Field{
	{
		Key: "chimes.enabled", Doc: "strike the quarters", Kind: Bool, Needs: CanChime,
		Get: func(s *Settings) any { return s.Chimes.On },
		set: func(s *Settings, v any) { s.Chimes.On = v.(bool) },
	},
	{
		Key: "chimes.volume", Doc: "how loud", Unit: "%", Kind: Integer, Min: 0, Max: 100, Step: 5, Needs: CanChime,
		Get: func(s *Settings) any { return int(s.Chimes.Volume) },
		set: func(s *Settings, v any) { s.Chimes.Volume = uint8(v.(int)) },
	},
	{
		Key: "chimes.quiet_start", Doc: "the first hour without them", Unit: "h", Kind: Integer, Min: 0, Max: 23, Step: 1, Needs: CanChime,
		Get: func(s *Settings) any { return int(s.Chimes.QuietStart) },
		set: func(s *Settings, v any) { s.Chimes.QuietStart = uint8(v.(int)) },
	},
	{
		Key: "chimes.quiet_end", Doc: "the first hour with them; that of chimes.quiet_start is no quiet hour at all", Unit: "h", Kind: Integer, Min: 0, Max: 23, Step: 1, Needs: CanChime,
		Get: func(s *Settings) any { return int(s.Chimes.QuietEnd) },
		set: func(s *Settings, v any) { s.Chimes.QuietEnd = uint8(v.(int)) },
	},
}
