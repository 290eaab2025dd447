package mqttbridge

import (
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// momentOfAll is now in the states below, by the host's clock.
var momentOfAll = time.Date(2025, 11, 15, 14, 37, 20, 0, time.UTC)

type namedState struct {
	name string
	set  func(*view)
}

// moments are of a clock that Home Assistant has to understand.
func moments() []namedState {
	normal := func(v *view) {
		v.Boot, v.Started = 7, momentOfAll.Add(-3*time.Hour)
		v.Time = clock.FromHost(momentOfAll, time.UTC)
		v.Sync = clock.Sync{Host: true, LastSync: momentOfAll.Add(-time.Minute)}
		v.Face = clock.Face{Phrase: face.Say(14, 37, face.Default)}
		v.Image = clock.Image{
			Project: "wordclock", BuildDate: "Nov 15 2025", BuildTime: "10:46:40", IDF: "v5.4.2", Slot: "ota_0", SlotSize: 2621440,
			Size: 1310720, Source: "github", State: clock.Validated,
		}
		v.Sensors = clock.Sensors{At: momentOfAll, Lux: 45.2, KnobRaw: 2890, KnobMV: 2847, Knob: 0.8627}
		v.Network = true
		v.Health = clock.Health{Healthy: true, At: momentOfAll}
		v.Validation = &clock.Validation{At: momentOfAll, Took: 131 * time.Millisecond, SoftwareValid: true, HardwareValid: true, Recovered: true}
		v.Update.Last = &clock.Check{CurrentVersion: "2.11.3", AvailableVersion: "2.11.3", Source: "github", At: momentOfAll}
	}
	with := func(name string, f func(*view)) namedState {
		return namedState{name, func(v *view) { normal(v); f(v) }}
	}
	return []namedState{
		{"just started", func(*view) {}},
		with("normal", func(*view) {}),
		with("off", func(v *view) { v.Settings.Off, v.Light.Off = true, true }),
		with("night", func(v *view) {
			v.Settings.Night.Windows = "mon-fri 22:30-06:00 dim 20"
			v.Light = clock.Light{Individual: 60, Group: 20, Window: v.Settings.Night.Windows, WhyIndividual: clock.Reason{By: clock.ByKnob}, WhyGroup: clock.Reason{By: clock.ByNight}}
		}),
		with("time unknown", func(v *view) {
			v.Time, v.Sync, v.Face, v.Network = clock.Time{}, clock.Sync{}, clock.Face{Unknown: true}, false
		}),
		with("on trial", func(v *view) {
			v.Trial, v.Image.State, v.Image.FirstBoot, v.Image.BootCount = true, clock.OnTrial, true, 1
			v.Health.Trial = &clock.Trial{Attempt: 1, Attempts: 3, Next: momentOfAll.Add(time.Minute)}
		}),
		with("rolled back", func(v *view) {
			v.Image.State = clock.IsRolledBack
			v.Image.Rollback = &clock.Rollback{From: "2.12.0", To: "2.11.3", Reason: "crashed", Text: `it "ended" early`, News: true}
		}),
		with("update available", func(v *view) {
			v.Update.Last = &clock.Check{
				UpdateAvailable: true, CurrentVersion: "2.11.3", AvailableVersion: "2.12.0", Source: "github", At: momentOfAll,
				Release: &clock.Release{Size: 1310720, Title: "Advent", Description: strings.Repeat("ä\"'{{ ", 100), BuildDate: "2025-11-15"},
			}
		}),
		with("updating", func(v *view) {
			v.Update.Present = &clock.Attempt{
				Number: 3, State: "downloading", From: "2.11.3", Version: "2.12.0", Source: "cloudflare", Bytes: 589824, Size: 1310720, Begun: momentOfAll.Add(-time.Second),
				Steps: []clock.Step{{Number: 1, State: "checking"}, {Number: 2, State: "downloading", Source: "cloudflare", Percent: 45, Bytes: 589824, At: momentOfAll}},
			}
		}),
		with("installed", func(v *view) {
			v.Update.History = []clock.Attempt{{
				Number: 3, State: "complete", Result: clock.Installed, From: "2.11.3", Version: "2.12.0", Source: "github", Bytes: 1310720, Size: 1310720,
				Begun: momentOfAll.Add(-time.Minute), Ended: momentOfAll,
				Steps: []clock.Step{{Number: 1, State: "downloading", Source: "github"}, {Number: 2, State: "complete", Source: "github", Percent: 100, Bytes: 1310720, At: momentOfAll}},
			}}
		}),
		with("update failed", func(v *view) {
			v.Update.History = []clock.Attempt{{
				Number: 3, State: "failed", Result: clock.Failed, From: "2.11.3", Version: "2.12.0", Source: "cloudflare", Error: "Download failed", Cause: "http_status",
				Reason: strings.Repeat("github: HTTP 404; ", 50), Begun: momentOfAll.Add(-time.Minute), Ended: momentOfAll,
			}}
			v.Update.Last = &clock.Check{CurrentVersion: "2.11.3", Error: "no source answers", At: momentOfAll}
		}),
		with("broken", func(v *view) {
			v.Face.Dark = []int{3, 7}
			v.Sync.RTC.Err, v.Sensors.LightErr, v.Sensors.KnobErr = "no answer", "no answer", "no answer"
			v.Sensors.Lux, v.Sensors.KnobRaw, v.Sensors.KnobMV, v.Sensors.Knob = 0, 0, 0, 0
			v.Health = clock.Health{Text: `leds: row 3 does not "answer"`, At: momentOfAll, Checks: []clock.HealthCheck{{Name: "leds", State: clock.Failing, Text: "row 3"}}}
			v.Journal.Entries = []clock.Entry{{Event: "leds_reset", Message: "row 3 was as after power-on"}, {Number: 1, Time: momentOfAll, Origin: clock.OriginBus, Severity: clock.SeverityError, Event: "leds_dark", Message: strings.Repeat(`row "3" `, 60)}}
			v.Journal.Stats.Total, v.Journal.Stats.Written = 2, 2
			v.Validation.Failure, v.Validation.HardwareValid, v.Validation.Mismatches = clock.PartialMismatch, false, 2
		}),
		with("extreme settings", func(v *view) {
			s := &v.Settings
			s.Individual, s.Global, s.SafetyLimit = 5, 255, 255
			s.Thresholds = [clock.Zones - 1]uint16{1, 2, 3, 10000}
			s.Zones[0], s.Zones[4] = clock.Zone{Min: 1, Max: 1}, clock.Zone{Min: 255, Max: 255}
			s.Transition = clock.Transition{Off: true, Duration: 5 * time.Second, In: clock.Bounce, Out: clock.Linear}
			s.Knob = clock.Knob{Min: 1, Max: 2, Curve: clock.KnobExponential}
			s.Chimes, s.Source, s.Style = clock.Chimes{On: true}, clock.Cloudflare, face.HalbCentric
			s.Manual = clock.Manual{Individual: true, Global: true, For: 7 * 24 * time.Hour}
			s.Night = clock.Night{Windows: strings.Repeat("mon-fri 22:30-06:00 dim 255; ", 33) + "sat,sun 00:00-24:00 off", Paused: true}
			s.SelfCheck = clock.SelfCheck{Off: true, Every: time.Hour}
			v.Light = lightOf(*s)
		}),
	}
}
