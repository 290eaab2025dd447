package sim

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// TestButton: what a pin with a key on it does, and what ends a wait for an edge.
func TestButton(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewButton()
		if err := b.In(gpio.PullUp, gpio.BothEdges); err != nil || b.Read() != gpio.High {
			t.Errorf("%s, %v", b.Read(), err)
		}
		waits := func(timeout, want time.Duration, edge bool) {
			t.Helper()
			begin := time.Now()
			if got := b.WaitForEdge(timeout); got != edge || time.Since(begin) != want {
				t.Errorf("edge %t after %s, want %t after %s", got, time.Since(begin), edge, want)
			}
		}
		waits(time.Second, time.Second, false)
		b.Press()
		b.Press()
		waits(time.Second, 0, true)
		if b.Read() != gpio.Low || !b.Pressed() {
			t.Error("not pressed")
		}
		waits(time.Second, time.Second, false)
		b.Release()
		waits(-1, 0, true)
		b.PressFor(3 * time.Second)
		waits(-1, 0, true)
		waits(-1, 3*time.Second, true)
		if b.Read() != gpio.High {
			t.Error("still pressed")
		}
		for _, end := range []func(){func() { b.Fail(errors.New("gone")) }, func() { b.Fail(nil); _ = b.Halt() }} {
			time.AfterFunc(time.Hour, end)
			waits(-1, time.Hour, false)
		}
		waits(time.Second, time.Second, false)
		if _ = b.Halt(); b.In(gpio.PullUp, gpio.BothEdges) != nil {
			t.Error("cannot be set up")
		}
		waits(time.Second, time.Second, false)
	})
}

// TestLamp: what a lamp remembers.
func TestLamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLamp("lamp")
		for i := range 1000 {
			if err := l.Out(gpio.Level(i%2 == 0)); err != nil {
				t.Fatal(err)
			}
			_ = l.Out(gpio.Level(i%2 == 0))
			time.Sleep(time.Second)
		}
		changes := l.Changes()
		if n := len(changes); n > mostChanges || n < mostChanges/2 {
			t.Errorf("%d changes", n)
		}
		for i, c := range changes {
			if ago := time.Duration(len(changes)-i) * time.Second; time.Since(c.At) != ago || c.Lit != ((len(changes)-i)%2 == 0) {
				t.Errorf("change %d: %s ago, lit %t", i, time.Since(c.At), c.Lit)
			}
		}
		broken := errors.New("gone")
		l.Fail(broken)
		if err := l.Out(gpio.High); err != broken || l.Lit() {
			t.Errorf("%v, lit %t", err, l.Lit())
		}
	})
}

// TestKnobNoise stays within its bounds, and goes both ways.
func TestKnobNoise(t *testing.T) {
	k := NewKnob()
	k.Turn(1650 * physic.MilliVolt)
	k.Noise(3)
	seen := map[int32]int{}
	for range 700 {
		s, err := k.Read()
		if err != nil {
			t.Fatal(err)
		}
		seen[s.Raw]++
	}
	for raw := range seen {
		if raw < 2047-4 || raw > 2047+4 {
			t.Errorf("%d counts", raw)
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d different readings", len(seen))
	}
}
