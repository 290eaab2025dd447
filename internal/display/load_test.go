package display

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// BenchmarkFadeTraffic counts, over the word changes of a day, what goes over the bus in
// a second of fade, and of rest; against the old firmware's way, which is 20 frames a
// second, one register for each LED, and against the limit of one burst for each row and
// frame. The share is that of a wire at 100 kHz.
func BenchmarkFadeTraffic(b *testing.B) {
	var ours, theirs, rest hal.Traffic
	var limit uint64
	for b.Loop() {
		panelBus, naiveBus := hal.NewWire(sim.NewBoard().LEDBus), hal.NewWire(sim.NewBoard().LEDBus)
		p, old := NewPanel(panelBus, slog.New(slog.DiscardHandler)), naive{bus: naiveBus}
		set, now := clock.DefaultSettings(), time.Now()
		s := newScene()
		frames := func(each time.Duration, show func(Frame)) {
			for at := time.Duration(0); at <= set.Transition.Duration; at += each {
				show(s.frame(now.Add(at)))
			}
		}
		ours, theirs, limit = hal.Traffic{}, hal.Traffic{}, 0
		for m := range day {
			s.turn(clock.Face{Phrase: face.Say(0, 5*m-1, set.Style)}, lightOf(set), &set, now)
			now = now.Add(time.Minute)
			last := s.frame(now)
			p.Show(&last, time.Time{})
			old.show(&last)
			s.turn(clock.Face{Phrase: face.Say(0, 5*m, set.Style)}, lightOf(set), &set, now)
			before, naiveBefore := panelBus.Traffic(), naiveBus.Traffic()
			frames(fadeFrame, func(f Frame) {
				limit += bursts(&f, &last)
				p.Show(&f, time.Time{})
				last = f
			})
			frames(50*time.Millisecond, func(f Frame) { old.show(&f) })
			ours, theirs = add(ours, panelBus.Traffic(), before), add(theirs, naiveBus.Traffic(), naiveBefore)
			now = now.Add(time.Minute)
		}
		before := panelBus.Traffic()
		p.Check(true)
		rest = add(hal.Traffic{}, panelBus.Traffic(), before)
	}
	seconds := day * clock.DefaultSettings().Transition.Duration.Seconds()
	b.ReportMetric(float64(ours.Transactions)/seconds, "tx/s")
	b.ReportMetric(float64(theirs.Transactions)/seconds, "tx-naive/s")
	b.ReportMetric(float64(ours.Bytes)/seconds, "B/s")
	b.ReportMetric(float64(theirs.Bytes)/seconds, "B-naive/s")
	b.ReportMetric(100*wireTime(ours).Seconds()/seconds, "%-held")
	b.ReportMetric(100*(wireTime(theirs)+time.Duration(theirs.Transactions)*naivePause).Seconds()/seconds, "%-held-naive")
	b.ReportMetric(float64(rest.Transactions)/DefaultPoll.Seconds(), "tx-rest/s")
	b.ReportMetric(float64(rest.Bytes)/DefaultPoll.Seconds(), "B-rest/s")
	b.ReportMetric(float64(ours.Bytes)/float64(limit), "x-limit")
	if ours.Bytes != limit {
		b.Errorf("%d bytes, want the limit of %d", ours.Bytes, limit)
	}
}

// day is how many times the words change in a day.
const day = 24 * 60 / 5

// bursts returns the bytes of one burst for each row that differs.
func bursts(f, last *Frame) (n uint64) {
	for row := range f.PWM {
		if f.PWM[row] != last.PWM[row] {
			n += 18
		}
	}
	return n
}

// BenchmarkLoad is what the display takes of a processor, drivers and chip models with
// it: at rest, and in a fade that does not end. A loop without end takes all of one, or
// what others leave of it.
func BenchmarkLoad(b *testing.B) {
	const each = 2 * time.Second
	for b.Loop() {
		spin := share(each/4, func(until time.Time) {
			for time.Now().Before(until) {
			}
		})
		sleeps := func(until time.Time) { time.Sleep(time.Until(until)) }
		rest, fade := 0.0, 0.0
		runs(b, func(*watch.Value[clock.Time]) { rest = share(each, sleeps) })
		runs(b, func(shown *watch.Value[clock.Time]) {
			fade = share(each, func(until time.Time) {
				for at := june(14, 35, 0); time.Now().Before(until); at = at.Add(5 * time.Minute) {
					shown.Set(clock.Time{Quality: clock.Synced, Host: time.Now(), True: at})
					time.Sleep(min(time.Second, time.Until(until)))
				}
			})
		})
		b.ReportMetric(100*spin, "%-spin")
		b.ReportMetric(100*rest, "%-rest")
		b.ReportMetric(100*fade, "%-fade")
		if rest > 0.02 || fade > 0.1 {
			b.Errorf("%.1f %% at rest and %.1f %% in a fade, want 2 %% and 10 %%", 100*rest, 100*fade)
		}
	}
}

// share returns how much of a processor the program takes while do is at it.
func share(d time.Duration, do func(until time.Time)) float64 {
	begin, before := time.Now(), processor()
	do(begin.Add(d))
	return float64(processor()-before) / float64(time.Since(begin))
}

// processor returns the processor time that the program has taken.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runs has a display run on a board, in true time, while do is at it.
func runs(b *testing.B, do func(*watch.Value[clock.Time])) {
	set := clock.DefaultSettings()
	c := Config{
		Bus: sim.NewBoard().LEDs, Poll: DefaultPoll, Alive: func() {},
		Time: watch.NewValue(clock.FromHost(time.Now(), nil)), Settings: watch.NewValue(set), Light: watch.NewValue(lightOf(set)),
		Face: new(watch.Value[clock.Face]), Log: slog.New(slog.DiscardHandler),
	}
	g, _ := task.NewGroup(context.Background())
	g.Go("display", New(c).Run)
	do(c.Time)
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		b.Error(err)
	}
}
