package clock

import (
	"errors"
	"testing"
)

func TestWallTime(t *testing.T) {
	for text, want := range map[string]string{
		"14:30":            "14:30",
		"9:5":              "09:05",
		"00:00":            "00:00",
		"2026-11-28 14:30": "2026-11-28 14:30",
		"2028-02-29 0:0":   "2028-02-29 00:00",
		"2026-02-29 14:30": "",
		"2026-11-31 14:30": "",
		"26-11-28 14:30":   "",
		"0000-11-28 14:30": "",
		"2026-11-28":       "",
		"2026-11-28T14:30": "",
		"2026-11-28 24:00": "",
		"14:30 2026-11-28": "",
		"24:00":            "",
		"14:60":            "",
		"14:30:00":         "",
		" 14:30":           "",
		"14:30 ":           "",
		"+9:05":            "",
		"":                 "",
	} {
		w, err := ParseWallTime(text)
		if want == "" {
			if e, ok := errors.AsType[*InvalidError](err); !ok || e.Key != "time" || w != (WallTime{}) {
				t.Errorf("%q is %s, %v", text, w, err)
			}
			continue
		}
		if err != nil || w.String() != want {
			t.Errorf("%q is %s, %v, want %s", text, w, err, want)
		}
		if again, err := ParseWallTime(w.String()); err != nil || again != w {
			t.Errorf("%q is written as %s, which is %s, %v", text, w, again, err)
		}
	}
}
