package firmware

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/nvs"
)

// with does something with the store in a file.
func with(t *testing.T, path string, f func(*nvs.Tx) error) {
	t.Helper()
	store, err := nvs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Update(f); err != nil {
		t.Fatal(err)
	}
}

// TestEveryFieldIsStored: whatever a field is set to is what is loaded from the file,
// and back at its default, unmarked, it is as if nobody had ever chosen.
func TestEveryFieldIsStored(t *testing.T) {
	for _, f := range clock.Fields {
		path, tried, last := filepath.Join(t.TempDir(), "nvs.db"), 0, clock.DefaultSettings()
		values := append(valuesOf(f), f.Get(new(clock.DefaultSettings())))
		for i, v := range values {
			want := clock.DefaultSettings()
			if err := f.Set(&want, v); err != nil || want.Validate() != nil {
				continue // at odds with another field's default
			}
			if i == len(values)-1 {
				want.Manual = clock.Manual{}
			}
			if want != clock.DefaultSettings() {
				tried++
			}
			with(t, path, func(tx *nvs.Tx) error {
				if got, err := loadSettings(tx); got != last || err != nil {
					t.Errorf("%s, before %v: loaded %+v, %v, want %+v", f.Key, v, got, err, last)
				}
				return storeSettings(tx, want)
			})
			last = want
		}
		if tried == 0 || last != clock.DefaultSettings() {
			t.Errorf("%s: nothing was tried", f.Key)
		}
		with(t, path, func(tx *nvs.Tx) error {
			if got, err := loadSettings(tx); got != last || err != nil {
				t.Errorf("%s: loaded %+v, %v, want the default", f.Key, got, err)
			}
			return nil
		})
	}
}

// valuesOf are some that a field takes, or might if others had other values.
func valuesOf(f clock.Field) (values []any) {
	switch f.Kind {
	case clock.Bool:
		return []any{true, false}
	case clock.Choice:
		for _, o := range f.Options {
			values = append(values, o)
		}
		return values
	case clock.Text:
		return []any{"daily 22:00-06:00 off", "sun 22:00-06:00 dim 5; mon-sat 23:00-24:00 dim 255"}
	}
	return []any{f.Min, f.Get(new(clock.DefaultSettings())).(int) + 1, f.Max - 1, f.Max}
}

// TestUnchosenIsNotStored: what nobody chose follows the default of a newer program.
func TestUnchosenIsNotStored(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*clock.Settings)
		want   string
	}{
		"nothing":       {func(*clock.Settings) {}, ""},
		"off":           {func(s *clock.Settings) { s.Off = true }, "brightness/off=1"},
		"a fade":        {func(s *clock.Settings) { s.Transition.Duration = time.Second }, "transition/duration_ms=1000"},
		"a curve":       {func(s *clock.Settings) { s.Transition.In = clock.Linear }, "transition/fadein=0"},
		"the chimes":    {func(s *clock.Settings) { s.Chimes.On = true }, "chime_config/enabled=1"},
		"by hand":       {func(s *clock.Settings) { s.Manual.Global, s.Manual.For = true, time.Hour }, "brightness/manual=2 brightness/manual_min=60"},
		"night":         {func(s *clock.Settings) { s.Night = clock.Night{Windows: "sun 22:00-06:00 off", Paused: true} }, "night/paused=1 night/windows=sun 22:00-06:00 off"},
		"self-check":    {func(s *clock.Settings) { s.SelfCheck.Every = time.Minute }, "led_valid/config=0001000000033c000100"},
		"the knob":      {func(s *clock.Settings) { s.Knob.Curve = clock.KnobLogarithmic }, "brightness/potentiometer=05ff00000100000050000000"},
		"the threshold": {func(s *clock.Settings) { s.Thresholds[3] = 1500 }, "brightness/light_sensor=0000803f00002041051e000000002041000048421e3c000000004842000048433c780000000048430080bb4478c800000080bb4400401c46c8ff0000"},
	} {
		path, s := filepath.Join(t.TempDir(), "nvs.db"), clock.DefaultSettings()
		c.change(&s)
		with(t, path, func(tx *nvs.Tx) error { return storeSettings(tx, s) })
		var got []string
		with(t, path, func(tx *nvs.Tx) error {
			for e := range tx.All() {
				if e.Key != "version" {
					got = append(got, e.Namespace+"/"+e.Key+"="+e.Value.String())
				}
				if err := e.Fits(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return nil
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: stored is %q, want %q", name, got, c.want)
		}
	}
}

// TestZonesOfTheFirmware: a blob as the old clock left it is read, and what is not for
// settings to say stays in it.
func TestZonesOfTheFirmware(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	old := nvs.LightSensor.Default
	edited := func(f func(*[clock.Zones]nvs.Zone)) [clock.Zones]nvs.Zone {
		z := old
		f(&z)
		return z
	}
	for name, c := range map[string]struct {
		stored  [clock.Zones]nvs.Zone
		loaded  func(*clock.Settings)
		wrong   string                // of what is said
		changed func(*clock.Settings) // then
		want    [clock.Zones]nvs.Zone // stored
	}{
		"flat zones, from 0 to 10000": {
			edited(func(z *[clock.Zones]nvs.Zone) { z[0].LuxMin, z[4].LuxMax, z[1].Min, z[1].Max = 0, 10000, 40, 40 }),
			func(s *clock.Settings) { s.Zones[1] = clock.Zone{Min: 40, Max: 40} }, "",
			func(s *clock.Settings) { s.Thresholds[0] = 12 },
			edited(func(z *[clock.Zones]nvs.Zone) {
				z[0].LuxMin, z[4].LuxMax, z[1].Min, z[1].Max = 0, 10000, 40, 40
				z[0].LuxMax, z[1].LuxMin = 12, 12
			}),
		},
		"a fraction": {
			edited(func(z *[clock.Zones]nvs.Zone) { z[0].LuxMax, z[1].LuxMin = 12.4, 12.4 }),
			func(s *clock.Settings) { s.Thresholds[0] = 12 }, "",
			func(s *clock.Settings) { s.Zones[4].Max = 254 },
			edited(func(z *[clock.Zones]nvs.Zone) { z[0].LuxMax, z[1].LuxMin, z[4].Max = 12.4, 12.4, 254 }),
		},
		"not a number": {
			edited(func(z *[clock.Zones]nvs.Zone) {
				z[0].LuxMin, z[0].LuxMax, z[2].LuxMin, z[4].LuxMax = nan, nan, nan, nan
			}),
			nil, "threshold_0: 0: want 1 to 9997",
			func(s *clock.Settings) { s.Zones[4].Max = 254 },
			edited(func(z *[clock.Zones]nvs.Zone) { z[0].LuxMin, z[4].Max, z[4].LuxMax = 0, 254, 10000 }),
		},
		"endless": {
			edited(func(z *[clock.Zones]nvs.Zone) { z[3].LuxMax = inf }),
			nil, "threshold_3: 0: want 4 to 10000",
			func(s *clock.Settings) { s.Zones[4].Max = 254 },
			edited(func(z *[clock.Zones]nvs.Zone) { z[4].Max = 254 }),
		},
		"out of order": {
			edited(func(z *[clock.Zones]nvs.Zone) { z[1].LuxMax = 7 }),
			nil, "threshold_1: 7: want more than threshold_0, which is 10",
			func(s *clock.Settings) { s.Thresholds = [...]uint16{1, 2, 3, 10000} },
			edited(func(z *[clock.Zones]nvs.Zone) {
				z[0].LuxMin, z[0].LuxMax, z[1].LuxMin, z[1].LuxMax, z[2].LuxMin, z[2].LuxMax = 0, 1, 1, 2, 2, 3
				z[3].LuxMin, z[3].LuxMax, z[4].LuxMin, z[4].LuxMax = 3, 10000, 10000, 10001
			}),
		},
		"brighter in the dark": {
			edited(func(z *[clock.Zones]nvs.Zone) { z[1].Min, z[1].Max, z[3].Min = 70, 20, 130 }),
			nil, "light_sensor.dim.brightness_max: 20: want at least light_sensor.dim.brightness, which is 70",
			func(s *clock.Settings) { s.Zones[3].Min = 199 },
			edited(func(z *[clock.Zones]nvs.Zone) { z[3].Min = 199 }),
		},
	} {
		path, want := filepath.Join(t.TempDir(), "nvs.db"), clock.DefaultSettings()
		if c.loaded != nil {
			c.loaded(&want)
		}
		with(t, path, func(tx *nvs.Tx) error { return nvs.LightSensor.Put(tx, c.stored) })
		with(t, path, func(tx *nvs.Tx) error {
			s, err := loadSettings(tx)
			if s != want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: loaded %+v, %v, want %+v, %q", name, s, err, want, c.wrong)
			}
			if err := s.Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.changed(&s)
			return storeSettings(tx, s)
		})
		with(t, path, func(tx *nvs.Tx) error {
			got, err := nvs.LightSensor.Get(tx)
			if !slices.Equal(got[:], c.want[:]) || err != nil {
				t.Errorf("%s: stored is %+v, %v, want %+v", name, got, err, c.want)
			}
			return nil
		})
	}
}

// TestForeignKnob: of a blob that makes no sense the default is left, and the limit
// beside it holds.
func TestForeignKnob(t *testing.T) {
	for name, c := range map[string]struct {
		stored nvs.Potentiometer
		want   clock.Knob
		wrong  string
	}{
		"all the way back": {nvs.Potentiometer{Min: 90, Max: 30, Curve: 1, Safety: 100}, clock.DefaultSettings().Knob, "potentiometer.brightness_max: 30: want more than"},
		"a curve of later": {nvs.Potentiometer{Min: 9, Max: 30, Curve: 258, Safety: 100}, clock.Knob{Min: 9, Max: 30}, `potentiometer.curve_type: "KnobCurve(255)"`},
		"sound":            {nvs.Potentiometer{Min: 9, Max: 30, Curve: 2, Safety: 100}, clock.Knob{Min: 9, Max: 30, Curve: clock.KnobExponential}, ""},
	} {
		with(t, filepath.Join(t.TempDir(), "nvs.db"), func(tx *nvs.Tx) error {
			if err := nvs.Knob.Put(tx, c.stored); err != nil {
				return err
			}
			s, err := loadSettings(tx)
			if s.Knob != c.want || s.SafetyLimit != 100 || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %+v, %d, %v", name, s.Knob, s.SafetyLimit, err)
			}
			return nil
		})
	}
}

// TestForeignNight: windows that make no sense are none, and say so; as their author
// wrote them is good enough.
func TestForeignNight(t *testing.T) {
	for stored, c := range map[string]struct{ want, wrong string }{
		"":                                 {"", ""},
		"22:00-6:00 OFF":                   {"daily 22:00-06:00 off", ""},
		"22:00-06:00 off; 25:00-06:00 off": {"", `night.windows: window 2 "25:00-06:00 off": "25:00": want HH:MM`},
		"22:00-06:00\toff":                 {"", "night.windows: "},
		strings.Repeat(" ", 1001):          {"", "night.windows: "},
	} {
		with(t, filepath.Join(t.TempDir(), "nvs.db"), func(tx *nvs.Tx) error {
			if err := errors.Join(nvs.Windows.Put(tx, stored), nvs.Paused.Put(tx, 1)); err != nil {
				return err
			}
			s, err := loadSettings(tx)
			if want := (clock.Night{Windows: c.want, Paused: true}); s.Night != want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %+v, %v, want %+v, %s", stored, s.Night, err, want, c.wrong)
			}
			return nil
		})
	}
}
