package boot

import "fmt"

// A Reason is why a start ended, or why an image was given up.
type Reason uint8

const (
	None           Reason = iota
	User                  // somebody asked for it
	Crashed               // it broke, or was killed
	Hung                  // it gave no sign of life
	CheckFailed           // it was judged, and failed
	NeverConfirmed        // it was started often enough to be judged, and was not
	PowerLost             // the power, or the host, went away
	ImageInvalid          // what is in its slot is no image that may be started
)

// reasons is the one table of the names on the wire.
var reasons = [...]string{
	None:           "",
	User:           "user",
	Crashed:        "crashed",
	Hung:           "hung",
	CheckFailed:    "check_failed",
	NeverConfirmed: "never_confirmed",
	PowerLost:      "power_lost",
	ImageInvalid:   "image_invalid",
}

func (r Reason) String() string {
	if int(r) >= len(reasons) {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasons[r]
}

// ParseReason is the inverse of [Reason.String].
func ParseReason(s string) (Reason, error) {
	for i, name := range reasons {
		if s == name {
			return Reason(i), nil
		}
	}
	return None, fmt.Errorf("reason %q: unknown", s)
}
