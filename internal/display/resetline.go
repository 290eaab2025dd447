package display

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// resetPulse is how long the drivers are held in reset, and left alone after it: more
// than enough for any wiring (datasheet, Switching Characteristics: 10 ns and 400 ns).
const resetPulse = time.Millisecond

// stubborn is how often in a row a driver has to fail until the reset line is tried, and
// rarely how often that may be for one that comes and goes: all rows are drawn anew then,
// which is to be seen.
const (
	stubborn = 3
	rarely   = time.Hour
)

// Wire has the panel use the line that resets all drivers while it is low: when the bus
// hangs, and once when one driver goes on failing. It is called before all else.
func (p *Panel) Wire(line gpio.PinOut) { p.line = line }

// Reset resets all drivers by their line; the next Show configures them. It is for a
// panel that has one.
func (p *Panel) Reset() error {
	if err := p.pulse(); err != nil {
		return err
	}
	p.Forget()
	return nil
}

// pulse resets all drivers, of which nothing is known then.
func (p *Panel) pulse() error {
	for _, level := range [...]gpio.Level{gpio.Low, gpio.High} {
		if err := p.line.Out(level); err != nil {
			return fmt.Errorf("set reset line of the LED drivers to %s: %w", level, err)
		}
		time.Sleep(resetPulse)
	}
	for i := range p.rows {
		p.rows[i].forget()
	}
	return nil
}

// free tries to free a bus that hangs: a chip that holds it lets go when it is reset.
func (p *Panel) free() {
	if p.line == nil {
		return
	}
	err := p.pulse()
	if p.hung.n == 1 {
		p.tellPulse("the bus hangs", err)
	}
}

// rouse resets the drivers if one of them goes on failing, and reports whether all rows
// have to be drawn again. It does so once an outage, and rarely for one that comes and
// goes.
func (p *Panel) rouse() bool {
	var rows []int
	for i := range p.rows {
		d := &p.rows[i].dark
		if d.n >= stubborn && !d.pulsed && (p.rows[i].pulsed.IsZero() || time.Since(p.rows[i].pulsed) >= rarely) {
			rows = append(rows, i)
		}
	}
	if p.line == nil || p.hung.on() || rows == nil {
		return false
	}
	err := p.pulse()
	p.tellPulse(fmt.Sprintf("rows %v do not answer", rows), err)
	for i := range p.rows { // those that fail for the same reason had their chance, too
		if d := &p.rows[i].dark; d.on() {
			d.pulsed, p.rows[i].pulsed = true, time.Now()
			d.until = time.Time{}
		}
	}
	return err == nil
}

// tellPulse logs that the line was used.
func (p *Panel) tellPulse(why string, err error) {
	if err != nil {
		p.log.Warn("LED drivers cannot be reset", "event", "leds_line", "why", why, "err", err)
		return
	}
	p.log.Info("LED drivers were reset by their line", "event", "leds_line", "why", why)
}
