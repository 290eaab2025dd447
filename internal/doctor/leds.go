package doctor

import (
	"errors"
	"fmt"

	"wordclockd/internal/hal"
)

// rows looks at the ten LED drivers.
func (x *patient) rows() {
	var missing, reset, ready []int
	for row, addr := range hal.LEDAddrs {
		a, ok := x.answers[Addr(addr)]
		if !ok {
			missing = append(missing, row)
			continue
		}
		if !x.asked(a, fmt.Sprintf("TLC59116 of row %d", row), Fault) {
			continue
		}
		mode, err := x.register(addr, regMode1)
		switch {
		case err != nil:
			x.add(Fault, a.Addr.String(), remedyWires, "row %d is there, but its register cannot be read: %v", row, errors.Unwrap(err))
		case mode&modeBits == tlcReset:
			reset = append(reset, row)
		case mode&modeBits == tlcReady:
			ready = append(ready, row)
		default:
			x.add(Note, a.Addr.String(), "", "row %d answers, but MODE1 is %#02x: neither as after power-on nor as the clock sets it", row, mode)
		}
	}
	x.rowsMissing(missing)
	if len(ready) > 0 {
		x.add(OK, "LED drivers", "", "%s set up by a clock", rowList(ready))
	}
	if len(reset) > 0 {
		x.rowsReset(reset)
	}
}

func (x *patient) rowsMissing(rows []int) {
	switch {
	case len(rows) == len(hal.LEDAddrs):
		x.add(Fault, "LED drivers", "check that the LED boards have power and share ground, SDA and SCL with this host, and that board.leds_bus is their bus; wordclockd scan shows who is where",
			"none of the ten answers")
	case len(rows) > 0:
		x.add(Fault, "LED drivers", remedyWires,
			"%s nobody answers at %s, so dark", rowList(rows), list(rows, func(r int) string { return Addr(hal.LEDAddrs[r]).String() }))
	}
}

// rowsReset: right before the clock was started, wrong while it runs.
func (x *patient) rowsReset(rows []int) {
	if x.host.Running {
		x.add(Warning, "LED drivers", "if it comes again: a stronger supply, or a capacitor at the board; the clock repairs it within seconds",
			"%s as after power-on, though a clock is running: the supply dips", rowList(rows))
		return
	}
	x.add(OK, "LED drivers", "", "%s as after power-on: no clock has set them up yet", rowList(rows))
}

func rowList(rows []int) string {
	if len(rows) == len(hal.LEDAddrs) {
		return "all ten rows:"
	}
	if len(rows) == 1 {
		return fmt.Sprintf("row %d:", rows[0])
	}
	return "rows " + list(rows, func(r int) string { return fmt.Sprint(r) }) + ":"
}

// MODE1 of a TLC59116 (datasheet SLDS157, Mode Register 1).
const (
	regMode1 = 0x00
	modeBits = 0x1F // the rest are the auto-increment flags, read only
	tlcReset = 0x11 // after power-on: oscillator off, All-Call on
	tlcReady = 0x00 // as the clock sets it
	allCall  = 0x01
)

func (x *patient) register(addr uint16, reg byte) (byte, error) {
	r := make([]byte, 1)
	err := x.wire.Tx(addr, []byte{reg}, r)
	return r[0], err
}
