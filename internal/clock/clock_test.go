package clock

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/face"
)

func TestDefaults(t *testing.T) {
	s := DefaultSettings()
	if s.Style != face.Default || s.Individual != 60 || s.Global != 180 || s.SafetyLimit != 80 || s.Source != GitHub || s.Off {
		t.Errorf("%+v", s)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

// changed returns the default settings with a change.
func changed(f func(*Settings)) Settings {
	s := DefaultSettings()
	f(&s)
	return s
}

// values are some that a field takes beside the defaults of the others.
func values(f Field) (all []any) {
	s := changed(func(s *Settings) { s.Individual = MinLevel })
	switch {
	case f.Kind == Bool:
		return []any{true, false}
	case f.Kind == Choice:
		for _, o := range f.Options {
			all = append(all, o)
		}
		return all
	case f.Kind == Text:
		return []any{"", "daily 22:30-06:00 off", "mon-fri,sun 00:00-24:00 dim 20; sat 23:59-00:00 off"}
	}
	for i, zone := range ZoneNames { // the bright end would come along
		if f.Key == "light_sensor."+zone+".brightness" {
			return []any{f.Min, int(s.Zones[i].Max)}
		}
	}
	return []any{f.Min, f.limit(&s)}
}

// TestFields: each field shows what it was set to, by value and by text, and
// changes no other but the mark that says so.
func TestFields(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields {
		if f.Doc == "" || seen[f.Key] || len(values(f)) < 2 {
			t.Errorf("%s: is there twice, or has no doc or no values", f.Key)
		}
		seen[f.Key] = true
		for _, v := range values(f) {
			s := changed(func(s *Settings) { s.Individual = MinLevel })
			before := s
			if err := f.Set(&s, v); err != nil || f.Get(&s) != v {
				t.Errorf("%s = %v: is %v, %v", f.Key, v, f.Get(&s), err)
			}
			text, _ := json.Marshal(v)
			if parsed, err := f.Parse(strings.Trim(string(text), `"`)); err != nil || parsed != v {
				t.Errorf("%s: text %s is %v, %v", f.Key, text, parsed, err)
			}
			for _, other := range Fields {
				if other.Key != f.Key && other.Key != f.Key+"_manual" && other.Get(&s) != other.Get(&before) {
					t.Errorf("%s = %v changed %s too", f.Key, v, other.Key)
				}
			}
		}
	}
}

// TestEveryPartIsAField: whoever shows or stores the fields leaves nothing out.
func TestEveryPartIsAField(t *testing.T) {
	var s Settings
	for _, f := range Fields {
		f.set(&s, f.Get(new(DefaultSettings())))
	}
	if s != DefaultSettings() {
		t.Errorf("%+v, want %+v", s, DefaultSettings())
	}
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []Edit
		want  string // error
		is    Settings
	}{
		{"nothing", nil, "", DefaultSettings()},
		{"all", []Edit{
			{"brightness.individual", 200.0}, {"potentiometer.safety_limit_max", json.Number("200")}, {"brightness.global", 5},
			{"halb_centric_style", true}, {"ota.source", "CloudFlare"},
		}, "", changed(func(s *Settings) {
			s.Style, s.Individual, s.Global, s.SafetyLimit, s.Source = face.HalbCentric, 200, 5, 200, Cloudflare
			s.Manual = Manual{Individual: true, Global: true}
		})},
		{"by hand, to what it is", []Edit{{"brightness.individual", 60}}, "", changed(func(s *Settings) { s.Manual.Individual = true })},
		{"by hand, and given back", []Edit{{"brightness.global_manual", false}, {"brightness.global", 90}, {"brightness.manual_minutes", 90}}, "",
			changed(func(s *Settings) { s.Global, s.Manual.For = 90, 90*time.Minute })},
		{"night", []Edit{{"night.windows", " 22:00-6:00 OFF;sat,SUN  23:00-24:00 dim 020"}, {"night.paused", true}}, "",
			changed(func(s *Settings) { s.Night = Night{"daily 22:00-06:00 off; sat-sun 23:00-24:00 dim 20", true} })},
		{"a night that is none", []Edit{{"night.windows", "22:00-06:00 off; 25:00-06:00 off"}}, `night.windows: window 2 "25:00-06:00 off": "25:00": want HH:MM`, Settings{}},
		{"a night in no text", []Edit{{"night.windows", 22}}, "night.windows: 22: want a text", Settings{}},
		{"no printable text", []Edit{{"night.windows", "22:00-06:00\u00a0off"}}, `night.windows: "22:00-06:00\u00a0off": want printable ASCII, 1000 bytes at most`, Settings{}},
		{"too long a text", []Edit{{"night.windows", strings.Repeat(" ", 1001)}}, `night.windows: "` + strings.Repeat(" ", 40) + `": want printable ASCII`, Settings{}},
		{"too long when written out", []Edit{{"night.windows", strings.Repeat("1:00-2:00 off;", 49) + "1:00-2:00 off"}},
			`night.windows: "1:00-2:00 off;1:00-2:00 off;1:00-2:00 of": is 1148 bytes when written out, want 1000 at most`, Settings{}},
		{"self-check", []Edit{{"validation.enabled", false}, {"validation.interval_s", 60}}, "", changed(func(s *Settings) { s.SelfCheck = SelfCheck{true, time.Minute} })},
		{"a limit brings down what it limits", []Edit{{"potentiometer.safety_limit_max", 40}}, "",
			changed(func(s *Settings) { s.Individual, s.SafetyLimit = 40, 40 })}, // and marks nothing
		{"off", []Edit{{"display.on", false}}, "", changed(func(s *Settings) { s.Off = true })},
		{"the dark end of a zone takes the bright one along", []Edit{{"light_sensor.dim.brightness", 70}}, "",
			changed(func(s *Settings) { s.Zones[1] = Zone{70, 70} })},
		{"both ends, the bright one first", []Edit{{"light_sensor.dim.brightness_max", 90}, {"light_sensor.dim.brightness", 70}}, "",
			changed(func(s *Settings) { s.Zones[1] = Zone{70, 90} })},
		{"a fade", []Edit{{"transition.duration_ms", 1500}, {"transition.enabled", false}, {"transition.fadein_curve", "Bounce"}, {"transition.fadeout_curve", "linear"}}, "",
			changed(func(s *Settings) { s.Transition = Transition{true, 1500 * time.Millisecond, Bounce, Linear} })},
		{"too quick a fade", []Edit{{"transition.duration_ms", 199}}, "transition.duration_ms: 199: want 200 to 5000", Settings{}},
		{"no such curve", []Edit{{"transition.fadein_curve", "ease"}},
			`transition.fadein_curve: "ease": want linear or ease_in or ease_out or ease_in_out or bounce`, Settings{}},
		{"too dim", []Edit{{"brightness.individual", 4}}, "brightness.individual: 4: want 5 to 80, the safety limit", Settings{}},
		{"above the limit", []Edit{{"brightness.individual", 81}}, "brightness.individual: 81: want 5 to 80, the safety limit", Settings{}},
		{"above the limit of the same change", []Edit{{"potentiometer.safety_limit_max", 20}, {"brightness.individual", 30}},
			"brightness.individual: 30: want 5 to 20, the safety limit", Settings{}},
		{"nothing at all", []Edit{{"brightness.global", 0}}, "brightness.global: 0: want 5 to 255", Settings{}},
		{"a fraction", []Edit{{"brightness.global", 7.5}}, "brightness.global: 7.5: want 5 to 255", Settings{}},
		{"huge", []Edit{{"brightness.global", 1e300}}, "brightness.global: 1e+300: want 5 to 255", Settings{}},
		{"another way to say a hundred", []Edit{{"brightness.global", json.Number("1.0e2")}}, "", changed(func(s *Settings) { s.Global, s.Manual.Global = 100, true })},
		{"a number that is none", []Edit{{"brightness.global", json.Number("1e999")}}, "brightness.global: 1e999: want 5 to 255", Settings{}},
		{"text for a number", []Edit{{"brightness.global", "80"}}, `brightness.global: "80": want 5 to 255`, Settings{}},
		{"number for a switch", []Edit{{"halb_centric_style", 1}}, "halb_centric_style: 1: want true or false", Settings{}},
		{"null", []Edit{{"halb_centric_style", nil}}, "halb_centric_style: null: want true or false", Settings{}},
		{"no such source", []Edit{{"ota.source", "gitlab"}}, `ota.source: "gitlab": want github or cloudflare`, Settings{}},
		{"no such field", []Edit{{"brightness.globl", 5}}, "brightness.globl: no such setting, there are display.on, halb_centric_style, ", Settings{}},
		{"twice", []Edit{{"brightness.global", 5}, {"brightness.global", 6}}, "brightness.global: is named twice", Settings{}},
		{"one bad of two", []Edit{{"halb_centric_style", true}, {"brightness.global", 0}}, "brightness.global: 0: want 5 to 255", Settings{}},
	} {
		s := DefaultSettings()
		err := Apply(&s, c.edits)
		if c.want == "" {
			if err != nil || s != c.is {
				t.Errorf("%s: %+v, %v, want %+v", c.name, s, err, c.is)
			}
			continue
		}
		if _, ok := errors.AsType[*InvalidError](err); !ok || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
		if s != DefaultSettings() {
			t.Errorf("%s: half applied: %+v", c.name, s)
		}
	}
}

// TestAtOdds: fields that are right by themselves have to fit each other.
func TestAtOdds(t *testing.T) {
	for want, f := range map[string]func(*Settings){
		"light_sensor.dim.brightness_max: 29: want at least light_sensor.dim.brightness, which is 30":                             func(s *Settings) { s.Zones[1].Max = 29 },
		"threshold_1: 10: want more than threshold_0, which is 10":                                                                func(s *Settings) { s.Thresholds[1] = 10 },
		"threshold_3: 100: want more than threshold_2, which is 200":                                                              func(s *Settings) { s.Thresholds[3] = 100 },
		"potentiometer.brightness_max: 9: want more than potentiometer.brightness_min, which is 9":                                func(s *Settings) { s.Knob.Min, s.Knob.Max = 9, 9 },
		"brightness.individual: 60: want 5 to 20, the safety limit":                                                               func(s *Settings) { s.SafetyLimit = 20 },
		`night.windows: window 1 "off": want [DAYS] HH:MM-HH:MM off, or the same with dim LEVEL, such as mon-fri 22:30-06:00 off`: func(s *Settings) { s.Night.Windows = "off" },
		"validation.interval_s: 0: want 10 to 3600":                                                                               func(s *Settings) { s.SelfCheck.Every = 0 },
		"transition.duration_ms: 0: want 200 to 5000":                                                                             func(s *Settings) { s.Transition.Duration = 0 },
		`potentiometer.curve_type: "KnobCurve(7)": want linear or logarithmic or exponential`:                                     func(s *Settings) { s.Knob.Curve = 7 },
		`transition.fadeout_curve: "Curve(5)": want linear or ease_in or ease_out or ease_in_out or bounce`:                       func(s *Settings) { s.Transition.Out = 5 },
	} {
		err := changed(f).Validate()
		if _, ok := errors.AsType[*InvalidError](err); !ok || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if err := changed(func(s *Settings) { s.Zones[4], s.Chimes.QuietStart = Zone{255, 255}, s.Chimes.QuietEnd }).Validate(); err != nil {
		t.Error(err)
	}
}

// TestCurves are parsed as they are written.
func TestCurves(t *testing.T) {
	for _, name := range curves {
		if c, ok := ParseCurve(name); !ok || c.String() != name {
			t.Errorf("%s: %s", name, c)
		}
	}
	for _, name := range knobCurves {
		if c, ok := ParseKnobCurve(name); !ok || c.String() != name {
			t.Errorf("%s: %s", name, c)
		}
	}
	if _, ok := ParseCurve("logarithmic"); ok {
		t.Error("a fade goes like the knob")
	}
	if _, ok := ParseKnobCurve("bounce"); ok {
		t.Error("the knob goes like a fade")
	}
}

func TestCan(t *testing.T) {
	s := Status{Has: []Capability{HasRTC, CanFade}}
	if !s.Can(NoNeed) || !s.Can(HasRTC) || !s.Can(CanFade) || s.Can(HasLight) || s.Can(CanChime) {
		t.Errorf("%+v", s.Has)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"halb_centric_style=yes": `halb_centric_style: "yes": want true or false`,
		"brightness.global=":     `brightness.global: "": want 5 to 255`,
		"brightness.global=1e1":  `brightness.global: "1e1": want 5 to 255`,
	} {
		key, value, _ := strings.Cut(text, "=")
		f, err := FieldOf(key)
		if err == nil {
			_, err = f.Parse(value)
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

func TestCommands(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Commands {
		for _, name := range slices.Concat([]string{c.Name}, c.Aliases) {
			if got, err := (Command{Name: name}).Resolve(); err != nil || got.Name != c.Name || seen[name] || c.Doc == "" {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			seen[name] = true
		}
	}
	for _, c := range []struct {
		name, arg, value, want string
	}{
		{"juggle", "", "", "juggle: no such command, there are restart, "},
		{"restart", "when", "now", `restart: has no argument "when"`},
		{"check_ota_update", "source", "gitlab", `ota_check_update: source "gitlab": want github or cloudflare`},
		{"ota_check_update", "only", "yes", `ota_check_update: only "yes": want true or false`},
		{"ota_check_update", "source", "GitHub", ""},
		{"error_log_clear", "what", "stats", ""},
	} {
		cmd := Command{Name: c.name}
		if c.arg != "" {
			cmd.Args = map[string]string{c.arg: c.value}
		}
		_, err := cmd.Resolve()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s %s=%s: error %v, want %q", c.name, c.arg, c.value, err, c.want)
		}
	}
	args := map[string]string{"what": "STATS"}
	if c, err := (Command{"error_log_clear", args}).Resolve(); err != nil || c.Args["what"] != "stats" || args["what"] != "STATS" {
		t.Errorf("%v, %v, of %v", c, err, args)
	}
	if err := error(&UnavailableError{"a", "x"}); !errors.Is(err, &UnavailableError{Code: "a"}) || errors.Is(err, &UnavailableError{Code: "b"}) {
		t.Error("codes are not what counts")
	}
}

func TestSources(t *testing.T) {
	for _, s := range Sources {
		if got, err := ParseSource(strings.ToUpper(s.String())); got != s || err != nil || s.Other().Other() != s || s.Other() == s {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	if _, err := ParseSource("gitlab"); err == nil || err.Error() != `source "gitlab": want github or cloudflare` {
		t.Errorf("error %v", err)
	}
}

func TestTimeAt(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	host := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	chip := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		t    Time
		host time.Time
		want string
	}{
		{"zero", Time{}, host, ""},
		{"synced, UTC", FromHost(host, nil), host, "00:59:59"},
		{"before spring", FromHost(host, vienna), host, "01:59:59"},
		{"spring forward", FromHost(host, vienna), host.Add(time.Second), "03:00:00"},
		{"rtc", Time{Quality: RTC, Zone: vienna, Host: host, True: chip}, host.Add(5 * time.Second), "02:30:05"},
		{"rtc, an hour on, back in autumn", Time{Quality: RTC, Zone: vienna, Host: host, True: chip}, host.Add(time.Hour), "02:30:00"},
	} {
		at, ok := c.t.At(c.host)
		got := ""
		if ok {
			got = at.Format(time.TimeOnly)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNames are those on the wire.
func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Unknown.String(): "unknown", RTC.String(): "rtc", Holdover.String(): "holdover", Synced.String(): "synced", Quality(9).String(): "Quality(9)",
		GitHub.String(): "github", Cloudflare.String(): "cloudflare", Source(9).String(): "Source(9)",
		Bool.String(): "boolean", Integer.String(): "integer", Choice.String(): "choice", Text.String(): "text", Kind(9).String(): "Kind(9)",
		OriginUnknown.String(): "UNKNOWN", OriginValidation.String(): "LED_VALIDATION", OriginBus.String(): "I2C_BUS", OriginWiFi.String(): "WIFI",
		OriginMQTT.String(): "MQTT", OriginNTP.String(): "NTP", OriginSystem.String(): "SYSTEM", OriginPower.String(): "POWER",
		OriginSensor.String(): "SENSOR", OriginDisplay.String(): "DISPLAY", OriginTransition.String(): "TRANSITION",
		OriginBrightness.String(): "BRIGHTNESS", Origin(99).String(): "Origin(99)",
		SeverityInfo.String(): "INFO", SeverityWarning.String(): "WARNING", SeverityError.String(): "ERROR", SeverityCritical.String(): "CRITICAL",
		Severity(9).String(): "Severity(9)",
		LinkOff.String():     "off", LinkDown.String(): "connecting", LinkUp.String(): "connected", LinkState(9).String(): "LinkState(9)",
		Curve(9).String():  "Curve(9)",
		ByDefault.String(): "setting", ByHand.String(): "manual", ByKnob.String(): "knob", ByLight.String(): "light_sensor", ByNight.String(): "night", Ruler(9).String(): "Ruler(9)", KnobCurve(9).String(): "KnobCurve(9)",
		FailureNone.String(): "NONE", HardwareFault.String(): "HARDWARE_FAULT", BusFailure.String(): "I2C_BUS_FAILURE",
		SystematicMismatch.String(): "SYSTEMATIC_MISMATCH", PartialMismatch.String(): "PARTIAL_MISMATCH",
		GroupMismatch.String(): "GRPPWM_MISMATCH", SoftwareError.String(): "SOFTWARE_ERROR", FailureType(9).String(): "FailureType(9)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
