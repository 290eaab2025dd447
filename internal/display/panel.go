package display

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
)

// A Panel is the ten LED drivers. It writes only what differs from what a chip
// holds, one burst for a chip, and forgets what a chip holds when it fails or
// turns out to have been reset. Its methods belong to one goroutine.
//
// # Failures
//
// A chip that fails twice in a row is dark. It is tried again with a growing
// pause, after those that are well, and not when that could take until the face
// changes. As soon as one goes dark all are looked at, so that one cause is one
// event in the log. If three chips in a row hang the bus, the bus itself hangs,
// and three chips probe it now and then; the reset line, if there is one, is pulsed
// before. It is pulsed too, once, when a chip fails a third time.
type Panel struct {
	rows [face.Rows]row
	line gpio.PinOut // nil is not wired
	log  *slog.Logger

	hung pause // the bus as a whole
	turn int   // the row that probed a hanging bus last

	// What the log was told.
	toldHung bool
	toldDark []int
}

// NewPanel returns the panel on bus b, which should be a hal.Wire: only its
// errors tell what hung. It does not touch the bus.
func NewPanel(b i2c.Bus, log *slog.Logger) *Panel {
	p := &Panel{log: log}
	for i, addr := range hal.LEDAddrs {
		p.rows[i] = newRow(b, addr)
	}
	return p
}

// Show brings the panel to f, as far as chips answer. It skips those whose
// pause is not over, and puts off a try that could take beyond the moment
// next, at which f is no longer right; the zero time is never.
func (p *Panel) Show(f *Frame, next time.Time) {
	defer p.tell()
	if !p.awake() {
		return
	}
	if err := p.draw(f, next); err != nil {
		// Something is wrong: look at the others too, and repair what the
		// look finds, before the log hears of it.
		if p.survey(err, false); !p.hung.on() {
			_ = p.draw(f, next)
		}
	}
	if p.rouse() {
		_ = p.draw(f, next)
	}
}

// draw writes rows, those that are well before those that are dark. It stops
// at one that was well and hangs the bus. The error is that of a row that was
// well.
func (p *Panel) draw(f *Frame, next time.Time) (err error) {
	for i := range p.rows {
		if r := &p.rows[i]; !r.dark.on() {
			if e := r.show(&f.PWM[i], f.Group); e != nil {
				err = e
			}
			if hal.IsHung(err) {
				return err
			}
		}
	}
	p.try(p.due(next), f)
	return err
}

// due returns the dark rows whose pause is over, the one that waits longest
// first.
func (p *Panel) due(next time.Time) (rows []int) {
	for i := range p.rows {
		if d := &p.rows[i].dark; d.on() && d.over(next) {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return p.rows[a].dark.until.Compare(p.rows[b].dark.until) })
	return rows
}

// try writes rows until too many of them in a row hang the bus, and returns the
// error of the last of those.
func (p *Panel) try(rows []int, f *Frame) error {
	hung := 0
	for _, i := range rows {
		err := p.rows[i].show(&f.PWM[i], f.Group)
		if !hal.IsHung(err) {
			hung = 0
		} else if hung++; hung == hangs {
			return err
		}
	}
	return nil
}

// Check looks whether any chip was reset behind our back, which the next Show
// repairs. If it is to look deep it reports whether one holds other than what was
// written to it, which is left for who keeps count of that.
func (p *Panel) Check(deep bool) (differs bool) {
	defer p.tell()
	return p.awake() && p.survey(nil, deep)
}

// Verify returns what is wrong with a row: it is dark, or its chip does not hold what
// was written to it, which the next Show repairs. What is in a pause is not touched.
func (p *Panel) Verify(i int) error {
	defer p.tell()
	switch r := &p.rows[i]; {
	case p.hung.on():
		return fmt.Errorf("the bus hangs: %w", p.hung.err)
	case r.dark.on():
		return r.dark.err
	default:
		return r.verify()
	}
}

// Forget forgets what any chip holds, and that some do not answer: all of them were
// reset, and the next Show configures them.
func (p *Panel) Forget() {
	p.hung.end()
	for i := range p.rows {
		p.rows[i].forget()
		p.rows[i].dark.until = time.Time{}
	}
}

// Blank puts all LEDs out; whatever is in a pause is tried once more.
func (p *Panel) Blank() {
	defer p.tell()
	p.hung.end()
	rows := make([]int, len(p.rows))
	for i := range rows {
		rows[i] = i
	}
	if err := p.try(rows, &Frame{}); err != nil {
		p.hung.extend(err)
		p.free() // in reset they are dark
	}
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

// awake reports whether the bus can be used. While it hangs, a few chips at a
// time find out.
func (p *Panel) awake() bool {
	if !p.hung.on() {
		return true
	}
	if !p.hung.over(time.Time{}) {
		return false
	}
	p.free()
	for range hangs {
		p.turn = (p.turn + 1) % len(p.rows)
		_, err := p.rows[p.turn].ask()
		if hal.IsHung(err) {
			p.hung.err = err
			continue
		}
		p.hung.end()
		for i := range p.rows {
			p.rows[i].dark.until = time.Time{}
		}
		return true
	}
	p.hung.extend(p.hung.err)
	return false
}

// hangs is how many chips in a row have to hang the bus until it is the bus.
const hangs = 3

// survey asks every chip that is not dark whether it still is as it was configured, and
// if it is to look deep reports whether any holds other than what was written. before is
// the failure that made us look.
func (p *Panel) survey(before error, deep bool) (differs bool) {
	var reset []int
	hung := 0
	if hal.IsHung(before) {
		hung = 1
	}
	for i := range p.rows {
		r := &p.rows[i]
		if r.dark.on() {
			continue
		}
		was := r.configured
		ok, right, err := r.look(deep)
		if err == nil && was && !ok {
			reset = append(reset, i)
		}
		differs = differs || !right
		if !hal.IsHung(err) {
			hung = 0
		} else if hung++; hung == hangs {
			p.hung.extend(err)
			break
		}
	}
	p.tellReset(reset)
	return differs
}

// tellReset logs which rows were reset behind our back.
func (p *Panel) tellReset(rows []int) {
	if len(rows) > 0 {
		p.log.Warn("LED drivers were reset, redrawing", "event", "leds_reset", "rows", rows)
	}
}

// steady is how long a row has to be well until the log says so.
const steady = 10 * time.Second

// tell logs what went dark or came back since it was called last.
func (p *Panel) tell() {
	if p.hung.on() {
		if !p.toldHung {
			p.toldHung = true
			p.log.Error("LED bus hangs, the face cannot be changed: check wiring and supply of the LED drivers", "event", "leds_hung", "err", p.hung.err)
		}
		return
	}
	if p.toldHung && time.Since(p.hung.ended) >= steady {
		p.toldHung = false
		p.log.Info("LED bus can be used again", "event", "leds_free")
	}
	var refused, held, back []int
	for i := range p.rows {
		told := slices.Contains(p.toldDark, i)
		switch d := &p.rows[i].dark; {
		case d.until.IsZero() && d.on(): // not tried again since the bus hung
		case d.on() && !told && hal.IsHung(d.err):
			held = append(held, i)
		case d.on() && !told:
			refused = append(refused, i)
		case !d.on() && told && time.Since(d.ended) >= steady:
			back = append(back, i)
		}
	}
	for _, gone := range [...][]int{refused, held} {
		if gone != nil {
			p.log.Error("LED rows do not answer: check wiring and supply of their drivers",
				"event", "leds_dark", "rows", gone, "err", p.rows[gone[0]].dark.err)
			p.toldDark = append(p.toldDark, gone...)
		}
	}
	if back != nil {
		p.log.Info("LED rows are back", "event", "leds_back", "rows", back)
		p.toldDark = slices.DeleteFunc(p.toldDark, func(i int) bool { return slices.Contains(back, i) })
	}
}
