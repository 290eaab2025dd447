package ds3231

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// burst returns registers 0x00 to 0x0F with a status.
func burst(time [7]byte, status byte) []byte {
	r := make([]byte, 16)
	copy(r, time[:])
	r[0x0E], r[0x0F] = 0x1C, status
	return r
}

func play(ops ...i2ctest.IO) *i2ctest.Playback {
	for i := range ops {
		ops[i].Addr = 0x68
	}
	return &i2ctest.Playback{Ops: ops, DontPanic: true}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		regs   [7]byte
		status byte
		want   string // RFC 3339, or an error
	}{
		{"24 h", [7]byte{0x56, 0x34, 0x23, 1, 0x29, 0x02, 0x24}, 0x00, "2024-02-29T23:34:56Z"},
		{"12 h, midnight", [7]byte{0x00, 0x00, 0x52, 1, 0x01, 0x01, 0x26}, 0x00, "2026-01-01T00:00:00Z"},
		{"12 h, morning", [7]byte{0x00, 0x00, 0x49, 1, 0x01, 0x01, 0x26}, 0x00, "2026-01-01T09:00:00Z"},
		{"12 h, noon", [7]byte{0x00, 0x00, 0x72, 1, 0x01, 0x01, 0x26}, 0x00, "2026-01-01T12:00:00Z"},
		{"12 h, evening", [7]byte{0x59, 0x59, 0x71, 1, 0x31, 0x12, 0x99}, 0x00, "2099-12-31T23:59:59Z"},
		{"century", [7]byte{0x00, 0x00, 0x00, 5, 0x01, 0x81, 0x00}, 0x00, "2100-01-01T00:00:00Z"},
		{"other status bits", [7]byte{0x00, 0x00, 0x00, 5, 0x01, 0x01, 0x30}, 0x0F, "2030-01-01T00:00:00Z"},
		{"stopped", [7]byte{0x00, 0x00, 0x00, 1, 0x01, 0x01, 0x26}, 0x80, ErrStopped.Error()},
		{"not BCD", [7]byte{0x0A, 0x00, 0x00, 1, 0x01, 0x01, 0x26}, 0x00, "registers 0a 00 00 01 01 01 26: no valid second"},
		{"reserved bit", [7]byte{0x80, 0x00, 0x00, 1, 0x01, 0x01, 0x26}, 0x00, "registers 80 00 00 01 01 01 26: no valid second"},
		{"minute 60", [7]byte{0x00, 0x60, 0x00, 1, 0x01, 0x01, 0x26}, 0x00, "registers 00 60 00 01 01 01 26: no valid minute"},
		{"hour 24", [7]byte{0x00, 0x00, 0x24, 1, 0x01, 0x01, 0x26}, 0x00, "registers 00 00 24 01 01 01 26: no valid hour"},
		{"hour 0 of 12", [7]byte{0x00, 0x00, 0x40, 1, 0x01, 0x01, 0x26}, 0x00, "registers 00 00 40 01 01 01 26: no valid hour"},
		{"reserved bit of the hour", [7]byte{0x00, 0x00, 0x84, 1, 0x01, 0x01, 0x26}, 0x00, "registers 00 00 84 01 01 01 26: no valid hour"},
		{"reserved bit of the day", [7]byte{0x00, 0x00, 0x00, 1, 0x41, 0x01, 0x26}, 0x00, "registers 00 00 00 01 41 01 26: no valid day"},
		{"reserved bit of the month", [7]byte{0x00, 0x00, 0x00, 1, 0x01, 0x21, 0x26}, 0x00, "registers 00 00 00 01 01 21 26: no valid month"},
		{"day 0", [7]byte{0x00, 0x00, 0x00, 1, 0x00, 0x01, 0x26}, 0x00, "registers 00 00 00 01 00 01 26: no valid day"},
		{"month 13", [7]byte{0x00, 0x00, 0x00, 1, 0x01, 0x13, 0x26}, 0x00, "registers 00 00 00 01 01 13 26: no valid month"},
		{"29 February of a common year", [7]byte{0x00, 0x00, 0x00, 1, 0x29, 0x02, 0x26}, 0x00, "registers 00 00 00 01 29 02 26: no valid day of the month"},
		{"a bus that floats high", [7]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 0x00, "registers ff ff ff ff ff ff ff: no valid second"},
		{"a bus that floats high, status too", [7]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 0xFF, ErrStopped.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := play(i2ctest.IO{W: []byte{0x00}, R: burst(c.regs, c.status)})
			at, err := New(b).Time()
			got := at.Format(time.RFC3339)
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("Time() = %s, want %s", got, c.want)
			}
			if err != nil && !at.IsZero() {
				t.Errorf("an error comes with the time %s", at)
			}
		})
	}
}

func TestSetTime(t *testing.T) {
	at := time.Date(2026, 3, 29, 3, 4, 59, 999e6, time.FixedZone("CEST", 2*3600)) // a Sunday
	b := play(
		i2ctest.IO{W: []byte{0x0E, 0x1C}},
		i2ctest.IO{W: []byte{0x00, 0x59, 0x04, 0x01, 0x07, 0x29, 0x03, 0x26}},
		i2ctest.IO{W: []byte{0x0F}, R: []byte{0x8B}},
		i2ctest.IO{W: []byte{0x0F, 0x0B}},
	)
	if err := New(b).SetTime(at); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}

	b = play(
		i2ctest.IO{W: []byte{0x0E, 0x1C}},
		i2ctest.IO{W: []byte{0x00, 0x00, 0x00, 0x00, 0x05, 0x01, 0x81, 0x00}},
		i2ctest.IO{W: []byte{0x0F}, R: []byte{0x00}},
		i2ctest.IO{W: []byte{0x0F, 0x00}},
	)
	if err := New(b).SetTime(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Errorf("2100: %v", err)
	}
	for _, year := range []int{1999, 2200} {
		want := fmt.Sprintf("year %d: the chip counts 2000 to 2199", year)
		if err := New(play()).SetTime(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestTemperature(t *testing.T) {
	for _, c := range []struct {
		r    [2]byte
		want float64
	}{
		{[2]byte{0x19, 0x40}, 25.25}, // the datasheet's example
		{[2]byte{0x00, 0x00}, 0},
		{[2]byte{0xF6, 0xC0}, -9.25},
		{[2]byte{0x7F, 0xC0}, 127.75},
	} {
		b := play(i2ctest.IO{W: []byte{0x11}, R: c.r[:]})
		got, err := New(b).Temperature()
		if want := physic.ZeroCelsius + physic.Temperature(c.want*float64(physic.Kelvin)); got != want || err != nil {
			t.Errorf("% x: %s, %v, want %s", c.r, got, err, want)
		}
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	d := New(play())
	if _, err := d.Time(); err == nil {
		t.Error("Time: no error from a bus that refuses")
	}
	if _, err := d.Temperature(); err == nil {
		t.Error("Temperature: no error from a bus that refuses")
	}
	control := i2ctest.IO{W: []byte{0x0E, 0x1C}}
	write := i2ctest.IO{W: []byte{0x00, 0x00, 0x00, 0x00, 0x04, 0x01, 0x01, 0x26}}
	read := i2ctest.IO{W: []byte{0x0F}, R: []byte{0x80}}
	for n, b := range []*i2ctest.Playback{play(), play(control), play(control, write), play(control, write, read)} {
		if err := New(b).SetTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("SetTime: no error from a bus that refuses transaction %d", n)
		}
	}
}

// FuzzParseTime holds one law: what parses is written back as the same time,
// and what does not parse returns nothing.
func FuzzParseTime(f *testing.F) {
	f.Add([]byte{0x56, 0x34, 0x23, 1, 0x29, 0x02, 0x24})
	f.Add([]byte{0x00, 0x00, 0x72, 1, 0x01, 0x81, 0x00})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 7 {
			return
		}
		at, err := parseTime([7]byte(b))
		if err != nil {
			if _, ok := errors.AsType[*RegisterError](err); !ok || !at.IsZero() {
				t.Fatalf("parseTime(% x) = %s, %v", b, at, err)
			}
			return
		}
		again, err := parseTime([7]byte(appendTime(nil, at)))
		if err != nil || !again.Equal(at) {
			t.Fatalf("% x is %s, written back %s, %v", b, at, again, err)
		}
	})
}
