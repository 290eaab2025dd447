// Package ds3231 drives a DS3231 real-time clock over I²C.
//
// The chip keeps UTC. A time is returned only if it can be believed: the
// oscillator ran without a stop since the time was set, and the registers hold
// a date that exists.
//
// # Datasheet
//
// Maxim 19-5170, https://www.analog.com/media/en/technical-documentation/data-sheets/ds3231.pdf.
// Registers are those of its figure 1, Timekeeping Registers.
package ds3231

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Addr is the only address of the chip.
const Addr = 0x68

// Registers.
const (
	regSeconds = 0x00
	regHours   = 0x02
	regControl = 0x0E
	regStatus  = 0x0F
	regTemp    = 0x11
)

const (
	controlWanted = 0x1C // oscillator on under battery, INTCN, no alarms
	statusOSF     = 0x80 // the oscillator stopped
)

// ErrStopped says that the oscillator stopped at some time since the clock was
// set: it was never set, or its battery is flat.
var ErrStopped = errors.New("oscillator was stopped, time lost")

// A Dev is one chip. Its methods must not be called at the same time.
type Dev struct {
	c      i2c.Dev // Immutable.
	hour12 bool
}

// New returns the chip on b. It does not touch the bus.
func New(b i2c.Bus) *Dev { return &Dev{c: i2c.Dev{Bus: b, Addr: Addr}} }

func (d *Dev) String() string { return "ds3231" }

// Time returns the time in UTC, floored to a second. The error is ErrStopped,
// a *RegisterError, or that of the bus.
//
// Time and status are read in one burst; the chip holds the time still for it.
func (d *Dev) Time() (time.Time, error) {
	var r [regStatus + 1]byte
	if err := d.c.Tx([]byte{regSeconds}, r[:]); err != nil {
		return time.Time{}, err
	}
	if r[regStatus]&statusOSF != 0 {
		return time.Time{}, ErrStopped
	}
	at, err := parseTime([7]byte(r[:7]))
	d.hour12 = err == nil && r[regHours]&hour12 != 0
	return at, err
}

// Hour12 reports whether the chip was in 12-hour mode when its time was read last.
// [Dev.SetTime] ends that.
func (d *Dev) Hour12() bool { return d.hour12 }

// SetTime makes the oscillator run on the battery too, sets the clock to t,
// floored to a second, and clears the mark of a stopped oscillator, in this
// order: a failure in between leaves the mark. The chip's second begins with the
// write. Years 2000 to 2199 exist.
func (d *Dev) SetTime(t time.Time) error {
	t = t.UTC()
	if y := t.Year(); y < 2000 || y > 2199 {
		return fmt.Errorf("year %d: the chip counts 2000 to 2199", y)
	}
	if err := d.c.Tx([]byte{regControl, controlWanted}, nil); err != nil {
		return err
	}
	if err := d.c.Tx(appendTime([]byte{regSeconds}, t), nil); err != nil {
		return err
	}
	var status [1]byte
	if err := d.c.Tx([]byte{regStatus}, status[:]); err != nil {
		return err
	}
	return d.c.Tx([]byte{regStatus, status[0] &^ statusOSF}, nil)
}

// Temperature returns the temperature of the chip in steps of 0.25 °C.
func (d *Dev) Temperature() (physic.Temperature, error) {
	var r [2]byte
	if err := d.c.Tx([]byte{regTemp}, r[:]); err != nil {
		return 0, err
	}
	quarters := int16(binary.BigEndian.Uint16(r[:])) >> 6
	return physic.ZeroCelsius + physic.Temperature(quarters)*physic.Kelvin/4, nil
}
