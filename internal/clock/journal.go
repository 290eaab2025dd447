package clock

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Origin is the part of the clock that a journal entry is about. The numbers
// are the firmware's.
type Origin uint8

const (
	OriginUnknown Origin = iota
	OriginValidation
	OriginBus
	OriginWiFi
	OriginMQTT
	OriginNTP
	OriginSystem
	OriginPower
	OriginSensor
	OriginDisplay
	OriginTransition
	OriginBrightness
)

var origins = [...]string{
	OriginUnknown: "UNKNOWN", OriginValidation: "LED_VALIDATION", OriginBus: "I2C_BUS", OriginWiFi: "WIFI", OriginMQTT: "MQTT", OriginNTP: "NTP",
	OriginSystem: "SYSTEM", OriginPower: "POWER", OriginSensor: "SENSOR", OriginDisplay: "DISPLAY", OriginTransition: "TRANSITION", OriginBrightness: "BRIGHTNESS",
}

func (o Origin) String() string {
	if int(o) >= len(origins) {
		return fmt.Sprintf("Origin(%d)", uint8(o))
	}
	return origins[o]
}

// A Severity is how bad an entry is. The numbers are the firmware's.
type Severity uint8

const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityError
	SeverityCritical
)

var severities = [...]string{SeverityInfo: "INFO", SeverityWarning: "WARNING", SeverityError: "ERROR", SeverityCritical: "CRITICAL"}

func (s Severity) String() string {
	if int(s) >= len(severities) {
		return fmt.Sprintf("Severity(%d)", uint8(s))
	}
	return severities[s]
}

// An Entry is one line of the error journal.
type Entry struct {
	Number   uint32        // of all that were ever written, from 0
	Time     time.Time     // UTC; zero if the clock did not know it
	Uptime   time.Duration // of this start
	Origin   Origin
	Severity Severity
	Code     uint16 // of the event; 0 has none
	Event    string // as in the log
	Message  string
	Details  string // further attributes: "key=value key=value"
}

// Detail returns the value of a further attribute; "" if it is not there.
func (e Entry) Detail(name string) string {
	_, rest, ok := strings.Cut(" "+e.Details, " "+name+"=")
	if !ok {
		return ""
	}
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		text, _ := strconv.Unquote(quoted)
		return text
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// Mismatch returns how many LEDs were not as they are wanted, and in which rows, of the
// entry of a validation: mismatches=3 rows="[2 5]".
func (e Entry) Mismatch() (n int, rows []int) {
	if e.Origin != OriginValidation {
		return 0, nil
	}
	n, _ = strconv.Atoi(e.Detail("mismatches"))
	for row := range strings.FieldsSeq(strings.Trim(e.Detail("rows"), "[]")) {
		if r, err := strconv.Atoi(row); err == nil {
			rows = append(rows, r)
		}
	}
	return n, rows
}

// Journal is what the error journal holds.
type Journal struct {
	Entries []Entry // the newest last; JournalSize at most
	Stats   JournalStats
}

// JournalSize is how many entries are kept.
const JournalSize = 50

// JournalStats counts over all that was written since the counters were reset.
type JournalStats struct {
	Written    uint32 // ever
	Total      uint32
	ByOrigin   [len(origins)]uint32
	BySeverity [len(severities)]uint32
	Last       [len(origins)]time.Time // UTC
}
