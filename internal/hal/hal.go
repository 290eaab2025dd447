// Package hal is the hardware under the firmware: a Board of buses and pins.
//
// The firmware is given a Board and cannot tell which: [wordclockd/internal/hal/linux]
// makes one of the kernel's devices, [wordclockd/internal/hal/sim] one of chip
// models.
package hal

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// LEDAddrs are the addresses of the ten TLC59116, one per row from the top.
// The two that are left out belong to every TLC59116: 0x68 is LED All-Call, 0x6B
// is Software Reset (datasheet SLDS157, Device Address).
var LEDAddrs = [10]uint16{0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6A}

// Addresses on the sensor bus.
const (
	RTCAddr   = 0x68 // DS3231
	LightAddr = 0x23 // BH1750 with ADDR low
)

// A Board is what the firmware runs on. A nil field is not wired, or could not
// be opened.
type Board struct {
	LEDs    i2c.Bus // ten TLC59116
	Sensors i2c.Bus // DS3231, BH1750

	Reset             gpio.PinOut // of all TLC59116, active low, open drain
	NetLamp, TimeLamp gpio.PinOut // high is lit
	Button            gpio.PinIn  // low is pressed; its Halt ends a WaitForEdge within 100 ms
	Pot               analog.PinADC
	Speaker           io.Writer
}

// A TxError is the error of a transaction on an I²C bus.
type TxError struct {
	Bus  string
	Addr uint16
	W, R int // bytes that were to be written and read
	Took time.Duration
	Err  error
}

// Hung is what tells a transaction that nobody answered from one that was
// refused: the adapter waited until it gave up.
const Hung = 50 * time.Millisecond

// IsHung reports whether err is that of a transaction that hung.
func IsHung(err error) bool {
	e, ok := errors.AsType[*TxError](err)
	return ok && e.Took >= Hung
}

func (e *TxError) Error() string {
	return fmt.Sprintf("%s 0x%02x: write %d, read %d bytes: %v", e.Bus, e.Addr, e.W, e.R, e.Err)
}

func (e *TxError) Unwrap() error { return e.Err }

// A Wire is a bus that counts its traffic and wraps each error in a *TxError.
// It is as safe for concurrent use as the bus below it.
type Wire struct {
	bus                         i2c.Bus // Immutable.
	transactions, bytes, errors atomic.Uint64
}

// NewWire returns b as a Wire.
func NewWire(b i2c.Bus) *Wire { return &Wire{bus: b} }

// Traffic is what went over a bus since it was opened.
type Traffic struct {
	Transactions uint64
	Bytes        uint64 // address bytes included
	Errors       uint64 // transactions that failed
}

// Traffic returns the counters.
func (w *Wire) Traffic() Traffic {
	return Traffic{w.transactions.Load(), w.bytes.Load(), w.errors.Load()}
}

func (w *Wire) String() string { return w.bus.String() }

// SetSpeed implements i2c.Bus.
func (w *Wire) SetSpeed(f physic.Frequency) error { return w.bus.SetSpeed(f) }

// Tx implements i2c.Bus.
func (w *Wire) Tx(addr uint16, out, in []byte) error {
	if len(out)+len(in) == 0 {
		return nil // as Linux does: nothing goes over the wire
	}
	n := len(out) + len(in)
	for _, p := range [...][]byte{out, in} {
		if len(p) > 0 {
			n++ // the address is sent once for each direction
		}
	}
	w.transactions.Add(1)
	w.bytes.Add(uint64(n))
	start := time.Now()
	if err := w.bus.Tx(addr, out, in); err != nil {
		w.errors.Add(1)
		return &TxError{w.String(), addr, len(out), len(in), time.Since(start), err}
	}
	return nil
}
