package mqttbridge

import (
	"time"

	"wordclockd/internal/clock"
)

type logEntry struct {
	At       string      `json:"timestamp"` // "" if the clock did not know it
	UptimeS  int64       `json:"uptime_sec"`
	Source   string      `json:"source"`
	Severity string      `json:"severity"`
	Code     uint16      `json:"code"`
	Message  string      `json:"message"`
	Context  *logContext `json:"context,omitempty"`
	Event    string      `json:"event,omitempty"`
	Details  string      `json:"details,omitempty"`
}

// A logContext is what the old clock meant to say of a validation.
type logContext struct {
	Mismatches int    `json:"mismatch_count"`
	Failure    uint16 `json:"failure_type"` // the number of a clock.FailureType
	Rows       []int  `json:"affected_rows"`
}

// logPayload returns count entries of the journal, the newest first, without the offset
// that are newer still.
func logPayload(j clock.Journal, count, offset int) []byte {
	w := struct {
		Entries   []logEntry `json:"entries"`
		Count     int        `json:"count"`
		Requested int        `json:"requested"`
	}{Entries: []logEntry{}, Requested: count}
	for i := len(j.Entries) - 1 - offset; i >= 0 && len(w.Entries) < count; i-- {
		w.Entries = append(w.Entries, entryOf(j.Entries[i]))
	}
	w.Count = len(w.Entries)
	return compact(w)
}

func entryOf(e clock.Entry) logEntry {
	w := logEntry{
		At: utc(e.Time), UptimeS: int64(e.Uptime / time.Second), Source: e.Origin.String(), Severity: e.Severity.String(),
		Code: e.Code, Message: e.Message, Event: e.Event, Details: e.Details,
	}
	if e.Origin == clock.OriginValidation {
		w.Context = contextOf(e)
	}
	return w
}

func contextOf(e clock.Entry) *logContext {
	w := &logContext{Rows: []int{}}
	if e.Code <= uint16(clock.SoftwareError) {
		w.Failure = e.Code
	}
	var rows []int
	w.Mismatches, rows = e.Mismatch()
	w.Rows = append(w.Rows, rows...)
	return w
}

// byOrigin has a key for each part of the clock that errors are of.
type byOrigin struct {
	Validation uint32 `json:"validation"`
	Bus        uint32 `json:"i2c"`
	WiFi       uint32 `json:"wifi"`
	MQTT       uint32 `json:"mqtt"`
	NTP        uint32 `json:"ntp"`
	System     uint32 `json:"system"`
	Power      uint32 `json:"power"`
	Sensor     uint32 `json:"sensor"`
	Display    uint32 `json:"display"`
}

type bySeverity struct {
	Info     uint32 `json:"info"`
	Warning  uint32 `json:"warning"`
	Error    uint32 `json:"error"`
	Critical uint32 `json:"critical"`
}

type lastErrors struct {
	Validation string `json:"validation,omitempty"`
	Bus        string `json:"i2c,omitempty"`
	WiFi       string `json:"wifi,omitempty"`
	MQTT       string `json:"mqtt,omitempty"`
	NTP        string `json:"ntp,omitempty"`
	System     string `json:"system,omitempty"`
	Power      string `json:"power,omitempty"`
	Sensor     string `json:"sensor,omitempty"`
	Display    string `json:"display,omitempty"`
}

func logStatsPayload(v view) []byte {
	s := v.Journal.Stats
	n, l := s.ByOrigin, s.Last
	return compact(struct {
		Written    uint32     `json:"total_entries_written"`
		Entries    int        `json:"current_entry_count"`
		Capacity   int        `json:"buffer_capacity"`
		Head       uint32     `json:"head_index"`
		Total      uint32     `json:"total_errors"`
		BySource   byOrigin   `json:"errors_by_source"`
		BySeverity bySeverity `json:"errors_by_severity"`
		Last       lastErrors `json:"last_errors"`
	}{
		s.Written, len(v.Journal.Entries), clock.JournalSize, s.Written % clock.JournalSize, s.Total,
		byOrigin{
			n[clock.OriginValidation], n[clock.OriginBus], n[clock.OriginWiFi], n[clock.OriginMQTT], n[clock.OriginNTP], n[clock.OriginSystem],
			n[clock.OriginPower], n[clock.OriginSensor], n[clock.OriginDisplay],
		},
		bySeverity{s.BySeverity[clock.SeverityInfo], s.BySeverity[clock.SeverityWarning], s.BySeverity[clock.SeverityError], s.BySeverity[clock.SeverityCritical]},
		lastErrors{
			utc(l[clock.OriginValidation]), utc(l[clock.OriginBus]), utc(l[clock.OriginWiFi]), utc(l[clock.OriginMQTT]), utc(l[clock.OriginNTP]),
			utc(l[clock.OriginSystem]), utc(l[clock.OriginPower]), utc(l[clock.OriginSensor]), utc(l[clock.OriginDisplay]),
		},
	})
}
