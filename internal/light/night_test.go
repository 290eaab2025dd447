package light

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"wordclockd/internal/clock"
)

func vienna(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func parsed(t testing.TB, text string) []clock.Window {
	t.Helper()
	windows, err := clock.ParseWindows(text)
	if err != nil {
		t.Fatal(err)
	}
	return windows
}

// TestWindows: which window rules from when on, by local time. A night has one
// beginning and one end, at the change of summer time too, when the 29 March leaves out
// the hour from two and the 25 October has it twice.
func TestWindows(t *testing.T) {
	zone := vienna(t)
	const autumn = "2026-10-25 02:30:00 +0100" // the second one; without an offset it is the first
	for _, c := range []struct{ windows, from, want string }{
		{"", "2026-06-15 12:00", "day"},
		{"22:00-06:00 off", "2026-06-15 12:00", "day, 06-15 22:00 off, 06-16 06:00 day"},
		{"22:00-06:00 dim 20", "2026-06-15 05:59", "dim 20, 06-15 06:00 day, 06-15 22:00 dim 20"},
		{"08:00-12:30 dim 9", "2026-06-15 12:29", "dim 9, 06-15 12:30 day, 06-16 08:00 dim 9"},
		{"20:00-24:00 off", "2026-06-15 23:59", "off, 06-16 00:00 day, 06-16 20:00 off"},
		{"20:00-00:00 off", "2026-06-15 23:59", "off, 06-16 00:00 day, 06-16 20:00 off"},
		// It belongs to the day on which it begins. 2026-06-19 is a Friday.
		{"fri 22:00-06:00 off", "2026-06-18 23:00", "day, 06-19 22:00 off, 06-20 06:00 day, 06-26 22:00 off"},
		{"sat,sun 22:00-06:00 off", "2026-06-19 12:00", "day, 06-20 22:00 off, 06-21 06:00 day, 06-21 22:00 off, 06-22 06:00 day, 06-27 22:00 off"},
		{"mon 22:00-06:00 off", "2026-06-16 05:00", "off, 06-16 06:00 day, 06-22 22:00 off"},
		{"mon 22:00-06:00 off", "2026-06-15 05:00", "day, 06-15 22:00 off"},
		// Off beats dim, and of two that dim the darker one counts.
		{"20:00-06:00 dim 50; 22:00-07:00 dim 20; 23:00-05:00 off", "2026-06-15 19:00",
			"day, 06-15 20:00 dim 50, 06-15 22:00 dim 20, 06-15 23:00 off, 06-16 05:00 dim 20, 06-16 06:00 dim 20, 06-16 07:00 day"},
		{"20:00-22:00 dim 50; 22:00-23:00 off", "2026-06-15 21:00", "dim 50, 06-15 22:00 off, 06-15 23:00 day"},
		{"00:00-24:00 off", "2026-06-15 21:00", "off, 06-16 00:00 off, 06-17 00:00 off"},
		// Spring.
		{"22:00-06:00 off", "2026-03-28 23:00", "off, 03-29 06:00 day, 03-29 22:00 off"},
		{"02:30-06:00 off", "2026-03-29 00:00", "day, 03-29 03:00 off, 03-29 06:00 day"},
		{"22:00-02:30 off", "2026-03-29 00:00", "off, 03-29 03:00 day, 03-29 22:00 off"},
		{"02:10-02:50 off", "2026-03-28 12:00", "day, 03-30 02:10 off, 03-30 02:50 day"},
		{"02:00-03:00 off", "2026-03-28 12:00", "day, 03-30 02:00 off"},
		// Autumn.
		{"22:00-06:00 off", "2026-10-24 23:00", "off, 10-25 06:00 day"},
		{"02:30-06:00 off", "2026-10-25 00:00", "day, 10-25 02:30 off, 10-25 06:00 day"},
		{"22:00-02:30 off", "2026-10-25 00:00", "off, " + autumn + " day, 10-25 22:00 off"},
		{"02:30-06:00 off", autumn, "off, 10-25 06:00 day"},
		{"01:00-02:30 dim 9", "2026-10-25 00:00", "day, 10-25 01:00 dim 9, " + autumn + " day, 10-26 01:00 dim 9"},
		{"01:00-02:00 dim 9", "2026-10-25 00:00", "day, 10-25 01:00 dim 9, 2026-10-25 02:00:00 +0100 day, 10-26 01:00 dim 9"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.from, zone)
		if err != nil {
			at, err = time.Parse("2006-01-02 15:04:05 -0700", c.from)
		}
		if err != nil {
			t.Fatal(err)
		}
		steps := strings.Split(c.want, ", ")
		n := nightAt(parsed(t, c.windows), at.In(zone))
		if got := ruling(n); got != steps[0] {
			t.Errorf("%s, %s: %s, want %s", c.windows, c.from, got, steps[0])
		}
		for _, want := range steps[1:] {
			next := n.next
			n = nightAt(parsed(t, c.windows), next)
			got := next.Format("01-02 15:04 ") + ruling(n)
			if strings.HasPrefix(want, "2026") {
				got = next.Format("2006-01-02 15:04:05 -0700 ") + ruling(n)
			}
			if got != want {
				t.Errorf("%s, %s: then %s, want %s", c.windows, c.from, got, want)
			}
		}
	}
}

// ruling says what window counts.
func ruling(n night) string {
	s, ok := n.rules()
	switch {
	case !ok:
		return "day"
	case s.window.Off:
		return "off"
	}
	return fmt.Sprintf("dim %d", s.window.Most)
}

// TestWindowsByTheWall: minute by minute round each change of summer time, and where it
// changes at midnight, a window counts whenever a clock on the wall says so; and but for
// the hours that come twice, only then. Nothing changes before it was announced.
func TestWindowsByTheWall(t *testing.T) {
	santiago, err := time.LoadLocation("America/Santiago") // leaves out and repeats the hour round midnight
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, from := range []time.Time{
		time.Date(2026, 3, 28, 0, 0, 0, 0, vienna(t)), time.Date(2026, 10, 24, 0, 0, 0, 0, vienna(t)),
		time.Date(2026, 4, 3, 12, 0, 0, 0, santiago), time.Date(2026, 9, 5, 0, 0, 0, 0, santiago), time.Date(2026, 12, 30, 0, 0, 0, 0, time.UTC),
	} {
		for range 3 {
			w := clock.Window{Off: true, From: r.IntN(1440), To: r.IntN(1441)}
			if w.From == w.To {
				continue
			}
			for i := range w.Days {
				w.Days[i] = r.IntN(3) > 0
			}
			n := nightAt([]clock.Window{w}, from)
			for at := from; at.Before(from.Add(60 * time.Hour)); at = at.Add(time.Minute) {
				if !n.next.IsZero() && !at.Before(n.next) {
					n = nightAt([]clock.Window{w}, at)
				}
				now := nightAt([]clock.Window{w}, at)
				if ruling(now) != ruling(n) {
					t.Fatalf("%s, %s: is %s, and that was not announced", w, at, ruling(now))
				}
				on, wall := ruling(now) == "off", byTheWall(w, at)
				_, zone := at.Zone()
				_, soon := at.Add(2 * time.Hour).Zone()
				_, late := at.Add(-2 * time.Hour).Zone()
				if repeats := zone != soon || zone != late; wall && !on || on && !wall && !repeats {
					t.Fatalf("%s, %s: is %s, by the wall %t", w, at, ruling(now), wall)
				}
			}
		}
	}
}

// byTheWall says whether a window counts by weekday and minute alone.
func byTheWall(w clock.Window, at time.Time) bool {
	today, yesterday := w.Days[at.Weekday()], w.Days[(at.Weekday()+6)%7]
	m := at.Hour()*60 + at.Minute()
	if w.From < w.To {
		return today && w.From <= m && m < w.To
	}
	return today && w.From <= m || yesterday && m < w.To
}
