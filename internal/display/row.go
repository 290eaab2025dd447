package display

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/tlc59116"
)

// A row is one LED driver and what it is known to hold.
type row struct {
	dev        *tlc59116.Dev
	configured bool
	holds      bool // pwm and group are in the chip
	pwm        [face.Cols]uint8
	group      uint8
	dark       pause
	pulsed     time.Time // when the reset line was last used for it
}

func newRow(b i2c.Bus, addr uint16) row { return row{dev: tlc59116.New(b, addr)} }

// show brings the row to pwm and group, in two attempts.
func (r *row) show(pwm *[face.Cols]uint8, group uint8) error {
	err := r.write(pwm, group)
	if err != nil && !hal.IsHung(err) {
		err = r.write(pwm, group)
	}
	if err != nil {
		r.dark.extend(err)
		return err
	}
	r.dark.end()
	return nil
}

// errForgetful is a chip that acknowledges everything and keeps nothing.
var errForgetful = errors.New("does not keep its configuration")

// write brings the row to pwm and group. A chip of which nothing is known, be
// it because it failed, is configured first, and has to prove it.
func (r *row) write(pwm *[face.Cols]uint8, group uint8) (err error) {
	defer func() {
		if err != nil {
			r.forget()
		}
	}()
	if !r.configured {
		if err := r.dev.Configure(); err != nil {
			return fmt.Errorf("configure %s: %w", r.dev, err)
		}
		if ok, err := r.dev.Configured(); err != nil {
			return fmt.Errorf("check %s: %w", r.dev, err)
		} else if !ok {
			return fmt.Errorf("configure %s: %w", r.dev, errForgetful)
		}
		r.configured, r.holds = true, false
	}
	if err := r.set(pwm, group); err != nil {
		return fmt.Errorf("light %s: %w", r.dev, err)
	}
	r.pwm, r.group, r.holds = *pwm, group, true
	return nil
}

// set writes what differs, in one transaction.
func (r *row) set(pwm *[face.Cols]uint8, group uint8) error {
	switch lit, dimmed := r.holds && r.pwm == *pwm, r.holds && r.group == group; {
	case lit && dimmed:
		return nil
	case lit:
		return r.dev.SetGroup(group)
	case dimmed:
		return r.dev.SetPWM(pwm)
	}
	return r.dev.SetRow(pwm, group)
}

// ask reports whether the chip is as it was configured, in two attempts.
func (r *row) ask() (ok bool, err error) {
	ok, err = r.dev.Configured()
	if err != nil && !hal.IsHung(err) {
		ok, err = r.dev.Configured()
	}
	if err != nil {
		err = fmt.Errorf("check %s: %w", r.dev, err)
		r.dark.extend(err)
	}
	if !ok {
		r.forget()
	}
	return ok, err
}

// forget is that nothing is known of the chip any more.
func (r *row) forget() { r.configured, r.holds = false, false }

// What failed is left alone for a pause that doubles up to maxPause.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// A pause is how long something that failed is left alone.
type pause struct {
	n     int // failures in a row; 0 is none
	until time.Time
	err   error         // the latest failure
	cost  time.Duration // what it took
	due   time.Time     // the next try, if it is not put off
	ended time.Time

	pulsed bool // the reset line was used
}

func (p *pause) on() bool { return p.n > 0 }

func (p *pause) end() {
	if p.on() {
		*p = pause{ended: time.Now()}
	}
}

func (p *pause) extend(err error) {
	p.err, p.cost = err, 0
	if e, ok := errors.AsType[*hal.TxError](err); ok {
		p.cost = e.Took
	}
	d := maxPause
	if p.n < 6 {
		d = min(minPause<<p.n, maxPause)
	}
	p.n++
	p.due = time.Now().Add(d)
	p.until = p.due
}

// patience is how long a try is put off at most.
const patience = 5 * time.Second

// over reports whether it is time for another try. One that could take beyond
// next is put off until then, if that is not too long; the zero time is never.
func (p *pause) over(next time.Time) bool {
	now := time.Now()
	if !p.on() {
		return true
	}
	if now.Before(p.until) {
		return false
	}
	if now.Before(next) && p.cost >= hal.Hung && now.Add(p.cost+p.cost/2).After(next) && next.Sub(p.due) <= patience {
		p.until = next
		return false
	}
	return true
}
