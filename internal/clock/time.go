package clock

import (
	"fmt"
	"time"
)

// Quality is how far the time can be trusted.
type Quality uint8

const (
	Unknown  Quality = iota // nobody knows the time; none is shown
	RTC                     // from the battery-backed chip
	Holdover                // counted on since the time was known for sure
	Synced                  // from time servers, by the host's clock or measured
)

var qualities = [...]string{Unknown: "unknown", RTC: "rtc", Holdover: "holdover", Synced: "synced"}

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

// Sync is how the time was come by.
type Sync struct {
	Host     bool          // the kernel says that its clock is disciplined
	Differs  bool          // and time servers contradict it
	Servers  []Server      // what each time server answered last
	LastSync time.Time     // when the time was last known for sure, UTC; zero is never, or with Host now
	Drift    float64       // millionths by which the free host's clock was seen to gain
	Error    time.Duration // how far off the time may be
	RTC      RTCState
}

// Server is the last answer of a time server (RFC 5905).
type Server struct {
	Name    string
	At      time.Time     // of the answer, by the host's clock
	Offset  time.Duration // of the server's clock from the host's
	Delay   time.Duration // round trip
	Stratum uint8
	Err     string // why there is no answer that counts; "" if there is
}

// RTCState is what is known of the battery-backed chip.
type RTCState struct {
	Condition RTCCondition
	Err       string        // why it cannot be believed; "" if it can
	Hour12    bool          // it counts from 1 to 12, as another program set it; that is understood
	Behind    time.Duration // the time by which it was behind, when last compared
	Set       time.Time     // when the clock last set it, UTC; zero is not since the start
}

// An RTCCondition is the kind of reason for which the battery-backed chip cannot be
// believed, if there is one.
type RTCCondition uint8

const (
	RTCUnseen   RTCCondition = iota // was not looked at yet
	RTCGood                         // can be believed
	RTCAbsent                       // is not wired
	RTCSilent                       // does not answer
	RTCStopped                      // its oscillator was stopped: the time is lost
	RTCInvalid                      // its registers hold what is no time
	RTCUnset                        // is in a year before there was this clock
	RTCUnsteady                     // stands still, or jumps
	RTCDiffers                      // from a time that was known
)

var rtcConditions = [...]string{
	RTCUnseen: "unseen", RTCGood: "good", RTCAbsent: "absent", RTCSilent: "silent", RTCStopped: "stopped", RTCInvalid: "invalid",
	RTCUnset: "unset", RTCUnsteady: "unsteady", RTCDiffers: "differs",
}

func (c RTCCondition) String() string {
	if int(c) >= len(rtcConditions) {
		return fmt.Sprintf("RTCCondition(%d)", uint8(c))
	}
	return rtcConditions[c]
}
