package sim

import (
	"errors"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// A pin is what all pins have in common. It implements pin.Pin.
type pin struct {
	name, function string // Immutable.
}

func (p pin) String() string   { return p.name }
func (p pin) Name() string     { return p.name }
func (p pin) Number() int      { return 0 }
func (p pin) Function() string { return p.function }

// Halt implements conn.Resource; there is nothing to halt.
func (p pin) Halt() error { return nil }

// PWM implements gpio.PinOut; there is none.
func (p pin) PWM(gpio.Duty, physic.Frequency) error { return errors.ErrUnsupported }

// after returns a timer's channel, nil if d is negative: never.
func after(d time.Duration) <-chan time.Time {
	if d < 0 {
		return nil
	}
	return time.After(d)
}
