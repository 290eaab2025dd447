// Package bh1750 drives a BH1750 ambient light sensor over I²C.
//
// # Datasheet
//
// ROHM BH1750FVI, Technical Note 2009.04 Rev. B. An opcode is one byte and
// needs a STOP of its own ("Write Format").
package bh1750

import (
	"encoding/binary"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// Opcodes ("Instruction Set Architecture").
const (
	opPowerOn     = 0x01
	opReset       = 0x07 // clears the data register; refused while powered down
	opContinuousH = 0x10 // 1 lx steps
)

// MeasurementTime is how long the sensor may take for a result in this mode
// ("Electrical Characteristics": 120 ms, at most 180 ms).
const MeasurementTime = 180 * time.Millisecond

// Lux is an illuminance.
type Lux float64

// A Dev is one sensor. Its methods must not be called at the same time.
type Dev struct{ c i2c.Dev }

// New returns the sensor at addr. It does not touch the bus.
func New(b i2c.Bus, addr uint16) *Dev {
	return &Dev{c: i2c.Dev{Bus: b, Addr: addr}}
}

func (d *Dev) String() string { return fmt.Sprintf("bh1750 0x%02x", d.c.Addr) }

// Configure starts continuous measuring with 1 lx steps. Lux reads 0 for one
// MeasurementTime after it.
func (d *Dev) Configure() error {
	for _, op := range [...]byte{opPowerOn, opReset, opContinuousH} {
		if err := d.c.Tx([]byte{op}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Lux returns the latest result, 0 to 54612.5. A sensor that was reset by a
// brown-out measures no more and returns 0 until it is configured again.
func (d *Dev) Lux() (Lux, error) {
	var r [2]byte
	if err := d.c.Tx(nil, r[:]); err != nil {
		return 0, err
	}
	return Lux(binary.BigEndian.Uint16(r[:])) / 1.2, nil
}
