// Package clock is the vocabulary that the clock and its front ends share.
package clock

import (
	"context"
	"slices"
	"time"

	"wordclockd/internal/face"
)

// A Service is the running clock as a front end sees it.
type Service interface {
	// Watch returns the present status and a channel that is closed when
	// there is a newer one.
	Watch() (Status, <-chan struct{})

	// Change edits the settings by f. Either all of the change is valid, is
	// stored and takes effect, or none of it does: an *InvalidError names the
	// field. It returns the settings after the change, and its number.
	Change(ctx context.Context, f func(*Settings) error) (Changed, error)

	// Do carries out a command, and returns when it is done, or under way if
	// its spec says so. The answer is nil, or what its spec promises. The error is an *InvalidError, an
	// *UnavailableError, or of what went wrong.
	Do(ctx context.Context, c Command) (answer any, err error)
}

// Changed is the outcome of a change.
type Changed struct {
	Revision uint64 // changes since the start that changed anything
	Settings Settings
}

// Status is what the clock has to say about itself. It is a value: nothing in
// it changes later.
type Status struct {
	Boot       uint32    // starts of the firmware
	Started    time.Time // this one, by the host's clock
	Version    string    // of the image that runs
	Trial      bool      // that image has yet to be confirmed, when it was started
	Image      Image
	Board      string // sim or linux
	Has        []Capability
	Time       Time
	Sync       Sync
	Face       Face
	Light      Light
	Settings   Settings
	Revision   uint64 // of the settings
	Sensors    Sensors
	Validation *Validation // nil: there was none
	Demo       bool        // the face is that of test_transitions_start, not of the time
	Network    bool        // there is a way out of this host, or none is needed
	Link       Link
	Update     Update
	Health     Health
	Journal    Journal
}

// Can reports whether the clock has what something needs.
func (s Status) Can(need Capability) bool { return need == NoNeed || slices.Contains(s.Has, need) }

// Face is what stands on the front.
type Face struct {
	Phrase  face.Phrase
	Off     bool  // by the settings: nothing is lit
	Unknown bool  // the time is not known: the four minute LEDs blink
	Dark    []int // rows whose LED driver does not answer, 0 at the top
}
