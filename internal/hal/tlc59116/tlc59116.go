// Package tlc59116 drives a TLC59116 16-channel constant-current LED sink over I²C.
//
// # Power surges
//
// A brown-out resets the chip but not the program: the outputs go dark and
// MODE1 reads 0x11 again. [Dev.Configured] sees it, [Dev.Configure] repairs it.
//
// # Datasheet
//
// SLDS157, https://www.ti.com/lit/ds/symlink/tlc59116.pdf. Registers carry its
// names; section names in comments are its own.
package tlc59116

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

// Registers ("Register Descriptions").
const (
	regMode1   = 0x00
	regMode2   = 0x01
	regPWM0    = 0x02
	regGRPPWM  = 0x12
	regGRPFREQ = 0x13
	regLEDOUT0 = 0x14
)

// Auto-increment options of the control byte ("Auto-Increment Options").
const (
	incAll = 0b100 << 5 // all registers
	incPWM = 0b101 << 5 // PWM0 to PWM15
	incRow = 0b111 << 5 // PWM0 to GRPFREQ
)

// What Configure writes.
const (
	mode1   = 0x00 // oscillator on, no sub-calls, no All-Call
	mode2   = 0x00 // group dimming, outputs change on STOP
	ledout  = 0xFF // every output: individual PWM x group PWM
	rwMode1 = 0x1F // the writable bits; the others mirror the control byte
	rwMode2 = 0x28 // DMBLNK, OCH; the others are reserved, or of the error flags
)

// A Dev is one chip. Its methods must not be called at the same time.
type Dev struct {
	c   i2c.Dev
	buf [18]byte // lives here so that a write does not allocate
}

// New returns the chip at addr. It does not touch the bus.
func New(b i2c.Bus, addr uint16) *Dev {
	return &Dev{c: i2c.Dev{Bus: b, Addr: addr}}
}

func (d *Dev) String() string { return fmt.Sprintf("tlc59116 0x%02x", d.c.Addr) }

// Configure makes the chip show what its PWM and group registers say, and deaf
// to All-Call. It leaves those registers alone: a chip that kept its supply
// goes on showing what it showed, one that was reset stays dark until SetPWM.
// Outputs are exact 500 µs later, when the oscillator runs ("Mode Register 1").
func (d *Dev) Configure() error {
	if err := d.write(incAll|regMode1, mode1, mode2); err != nil {
		return err
	}
	return d.write(incAll|regLEDOUT0, ledout, ledout, ledout, ledout)
}

// Configured reports whether the chip still is as Configure left it. After a
// reset it is not.
func (d *Dev) Configured() (bool, error) {
	d.buf[0] = regMode1
	if err := d.c.Tx(d.buf[:1], d.buf[1:2]); err != nil {
		return false, err
	}
	return d.buf[1]&rwMode1 == mode1, nil
}

// SetPWM sets the duty, in 1/256, of all sixteen outputs in one transaction.
// They change together, on its STOP.
func (d *Dev) SetPWM(pwm *[16]uint8) error {
	return d.write(incPWM|regPWM0, pwm[:]...)
}

// SetRow does what SetPWM and SetGroup do in one transaction: all of it takes effect
// together, on its STOP.
func (d *Dev) SetRow(pwm *[16]uint8, group uint8) error {
	d.buf[0] = incRow | regPWM0
	d.buf[1+copy(d.buf[1:], pwm[:])] = group
	return d.c.Tx(d.buf[:], nil)
}

// SetGroup sets the duty, in 1/256, that scales all outputs.
func (d *Dev) SetGroup(duty uint8) error {
	return d.write(regGRPPWM, duty)
}

func (d *Dev) write(control byte, data ...byte) error {
	d.buf[0] = control
	n := copy(d.buf[1:], data)
	return d.c.Tx(d.buf[:1+n], nil)
}
