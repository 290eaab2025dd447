package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A rig is a keeper with a simulated RTC and a host that can be told whether
// its clock is synchronised.
type rig struct {
	*sim.Board
	synced atomic.Bool
	time   *watch.Value[clock.Time]
	sync   *watch.Value[clock.Sync]
	log    proof.Log

	source  string
	set     string            // that is read off another clock
	slept   atomic.Int64      // a time.Duration
	servers []*sim.TimeServer // a.example, b.example and so on
	keeper  *Keeper
}

// begin is when the tests start; the RTC is fast sub-seconds apart from it.
var begin = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, prepare func(*rig)) *rig {
	t.Helper()
	return startAt(t, begin, prepare)
}

func startAt(t *testing.T, at time.Time, prepare func(*rig)) *rig {
	t.Helper()
	time.Sleep(time.Until(at))
	r := &rig{Board: sim.NewBoard(), time: new(watch.Value[clock.Time]), sync: new(watch.Value[clock.Sync])}
	if prepare != nil {
		prepare(r)
	}
	k := New(Config{
		Bus:    r.Sensors,
		Zone:   time.FixedZone("test", 7200),
		Synced: func() (bool, error) { return r.synced.Load(), nil },
		Time:   r.time,
		Sync:   r.sync,
		Log:    r.log.Logger(),
		Slept:  func() time.Duration { return time.Duration(r.slept.Load()) },
		Source: r.source, Servers: r.names(), Dial: r.dial,
	})
	r.keeper = k
	g, _ := task.NewGroup(context.Background())
	g.Go(k.String(), k.Run)
	t.Cleanup(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// believes fails unless the time is known by q and off from the host's clock
// by the given duration, to 20 ms.
func (r *rig) believes(t *testing.T, q clock.Quality, off time.Duration) {
	t.Helper()
	synctest.Wait()
	now := time.Now()
	b := r.time.Get()
	at, ok := b.At(now)
	if b.Quality != q || ok != (q != clock.Unknown) {
		t.Errorf("%s: quality %s, want %s\n%s", now.Sub(begin), b.Quality, q, &r.log)
		return
	}
	if d := at.Sub(now) - off; ok && d.Abs() > 20*time.Millisecond {
		t.Errorf("%s: believes to be off by %s, want %s", now.Sub(begin), at.Sub(now), off)
	}
}

// logged fails unless the log has these events, in this order, and no others.
func (r *rig) logged(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := r.log.Events("source"); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q\n%s", got, want, &r.log)
	}
}

// TestTrust is the order of trust at the start.
func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name   string
		synced bool
		rtc    func(*rig)
		want   clock.Quality
		off    time.Duration
	}{
		{"host synchronised, RTC right", true, nil, clock.Synced, 0},
		{"host synchronised, RTC wrong", true, func(r *rig) { r.RTC.Set(begin.Add(time.Hour)) }, clock.Synced, 0},
		{"host synchronised, RTC dead", true, func(r *rig) { r.SensorBus.Detach(r.RTC) }, clock.Synced, 0},
		{"host free, RTC right", false, nil, clock.RTC, 0},
		{"host free, RTC elsewhere", false, func(r *rig) { r.RTC.Set(begin.Add(90*time.Minute + 250*time.Millisecond)) },
			clock.RTC, 90*time.Minute + 250*time.Millisecond},
		{"host free, RTC dead", false, func(r *rig) { r.SensorBus.Detach(r.RTC) }, clock.Unknown, 0},
		{"host free, RTC not wired", false, func(r *rig) { r.Sensors = nil }, clock.Unknown, 0},
		{"host free, battery was flat", false, func(r *rig) { r.RTC.PowerLoss() }, clock.Unknown, 0},
		{"host free, RTC never set", false, func(r *rig) {
			r.RTC.PowerLoss()
			r.RTC.Poke(0x0F, 0x00) // as the old firmware did: OSF cleared unseen
		}, clock.Unknown, 0},
		{"host free, RTC in 2023", false, func(r *rig) { r.RTC.Set(time.Date(2023, 12, 31, 12, 0, 0, 0, time.UTC)) }, clock.Unknown, 0},
		{"host free, RTC in 2024", false, func(r *rig) { r.RTC.Set(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) },
			clock.RTC, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Sub(begin)},
		{"host free, RTC holds no BCD", false, func(r *rig) { r.RTC.Poke(0x01, 0x7A) }, clock.Unknown, 0},
		{"host free, RTC in 12-hour mode", false, func(r *rig) { r.RTC.Poke(0x02, 0x72) }, clock.RTC, 0},
		{"host free, RTC stands still", false, func(r *rig) { r.RTC.SetRate(-1e6 + 1) }, clock.Unknown, 0},
		{"host free, sensor bus hangs", false, func(r *rig) { r.SensorBus.Inject(sim.Fault{Kind: sim.Stuck}) }, clock.Unknown, 0},
		{"host free, RTC runs wild", false, func(r *rig) { r.RTC.SetRate(3e8) }, clock.Unknown, 0},
		{"host free, RTC a quarter of a second on, one bit arrives wrong", false, func(r *rig) {
			r.RTC.Set(begin.Add(250 * time.Millisecond))
			r.SensorBus.Inject(sim.Fault{Kind: sim.Flip, Byte: 3, Mask: 0x10, Times: 1})
		}, clock.RTC, 250 * time.Millisecond},
		{"host free, one bit arrives wrong", false, func(r *rig) {
			// Hour 12 becomes 02: a time like any other, once.
			r.SensorBus.Inject(sim.Fault{Kind: sim.Flip, Byte: 3, Mask: 0x10, Times: 1})
		}, clock.RTC, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) {
					r.synced.Store(c.synced)
					if c.rtc != nil {
						c.rtc(r)
					}
				})
				// A wrong time must not be believed even for a moment.
				for range 1000 {
					time.Sleep(10 * time.Millisecond)
					if b := r.time.Get(); b.Quality != clock.Unknown && b.Quality != c.want {
						t.Fatalf("%s: believes %+v", time.Since(begin), b)
					} else if b.Quality != clock.Unknown {
						r.believes(t, c.want, c.off)
					}
				}
				r.believes(t, c.want, c.off)
			})
		})
	}
}

// TestAtOnce: a synchronised host costs no waiting, an RTC at most a second.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true) })
		r.believes(t, clock.Synced, 0)
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		time.Sleep(1010 * time.Millisecond)
		r.believes(t, clock.RTC, 0)
	})
}

// TestDay is a host that loses and finds its source of time, over months.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true); r.RTC.Set(begin.Add(30 * time.Minute)) })
		time.Sleep(2 * time.Minute)
		r.synced.Store(false)
		time.Sleep(7 * time.Second)
		r.believes(t, clock.Holdover, 0)
		time.Sleep(11 * time.Hour) // 0.4 s at 10 ppm are 11.1 hours
		r.believes(t, clock.Holdover, 0)
		time.Sleep(time.Hour)
		r.believes(t, clock.RTC, 0) // which was set
		r.SensorBus.Detach(r.RTC)
		time.Sleep(time.Second) // one look may fail
		r.believes(t, clock.RTC, 0)
		time.Sleep(14 * time.Second)
		r.believes(t, clock.Holdover, 0)
		time.Sleep(time.Hour)
		r.SensorBus.Attach(r.RTC)
		time.Sleep(20 * time.Second)
		r.believes(t, clock.RTC, 0)
		r.RTC.PowerLoss()
		time.Sleep(15 * time.Second)
		r.believes(t, clock.Holdover, 0)
		time.Sleep(33 * 24 * time.Hour) // half a minute at 10 ppm are 34 days
		r.believes(t, clock.Holdover, 0)
		time.Sleep(2 * 24 * time.Hour)
		r.believes(t, clock.Unknown, 0)
		r.synced.Store(true)
		time.Sleep(7 * time.Second)
		r.believes(t, clock.Synced, 0)
		time.Sleep(2 * time.Minute)
		r.logged(t, "time_known synced", "rtc_set", "time_known holdover", "time_known rtc", "rtc_lost", "time_known holdover",
			"time_known rtc", "rtc_back", "rtc_lost", "time_known holdover", "time_unknown", "time_known synced", "rtc_set")
	})
}

// TestGiveUp: three looks in a row have to fail, and the log says how.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		time.Sleep(2 * time.Second) // looks at 1, 6, 11 s
		r.SensorBus.Detach(r.RTC)   // fails at 6, 7, 8 s
		time.Sleep(time.Until(begin.Add(7900 * time.Millisecond)))
		r.believes(t, clock.RTC, 0)
		time.Sleep(200 * time.Millisecond)
		r.believes(t, clock.Unknown, 0)
		if got := r.log.Events("rtc"); len(got) != 2 || !strings.Contains(got[1], "time_unknown sensors 0x68: write 1, read 16 bytes: remote I/O error") {
			t.Errorf("events %q", got)
		}
	})
}

// TestBadClock: an RTC that was believed stops, or runs wild.
func TestBadClock(t *testing.T) {
	for rate, why := range map[float64]string{3e8: "jumps from", -1e6 + 1: "stands still"} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			time.Sleep(4 * time.Second)
			r.RTC.SetRate(rate)
			time.Sleep(30 * time.Second)
			r.believes(t, clock.Unknown, 0)
			if s := r.log.String(); !strings.Contains(s, why) {
				t.Errorf("want %s:\n%s", why, s)
			}
		})
	}
}

// TestJump: somebody sets the RTC that is followed.
func TestJump(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -30 * time.Second, 3 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			time.Sleep(2 * time.Second)
			r.RTC.Set(time.Now().Add(by))
			time.Sleep(7 * time.Second)
			r.believes(t, clock.RTC, by)
		})
	}
}

// TestSlowWire: reading takes time, and still the second begins when it begins.
func TestSlowWire(t *testing.T) {
	for phase := range 10 {
		synctest.Test(t, func(t *testing.T) {
			off := time.Duration(phase) * 100 * time.Millisecond
			r := start(t, func(r *rig) {
				r.RTC.Set(begin.Add(off))
				r.SensorBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 5 * time.Millisecond})
			})
			time.Sleep(4 * time.Second)
			at, _ := r.time.Get().At(time.Now())
			// A read takes 95 ms, and shows what was when it began.
			if d := time.Until(at) - off; d < -110*time.Millisecond || d > 20*time.Millisecond {
				t.Errorf("phase %s: %s from the RTC", off, d)
			}
		})
	}
}

// TestReads bounds how often the RTC is read.
func TestReads(t *testing.T) {
	for synced, most := range map[bool]uint64{true: 10, false: 9*12 + 150} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(r *rig) {
				r.synced.Store(synced)
				if !synced {
					r.RTC.Set(begin.Add(700 * time.Millisecond))
				}
			})
			time.Sleep(9 * time.Minute)
			if n := r.Sensors.(*hal.Wire).Traffic().Transactions; n > most {
				t.Errorf("host synchronised %t: %d reads in 9 minutes, want %d at most", synced, n, most)
			}
		})
	}
}

// TestNotWired: what is not there is not missed.
func TestNotWired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true); r.Sensors = nil })
		time.Sleep(time.Hour)
		r.logged(t, "time_known synced")
	})
}

// TestRTCNotNeeded: an RTC that nobody needs is missed all the same, once.
func TestRTCNotNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true) })
		time.Sleep(time.Second)
		r.SensorBus.Detach(r.RTC)
		time.Sleep(70 * time.Second)
		r.logged(t, "time_known synced", "rtc_lost")
		time.Sleep(time.Hour)
		for range 10 { // a loose wire is one event
			r.SensorBus.Attach(r.RTC)
			time.Sleep(6 * time.Second)
			r.SensorBus.Detach(r.RTC)
			time.Sleep(6 * time.Second)
		}
		r.logged(t, "time_known synced", "rtc_lost")
		r.SensorBus.Attach(r.RTC)
		time.Sleep(20 * time.Second)
		r.believes(t, clock.Synced, 0)
		r.logged(t, "time_known synced", "rtc_lost", "rtc_back")
	})
}

// TestSet: an RTC that is off by more than a tenth of a second is set, at the
// begin of a second, once; one that is right is left alone, and so is one where a
// bit is hit on the wire.
func TestSet(t *testing.T) {
	for behind, want := range map[time.Duration][]string{
		0:                       {"time_known synced"},
		80 * time.Millisecond:   {"time_known synced"},
		-80 * time.Millisecond:  {"time_known synced"},
		150 * time.Millisecond:  {"time_known synced", "rtc_set"},
		-150 * time.Millisecond: {"time_known synced", "rtc_set"},
		500 * time.Millisecond:  {"time_known synced", "rtc_set"},
		1500 * time.Millisecond: {"time_known synced", "rtc_set"},
		-time.Hour:              {"time_known synced", "rtc_set"},
		20000 * time.Hour:       {"time_known synced", "rtc_set"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(r *rig) {
				r.synced.Store(true)
				r.RTC.Set(begin.Add(-behind))
			})
			time.Sleep(10 * time.Second)
			if len(want) > 1 {
				r.rtcIsRight(t, 5*time.Millisecond)
			}
			if s := r.sync.Get(); s.RTC.Err != "" || s.RTC.Set.IsZero() != (len(want) == 1) {
				t.Errorf("%s: %+v", behind, s.RTC)
			}
			time.Sleep(24 * time.Hour)
			// A bit that is hit on the wire makes an hour, once.
			r.SensorBus.Inject(sim.Fault{Kind: sim.Flip, Byte: 3, Mask: 0x01, Times: 1})
			time.Sleep(24 * time.Hour)
			r.logged(t, want...)
		})
	}
}

// rtcIsRight fails unless the second of the RTC begins when it should.
func (r *rig) rtcIsRight(t *testing.T, within time.Duration) {
	t.Helper()
	next := time.Now().Truncate(time.Second).Add(time.Second)
	time.Sleep(time.Until(next.Add(-within)))
	before, _ := r.RTC.Now()
	time.Sleep(2 * within)
	after, ok := r.RTC.Now()
	if !ok || !before.Equal(next.Add(-time.Second)) || !after.Equal(next) {
		t.Errorf("%s: the RTC goes from %s to %s", next, before, after)
	}
}

// TestSetLost: whatever an RTC has lost it gets back from a good clock, and only
// from one.
func TestSetLost(t *testing.T) {
	for name, lose := range map[string]func(*rig){
		"power":        func(r *rig) { r.RTC.PowerLoss() },
		"BCD":          func(r *rig) { r.RTC.Poke(0x01, 0x7A) },
		"never set":    func(r *rig) { r.RTC.PowerLoss(); r.RTC.Poke(0x0F, 0x00) },
		"12-hour mode": func(r *rig) { r.RTC.Set(begin.Add(time.Hour)); r.RTC.Poke(0x02, 0x72) },
		"a whole life": func(r *rig) { r.RTC.Set(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		for _, synced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, host synchronised %t", name, synced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := start(t, func(r *rig) {
						r.synced.Store(synced)
						lose(r)
					})
					time.Sleep(30 * time.Second)
					at, ok := r.RTC.Now()
					if right := ok && time.Since(at).Abs() < 2*time.Second; right != synced && name != "12-hour mode" {
						t.Errorf("the RTC has %s, %t", at, ok)
					}
					if synced {
						r.rtcIsRight(t, 5*time.Millisecond)
					}
				})
			})
		}
	}
}

// TestCannotBeSet: it is said once, and such an RTC is not believed.
func TestCannotBeSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			r.synced.Store(true)
			r.RTC.Set(begin.Add(time.Hour))
			// Reads write one byte, the register; what sets it writes more.
			r.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68, Byte: 2})
		})
		time.Sleep(time.Hour)
		if s := r.sync.Get(); s.RTC.Err != errWrong.Error() || s.RTC.Behind > -59*time.Minute {
			t.Errorf("%+v", s.RTC)
		}
		r.synced.Store(false)
		time.Sleep(36 * 24 * time.Hour)
		r.believes(t, clock.Unknown, 0)
		r.SensorBus.Heal()
		time.Sleep(24 * time.Hour)
		r.believes(t, clock.Unknown, 0)
		r.synced.Store(true)
		time.Sleep(2 * time.Minute)
		r.rtcIsRight(t, 5*time.Millisecond)
		r.logged(t, "time_known synced", "rtc_not_set", "time_known holdover", "time_unknown", "time_known synced", "rtc_set")
	})
}

// TestRunsAway: an RTC that does not keep the time is set once an hour, and said
// to be bad.
func TestRunsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			r.synced.Store(true)
			r.RTC.Set(begin.Add(time.Minute))
			r.RTC.SetRate(5000) // 18 s in an hour
		})
		time.Sleep(30 * time.Minute)
		if s := r.sync.Get(); s.RTC.Err != errWrong.Error() {
			t.Errorf("%+v", s.RTC)
		}
		time.Sleep(150 * time.Minute)
		r.logged(t, "time_known synced", "rtc_set", "rtc_drifts", "rtc_set", "rtc_drifts", "rtc_set", "rtc_drifts")
	})
}

// TestGlitch: a look that fails now and then changes nothing and is no event.
func TestGlitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		time.Sleep(2 * time.Second)
		for n := range 20 {
			r.SensorBus.Inject(sim.Fault{Kind: sim.Kind(n % 3), Byte: n % 2, Mask: 0x08, Times: 2})
			time.Sleep(61 * time.Second)
			r.believes(t, clock.RTC, 0)
		}
		r.logged(t, "time_known rtc")
	})
}

// TestDrift: the RTC is followed though the host's clock runs away from it.
func TestDrift(t *testing.T) {
	for _, ppm := range []float64{-100, 100} {
		t.Run(fmt.Sprint(ppm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) { r.RTC.SetRate(ppm) })
				for range 24 {
					time.Sleep(time.Hour)
					at, _ := r.time.Get().At(time.Now())
					want, _ := r.RTC.Now()
					// 100 ppm are 60 ms in the ten minutes between two alignments.
					if d := at.Sub(want); d < -80*time.Millisecond || d > 1080*time.Millisecond {
						t.Errorf("%s: %s from the RTC", time.Since(begin), d)
					}
				}
			})
		})
	}
}

// TestSharedBus: LED drivers that were reset answer at the RTC's address.
func TestSharedBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.Board = sim.NewSharedBoard() })
		for range 10 {
			time.Sleep(3 * time.Second)
			r.believes(t, clock.RTC, 0)
			r.Surge()
		}
		r.logged(t, "time_known rtc")
	})
}

// TestHostCannotBeAsked: that is no reason to believe the host.
func TestHostCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{
			Synced: func() (bool, error) { return true, errors.New("seccomp") },
			Time:   new(watch.Value[clock.Time]),
			Log:    slog.New(slog.DiscardHandler),
		})
		k.step(t.Context())
		if q := k.c.Time.Get().Quality; q != clock.Unknown {
			t.Errorf("quality %s, want %s", q, clock.Unknown)
		}
	})
}

// TestDisciplined is what adjtimex(2) may say.
func TestDisciplined(t *testing.T) {
	for _, c := range []struct {
		name   string
		state  int
		status int32
		want   bool
	}{
		{"disciplined", unix.TIME_OK, unix.STA_PLL | unix.STA_NANO, true},
		{"before a leap second", unix.TIME_INS, unix.STA_PLL, true},
		{"never disciplined", unix.TIME_ERROR, unix.STA_UNSYNC, false},
		{"just set by hand", unix.TIME_OK, unix.STA_UNSYNC, false},
		{"in error", unix.TIME_ERROR, unix.STA_PLL, false},
	} {
		if got := disciplined(c.state, c.status); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// TestKernel asks the kernel that runs the test; either answer is one.
func TestKernel(t *testing.T) {
	ok, err := KernelSynced()
	if err != nil {
		t.Error(err)
	}
	t.Logf("the host's clock is synchronised: %t", ok)
}
