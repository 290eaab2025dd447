package display

import (
	"log/slog"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// still is the picture of a phrase in the light of default settings, when it has come.
func still(p face.Phrase) Frame {
	s := newScene()
	return next(&s, p)
}

// next turns a scene to a phrase in default settings, at once.
func next(s *scene, p face.Phrase) Frame {
	set := clock.DefaultSettings()
	set.Transition.Off = true
	s.turn(clock.Face{Phrase: p}, lightOf(set), &set, time.Time{})
	return s.frame(time.Time{})
}

// BenchmarkDraw is from a time of day to a frame.
func BenchmarkDraw(b *testing.B) {
	b.ReportAllocs()
	s, m := newScene(), 0
	for b.Loop() {
		f := next(&s, face.Say(m/60, m%60, face.Default))
		_ = f
		m = (m + 1) % (24 * 60)
	}
}

// BenchmarkFade is a frame in the middle of a fade.
func BenchmarkFade(b *testing.B) {
	b.ReportAllocs()
	s, set, now := newScene(), clock.DefaultSettings(), time.Now()
	for m := range 2 {
		s.turn(clock.Face{Phrase: face.Say(6, 24+m, face.Default)}, lightOf(set), &set, now)
	}
	for b.Loop() {
		f := s.frame(now.Add(time.Second))
		_ = f
	}
}

// BenchmarkFrame is from a time of day to the LEDs, five minutes on each time,
// through drivers and models.
func BenchmarkFrame(b *testing.B) {
	b.ReportAllocs()
	p := NewPanel(hal.NewWire(sim.NewBoard().LEDBus), slog.New(slog.DiscardHandler))
	s, m := newScene(), 0
	for b.Loop() {
		f := next(&s, face.Say(m/60, m%60, face.Default))
		p.Show(&f, time.Time{})
		m = (m + 5) % (24 * 60)
	}
}

func TestFrameDoesNotAllocate(t *testing.T) {
	p := NewPanel(hal.NewWire(sim.NewBoard().LEDBus), slog.New(slog.DiscardHandler))
	s, m := newScene(), 0
	if n := testing.AllocsPerRun(288, func() {
		f := next(&s, face.Say(m/60, m%60, face.Default))
		p.Show(&f, time.Time{})
		m += 5
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// naive writes as the old firmware does: one register for each LED that
// differs, without auto-increment.
type naive struct {
	bus   *hal.Wire
	holds Frame
}

func (n *naive) show(f *Frame) {
	for row := range f.PWM {
		for col, v := range f.PWM[row] {
			if n.holds.PWM[row][col] != v {
				_ = n.bus.Tx(hal.LEDAddrs[row], []byte{0x02 + byte(col), v}, nil)
			}
		}
	}
	n.holds = *f
}

// wireTime is how long traffic takes at 100 kHz: nine clocks for a byte, and
// about two for START and STOP.
func wireTime(t hal.Traffic) time.Duration {
	return time.Duration(9*t.Bytes+2*t.Transactions) * 10 * time.Microsecond
}

// naivePause is what the old firmware sleeps after each LED, the bus held.
const naivePause = time.Millisecond

// BenchmarkTraffic counts, over the word changes of a day, what goes over the
// bus; against one register for each LED, and against the limit of one burst
// of 18 bytes for each chip whose row changes. The time is that of the wire at
// 100 kHz, with the old firmware's pauses.
func BenchmarkTraffic(b *testing.B) {
	var ours, theirs hal.Traffic
	var changes, limit uint64
	for b.Loop() {
		panelBus, naiveBus := hal.NewWire(sim.NewBoard().LEDBus), hal.NewWire(sim.NewBoard().LEDBus)
		p := NewPanel(panelBus, slog.New(slog.DiscardHandler))
		old := naive{bus: naiveBus}
		ours, theirs, changes, limit = hal.Traffic{}, hal.Traffic{}, 0, 0
		for m := 5; m <= 24*60; m += 5 {
			last := still(face.Say(0, m-1, face.Default)) // all minute LEDs lit
			p.Show(&last, time.Time{})
			old.show(&last)
			f := still(face.Say(0, m, face.Default))
			for row := range f.PWM {
				if f.PWM[row] != last.PWM[row] {
					limit += 18
				}
			}
			before, naiveBefore := panelBus.Traffic(), naiveBus.Traffic()
			p.Show(&f, time.Time{})
			old.show(&f)
			ours, theirs = add(ours, panelBus.Traffic(), before), add(theirs, naiveBus.Traffic(), naiveBefore)
			changes++
		}
	}
	per := func(n uint64) float64 { return float64(n) / float64(changes) }
	b.ReportMetric(per(ours.Transactions), "tx/change")
	b.ReportMetric(per(theirs.Transactions), "tx-naive/change")
	b.ReportMetric(per(ours.Bytes), "B/change")
	b.ReportMetric(per(theirs.Bytes), "B-naive/change")
	b.ReportMetric(float64(ours.Bytes)/float64(limit), "x-limit")
	b.ReportMetric(wireTime(ours).Seconds()*1e3/float64(changes), "ms/change")
	slow := wireTime(theirs) + time.Duration(theirs.Transactions)*naivePause
	b.ReportMetric(slow.Seconds()*1e3/float64(changes), "ms-naive/change")
	if ours.Bytes != limit {
		b.Errorf("%d bytes, want the limit of %d", ours.Bytes, limit)
	}
}

// add returns the sum, and what went over a bus from before to after.
func add(sum, after, before hal.Traffic) hal.Traffic {
	return hal.Traffic{
		Transactions: sum.Transactions + after.Transactions - before.Transactions,
		Bytes:        sum.Bytes + after.Bytes - before.Bytes,
	}
}
