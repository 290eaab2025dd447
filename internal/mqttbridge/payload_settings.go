package mqttbridge

import (
	"time"

	"wordclockd/internal/clock"
)

// Payloads are structs, so that keys keep their order.

// levels are those that are in force.
type levels struct {
	Individual clock.Level `json:"individual"`
	Global     clock.Level `json:"global"`
}

func levelsOf(l clock.Light) levels { return levels{l.Individual, l.Group} }

func brightnessPayload(v view) []byte {
	return compact(struct {
		levels
		IndividualManual bool   `json:"individual_manual"`
		GlobalManual     bool   `json:"global_manual"`
		IndividualBy     string `json:"individual_by"`
		GlobalBy         string `json:"global_by"`
	}{levelsOf(v.Light), v.Settings.Manual.Individual, v.Settings.Manual.Global, v.Light.WhyIndividual.By.String(), v.Light.WhyGroup.By.String()})
}

func nightPayload(v view) []byte {
	return compact(struct {
		Windows string `json:"windows"`
		Paused  bool   `json:"paused"`
		Active  bool   `json:"active"`
		Window  string `json:"window"`
	}{v.Settings.Night.Windows, v.Settings.Night.Paused, v.Light.Window != "", v.Light.Window})
}

type zone struct {
	Brightness    clock.Level `json:"brightness"`
	BrightnessMax clock.Level `json:"brightness_max"`
}

type zoneStates struct {
	VeryDark   zone `json:"very_dark"`
	Dim        zone `json:"dim"`
	Normal     zone `json:"normal"`
	Bright     zone `json:"bright"`
	VeryBright zone `json:"very_bright"`
}

type potentiometer struct {
	Min   clock.Level `json:"brightness_min"`
	Max   clock.Level `json:"brightness_max"`
	Curve string      `json:"curve_type"`
	Limit clock.Level `json:"safety_limit_max"`
}

func configPayload(v view) []byte {
	s := v.Settings
	z := func(i int) zone { return zone{s.Zones[i].Min, s.Zones[i].Max} }
	return compact(struct {
		Zones      zoneStates              `json:"light_sensor"`
		Thresholds [clock.Zones - 1]uint16 `json:"thresholds"`
		Knob       potentiometer           `json:"potentiometer"`
		Halb       any                     `json:"halb_centric_style"`
		Manual     any                     `json:"manual_minutes"`
	}{
		zoneStates{z(0), z(1), z(2), z(3), z(4)}, s.Thresholds,
		potentiometer{s.Knob.Min, s.Knob.Max, s.Knob.Curve.String(), s.SafetyLimit}, valueOf(s, halb), valueOf(s, manualMinutes),
	})
}

// valueOf returns the value of a setting by its name.
func valueOf(s clock.Settings, name string) any {
	f, err := clock.FieldOf(name)
	if err != nil {
		panic(err) // names are of our own tables, which tests go through
	}
	return f.Get(&s)
}

func transitionPayload(v view) []byte {
	t := v.Settings.Transition
	return compact(struct {
		Duration int64  `json:"duration_ms"`
		Enabled  bool   `json:"enabled"`
		In       string `json:"fadein_curve"`
		Out      string `json:"fadeout_curve"`
	}{int64(t.Duration / time.Millisecond), !t.Off, t.In.String(), t.Out.String()})
}

func lightPayload(v view) []byte {
	w := struct {
		State      string      `json:"state"`
		ColorMode  string      `json:"color_mode"`
		Brightness clock.Level `json:"brightness"`
		Effect     string      `json:"effect,omitempty"`
	}{"ON", "brightness", v.Light.Group, ""}
	if v.Light.Off {
		w.State = "OFF"
	}
	if v.Can(clock.CanFade) {
		w.Effect = "smooth"
		if v.Settings.Transition.Off {
			w.Effect = "instant"
		}
	}
	return compact(w)
}

func chimesPayload(v view) []byte {
	return compact(struct {
		Enabled bool `json:"enabled"`
	}{v.Settings.Chimes.On})
}

func volumePayload(v view) []byte {
	return compact(struct {
		Volume uint8 `json:"volume"`
	}{v.Settings.Chimes.Volume})
}

func sourcePayload(v view) []byte {
	return compact(struct {
		Source     string `json:"source"`
		GitHub     string `json:"github_url"`
		Cloudflare string `json:"cloudflare_url"`
	}{v.Settings.Source.String(), v.images[clock.GitHub], v.images[clock.Cloudflare]})
}
