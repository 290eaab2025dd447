package firmware

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// faded is when a change of the face is over, whatever it began from.
const faded = 5*time.Second + 2*frame

// tell runs the firmware from a time on with what tells it the time alone: no knob, and the
// host's clock free. hurt, if not nil, is done before; servers are asked if there are any.
func tell(t testing.TB, at time.Time, hurt func(*clockwork), servers sim.TimeServers) *clockwork {
	t.Helper()
	time.Sleep(time.Until(at))
	d := &clockwork{board: sim.NewBoard(), zone: vienna(t)}
	d.board.Pot = nil
	if hurt != nil {
		hurt(d)
	}
	d.run(t, func(c *Config) {
		c.Time.Source = "auto"
		for name := range servers {
			c.Time.NTPServers = append(c.Time.NTPServers, name)
		}
		c.DialNTP = servers.Dial
	})
	synctest.Wait()
	return d
}

// wall is what a clock on a wall in Vienna shows, reckoned by the rule of the European Union
// alone: an hour ahead of UTC, two from 01:00 UTC on the last Sunday of March to that of
// October.
func wall(utc time.Time) face.Phrase {
	lastSunday := func(m time.Month) time.Time {
		end := time.Date(utc.Year(), m, 31, 1, 0, 0, 0, time.UTC)
		return end.AddDate(0, 0, -int(end.Weekday()))
	}
	ahead := time.Hour
	if !utc.Before(lastSunday(time.March)) && utc.Before(lastSunday(time.October)) {
		ahead = 2 * time.Hour
	}
	at := utc.UTC().Add(ahead)
	return face.Say(at.Hour(), at.Minute(), face.Default)
}

// keeps watches each minute up to an end, and fails unless the clock says what a wall in
// Vienna shows within a frame of the minute, and its LEDs show that alone when the fade is
// over and just before the next minute. ppm is by how much the time that it goes by gains on
// the program's, since they were the same. It returns how many minutes there were.
func (d *clockwork) keeps(t testing.TB, same, end time.Time, ppm float64) (minutes int) {
	t.Helper()
	rate := 1 + ppm/1e6
	when := func(at time.Time) time.Time { return same.Add(time.Duration(float64(at.Sub(same)) / rate)) }
	now := same.Add(time.Duration(float64(time.Since(same)) * rate))
	for at := now.Truncate(time.Minute).Add(time.Minute); at.Before(end) && !t.Failed(); at = at.Add(time.Minute) {
		want := wall(at)
		time.Sleep(time.Until(when(at).Add(frame)))
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Face.Unknown || s.Face.Phrase != want {
			t.Errorf("%s: says %q, want %q\n%s", at, s.Face.Phrase, want, &d.log)
		}
		time.Sleep(time.Until(when(at).Add(faded)))
		d.sees(t, want)
		time.Sleep(time.Until(when(at).Add(time.Minute - frame)))
		d.sees(t, want)
		minutes++
	}
	return minutes
}

// TestChangesOfTheClocks watches three hours round each change of the clocks, with the
// network and without. TestDays has the days by a host that is synchronised.
func TestChangesOfTheClocks(t *testing.T) {
	begin := time.Now()
	minutes := 0
	years := min(len(proof.Seeds(t, 1)), 20)
	for n := range years {
		for _, day := range []time.Time{time.Date(2026+n, 3, 31, 1, 0, 0, 0, time.UTC), time.Date(2026+n, 10, 31, 1, 0, 0, 0, time.UTC)} {
			change := day.AddDate(0, 0, -int(day.Weekday()))
			for name, by := range map[string]struct {
				hurt    func(*clockwork)
				servers sim.TimeServers
			}{
				"time servers": {func(d *clockwork) { d.board.RTC.PowerLoss() }, sim.TimeServers{"a.test": sim.NewTimeServer()}},
				"the RTC":      {nil, nil},
			} {
				t.Run(fmt.Sprintf("%s by %s", change.Format(time.DateOnly), name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						at := change.Add(-90*time.Minute - 3*time.Second)
						d := tell(t, at, by.hurt, by.servers)
						time.Sleep(2 * time.Second)
						minutes += d.keeps(t, at, change.Add(90*time.Minute), 0)
					})
				})
			}
		}
	}
	if want := years * 2 * 2 * 180; minutes != want {
		t.Errorf("%d minutes, want %d", minutes, want)
	}
	proof.Row(t, begin, "firmware: three hours round each change of the clocks, by time servers and by RTC", fmt.Sprintf("%d years, %d minutes", years, minutes))
}

// TestYearWithoutNetwork: a clock that only has its RTC, which gains 2 ppm, is looked at on
// one day of each month. It starts on that day, as it does after a power cut.
func TestYearWithoutNetwork(t *testing.T) {
	begin := time.Now()
	minutes := 0
	length := min(time.Duration(len(proof.Seeds(t, 1)))*30*time.Minute, 24*time.Hour)
	synctest.Test(t, func(t *testing.T) {
		const ppm = 2
		board, same := sim.NewBoard(), time.Now().Add(time.Minute)
		for month := range 12 {
			at := time.Date(2026, time.January+time.Month(month), 2+2*month, 21, 59, 30, 0, time.UTC).Add(-length / 2)
			time.Sleep(time.Until(at))
			if month == 0 {
				same = at
				board.RTC.Set(at)
				board.RTC.SetRate(ppm)
			}
			d := tell(t, at, func(d *clockwork) { d.board = board; board.Pot = nil }, nil)
			time.Sleep(2 * time.Second)
			minutes += d.keeps(t, same, at.Add(length), ppm)
			s, _ := d.service.Watch()
			if off := time.Duration(ppm / 1e6 * float64(time.Since(same))); s.Time.Quality != clock.RTC || s.Sync.Error < off {
				t.Errorf("%s: %s, to %s, off by %s", at, s.Time.Quality, s.Sync.Error, off)
			}
			d.logged(t, "time_known")
			d.stop()
		}
	})
	proof.Row(t, begin, "firmware: a day of each month of a year without network, by an RTC that gains 2 ppm", fmt.Sprintf("12 days, %d minutes", minutes))
}

// TestJumpOfTimeServers: one that jumps by an hour changes nothing; if most of all do, that
// is what is believed after three rounds, and the RTC is set by it.
func TestJumpOfTimeServers(t *testing.T) {
	for _, c := range []struct {
		jump int // how many of three
		want time.Duration
	}{{1, 0}, {2, time.Hour}, {3, time.Hour}} {
		t.Run(fmt.Sprintf("%d of 3", c.jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				servers := sim.TimeServers{"a.test": sim.NewTimeServer(), "b.test": sim.NewTimeServer(), "c.test": sim.NewTimeServer()}
				at := time.Date(2026, 6, 15, 12, 0, 57, 0, time.UTC)
				d := tell(t, at, nil, servers)
				d.keeps(t, at, at.Add(20*time.Minute), 0)
				for _, name := range []string{"a.test", "b.test", "c.test"}[:c.jump] {
					servers[name].SetOffset(time.Hour)
				}
				// Asked each 17 minutes, and again twice within one; never anything between.
				off := time.Duration(0)
				for range 25 {
					time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + faded)))
					if off != c.want && d.board.Seen() == wall(time.Now().Add(c.want)).Mask() {
						off = c.want
					}
					d.sees(t, wall(time.Now().Add(off)))
				}
				if off != c.want {
					t.Errorf("is off by %s, want %s", off, c.want)
				}
				time.Sleep(2 * time.Hour)
				rtc, _ := d.board.RTC.Now()
				s, _ := d.service.Watch()
				if local, _ := s.Time.At(time.Now()); time.Until(local)-c.want > time.Second || (time.Until(rtc)-c.want).Abs() > 2*time.Second {
					t.Errorf("believes %s, the RTC has %s, want %s more than %s", local, rtc, c.want, time.Now())
				}
				if set := slices.Contains(d.log.Events(), "rtc_set"); set != (c.want != 0) {
					t.Errorf("events %q", d.log.Events())
				}
			})
		})
	}
}
