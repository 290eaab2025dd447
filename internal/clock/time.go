package clock

import (
	"fmt"
	"time"
)

// Quality is how far the time can be trusted.
type Quality uint8

const (
	Unknown Quality = iota // nobody knows the time; none is shown
	RTC                    // from the battery-backed chip
	Synced                 // the host's clock, which the kernel says is disciplined
)

var qualities = [...]string{Unknown: "unknown", RTC: "rtc", Synced: "synced"}

func (q Quality) String() string {
	if int(q) >= len(qualities) {
		return fmt.Sprintf("Quality(%d)", uint8(q))
	}
	return qualities[q]
}

// Time is what the clock believes the time to be. The zero Time is unknown.
type Time struct {
	Quality Quality
	Zone    *time.Location // nil is UTC

	// If it is known, it was True when the host's clock was at Host. What
	// passed since is counted by the monotonic clock, which nobody sets.
	Host, True time.Time
}

// FromHost returns the time of a host whose clock is right, at a moment that
// time.Now gave.
func FromHost(host time.Time, zone *time.Location) Time {
	return Time{Quality: Synced, Zone: zone, Host: host, True: host.Round(0)}
}

// At returns the local time at a moment that time.Now gave; ok is false if it
// is not known.
func (t Time) At(host time.Time) (local time.Time, ok bool) {
	if t.Quality == Unknown {
		return time.Time{}, false
	}
	zone := t.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.True.Add(host.Sub(t.Host)).In(zone), true
}
