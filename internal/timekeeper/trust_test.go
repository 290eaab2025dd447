package timekeeper

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/ntp"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
)

// withRTC gives a rig that many good time servers, and leaves it its RTC.
func withRTC(n int) func(*rig) {
	return func(r *rig) {
		sensors := r.Sensors
		servers(n)(r)
		r.Sensors = sensors
	}
}

// TestContradictedHost: what time servers contradict is nothing to count on from
// when the host is lost; and how far off it may be is said all the while.
func TestContradictedHost(t *testing.T) {
	for _, after := range []time.Duration{5 * time.Second, time.Minute, 2 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(r *rig) {
				withRTC(2)(r)
				r.synced.Store(true)
				for _, s := range r.servers {
					s.SetOffset(time.Hour) // they are right, and so is the RTC
				}
				r.RTC.Set(begin.Add(time.Hour))
			})
			time.Sleep(after)
			r.believes(t, clock.Synced, 0)
			if e := r.sync.Get().Error; e < time.Hour {
				t.Errorf("claims to be off by %s at most", e)
			}
			for _, s := range r.servers {
				s.SetFault(sim.Down)
			}
			r.synced.Store(false)
			time.Sleep(10 * time.Second)
			for range 24 {
				if t.Failed() {
					break
				}
				if b := r.time.Get(); b.Quality != clock.Unknown {
					r.believes(t, b.Quality, time.Hour)
				}
				time.Sleep(time.Hour)
			}
		})
	}
}

// TestRTCAgainstCount: an RTC that jumps while the count is good is not believed
// when the count gets worse, until it was set.
func TestRTCAgainstCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true) })
		time.Sleep(2 * time.Hour)
		r.synced.Store(false)
		time.Sleep(time.Minute)
		r.RTC.Set(time.Now().Add(time.Hour))
		for range 36 * 24 {
			if t.Failed() {
				break
			}
			time.Sleep(time.Hour)
			if b := r.time.Get(); b.Quality != clock.Unknown {
				r.believes(t, clock.Holdover, 0)
			}
		}
		r.believes(t, clock.Unknown, 0)
		r.logged(t, "time_known synced", "time_known holdover", "rtc_differs", "time_unknown")
		r.synced.Store(true)
		time.Sleep(2 * time.Minute)
		r.synced.Store(false)
		time.Sleep(48 * time.Hour)
		r.believes(t, clock.RTC, 0)
	})
}

// TestRTCError: nobody knows how far off an RTC is that nobody compared.
func TestRTCError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.RTC.Set(begin.Add(30 * time.Second)) })
		time.Sleep(time.Minute)
		if e := r.sync.Get().Error; e < 30*time.Second {
			t.Errorf("claims to be off by %s at most", e)
		}
	})
}

// TestPoliteAfterDoubts: doubts that the host ended are over.
func TestPoliteAfterDoubts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, servers(1))
		time.Sleep(2 * time.Hour)
		r.servers[0].SetOffset(time.Hour)
		for n := r.servers[0].Asked(); r.servers[0].Asked() == n; {
			time.Sleep(time.Second)
		}
		r.synced.Store(true)
		time.Sleep(time.Hour)
		n := r.servers[0].Asked()
		time.Sleep(6 * time.Hour)
		if n = r.servers[0].Asked() - n; n > 30 {
			t.Errorf("asked %d times in six hours", n)
		}
	})
}

// TestImpatience: a button that is held down is no reason to flood a server.
func TestImpatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, servers(1))
		time.Sleep(time.Hour)
		n := r.servers[0].Asked()
		for range 600 {
			r.keeper.Resync()
			time.Sleep(100 * time.Millisecond)
		}
		if n = r.servers[0].Asked() - n; n < 3 || n > 5 {
			t.Errorf("asked %d times in a minute, want one each 16 s", n)
		}
	})
}

// TestServerOfThePast: a well measured date that cannot be is none.
func TestServerOfThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			servers(1)(r)
			r.servers[0].SetOffset(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).Sub(begin))
		})
		time.Sleep(time.Minute)
		r.believes(t, clock.Unknown, 0)
		if e := r.sync.Get().Servers[0].Err; e != "is in the year 1999" {
			t.Errorf("server: %q", e)
		}
	})
}

// TestServersBeforeRTC: who looks for the second of the RTC hears what servers
// say meanwhile, whatever the scheduler does.
func TestServersBeforeRTC(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(r *rig) {
				withRTC(1)(r)
				r.servers[0].SetDelay(delay/2, delay/2)
				r.RTC.Set(begin.Add(-time.Hour))
			})
			time.Sleep(delay + 20*time.Millisecond)
			r.believes(t, clock.Synced, 0)
		})
	}
}

// TestLooseWireNeeded: an RTC that comes and goes is one event, needed or not.
func TestLooseWireNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		time.Sleep(10 * time.Second)
		for range 60 {
			r.SensorBus.Detach(r.RTC)
			time.Sleep(20 * time.Second)
			r.SensorBus.Attach(r.RTC)
			time.Sleep(4 * time.Second)
		}
		r.logged(t, "time_known rtc", "time_unknown")
	})
}

// TestDyingBattery: an RTC that loses its time each minute is set four times an
// hour at most.
func TestDyingBattery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { r.synced.Store(true) })
		for range 240 {
			time.Sleep(time.Minute)
			r.RTC.PowerLoss()
		}
		sets := 0
		for _, e := range r.log.Events() {
			if e == "rtc_set" {
				sets++
			}
		}
		if sets > 16 || !slices.Contains(r.log.Events(), "rtc_drifts") {
			t.Errorf("%d times set in 4 hours: %q", sets, r.log.Events())
		}
	})
}

// TestQuiet bounds how often others are told that nothing happens.
func TestQuiet(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"by the host": func(r *rig) { r.synced.Store(true) },
		"by servers":  func(r *rig) { servers(1)(r); r.servers[0].SetRate(40) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, prepare)
				time.Sleep(time.Hour)
				n := 0
				for end := time.After(6 * time.Hour); ; n++ {
					_, timed := r.time.Watch()
					_, synced := r.sync.Watch()
					select {
					case <-timed:
						continue
					case <-synced:
						continue
					case <-end:
					}
					break
				}
				if n > 300 {
					t.Errorf("%d publications in six hours", n)
				}
			})
		})
	}
}

// TestSuspend: the monotonic clock stands still while the host is suspended. What
// was counted by it is forgotten, and the RTC, which went on, is left alone.
func TestSuspend(t *testing.T) {
	const slept = 8 * time.Hour
	for name, c := range map[string]struct {
		servers, down int
	}{
		"by the RTC alone":       {0, 0},
		"two servers":            {2, 0},
		"two servers, one down":  {2, 1},
		"two servers, both down": {2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, withRTC(c.servers))
				time.Sleep(3 * time.Hour)
				for _, s := range r.servers {
					s.SetOffset(slept)
				}
				for i := range c.down {
					r.servers[i].SetFault(sim.Down)
				}
				r.RTC.Set(time.Now().Add(slept))
				r.slept.Store(int64(slept))
				time.Sleep(20 * time.Second)
				want := clock.Synced
				if c.servers == c.down {
					want = clock.RTC
				}
				r.believes(t, want, slept)
				time.Sleep(2 * time.Hour)
				r.believes(t, want, slept)
				if slices.Contains(r.log.Events(), "rtc_set") {
					t.Errorf("the RTC was set\n%s", &r.log)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // a host that was suspended before
		r := start(t, func(r *rig) { r.slept.Store(int64(slept)); r.synced.Store(true) })
		time.Sleep(time.Minute)
		r.believes(t, clock.Synced, 0)
		r.slept.Add(int64(slept))
		time.Sleep(6 * time.Second)
		r.believes(t, clock.Synced, 0)
	})
	if d := KernelSlept(); d < 0 {
		t.Errorf("this host was suspended for %s", d)
	}
}

// TestNoisyNetwork: a measure that is bad does not set a good RTC.
func TestNoisyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, withRTC(1))
		r.servers[0].SetDelay(1400*time.Millisecond, 0)
		time.Sleep(2 * time.Hour)
		r.servers[0].SetDelay(0, 1400*time.Millisecond)
		time.Sleep(2 * time.Hour)
		for _, e := range r.log.Events() {
			if e == "rtc_set" || e == "rtc_drifts" {
				t.Errorf("%s", e)
			}
		}
		r.rtcIsRight(t, 20*time.Millisecond)
	})
}

// TestPoliteInTrouble: neither lost answers nor a server that wanders are a reason
// to ask it again and again.
func TestPoliteInTrouble(t *testing.T) {
	for name, trouble := range map[string]func(*sim.TimeServer, int){
		"one answer in three is lost": func(s *sim.TimeServer, n int) {
			s.SetFault(sim.Up)
			if n%3 == 0 {
				s.SetFault(sim.Down)
			}
		},
		"wanders": func(s *sim.TimeServer, n int) { s.SetOffset(time.Duration(n) * 10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, servers(1))
				time.Sleep(time.Hour)
				before := r.servers[0].Asked()
				for n := range 24 * 60 {
					trouble(r.servers[0], n)
					time.Sleep(time.Minute)
				}
				if n := r.servers[0].Asked() - before; n > 300 {
					t.Errorf("asked %d times in a day", n)
				}
			})
		})
	}
}

// TestOneLie does not cost the drift that was measured.
func TestOneLie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { servers(1)(r); r.servers[0].SetRate(50) })
		time.Sleep(6 * time.Hour)
		truth := r.servers[0].Offset()
		r.servers[0].SetOffset(time.Hour)
		for n := r.servers[0].Asked(); r.servers[0].Asked() == n; {
			time.Sleep(time.Second)
		}
		r.servers[0].SetOffset(truth)
		time.Sleep(time.Hour)
		if d := r.sync.Get().Drift; d > -45 {
			t.Errorf("drift %g ppm, want -50", d)
		}
	})
}

// TestKisses: a server that does not want to be asked is not.
func TestKisses(t *testing.T) {
	for code, want := range map[string]time.Duration{"RATE": restPeriod, "DENY": restForever, "RSTR": restForever, "INIT": 0} {
		if got := kisses[kissOf(&ntp.Response{KissCode: code}, ntp.ErrKissOfDeath)].rest; got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if got := kissOf(nil, errNoRTC); got != "" {
		t.Errorf("no answer: %q", got)
	}
}
