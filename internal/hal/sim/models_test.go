package sim

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
)

func TestRTCRate(t *testing.T) {
	for _, ppm := range []float64{-40, 0, 2, 250000} {
		synctest.Test(t, func(t *testing.T) {
			c := NewDS3231()
			c.Set(time.Now())
			time.Sleep(time.Hour) // at the rate that it had
			c.SetRate(ppm)
			start := time.Now()
			for range 1000 { // looking at it must not cost it time
				time.Sleep(1500 * time.Millisecond)
				c.Now()
			}
			got, ok := c.Now()
			want := start.Add(time.Duration(1500e9 * (1 + ppm/1e6))).Truncate(time.Second)
			if d := got.Sub(want); !ok || d < -time.Second || d > time.Second {
				t.Errorf("%v ppm: %s after 1500 s, want %s", ppm, got, want)
			}
		})
	}
}

// TestRTCWrap: a burst that wraps to 00h sees the time of then.
func TestRTCWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := NewBus("sensors"), NewDS3231()
		b.Attach(c)
		c.Set(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
		b.Inject(Fault{Kind: Slow, Delay: 600 * time.Millisecond})
		r := make([]byte, 3)
		// Address, pointer, address, two bytes of temperature, then the seconds.
		if err := b.Tx(0x68, []byte{0x11}, r); err != nil || r[2] != 0x03 {
			t.Errorf("read % x, %v, want second 03", r, err)
		}
	})
}

func TestRTCGarbageStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewDS3231()
		c.Set(time.Now())
		c.Poke(1, 0x7A)
		time.Sleep(time.Hour)
		if at, ok := c.Now(); ok {
			t.Errorf("minute 7A reads as %s", at)
		}
		c.Poke(4, 0x30)
		c.Poke(5, 0x02)
		c.Poke(1, 0x30)
		if at, ok := c.Now(); ok {
			t.Errorf("30 February reads as %s", at)
		}
		c.Poke(5, 0x03)
		if at, ok := c.Now(); !ok || at.Minute() != 30 {
			t.Errorf("repaired: %s, %t", at, ok)
		}
	})
}

// TestRTCYears lets the calendar run through a century, leap days and all.
func TestRTCYears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewDS3231()
		at := time.Now()
		c.Set(at)
		for at.Year() < 2100 {
			time.Sleep(24*time.Hour + 7*time.Second)
			at = at.Add(24*time.Hour + 7*time.Second)
			if got, ok := c.Now(); !ok || got.Format("01-02 15:04:05") != at.Format("01-02 15:04:05") {
				t.Fatalf("%s, want %s", got, at)
			}
		}
	})
}

func TestKnob(t *testing.T) {
	var k Knob
	for _, c := range []struct {
		turn, want physic.ElectricPotential
		raw        int32
	}{
		{0, 0, 0},
		{-physic.Volt, 0, 0},
		{1650 * physic.MilliVolt, 1650 * physic.MilliVolt, 2047},
		{5 * physic.Volt, 3300 * physic.MilliVolt, 4095},
	} {
		k.Turn(c.turn)
		if got, err := k.Read(); got.V != c.want || got.Raw != c.raw || err != nil {
			t.Errorf("turned to %s: %v, %v, want %s and %d", c.turn, got, err, c.want, c.raw)
		}
	}
	if least, most := k.Range(); least.V != 0 || most.V != 3300*physic.MilliVolt || most.Raw != 4095 {
		t.Errorf("range %v to %v", least, most)
	}
	errGone := errors.New("gone")
	k.Fail(errGone)
	if _, err := k.Read(); !errors.Is(err, errGone) {
		t.Errorf("error %v, want %v", err, errGone)
	}
}

func TestBoard(t *testing.T) {
	b := NewBoard()
	if at, ok := b.RTC.Now(); !ok || time.Since(at) > 2*time.Second {
		t.Errorf("the RTC starts at %s, %t, want the present time", at, ok)
	}
	var status [1]byte
	if err := b.Sensors.Tx(0x68, []byte{0x0F}, status[:]); err != nil || status[0]&0x80 != 0 {
		t.Errorf("RTC status %#02x, %v, want OSF clear", status, err)
	}
	if b.LEDs == nil || b.Sensors == nil || b.Pot == nil {
		t.Error("something is not wired")
	}
	if b.Lit() != ([10][16]uint8{}) {
		t.Error("lit before anybody wrote")
	}
}
