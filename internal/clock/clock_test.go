package clock

import (
	"testing"
	"time"

	"wordclockd/internal/face"
)

func TestDefaults(t *testing.T) {
	if got, want := DefaultSettings(), (Settings{face.Default, 60, 180}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string
	}{
		{"defaults", func(*Settings) {}, ""},
		{"halb", func(s *Settings) { s.Style = face.HalbCentric }, ""},
		{"limits", func(s *Settings) { s.Individual, s.Global = 80, 5 }, ""},
		{"other limits", func(s *Settings) { s.Individual, s.Global = 5, 255 }, ""},
		{"unknown style", func(s *Settings) { s.Style = 7 }, "style Style(7): want default or halb"},
		{"too dim", func(s *Settings) { s.Individual = 4 }, "individual brightness 4: want 5 to 80"},
		{"above the safety limit", func(s *Settings) { s.Individual = 81 }, "individual brightness 81: want 5 to 80"},
		{"off", func(s *Settings) { s.Global = 0 }, "global brightness 0: want 5 to 255"},
	} {
		s := DefaultSettings()
		c.change(&s)
		got := ""
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
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

func TestQualityNames(t *testing.T) {
	for q, want := range map[Quality]string{Unknown: "unknown", RTC: "rtc", Synced: "synced", 9: "Quality(9)"} {
		if got := q.String(); got != want {
			t.Errorf("%d is %q, want %q", uint8(q), got, want)
		}
	}
}
