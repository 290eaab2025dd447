package display

import (
	"errors"
	"fmt"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/tlc59116"
)

// readBack returns what each chip holds, as far as it was written and answers; nil of
// the others. A chip that was reset is no failure of its LEDs, but a surge: it is told
// of, and shows f before it is read.
func (p *Panel) readBack(f *Frame) (held [face.Rows]*tlc59116.Registers) {
	defer p.tell()
	var reset []int
	hung := 0
	for i := range p.rows {
		r := &p.rows[i]
		if p.hung.on() || r.dark.on() || !r.holds {
			continue
		}
		regs, err := r.readBack(hung == 0)
		if err == nil && !regs.Configured() {
			reset = append(reset, i)
			regs, err = r.redo(&f.PWM[i], f.Group)
		}
		if err == nil {
			held[i] = &regs
		}
		if !hal.IsHung(err) {
			hung = 0
		} else if hung++; hung == hangs {
			p.hung.extend(err)
		}
	}
	p.tellReset(reset)
	return held
}

// redo brings a row to pwm and group whatever its chip held, and returns what it holds
// then.
func (r *row) redo(pwm *[face.Cols]uint8, group uint8) (tlc59116.Registers, error) {
	r.forget()
	if err := r.show(pwm, group); err != nil {
		return tlc59116.Registers{}, err
	}
	return r.readBack(false)
}

// rewrite writes rows to f, and reports whether all of them hold it then.
func (p *Panel) rewrite(rows []int, f *Frame) bool {
	defer p.tell()
	for _, i := range rows {
		p.rows[i].forget()
	}
	well := true
	for _, i := range rows {
		held, err := p.rows[i].redo(&f.PWM[i], f.Group)
		well = well && err == nil && held.Differ(&f.PWM[i], f.Group) == nil
		if hal.IsHung(err) {
			break // the next Show finds out what hangs, and draws the rest
		}
	}
	return well
}

// errUnwritten is a chip of which nothing is known.
var errUnwritten = errors.New("was reset, and is not written yet")

// verify returns an error unless the chip holds what was written to it. What it holds
// is forgotten then.
func (r *row) verify() error {
	if !r.holds {
		return errUnwritten
	}
	held, err := r.readBack(false)
	if err != nil {
		return err
	}
	if err := held.Differ(&r.pwm, r.group); err != nil {
		r.forget()
		return fmt.Errorf("read back %s: %w", r.dev, err)
	}
	return nil
}

// look reports whether the chip is as it was configured, and right if it holds what was
// written to it, as far as it is to look deep and that is known. A chip that was reset is
// forgotten.
func (r *row) look(deep bool) (ok, right bool, err error) {
	if !deep || !r.holds {
		ok, err = r.ask()
		return ok, true, err
	}
	held, err := r.readBack(false)
	switch {
	case err != nil:
		return false, true, err
	case !held.Configured():
		r.forget()
		return false, true, nil
	}
	return true, held.Differ(&r.pwm, r.group) == nil, nil
}

// readBack returns what the chip holds. What is not as it was written is read once more:
// a wire can lie.
func (r *row) readBack(patient bool) (tlc59116.Registers, error) {
	held, err := r.read(patient)
	if err == nil && held.Differ(&r.pwm, r.group) != nil {
		held, err = r.read(patient)
	}
	return held, err
}

// read returns what the chip holds, in two attempts; in one if that hangs, but for who
// is patient: the adapter may have freed the bus.
func (r *row) read(patient bool) (held tlc59116.Registers, err error) {
	held, err = r.dev.ReadBack()
	if err != nil && (patient || !hal.IsHung(err)) {
		held, err = r.dev.ReadBack()
	}
	if err != nil {
		err = fmt.Errorf("read back %s: %w", r.dev, err)
		r.dark.extend(err)
		r.forget()
	}
	return held, err
}
