package control

import (
	"slices"
	"time"

	"wordclockd/internal/clock"
)

// Status is a [clock.Status] on the wire. Durations are in the unit that ends
// their name, times are RFC 3339.
type Status struct {
	Boot     uint32         `json:"boot"`
	Version  string         `json:"version"`
	Trial    bool           `json:"trial"` // the image has yet to be confirmed
	Board    string         `json:"board"`
	PID      int            `json:"pid"`
	UptimeS  int64          `json:"uptime_s"`
	Time     Time           `json:"time"`
	Face     Face           `json:"face"`
	Light    Brightness     `json:"light"`
	Settings map[string]any `json:"settings"`        // by the key of clock.Fields
	Unused   []string       `json:"unused_settings"` // keys of those that nothing here makes use of
	Revision uint64         `json:"revision"`
	Sensors  Sensors        `json:"sensors"`
	Checked  *Validation    `json:"validation"` // null before the first one
	MQTT     MQTT           `json:"mqtt"`
	Image    Image          `json:"image"`
	OTA      OTA            `json:"ota"`
	Health   clock.Health   `json:"health"` // when it was examined last
	Journal  JournalHead    `json:"journal"`
}

// Time is what the clock believes, and why.
type Time struct {
	Quality  string   `json:"quality"`         // synced, holdover, rtc or unknown
	Local    string   `json:"local,omitempty"` // "" while unknown
	UTC      string   `json:"utc,omitempty"`
	Zone     string   `json:"zone"`
	ErrorMS  float64  `json:"error_ms"`
	Host     bool     `json:"host_synced"`
	Differs  bool     `json:"host_contradicted"` // by time servers
	LastSync string   `json:"last_sync,omitempty"`
	DriftPPM float64  `json:"drift_ppm"`
	Servers  []Server `json:"servers"`
	RTC      RTC      `json:"rtc"`
}

// Server is the last answer of a time server.
type Server struct {
	Name     string  `json:"name"`
	At       string  `json:"at,omitempty"`
	OffsetMS float64 `json:"offset_ms"`
	DelayMS  float64 `json:"delay_ms"`
	Stratum  uint8   `json:"stratum"`
	Error    string  `json:"error,omitempty"`
}

// RTC is the battery-backed clock.
type RTC struct {
	OK       bool    `json:"ok"`
	State    string  `json:"state"` // of a clock.RTCCondition
	Hour12   bool    `json:"hour12"`
	Error    string  `json:"error,omitempty"`
	BehindMS float64 `json:"behind_ms"`
	Set      string  `json:"set,omitempty"` // when, by this clock
}

// Face is what stands on the front.
type Face struct {
	Text       string `json:"text"`
	MinuteLEDs int    `json:"minute_leds"`
	Unknown    bool   `json:"unknown"`
	Off        bool   `json:"off"`  // nothing is lit; why is in Light
	Demo       bool   `json:"demo"` // it is not the time
	DarkRows   []int  `json:"dark_rows"`
}

// OTA is what is known of firmware elsewhere, and of bringing it here.
type OTA struct {
	Source    string         `json:"source"`
	Stored    string         `json:"stored_source"` // "" if nobody chose
	Checking  bool           `json:"checking"`
	LastCheck *clock.Check   `json:"last_check"`
	NextCheck string         `json:"next_check,omitempty"` // by itself; "" is never
	Present   *clock.Attempt `json:"present"`              // the update that is under way
	Last      *clock.Attempt `json:"last"`                 // of those that are over the newest that came to something, see clock.Latest
}

// History is the updates that are over, the newest first.
type History struct {
	Attempts []clock.Attempt `json:"attempts"`
}

func newOTA(preferred clock.Source, u clock.Update) OTA {
	w := OTA{
		Source: preferred.String(), Checking: u.Checking, LastCheck: u.Last,
		NextCheck: stamp(u.Next), Present: u.Present, Last: clock.Latest(u.History),
	}
	if u.Stored != nil {
		w.Stored = u.Stored.String()
	}
	return w
}

func newHistory(u clock.Update) History {
	h := History{append([]clock.Attempt{}, u.History...)}
	slices.Reverse(h.Attempts)
	return h
}

// JournalHead says how much stands in the journal.
type JournalHead struct {
	Entries int    `json:"entries"`
	Written uint32 `json:"written"`
}

func newStatus(s clock.Status, pid int, now time.Time) Status {
	w := Status{
		Boot: s.Boot, Version: s.Version, Trial: s.Trial, Board: s.Board, PID: pid,
		UptimeS:  int64(now.Sub(s.Started) / time.Second),
		Time:     newTime(s.Time, s.Sync, now),
		Face:     Face{Text: s.Face.Phrase.Text(), MinuteLEDs: s.Face.Phrase.MinuteLEDs(), Unknown: s.Face.Unknown, Off: s.Face.Off, Demo: s.Demo, DarkRows: append([]int{}, s.Face.Dark...)},
		Settings: newSettings(s.Settings), Unused: unused(s), Revision: s.Revision,
		Image: newImage(s.Image), Sensors: newSensors(s), MQTT: newMQTT(s.Link),
		Light: newBrightness(s.Light), Checked: newValidation(s.Validation),
		OTA:     newOTA(s.Settings.Source, s.Update),
		Journal: JournalHead{len(s.Journal.Entries), s.Journal.Stats.Written},
		Health:  s.Health,
	}
	if s.Face.Unknown {
		w.Face.Text, w.Face.MinuteLEDs = "", 0
	}
	return w
}

func newTime(t clock.Time, s clock.Sync, now time.Time) Time {
	w := Time{
		Quality: t.Quality.String(), Zone: "UTC", ErrorMS: ms(s.Error), Host: s.Host, Differs: s.Differs,
		LastSync: stamp(s.LastSync), DriftPPM: s.Drift, Servers: []Server{},
		RTC: RTC{OK: s.RTC.Err == "", State: s.RTC.Condition.String(), Hour12: s.RTC.Hour12, Error: s.RTC.Err, BehindMS: ms(s.RTC.Behind), Set: stamp(s.RTC.Set)},
	}
	if t.Zone != nil {
		w.Zone = t.Zone.String()
	}
	if local, ok := t.At(now); ok {
		w.Local, w.UTC = local.Format(time.RFC3339), stamp(local)
	}
	if s.Host {
		w.LastSync = w.UTC
	}
	for _, x := range s.Servers {
		w.Servers = append(w.Servers, Server{x.Name, stamp(x.At), ms(x.Offset), ms(x.Delay), x.Stratum, x.Err})
	}
	return w
}

func newSettings(s clock.Settings) map[string]any {
	m := map[string]any{}
	for _, f := range clock.Fields {
		m[f.Key] = f.Get(&s)
	}
	return m
}

// unused returns the keys of settings that wait for what this clock does not have.
func unused(s clock.Status) []string {
	keys := []string{}
	for _, f := range clock.Fields {
		if !s.Can(f.Needs) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// ms is d in milliseconds; only the wire knows them.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stamp is t in UTC, "" if there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Changed answers a change of settings.
type Changed struct {
	Revision uint64         `json:"revision"`
	Settings map[string]any `json:"settings"`
}

// Entry is a line of the error journal.
type Entry struct {
	Number   uint32 `json:"number"`
	Time     string `json:"timestamp,omitempty"` // UTC; "" if the clock did not know it
	UptimeS  int64  `json:"uptime_sec"`
	Source   string `json:"source"`
	Severity string `json:"severity"`
	Code     uint16 `json:"code"`
	Event    string `json:"event,omitempty"`
	Message  string `json:"message"`
	Details  string `json:"details,omitempty"`
}

// Journal is the error journal, the newest entry first.
type Journal struct {
	Entries []Entry `json:"entries"`
	Stats   Stats   `json:"stats"`
}

// Stats counts what was written since the counters were reset.
type Stats struct {
	Written    uint32            `json:"total_entries_written"` // ever
	Entries    int               `json:"current_entry_count"`
	Capacity   int               `json:"buffer_capacity"`
	Total      uint32            `json:"total_errors"`
	BySource   map[string]uint32 `json:"errors_by_source"`
	BySeverity map[string]uint32 `json:"errors_by_severity"`
	Last       map[string]string `json:"last_errors"`
}

func newJournal(j clock.Journal) Journal {
	w := Journal{Entries: []Entry{}, Stats: Stats{
		Written: j.Stats.Written, Entries: len(j.Entries), Capacity: clock.JournalSize, Total: j.Stats.Total,
		BySource: map[string]uint32{}, BySeverity: map[string]uint32{}, Last: map[string]string{},
	}}
	for i := range j.Entries {
		e := j.Entries[len(j.Entries)-1-i]
		w.Entries = append(w.Entries, Entry{
			e.Number, stamp(e.Time), int64(e.Uptime / time.Second), e.Origin.String(), e.Severity.String(), e.Code, e.Event, e.Message, e.Details,
		})
	}
	for i, n := range j.Stats.ByOrigin {
		name := clock.Origin(i).String()
		if n > 0 {
			w.Stats.BySource[name] = n
		}
		if t := stamp(j.Stats.Last[i]); t != "" {
			w.Stats.Last[name] = t
		}
	}
	for i, n := range j.Stats.BySeverity {
		w.Stats.BySeverity[clock.Severity(i).String()] = n
	}
	return w
}

// command is the body of a request to do something.
type command struct {
	Command string            `json:"command"`
	Args    map[string]string `json:"args,omitempty"`
}

// answer is what a command answers with.
type answer struct {
	Answer any `json:"answer"`
}

// An Error is what the API answers instead. Codes are stable.
type Error struct {
	Code string `json:"code"`
	Text string `json:"error"`
	Key  string `json:"key,omitempty"`  // of the field or command that is at fault
	Boot uint32 `json:"boot,omitempty"` // with CodeRestarting
}

func (e *Error) Error() string { return e.Text }

// Codes that are the API's own; those of commands come beside them.
const (
	CodeInvalid    = "invalid"    // 400: what was asked for makes no sense
	CodeNotFound   = "not_found"  // 404: there is no such path
	CodeRestarting = "restarting" // 503: the firmware is between two starts
	CodeFailed     = "failed"     // 500
)
