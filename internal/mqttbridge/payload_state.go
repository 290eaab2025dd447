package mqttbridge

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"wordclockd/internal/clock"
)

func healthPayload(v view) []byte {
	h := v.Health
	if h.Checks == nil {
		h.Checks = []clock.HealthCheck{}
	}
	return compact(h)
}

// A problemState says what is wrong, by what it is about.
type problemState struct {
	LEDs    bool              `json:"leds"`
	RTC     bool              `json:"rtc"`
	Time    bool              `json:"time"`
	Light   bool              `json:"light_sensor"`
	Knob    bool              `json:"knob"`
	Health  bool              `json:"health"`
	Update  bool              `json:"update"`
	Sources bool              `json:"update_sources"`
	Details map[string]string `json:"details"`
}

func problemsPayload(v view) []byte {
	w := problemState{Details: map[string]string{}}
	set := func(flag *bool, name, why string) {
		if *flag = why != ""; *flag {
			w.Details[name] = bounded(why, maxText)
		}
	}
	set(&w.LEDs, "leds", cmp.Or(darkText(v.Face.Dark), unrepaired(v)))
	set(&w.RTC, "rtc", ifThere(v, clock.HasRTC, v.Sync.RTC.Err))
	set(&w.Time, "time", timeText(v))
	set(&w.Light, "light_sensor", ifThere(v, clock.HasLight, v.Sensors.LightErr))
	set(&w.Knob, "knob", ifThere(v, clock.HasKnob, v.Sensors.KnobErr))
	set(&w.Health, "health", healthText(v.Health))
	set(&w.Update, "update", updateDetails(v.Update.History))
	if c := v.Update.Last; c != nil {
		set(&w.Sources, "update_sources", c.Error)
	}
	return compact(w)
}

// maxText bounds texts that Home Assistant shows as a state.
const maxText = 250

func darkText(rows []int) string {
	switch len(rows) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("row %d does not answer", rows[0])
	}
	return fmt.Sprintf("rows %s do not answer", strings.Trim(fmt.Sprint(rows), "[]"))
}

// unrepaired says what the last read-back of the LEDs found and could not mend.
func unrepaired(v view) string {
	x := v.Validation
	switch {
	case x == nil || x.Recovered || v.Settings.SelfCheck.Off:
		return ""
	case x.Mismatches > 0:
		return fmt.Sprintf("%s: %d of 160 LEDs are not as they should be", x.Failure, x.Mismatches)
	}
	return x.Failure.String() + ", and it could not be mended"
}

func ifThere(v view, need clock.Capability, why string) string {
	if !v.Can(need) {
		return ""
	}
	return why
}

func timeText(v view) string {
	if v.Time.Quality == clock.Unknown {
		return "nobody knows the time"
	}
	return ""
}

func healthText(h clock.Health) string {
	if h.Healthy || len(h.Checks) == 0 {
		return ""
	}
	return cmp.Or(h.Text, "a check failed")
}

// updateText says what went wrong with the newest update that came to something; "" if
// nothing did, or if somebody wanted it so.
func updateText(history []clock.Attempt) (text, cause string) {
	a := clock.Latest(history)
	switch {
	case a == nil || a.Cause == "cancelled":
	case a.Result == clock.Failed:
		return cmp.Or(a.Error, "Unknown error"), a.Cause
	case a.Result == clock.RolledBack:
		return bounded(cmp.Or(a.Reason, a.Version+" was given up"), maxText), cmp.Or(a.Cause, string(a.Result))
	}
	return "", ""
}

// updateDetails is updateText with all that is known: cause and source, too.
func updateDetails(history []clock.Attempt) string {
	text, cause := updateText(history)
	a := clock.Latest(history)
	switch {
	case text == "" || a.Result != clock.Failed:
		return text
	case a.Reason != "" && strings.Contains(a.Reason, cause) && strings.Contains(a.Reason, a.Source):
		return text + ": " + a.Reason
	case failedSource(a) != "":
		text += ": " + failedSource(a)
	}
	return text + ": " + cause
}

// A systemState is what is of interest to who looks after the clock.
type systemState struct {
	Version     string  `json:"version"`
	Board       string  `json:"board"`
	Boot        uint32  `json:"boot"`
	Started     string  `json:"started"`
	TimeQuality string  `json:"time_quality"`
	TimeErrorMS float64 `json:"time_source_error_ms"`
	Network     bool    `json:"network"`
	Broker      string  `json:"broker"`
	Losses      uint32  `json:"losses"`
	Journal     uint32  `json:"journal_total"`
	LastError   string  `json:"last_error"`
	UpdateError string  `json:"last_update_error"`
	UpdateCause string  `json:"last_update_cause"`
	Demo        bool    `json:"demo"`
}

func systemOf(v view) systemState {
	text, cause := updateText(v.Update.History)
	return systemState{
		v.Version, v.Board, v.Boot, utc(v.Started), v.Time.Quality.String(), tenth(float64(v.Sync.Error) / float64(time.Millisecond)),
		v.Network, v.Link.Broker, v.Link.Losses, v.Journal.Stats.Total, lastError(v.Journal), text, cause, v.Demo,
	}
}

func systemPayload(v view) []byte { return compact(systemOf(v)) }

// systemNews leaves to the period by how much the time may be off, which is never quite
// the same.
func systemNews(old, now view) bool {
	a, b := systemOf(old), systemOf(now)
	a.TimeErrorMS, b.TimeErrorMS = 0, 0
	return a != b
}

// lastError is the newest entry of the journal that is one.
func lastError(j clock.Journal) string {
	for i := len(j.Entries) - 1; i >= 0; i-- {
		if e := j.Entries[i]; e.Severity >= clock.SeverityWarning {
			return bounded(e.Message, maxText)
		}
	}
	return ""
}
