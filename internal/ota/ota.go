// Package ota finds, fetches and verifies firmware, and brings it into the idle slot.
//
// A [Source] is a bag of named files. Two of them are asked for version.json,
// [Pick] decides which manifest counts, and [Checker.Check] compares that with
// what runs. Nothing is written by that. An [Updater] does it by itself too, and
// installs: the image of the manifest that counts is fetched from whoever delivers
// its bytes, judged as early as can be, read back, and only then tried.
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
//	ota_known_bad         source version current why     a newer one that is not offered
//	ota_already_installed source version current why     the same
//	ota_next_check        at
//
//	ota_update_started    number current forced auto file
//	ota_version_differs   source version descriptor      between manifest and image
//	ota_started_over      source version instead
//	ota_installed         number version slot source bytes fetched
//	ota_nothing_newer     number why
//	ota_cancelled         number version bytes
//	ota_update_failed     number version cause github cloudflare err
//	ota_interrupted       number version bytes size      by the end of the clock, found at its next start
//	ota_fetch             source name off status         it sends the image
//	ota_fetch_failed      source cause status err next   next: who goes on; "": nobody
//	ota_source_blamed     source off err                 off: -1 if it is not known where
//	ota_pieces_ignored    source cause err               source: "" if all are concerned
//	ota_resumed           off size                       with what the slot held
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
