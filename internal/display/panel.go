package display

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/tlc59116"
)

// A failed transaction that took this long was not refused: nobody let go of
// the wires until the adapter gave up.
const hang = 50 * time.Millisecond

// Chips that fail are tried again after a pause that doubles up to maxPause.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// A Panel is the ten LED drivers. It writes only what differs from what a chip
// holds, one burst for a chip, and forgets what a chip holds when it fails or
// turns out to have been reset. Its methods belong to one goroutine.
//
// # Failures
//
// A chip that fails twice in a row is dark. It is tried again with a growing
// pause, and does not hold up the others. As soon as one goes dark all are
// looked at, so that one cause is one event in the log. If two chips in a row
// hang the bus, the bus itself hangs, and a single chip probes it now and then.
type Panel struct {
	rows [face.Rows]row
	log  *slog.Logger

	hung  pause // the bus as a whole
	turn  int   // the row that probes a hanging bus next
	told  []int // dark rows, as the log knows them
	cause error // the latest failure
}

// A row is one driver and what it is known to hold.
type row struct {
	dev        *tlc59116.Dev
	configured bool
	shows      bool // pwm and group are in the chip
	pwm        [face.Cols]uint8
	group      uint8
	dark       pause
}

// NewPanel returns the panel on bus b. It does not touch the bus.
func NewPanel(b i2c.Bus, log *slog.Logger) *Panel {
	p := &Panel{log: log}
	for i, addr := range hal.LEDAddrs {
		p.rows[i].dev = tlc59116.New(b, addr)
	}
	return p
}

// Show brings the panel to f, as far as chips answer. It skips those whose
// pause is not over.
func (p *Panel) Show(f *Frame) {
	defer p.tell()
	if !p.awake() {
		return
	}
	if fresh, slow := p.draw(f); fresh {
		// Something is wrong: look at the others too, and repair what the
		// look finds, before the log hears of it.
		if p.look(slow); !p.hung.on() {
			p.draw(f)
		}
	}
}

// draw writes rows, those that are well before those that are dark. It stops
// at one that hangs the bus, and then reports slow. It reports fresh if a row
// that was well until now failed.
func (p *Panel) draw(f *Frame) (fresh, slow bool) {
	for _, dark := range [...]bool{false, true} {
		for i := range p.rows {
			if d := &p.rows[i].dark; d.on() != dark || !d.over() {
				continue
			}
			ok, slow := p.write(i, f)
			fresh = fresh || !ok && !dark
			if slow {
				return fresh, true
			}
		}
	}
	return fresh, false
}

// Check looks whether any chip was reset behind our back; the next Show
// repairs it.
func (p *Panel) Check() {
	defer p.tell()
	if p.awake() {
		p.look(false)
	}
}

// Blank puts all LEDs out, and tries chips that are in a pause once more.
func (p *Panel) Blank() {
	p.hung.end()
	for i := range p.rows {
		p.rows[i].dark.until = time.Time{}
	}
	p.Show(&Frame{})
}

// Dark returns the rows whose driver does not answer, nil if all do.
func (p *Panel) Dark() (rows []int) {
	for i := range p.rows {
		if p.hung.on() || p.rows[i].dark.on() {
			rows = append(rows, i)
		}
	}
	return rows
}

// Retry returns when a pause of any chip ends; ok is false if there is none.
func (p *Panel) Retry() (at time.Time, ok bool) {
	if p.hung.on() {
		return p.hung.until, true
	}
	for i := range p.rows {
		if d := &p.rows[i].dark; d.on() && (!ok || d.until.Before(at)) {
			at, ok = d.until, true
		}
	}
	return at, ok
}

// awake reports whether the bus can be used. While it hangs, one chip at a
// time finds out.
func (p *Panel) awake() bool {
	if !p.hung.on() {
		return true
	}
	if !p.hung.over() {
		return false
	}
	p.turn = (p.turn + 1) % len(p.rows)
	if _, slow := p.configured(p.turn); slow {
		p.hung.extend()
		return false
	}
	p.hung.end()
	for i := range p.rows {
		p.rows[i].dark.until = time.Time{}
	}
	return true
}

// write brings row i to f. It reports slow if the bus hung.
func (p *Panel) write(i int, f *Frame) (ok, slow bool) {
	r := &p.rows[i]
	err, slow := attempt(func() error { return r.write(&f.PWM[i], f.Group) })
	if err != nil {
		p.cause = err
		r.dark.extend()
		return false, slow
	}
	r.dark.end()
	return true, false
}

// attempt calls f a second time if it fails at once. It reports slow if f took
// so long that the bus must have hung.
func attempt(f func() error) (err error, slow bool) {
	for range 2 {
		start := time.Now()
		if err = f(); err == nil {
			return nil, false
		}
		if time.Since(start) >= hang {
			return err, true
		}
	}
	return err, false
}

func (r *row) write(pwm *[face.Cols]uint8, group uint8) (err error) {
	defer func() {
		if err != nil {
			r.configured, r.shows = false, false
		}
	}()
	if !r.configured {
		if err = r.dev.Configure(); err != nil {
			return fmt.Errorf("configure %s: %w", r.dev, err)
		}
		r.configured, r.shows = true, false
	}
	if !r.shows || r.group != group {
		if err = r.dev.SetGroup(group); err != nil {
			return fmt.Errorf("dim %s: %w", r.dev, err)
		}
		r.group = group
	}
	if !r.shows || r.pwm != *pwm {
		if err = r.dev.SetPWM(pwm); err != nil {
			return fmt.Errorf("light %s: %w", r.dev, err)
		}
		r.pwm, r.shows = *pwm, true
	}
	return nil
}

// look asks every chip that is not dark whether it still is as it was
// configured. Two that hang in a row mean that the bus does; slow says that the
// one before did.
func (p *Panel) look(slow bool) {
	var reset []int
	for i := range p.rows {
		r := &p.rows[i]
		if r.dark.on() {
			continue
		}
		was, before := r.configured, slow
		var ok bool
		ok, slow = p.configured(i)
		if was && !ok && !r.dark.on() {
			reset = append(reset, i)
		}
		if before && slow {
			p.hung.extend()
			break
		}
	}
	if len(reset) > 0 {
		p.log.Warn("LED drivers were reset, redrawing", "event", "leds_reset", "rows", reset)
	}
}

// configured asks row i. It reports slow if the bus hung.
func (p *Panel) configured(i int) (ok, slow bool) {
	r := &p.rows[i]
	err, slow := attempt(func() (err error) { ok, err = r.dev.Configured(); return err })
	if err != nil {
		p.cause = fmt.Errorf("check %s: %w", r.dev, err)
		r.dark.extend()
	}
	if !ok {
		r.configured, r.shows = false, false
	}
	return ok, slow
}

// tell logs what went dark or came back since it was called last.
func (p *Panel) tell() {
	now := p.Dark()
	gone := without(now, p.told)
	back := without(p.told, now)
	switch {
	case p.hung.on() && len(gone) > 0:
		p.log.Error("LED bus hangs, rows are frozen: check its wiring and supply", "event", "leds_hung", "err", p.cause)
	case len(gone) > 0:
		p.log.Error("LED rows do not answer: check the chips' supply and wiring", "event", "leds_dark", "rows", gone, "err", p.cause)
	}
	if len(back) > 0 {
		p.log.Info("LED rows are back", "event", "leds_back", "rows", back)
	}
	p.told = now
}

func without(a, b []int) (rest []int) {
	for _, i := range a {
		if !slices.Contains(b, i) {
			rest = append(rest, i)
		}
	}
	return rest
}

// A pause is how long something that failed is left alone.
type pause struct {
	n     int // failures in a row
	until time.Time
}

func (p *pause) on() bool   { return p.n > 0 }
func (p *pause) over() bool { return p.n == 0 || !time.Now().Before(p.until) }
func (p *pause) end()       { *p = pause{} }

func (p *pause) extend() {
	d := maxPause
	if p.n < 6 {
		d = min(minPause<<p.n, maxPause)
	}
	p.n++
	p.until = time.Now().Add(d)
}
