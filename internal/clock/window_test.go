package clock

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	daily    = "sun mon tue wed thu fri sat"
	weekdays = "mon tue wed thu fri"
)

// TestWindow: what a text means, and how it is written.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		text, canonical, days string
		want                  Window
	}{
		{"22:30-06:00 off", "daily 22:30-06:00 off", daily, Window{From: 1350, To: 360, Off: true}},
		{"daily 8:05-12:00 dim 5", "daily 08:05-12:00 dim 5", daily, Window{From: 485, To: 720, Most: 5}},
		{"  MON-FRI\t22:00-00:00  Dim 255 ", "mon-fri 22:00-00:00 dim 255", weekdays, Window{From: 1320, To: 0, Most: 255}},
		{"fri,mon,wed,tue,thu 00:00-24:00 off", "mon-fri 00:00-24:00 off", weekdays, Window{To: 1440, Off: true}},
		{"sat-mon 1:00-2:00 off", "mon,sat-sun 01:00-02:00 off", "sun mon sat", Window{From: 60, To: 120, Off: true}},
		{"mon,wed,sun,mon 1:00-2:00 off", "mon,wed,sun 01:00-02:00 off", "sun mon wed", Window{From: 60, To: 120, Off: true}},
		{"thu-thu 1:00-2:00 off", "thu 01:00-02:00 off", "thu", Window{From: 60, To: 120, Off: true}},
		{"tue-mon 1:00-2:00 off", "daily 01:00-02:00 off", daily, Window{From: 60, To: 120, Off: true}},
	} {
		for _, day := range []time.Weekday{0, 1, 2, 3, 4, 5, 6} {
			c.want.Days[day] = strings.Contains(c.days, dayNames[day])
		}
		got, err := ParseWindows(c.text)
		if err != nil || len(got) != 1 || got[0] != c.want || got[0].String() != c.canonical {
			t.Errorf("%q: %+v, %v, want %+v, %s", c.text, got, err, c.want, c.canonical)
		}
	}
	for _, none := range []string{"", " \t"} {
		if got, err := ParseWindows(none); got != nil || err != nil {
			t.Errorf("%q: %+v, %v", none, got, err)
		}
	}
}

// TestWindowRefused: the error says which window is wrong, and what is wanted.
func TestWindowRefused(t *testing.T) {
	for text, want := range map[string]string{
		"off":                              `window 1 "off": want ` + windowForm,
		"mon-fri":                          `window 1 "mon-fri": want ` + windowForm,
		"22:00-06:00":                      `window 1 "22:00-06:00": want ` + windowForm,
		"22:00-06:00 dark":                 `window 1 "22:00-06:00 dark": want ` + windowForm,
		"22:00-06:00 off off":              `window 1 "22:00-06:00 off off": want ` + windowForm,
		"22:00 off":                        `window 1 "22:00 off": want ` + windowForm,
		"22:00-06:00 off;":                 `window 2 "": want ` + windowForm,
		"22:00-06:00 off; 7-8 off":         `window 2 "7-8 off": "7": want HH:MM`,
		"22:00-24:01 off":                  `window 1 "22:00-24:01 off": "24:01": want HH:MM`,
		"22:00-06:60 off":                  `window 1 "22:00-06:60 off": "06:60": want HH:MM`,
		"22:00-22:00 off":                  `window 1 "22:00-22:00 off": 22:00-22:00: begins when it ends; a whole day is 00:00-24:00`,
		"24:00-06:00 off":                  `window 1 "24:00-06:00 off": 24:00-06:00: begins at the end of the day; that is 00:00 of the next one`,
		"22:00-06:00 dim 4":                `window 1 "22:00-06:00 dim 4": dim 4: want 5 to 255`,
		"22:00-06:00 dim 256":              `window 1 "22:00-06:00 dim 256": dim 256: want 5 to 255`,
		"mo-fr 22:00-06:00 off":            `window 1 "mo-fr 22:00-06:00 off": "mo-fr": want days such as mon-fri,sun, or daily`,
		"mon-fri-sat 22:00-06:00 off":      `window 1 "mon-fri-sat 22:00-06:00 off": "mon-fri-sat": want days`,
		"mon,,tue 22:00-06:00 off":         `window 1 "mon,,tue 22:00-06:00 off": "": want days`,
		strings.Repeat("0:00-1:00 o;", 65): "66 windows, want 64 at most",
	} {
		if got, err := ParseWindows(text); got != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %s", text, got, err, want)
		}
	}
}

// FuzzParseWindows: what is taken is written in one way, which means the same.
func FuzzParseWindows(f *testing.F) {
	for _, text := range []string{
		"", "22:00-06:00 off", "mon-fri 22:30-06:00 dim 20; sat,sun 23:00-24:00 off", "sat-mon 0:00-0:01 dim 255", "daily 00:00-24:00 off",
		";", "-", "a", "mon", "\x00", "mon-fri 22:00-06:00 dim 99999999999999999999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		windows, err := ParseWindows(text)
		if err != nil {
			if windows != nil {
				t.Errorf("%q: %+v with %v", text, windows, err)
			}
			return
		}
		canonical := FormatWindows(windows)
		again, err := ParseWindows(canonical)
		if err != nil || !slices.Equal(again, windows) || FormatWindows(again) != canonical {
			t.Errorf("%q: %q: %+v, %v, want %+v", text, canonical, again, err, windows)
		}
		for _, w := range windows {
			if !slices.Contains(w.Days[:], true) || w.From == w.To || w.From < 0 || w.From >= wholeDay || w.To < 0 || w.To > wholeDay || w.Off != (w.Most == 0) {
				t.Errorf("%q: %+v", text, w)
			}
		}
		s := DefaultSettings()
		field, _ := FieldOf("night.windows")
		if err := field.Set(&s, text); err == nil && (s.Night.Windows != canonical || s.Validate() != nil) {
			t.Errorf("%q: set to %q, %v", text, s.Night.Windows, s.Validate())
		}
	})
}
