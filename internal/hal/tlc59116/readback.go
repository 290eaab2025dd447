package tlc59116

import "fmt"

// Registers are those of a chip that say what is lit, MODE1 to LEDOUT3, as they were
// read.
type Registers [regLEDOUT0 + 4]uint8

// ReadBack reads all of them in one transaction.
func (d *Dev) ReadBack() (r Registers, err error) {
	err = d.c.Tx([]byte{incAll | regMode1}, r[:])
	return r, err
}

// Configured reports whether the chip is as Configure left it, by what
// [Dev.Configured] looks at. After a reset it is not.
func (r *Registers) Configured() bool { return r[regMode1]&rwMode1 == mode1 }

// Duty returns that of an output, in 1/256, before the group's.
func (r *Registers) Duty(output int) uint8 {
	switch r.mode(output) {
	case 0b00:
		return 0
	case 0b01:
		return 0xFF
	}
	return r[regPWM0+output]
}

// Holds reports whether an output has this duty, and is scaled by the group's.
func (r *Registers) Holds(output int, duty uint8) bool {
	return r[regPWM0+output] == duty && r.mode(output) == 0b11
}

// mode is how an output is driven ("LED Driver Output State Registers").
func (r *Registers) mode(output int) uint8 { return r[regLEDOUT0+output/4] >> (output % 4 * 2) & 0b11 }

// Dims reports whether the group has this duty, and dims by it.
func (r *Registers) Dims(duty uint8) bool {
	return r[regGRPPWM] == duty && r[regMode2]&rwMode2 == mode2
}

// Differ returns an error that names the first register that is not as Configure,
// SetPWM and SetGroup wrote it; nil if all are.
func (r *Registers) Differ(pwm *[16]uint8, group uint8) error {
	want := Registers{regMode1: mode1, regMode2: mode2, regGRPPWM: group}
	copy(want[regPWM0:], pwm[:])
	copy(want[regLEDOUT0:], []byte{ledout, ledout, ledout, ledout})
	for reg := range r {
		if (r[reg]^want[reg])&significant(reg) != 0 {
			return fmt.Errorf("%s is 0x%02x, want 0x%02x", register(reg), r[reg]&significant(reg), want[reg])
		}
	}
	return nil
}

// significant returns the bits of a register that say what is shown.
func significant(reg int) byte {
	switch reg {
	case regMode1:
		return rwMode1
	case regMode2:
		return rwMode2
	case regGRPFREQ:
		return 0 // of blinking
	}
	return 0xFF
}

// register returns the datasheet's name of one.
func register(reg int) string {
	switch {
	case reg == regMode1:
		return "MODE1"
	case reg == regMode2:
		return "MODE2"
	case reg == regGRPPWM:
		return "GRPPWM"
	case reg >= regLEDOUT0:
		return fmt.Sprintf("LEDOUT%d", reg-regLEDOUT0)
	}
	return fmt.Sprintf("PWM%d", reg-regPWM0)
}
