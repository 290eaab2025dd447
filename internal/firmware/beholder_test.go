package firmware

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// A radiance is how bright each cell is, in 1/255².
type radiance [face.Rows][face.Cols]uint16

// radianceOf returns what a board shows.
func radianceOf(b *sim.Board) (l radiance) {
	for row, c := range b.Rows {
		l[row] = c.Duty()
	}
	return l
}

// radianceFor is what a phrase looks like at levels, written down plainly.
func radianceFor(p face.Phrase, l clock.Light) (want radiance) {
	if l.Off {
		return want
	}
	for led := range p.LEDs() {
		want[led.Row][led.Col] = uint16(l.Individual) * uint16(l.Group)
	}
	return want
}

// A beholder sees the LEDs of a board after each transaction on their bus, and notes what
// went over it.
type beholder struct {
	i2c.Bus
	board *sim.Board

	mu         sync.Mutex
	watch      func(row int, now [face.Cols]uint16) // nil: it is closed
	configured [face.Rows]int                       // writes to registers other than duties
}

// watched looks from now on at the LEDs of a board that nothing runs on yet.
func watched(b *sim.Board) *beholder {
	e := &beholder{Bus: b.LEDBus, board: b}
	b.LEDs = hal.NewWire(e)
	return e
}

// on has f called with what a row looks like after each transaction with it; nil ends it.
func (e *beholder) on(f func(row int, now [face.Cols]uint16)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = f
}

// setUp returns how often each chip was configured since it was asked last.
func (e *beholder) setUp() (times [face.Rows]int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	times, e.configured = e.configured, times
	return times
}

// Tx implements i2c.Bus.
func (e *beholder) Tx(addr uint16, w, r []byte) error {
	err := e.Bus.Tx(addr, w, r)
	e.mu.Lock()
	defer e.mu.Unlock()
	row := slices.Index(hal.LEDAddrs[:], addr)
	if row < 0 {
		return err
	}
	const register, pwm0, groupFreq = 0x1F, 0x02, 0x13 // of the control byte (datasheet, Register Descriptions)
	if len(w) > 1 && (w[0]&register < pwm0 || w[0]&register > groupFreq) {
		e.configured[row]++
	}
	if e.watch != nil {
		e.watch(row, e.board.Rows[row].Duty())
	}
	return err
}

// shines fails unless the LEDs show the face of the moment, just as bright as the clock
// says that they are to be.
func (d *clockwork) shines(t testing.TB) {
	t.Helper()
	synctest.Wait()
	s, _ := d.service.Watch()
	now := time.Now().In(d.zone)
	if got, want := radianceOf(d.board), radianceFor(face.Say(now.Hour(), now.Minute(), s.Settings.Style), s.Light); got != want {
		t.Fatalf("%s: row, column, is, want: %v; %+v", now.Format(time.DateTime+".000"), differences(got, want), s.Light)
	}
}

// differences lists the cells that differ, with both of their levels.
func differences(got, want radiance) (list [][4]int) {
	for row := range got {
		for col := range got[row] {
			if a, b := got[row][col], want[row][col]; a != b {
				list = append(list, [4]int{row, col, int(a), int(b)})
			}
		}
	}
	return list
}

// set changes settings by their keys, as front ends do.
func (d *clockwork) set(t testing.TB, edits ...clock.Edit) {
	t.Helper()
	if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { return clock.Apply(s, edits) }); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// A steadiness is how evenly a cell that is always lit changes.
type steadiness struct {
	was, now uint16
	at       time.Time
	worst    float64 // ratio between two levels that follow each other
	steps    int
}

// look notes the level of a cell. That nothing is lit is no step.
func (s *steadiness) look(level uint16) {
	if level == s.now {
		return
	}
	if s.was, s.now, s.at = s.now, level, time.Now(); s.was > 0 && s.now > 0 {
		s.steps++
		s.worst = max(s.worst, float64(max(s.was, s.now))/float64(min(s.was, s.now)))
	}
}
