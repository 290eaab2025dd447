package flash

import (
	"fmt"
	"strings"
	"time"
)

// A FaultKind is something that an image was made to do wrong.
type FaultKind uint8

const (
	NoFault   FaultKind = iota
	Crash               // it panics
	Hang                // it gives no sign of life, but ends when told to
	Wedge               // it does neither
	NoMQTT              // it has no connection to the broker
	NoRTC               // it cannot talk to the clock chip
	NoLEDs              // nor to the LED drivers
	BadMemory           // it finds its memory damaged
)

// faultKinds is the one table of the names on the wire.
var faultKinds = [...]string{
	NoFault:   "",
	Crash:     "crash",
	Hang:      "hang",
	Wedge:     "wedge",
	NoMQTT:    "no-mqtt",
	NoRTC:     "no-rtc",
	NoLEDs:    "no-leds",
	BadMemory: "bad-memory",
}

func (k FaultKind) String() string {
	if int(k) >= len(faultKinds) {
		return fmt.Sprintf("FaultKind(%d)", uint8(k))
	}
	return faultKinds[k]
}

func parseFaultKind(s string) (FaultKind, error) {
	for k, name := range faultKinds {
		if s == name && s != "" {
			return FaultKind(k), nil
		}
	}
	return NoFault, fmt.Errorf("fault %q: use one of %s", s, strings.Join(faultKinds[1:], ", "))
}

// maxAfter is the latest that a fault can come.
const maxAfter = 24 * time.Hour

// A Fault is one that comes some time after the start, and stays.
type Fault struct {
	Kind  FaultKind
	After time.Duration // 0 to 24 h
}

// ParseFault reads a fault such as "crash@5s", or "no-mqtt" for one from the start.
func ParseFault(s string) (Fault, error) {
	name, delay, late := strings.Cut(s, "@")
	kind, err := parseFaultKind(name)
	if err != nil {
		return Fault{}, err
	}
	f := Fault{Kind: kind}
	if late {
		if f.After, err = time.ParseDuration(delay); err != nil {
			return Fault{}, fmt.Errorf("fault %q: delay %q: use one such as 5s or 1m30s", s, delay)
		}
	}
	if err := f.check(); err != nil {
		return Fault{}, err
	}
	return f, nil
}

func (f Fault) check() error {
	switch {
	case f.Kind == NoFault || int(f.Kind) >= len(faultKinds):
		return fmt.Errorf("fault %d: there is none of that number", uint8(f.Kind))
	case f.After < 0 || f.After > maxAfter:
		return fmt.Errorf("fault %q: use a delay from 0 to %s", f, maxAfter)
	}
	return nil
}

// String is the inverse of [ParseFault].
func (f Fault) String() string {
	if f.After == 0 {
		return f.Kind.String()
	}
	return f.Kind.String() + "@" + f.After.String()
}

// MarshalText implements encoding.TextMarshaler.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), f.check() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fault) UnmarshalText(p []byte) (err error) {
	*f, err = ParseFault(string(p))
	return err
}
