// Package ota finds out what firmware the sources offer.
//
// A [Source] is a bag of named files. Two of them are asked for version.json,
// [Pick] decides which manifest counts, and [Checker.Check] compares that with
// what runs. Nothing is written.
//
// # Failures
//
// Whatever goes wrong with a source is one [Error] with one [Cause]; the eight
// texts that users of the firmware know stand beside it as its [Kind].
//
// # Log events
//
// Each record has the attribute "event" and those listed. A source or a
// version that there is not is "".
//
//	ota_source_failed     source cause status err next   next: who serves instead
//	ota_source_served     source fallback status version
//	ota_sources_differ    source other detail            source: the one that counts
//	ota_update_available  source version current forced
//	ota_up_to_date        source version current
//	ota_newer_running     source version current         a downgrade, refused
//	ota_check_failed      github cloudflare err          the cause of each that was asked
//
// A check that was cancelled logs nothing.
package ota

import "fmt"

// A State is what the updater does at the moment.
type State uint8

const (
	Idle State = iota
	Checking
	Downloading
	Verifying
	Flashing
	Complete
	Failed
)

// states is the one table of the names on the wire.
var states = [...]string{
	Idle:        "idle",
	Checking:    "checking",
	Downloading: "downloading",
	Verifying:   "verifying",
	Flashing:    "flashing",
	Complete:    "complete",
	Failed:      "failed",
}

func (s State) String() string { return name(states[:], s, "State") }

// ParseState is the inverse of [State.String].
func ParseState(name string) (State, error) { return parse[State](states[:], name, "state") }

// name looks v up in a table of names.
func name[T ~uint8](table []string, v T, kind string) string {
	if int(v) >= len(table) {
		return fmt.Sprintf("%s(%d)", kind, uint8(v))
	}
	return table[v]
}

// parse is the inverse of name.
func parse[T ~uint8](table []string, name, kind string) (T, error) {
	for i, n := range table {
		if n == name {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("parse %s: %q is none", kind, name)
}
