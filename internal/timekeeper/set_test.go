package timekeeper

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
)

// TestSetByHand: the time that somebody sets is believed at once and stays in the RTC, on the
// date that is nearest.
func TestSetByHand(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 6, day, hour-2, minute, 0, 0, time.UTC) }
	for _, c := range []struct {
		name    string
		prepare func(*rig)
		set     string
		want    time.Time
	}{
		{"the RTC is slow", func(r *rig) { r.RTC.Set(begin.Add(-20 * time.Minute)) }, "14:00", at(15, 14, 0)},
		{"tomorrow", func(r *rig) { r.RTC.Set(at(15, 23, 50)) }, "00:10", at(16, 0, 10)},
		{"yesterday", func(r *rig) { r.RTC.Set(at(15, 0, 10)) }, "23:50", at(14, 23, 50)},
		{"battery was flat: the date is the host's", func(r *rig) { r.RTC.PowerLoss() }, "7:5", at(15, 7, 5)},
		{"RTC on a date long ago: the same", func(r *rig) { r.RTC.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)) }, "14:30", at(15, 14, 30)},
		{"RTC wrong by days: its date stays", func(r *rig) { r.RTC.Set(at(3, 9, 0)) }, "14:30", at(3, 14, 30)},
		{"RTC wrong by days, the date is named", func(r *rig) { r.RTC.Set(at(3, 9, 0)) }, "2026-06-15 14:30", at(15, 14, 30)},
		{"battery was flat, the date is named", func(r *rig) { r.RTC.PowerLoss() }, "2026-06-20 07:05", at(20, 7, 5)},
		{"registers hold no time", func(r *rig) { r.RTC.Poke(0x02, 0x3A) }, "07:05", at(15, 7, 5)},
		{"12-hour mode", func(r *rig) { r.RTC.Poke(0x02, 0x72) }, "07:05", at(15, 7, 5)},
		{"stopped chip", func(r *rig) { r.RTC.Set(at(3, 9, 0)); r.RTC.PowerLoss() }, "14:01", at(15, 14, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, c.prepare)
				time.Sleep(10*time.Second + 300*time.Millisecond) // in the midst of a second
				if err := r.keeper.Set(t.Context(), read(t, c.set)); err != nil {
					t.Fatal(err)
				}
				off := time.Until(c.want)
				r.believes(t, clock.RTC, off)
				if s := r.sync.Get(); s.RTC.Err != "" || !s.RTC.Set.Equal(c.want) || s.Error < time.Minute {
					t.Errorf("%+v", s)
				}
				time.Sleep(time.Hour)
				r.believes(t, clock.RTC, off)
				if now, ok := r.RTC.Now(); !ok || now.Sub(time.Now().Add(off)).Abs() > time.Second {
					t.Errorf("the RTC has %s", now)
				}
				if err := r.keeper.Examine(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestSetRefused leaves everything as it was.
func TestSetRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*rig)
		want    error
		text    string
	}{
		{"the host is synchronised", func(r *rig) { r.synced.Store(true) }, ErrSynced, ""},
		{"no RTC", func(r *rig) { r.Sensors = nil }, errNoRTC, "RTC is not wired"},
		{"a year that the RTC would not be believed in", func(r *rig) { r.set = "2023-12-31 07:05" }, ErrLongAgo, ""},
		{"the RTC is gone", func(r *rig) { r.SensorBus.Detach(r.RTC) }, nil, "set RTC: sensors 0x68: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, c.prepare)
				time.Sleep(10 * time.Second)
				before := r.time.Get()
				err := r.keeper.Set(t.Context(), read(t, cmp.Or(r.set, "07:05")))
				if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), c.text) {
					t.Errorf("error %v", err)
				}
				if after := r.time.Get(); after != before {
					t.Errorf("believes %+v", after)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := r.keeper.Set(ctx, read(t, "07:05")); err == nil {
					t.Error("was set")
				}
			})
		})
	}
}

// read returns what a text stands for.
func read(t *testing.T, text string) clock.WallTime {
	t.Helper()
	w, err := clock.ParseWallTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestSetWithoutADate: when nobody was ever told the date it has to be named, and then it
// stays.
func TestSetWithoutADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in 2000
		r := startAt(t, time.Now(), func(r *rig) { r.RTC.PowerLoss() })
		time.Sleep(10 * time.Second)
		if err := r.keeper.Set(t.Context(), read(t, "07:05")); !errors.Is(err, ErrNoDate) {
			t.Errorf("error %v", err)
		}
		r.believes(t, clock.Unknown, 0)
		if err := r.keeper.Set(t.Context(), read(t, "2026-11-28 07:05")); err != nil {
			t.Fatal(err)
		}
		want := time.Date(2026, 11, 28, 5, 5, 0, 0, time.UTC)
		r.believes(t, clock.RTC, time.Until(want))
		time.Sleep(24 * time.Hour)
		if err := r.keeper.Set(t.Context(), read(t, "07:00")); err != nil {
			t.Fatal(err)
		}
		r.believes(t, clock.RTC, time.Until(want.Add(24*time.Hour-5*time.Minute)))
	})
}

// TestSetThenServers: who set the time may be off by a minute, so that time servers set
// the RTC as soon as they are believed.
func TestSetThenServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			r.RTC.PowerLoss()
			s := sim.NewTimeServer()
			s.SetFault(sim.Down)
			r.servers = append(r.servers, s)
		})
		time.Sleep(10 * time.Second)
		if err := r.keeper.Set(t.Context(), read(t, "14:00")); err != nil {
			t.Fatal(err)
		}
		r.believes(t, clock.RTC, time.Until(begin))
		r.servers[0].SetFault(sim.Up)
		time.Sleep(2 * time.Hour)
		r.believes(t, clock.Synced, 0)
		if now, _ := r.RTC.Now(); time.Until(now).Abs() > time.Second {
			t.Errorf("the RTC has %s", now)
		}
		for _, e := range r.log.Events() {
			if e == "rtc_drifts" || e == "rtc_differs" {
				t.Errorf("the RTC is blamed\n%s", &r.log)
			}
		}
	})
}

// TestNearest where clocks change.
func TestNearest(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		base, set, want string // base and want in UTC
	}{
		{"2026-03-29T00:30:00Z", "03:00", "2026-03-29T01:00:00Z"},
		{"2026-03-29T00:30:00Z", "02:30", ""}, // is left out
		{"2026-03-28T12:00:00Z", "02:30", "2026-03-28T01:30:00Z"},
		{"2026-10-25T00:10:00Z", "02:30", "2026-10-25T00:30:00Z"}, // comes twice
		{"2026-10-25T01:10:00Z", "02:30", "2026-10-25T01:30:00Z"},
		{"2026-10-25T00:10:00Z", "2026-10-25 02:30", "2026-10-25T00:30:00Z"},
		{"2026-10-25T01:10:00Z", "2026-10-25 02:30", "2026-10-25T01:30:00Z"},
		{"2026-03-29T00:30:00Z", "2026-03-29 02:30", ""},
		{"2026-03-29T00:30:00Z", "2026-03-30 02:30", "2026-03-30T00:30:00Z"},
		{"2026-06-15T12:00:00Z", "2028-02-29 14:00", "2028-02-29T13:00:00Z"},
		{"0001-01-01T00:00:00Z", "2026-07-01 14:00", "2026-07-01T12:00:00Z"},
		{"2026-12-31T23:50:00Z", "00:55", "2026-12-31T23:55:00Z"},
		{"2024-02-29T12:00:00Z", "23:59", "2024-02-29T22:59:00Z"},
	} {
		base, err := time.Parse(time.RFC3339, c.base)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if at, ok := nearest(base.In(zone), read(t, c.set)); ok {
			got = at.UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.set, c.base, got, c.want)
		}
	}
}

// TestSetOverHoldover: what was counted on since the time was known for sure does not
// speak against who sets it.
func TestSetOverHoldover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true) })
		time.Sleep(10 * time.Second)
		r.synced.Store(false)
		time.Sleep(10 * time.Second)
		r.believes(t, clock.Holdover, 0)
		if err := r.keeper.Set(t.Context(), read(t, "14:30")); err != nil {
			t.Fatal(err)
		}
		off := time.Until(begin.Add(30 * time.Minute))
		for range 10 {
			r.believes(t, clock.RTC, off)
			time.Sleep(10 * time.Minute)
		}
		r.synced.Store(true)
		time.Sleep(10 * time.Second)
		r.believes(t, clock.Synced, 0)
	})
}
