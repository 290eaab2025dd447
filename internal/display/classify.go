package display

import (
	"slices"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/tlc59116"
)

// A look is what a read-back saw.
type look struct {
	hung     bool  // the bus hangs, or no driver answers
	dead     []int // rows whose driver does not answer
	leds     []clock.Mismatch
	group    []int // rows whose group level is not as it was written
	software []int // rows in which other LEDs were written than should be lit
	wrong    []int // rows that answer, and have to be written again

	softwareErrors int // LEDs
}

// lookAt reads all rows back. Those that were never written are left aside.
func lookAt(p *Panel, want *Frame) (l look) {
	held := p.readBack(want)
	for i := range p.rows {
		if regs := held[i]; regs != nil {
			l.compare(i, &p.rows[i], regs, want)
		}
	}
	l.dead = p.Dark()
	l.hung = len(l.dead) == len(p.rows)
	return l
}

// compare counts what is wrong with a row: LEDs that should be lit and were not written
// so, or the reverse; outputs that do not do what was written; the group level.
func (l *look) compare(i int, r *row, held *tlc59116.Registers, want *Frame) {
	before := len(l.leds)
	errors := 0
	for col, sent := range r.pwm {
		if (sent > 0) != (want.PWM[i][col] > 0) {
			errors++
		}
		if !held.Holds(col, sent) {
			l.leds = append(l.leds, clock.Mismatch{Row: i, Col: col,
				Expected: clock.Level(want.PWM[i][col]), Software: clock.Level(sent), Hardware: clock.Level(held.Duty(col))})
		}
	}
	dims := held.Dims(r.group)
	if errors > 0 {
		l.software = append(l.software, i)
		l.softwareErrors += errors
	}
	if !dims {
		l.group = append(l.group, i)
	}
	if errors > 0 || !dims || len(l.leds) > before {
		l.wrong = append(l.wrong, i)
	}
}

// systematic is from how many LEDs on a mismatch has a common cause: more than a fifth.
const systematic = face.Rows*face.Cols/5 + 1

// classify returns the failure that a look comes to, the first that holds of:
//
//	I2C_BUS_FAILURE      the bus hangs, or no driver answers
//	HARDWARE_FAULT       some do not answer
//	SYSTEMATIC_MISMATCH  33 LEDs or more do not do what was written
//	PARTIAL_MISMATCH     some do not
//	GRPPWM_MISMATCH      a group level is not as it was written
//	SOFTWARE_ERROR       other LEDs were written than should be lit
//
// Drivers that do not answer fail one look: in the next ones, without fresh, the other
// rows are judged. None of it is a failed read, or one that differs, if the second read
// of the same row is right; nor a chip that was reset, see [Panel.readBack].
func (l *look) classify(fresh bool) clock.FailureType {
	switch {
	case fresh:
		return l.lasting()
	case len(l.leds) >= systematic:
		return clock.SystematicMismatch
	case len(l.leds) > 0:
		return clock.PartialMismatch
	case l.group != nil:
		return clock.GroupMismatch
	case l.software != nil:
		return clock.SoftwareError
	}
	return clock.FailureNone
}

// lasting returns the failure that drivers are which do not answer, whether that is new
// or not.
func (l *look) lasting() clock.FailureType {
	switch {
	case l.hung:
		return clock.BusFailure
	case l.dead != nil:
		return clock.HardwareFault
	}
	return clock.FailureNone
}

// mostLEDs is how many mismatches are told one by one.
const mostLEDs = 50

// validation returns a look as it is published.
func (l *look) validation() clock.Validation {
	return clock.Validation{
		SoftwareValid:  l.software == nil,
		HardwareValid:  l.leds == nil && l.dead == nil,
		HardwareFaults: l.dead != nil,
		GroupDiffers:   l.group != nil,
		Mismatches:     len(l.leds),
		SoftwareErrors: l.softwareErrors,
		ReadFailures:   len(l.dead) * face.Cols,
		LEDs:           l.leds[:min(len(l.leds), mostLEDs)],
	}
}

// rows returns all that something is wrong with.
func (l *look) rows() []int {
	rows := slices.Concat(l.dead, l.wrong)
	slices.Sort(rows)
	return slices.Compact(rows)
}

// Outages are those that were counted, and are not over: a driver that comes and goes
// is one until the panel calls it back.
type outages struct {
	rows [face.Rows]bool
	bus  bool
}

// update reports whether a look saw one that is new.
func (o *outages) update(p *Panel, l look) (fresh bool) {
	if l.hung {
		fresh, o.bus = !o.bus, true
		return fresh
	}
	o.bus = o.bus && (p.toldHung || len(p.toldDark) == len(p.rows))
	for i := range o.rows {
		dead := slices.Contains(l.dead, i)
		fresh = fresh || dead && !o.rows[i]
		o.rows[i] = dead || o.rows[i] && slices.Contains(p.toldDark, i)
	}
	return fresh
}
