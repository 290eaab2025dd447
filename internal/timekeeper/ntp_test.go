package timekeeper

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

func (r *rig) names() (names []string) {
	for i := range r.servers {
		names = append(names, string(rune('a'+i))+".example")
	}
	return names
}

func (r *rig) dial(local, remote string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(remote)
	if err != nil || port != "123" || !strings.HasSuffix(host, ".example") {
		return nil, fmt.Errorf("dial %s: no such host", remote)
	}
	return r.servers[host[0]-'a'].Dial(local, remote)
}

// servers gives a rig that many good time servers, and no RTC.
func servers(n int) func(*rig) {
	return func(r *rig) {
		for range n {
			r.servers = append(r.servers, sim.NewTimeServer())
		}
		r.Sensors = nil
	}
}

// TestServers is what is believed of what servers say, a minute after the start.
func TestServers(t *testing.T) {
	hour := func(s *sim.TimeServer) { s.SetOffset(time.Hour) }
	mood := func(m sim.ServerFault) func(*sim.TimeServer) { return func(s *sim.TimeServer) { s.SetFault(m) } }
	far := func(s *sim.TimeServer) { s.SetDelay(40*time.Millisecond, 40*time.Millisecond) }
	slanted := func(s *sim.TimeServer) { s.SetDelay(100*time.Millisecond, 0) } // 50 ms of error that nobody can see
	little := func(s *sim.TimeServer) { s.SetOffset(3 * time.Millisecond) }
	for _, c := range []struct {
		name    string
		servers []func(*sim.TimeServer)
		want    clock.Quality
		off     time.Duration
		within  time.Duration
		errs    string // of the servers
	}{
		{"one", []func(*sim.TimeServer){nil}, clock.Synced, 0, 0, "|"},
		{"one an hour on", []func(*sim.TimeServer){hour}, clock.Synced, time.Hour, 0, "|"},
		{"one far away", []func(*sim.TimeServer){far}, clock.Synced, 0, time.Millisecond, "|"},
		{"one by a slanted way", []func(*sim.TimeServer){slanted}, clock.Synced, 50 * time.Millisecond, time.Millisecond, "|"},
		{"two that agree", []func(*sim.TimeServer){nil, little}, clock.Synced, 0, 5 * time.Millisecond, "||"},
		{"one smears a leap second", []func(*sim.TimeServer){nil, func(s *sim.TimeServer) { s.SetOffset(500 * time.Millisecond) }}, clock.Synced, 0, 500 * time.Millisecond, "||"},
		{"two that disagree", []func(*sim.TimeServer){nil, hour}, clock.Unknown, 0, 0, "||"},
		{"one of three lies", []func(*sim.TimeServer){hour, nil, nil}, clock.Synced, 0, 0, "|||"},
		{"another of three lies", []func(*sim.TimeServer){nil, nil, hour}, clock.Synced, 0, 0, "|||"},
		{"three that disagree", []func(*sim.TimeServer){nil, hour, func(s *sim.TimeServer) { s.SetOffset(-time.Hour) }}, clock.Unknown, 0, 0, "|||"},
		{"two of four lie", []func(*sim.TimeServer){nil, nil, hour, hour}, clock.Unknown, 0, 0, "||||"},
		{"near and far", []func(*sim.TimeServer){far, nil, slanted}, clock.Synced, 0, time.Millisecond, "|||"},
		{"one is down", []func(*sim.TimeServer){mood(sim.Down), nil}, clock.Synced, 0, 0, "does not answer||"},
		{"all are down", []func(*sim.TimeServer){mood(sim.Down), mood(sim.Refused)}, clock.Unknown, 0, 0, "does not answer|connection refused|"},
		{"one does not know", []func(*sim.TimeServer){mood(sim.Unsynchronised)}, clock.Unknown, 0, 0, "invalid stratum in response|"},
		{"one has enough", []func(*sim.TimeServer){mood(sim.Kiss)}, clock.Unknown, 0, 0, "asked for a rest|"},
		{"one talks nonsense", []func(*sim.TimeServer){mood(sim.Garbage)}, clock.Unknown, 0, 0, "invalid time reported|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) {
					servers(len(c.servers))(r)
					for i, f := range c.servers {
						if f != nil {
							f(r.servers[i])
						}
					}
				})
				time.Sleep(time.Minute)
				b := r.time.Get()
				at, ok := b.At(time.Now())
				if b.Quality != c.want {
					t.Fatalf("quality %s, want %s\n%s", b.Quality, c.want, &r.log)
				}
				if d := time.Until(at) - c.off; ok && d.Abs() > c.within+time.Millisecond {
					t.Errorf("off by %s, want %s", time.Until(at), c.off)
				}
				s := r.sync.Get()
				errs := ""
				for _, x := range s.Servers {
					errs += x.Err + "|"
				}
				if errs != c.errs {
					t.Errorf("servers say %q, want %q", errs, c.errs)
				}
				if ok && (s.Error == 0 || s.LastSync.IsZero() || (time.Until(at)-c.off).Abs() > s.Error) {
					t.Errorf("sync %+v", s)
				}
			})
		})
	}
}

// TestFirstAnswer: time is known as soon as a server has answered.
func TestFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			servers(2)(r)
			r.servers[0].SetDelay(30*time.Millisecond, 30*time.Millisecond)
			r.servers[1].SetDelay(30*time.Millisecond, 30*time.Millisecond)
		})
		time.Sleep(61 * time.Millisecond)
		r.believes(t, clock.Synced, 0)
		r.logged(t, "time_known synced")
	})
}

// TestPolite bounds how often servers are asked.
func TestPolite(t *testing.T) {
	for name, c := range map[string]struct {
		mood        sim.ServerFault
		least, most int // in a day
	}{
		"good":  {sim.Up, 80, 95},
		"down":  {sim.Down, 60, 100},
		"angry": {sim.Kiss, 20, 26},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) { servers(1)(r); r.servers[0].SetFault(c.mood) })
				time.Sleep(24 * time.Hour)
				if n := r.servers[0].Asked(); n < c.least || n > c.most {
					t.Errorf("asked %d times in a day, want %d to %d", n, c.least, c.most)
				}
			})
		})
	}
}

// TestResync asks at once.
func TestResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, servers(1))
		time.Sleep(5 * time.Minute)
		n := r.servers[0].Asked()
		r.keeper.Resync()
		r.keeper.Resync()
		synctest.Wait()
		if got := r.servers[0].Asked(); got < n+1 || got > n+2 {
			t.Errorf("asked %d times, %d before", got, n)
		}
	})
	synctest.Test(t, func(t *testing.T) { start(t, nil).keeper.Resync() }) // nobody to ask
}

// TestOutage: days without servers on a host whose clock is 50 ppm fast or slow.
// The drift was measured, so the time is held, to what is said of its error.
func TestOutage(t *testing.T) {
	for _, ppm := range []float64{-50, 3} {
		for _, wired := range []bool{true, false} {
			t.Run(fmt.Sprintf("%g ppm, RTC %t", ppm, wired), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := start(t, func(r *rig) {
						sensors := r.Sensors
						servers(3)(r)
						if wired {
							r.Sensors = sensors
						}
						for _, s := range r.servers {
							s.SetRate(ppm) // truth gains on the host
							s.SetDelay(10*time.Millisecond, 12*time.Millisecond)
						}
						r.RTC.SetRate(ppm + 2)
					})
					truth := func() time.Time { return time.Now().Add(r.servers[0].Offset()) }
					off := func() time.Duration {
						at, ok := r.time.Get().At(time.Now())
						if !ok {
							t.Fatalf("time is unknown\n%s", &r.log)
						}
						return at.Sub(truth())
					}
					time.Sleep(6 * time.Hour)
					if got := off(); got.Abs() > 60*time.Millisecond {
						t.Errorf("with servers: off by %s", got)
					}
					if got := r.sync.Get().Drift; got < -ppm-1.5 || got > -ppm+1.5 {
						t.Errorf("drift %g ppm, want %g", got, -ppm)
					}
					for _, s := range r.servers {
						s.SetFault(sim.Down)
					}
					for range 6 * 24 {
						time.Sleep(time.Hour)
						allowed := r.sync.Get().Error + 20*time.Millisecond
						if got := off(); got.Abs() > allowed {
							t.Fatalf("off by %s, said %s", got, r.sync.Get().Error)
						}
					}
					if off().Abs() > 1500*time.Millisecond {
						t.Errorf("off by %s after six days", off())
					}
					for _, s := range r.servers {
						s.SetFault(sim.Up)
					}
					time.Sleep(time.Hour)
					if got := off(); got.Abs() > 60*time.Millisecond || r.time.Get().Quality != clock.Synced {
						t.Errorf("with servers again: off by %s, %s", got, r.time.Get().Quality)
					}
				})
			})
		}
	}
}

// TestJumps: what jumps has to be seen three times; a lie that stays alone is
// never believed.
func TestJumps(t *testing.T) {
	t.Run("one of three", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, servers(3))
			time.Sleep(time.Hour)
			r.servers[1].SetOffset(time.Hour)
			time.Sleep(3 * time.Hour)
			r.believes(t, clock.Synced, 0)
			r.logged(t, "time_known synced")
		})
	})
	t.Run("the only one, for a moment", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, servers(1))
			time.Sleep(time.Hour)
			r.servers[0].SetOffset(time.Hour)
			r.keeper.Resync()
			time.Sleep(time.Second)
			r.servers[0].SetOffset(0)
			time.Sleep(3 * time.Hour)
			r.believes(t, clock.Synced, 0)
			r.logged(t, "time_known synced")
		})
	})
	t.Run("all of them, for good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, servers(2))
			time.Sleep(time.Hour)
			for _, s := range r.servers {
				s.SetOffset(time.Hour)
			}
			r.keeper.Resync()
			time.Sleep(10 * time.Second)
			r.believes(t, clock.Synced, 0)
			time.Sleep(time.Minute)
			r.believes(t, clock.Synced, time.Hour)
		})
	})
	t.Run("against the RTC", func(t *testing.T) {
		for n, after := range map[int]time.Duration{1: time.Minute, 2: 6 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) {
					sensors := r.Sensors
					servers(n)(r)
					r.Sensors = sensors
					for _, s := range r.servers {
						s.SetFault(sim.Down)
					}
					r.RTC.Set(begin.Add(time.Hour)) // local time, as the old firmware kept it
				})
				time.Sleep(10 * time.Second)
				r.believes(t, clock.RTC, time.Hour)
				for _, s := range r.servers {
					s.SetFault(sim.Up)
				}
				r.keeper.Resync()
				time.Sleep(after)
				r.believes(t, clock.Synced, 0)
				time.Sleep(2 * time.Minute)
				r.rtcIsRight(t, 20*time.Millisecond)
			})
		}
	})
}

// TestHostAndServers: a host that calls itself disciplined is believed, and the
// RTC is not set from it while servers contradict.
func TestHostAndServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			sensors := r.Sensors
			servers(2)(r)
			r.Sensors = sensors
			r.synced.Store(true)
			for _, s := range r.servers {
				s.SetOffset(time.Hour)
			}
			r.RTC.Set(begin.Add(time.Hour))
		})
		time.Sleep(20 * time.Minute)
		r.believes(t, clock.Synced, 0)
		if at, _ := r.RTC.Now(); time.Until(at) < 59*time.Minute {
			t.Errorf("the RTC was set to %s", at)
		}
		r.logged(t, "time_known synced", "ntp_differs")
		for _, s := range r.servers {
			s.SetOffset(0)
		}
		time.Sleep(20 * time.Minute)
		r.logged(t, "time_known synced", "ntp_differs", "ntp_agrees", "rtc_set")
	})
}

// TestSources: who is listened to.
func TestSources(t *testing.T) {
	for source, want := range map[string]struct {
		q     clock.Quality
		off   time.Duration
		asked bool
	}{
		"auto": {clock.Synced, 0, true},
		"host": {clock.Synced, 0, false},
		"ntp":  {clock.Synced, time.Hour, true},
		"rtc":  {clock.RTC, -time.Hour, false},
	} {
		t.Run(source, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) {
					sensors := r.Sensors
					servers(1)(r)
					r.Sensors = sensors
					r.synced.Store(true)
					r.source = source
					r.servers[0].SetOffset(time.Hour)
					r.RTC.Set(begin.Add(-time.Hour))
				})
				time.Sleep(1500 * time.Millisecond)
				r.believes(t, want.q, want.off)
				if asked := r.servers[0].Asked() > 0; asked != want.asked {
					t.Errorf("server asked: %t", asked)
				}
			})
		})
	}
}

// TestSilence and dispute are one event each, and so is their end.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, servers(2))
		time.Sleep(time.Hour)
		for _, s := range r.servers {
			s.SetFault(sim.Down)
		}
		time.Sleep(12 * time.Hour)
		for _, s := range r.servers {
			s.SetFault(sim.Up)
		}
		time.Sleep(time.Hour)
		r.servers[0].SetOffset(time.Minute)
		time.Sleep(time.Hour)
		r.servers[0].SetOffset(0)
		time.Sleep(time.Hour)
		r.logged(t, "time_known synced", "ntp_failed", "time_known holdover", "ntp_back", "time_known synced",
			"ntp_disagree", "time_known holdover", "time_known synced")
	})
}

// TestAnchor: drift and doubt count from there.
func TestAnchor(t *testing.T) {
	host := begin.Add(time.Hour)
	a := anchor{host: host, true: begin, err: time.Millisecond, gain: 100, doubt: 10}
	if got := a.at(host.Add(1000 * time.Second)).Sub(begin); got != 1000*time.Second-100*time.Millisecond {
		t.Errorf("%s", got)
	}
	if got := a.error(host.Add(1000 * time.Second)); got != 11*time.Millisecond {
		t.Errorf("%s", got)
	}
}

// TestHistory: a drift that no crystal has is none.
func TestHistory(t *testing.T) {
	var h history
	for i, c := range []struct {
		after       time.Duration
		off         time.Duration // of true from host
		gain, doubt float64
	}{
		{0, 0, 0, freeDoubt},
		{5 * time.Minute, 0, 0, freeDoubt},
		{1000 * time.Second, -10 * time.Millisecond, 10, 20},
		{10000 * time.Second, -100 * time.Millisecond, 10, minDoubt},
		{10000 * time.Second, -100 * time.Second, 0, freeDoubt},
	} {
		host := begin.Add(c.after)
		a := h.add(anchor{host: host, true: host.Add(c.off), err: 10 * time.Millisecond})
		if d := a.gain - c.gain; d < -0.01 || d > 0.01 || a.doubt < c.doubt-0.01 || a.doubt > c.doubt+0.01 {
			t.Errorf("%d: gain %g, doubt %g, want %g and %g", i, a.gain, a.doubt, c.gain, c.doubt)
		}
	}
	for i := range 100 {
		h.add(anchor{host: begin.Add(time.Duration(i) * time.Hour), true: begin})
	}
	if len(h) > maxHistory || h[len(h)-1].host.Sub(h[0].host) > historySpan {
		t.Errorf("%d anchors over %s", len(h), h[len(h)-1].host.Sub(h[0].host))
	}
}

// TestAgree is Marzullo's algorithm.
func TestAgree(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name string
		offs []time.Duration // pairs of offset and error; error 0 is no answer
		want time.Duration
		n    int
		ok   bool
	}{
		{"nobody", nil, 0, 0, false},
		{"no answer", []time.Duration{5 * ms, 0}, 0, 0, false},
		{"one", []time.Duration{5 * ms, 10 * ms}, 5 * ms, 1, true},
		{"two that touch", []time.Duration{0, 10 * ms, slack + 20*ms, 10 * ms}, 0, 2, true},
		{"two that do not", []time.Duration{0, 10 * ms, slack + 21*ms, 10 * ms}, 0, 2, false},
		{"the best of two", []time.Duration{0, 10 * ms, 2 * ms, 5 * ms}, 2 * ms, 2, true},
		{"a chain of three", []time.Duration{0, 10 * ms, slack + 15*ms, 10 * ms, 2*slack + 30*ms, 10 * ms}, 0, 2, true},
		{"a liar with a narrow error", []time.Duration{time.Hour, ms, 0, 50 * ms, 10 * ms, 50 * ms}, 0, 2, true},
		{"two of four", []time.Duration{0, ms, 0, ms, time.Hour, ms, time.Hour, ms}, 0, 4, false},
		{"two of three answers of four", []time.Duration{0, 0, 0, ms, 0, ms, time.Hour, ms}, 0, 2, true},
	} {
		var samples []sample
		for i := 0; i < len(c.offs); i += 2 {
			s := sample{host: begin, true: begin.Add(c.offs[i]), err: c.offs[i+1]}
			if s.err == 0 {
				s.Err = "none"
			}
			samples = append(samples, s)
		}
		best, n, ok := agree(samples)
		if n != c.n || ok != c.ok || ok && best.off() != c.want {
			t.Errorf("%s: %s of %d, %t, want %s of %d, %t", c.name, best.off(), n, ok, c.want, c.n, c.ok)
		}
	}
}

// TestLies plays random moods and offsets of three servers, of which one at most
// lies at a time, and a random host: whatever is believed is what is true.
func TestLies(t *testing.T) {
	start1 := time.Now()
	seeds := proof.Seeds(t, 10)
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			r := start(t, func(r *rig) {
				sensors := r.Sensors
				servers(3)(r)
				r.Sensors = sensors
			})
			for range 60 {
				for _, s := range r.servers {
					s.SetOffset(0)
					s.SetFault(sim.Up)
					if random.IntN(3) == 0 {
						s.SetFault(sim.ServerFault(random.IntN(6)))
					}
					s.SetDelay(time.Duration(random.Int64N(int64(200*time.Millisecond))), time.Duration(random.Int64N(int64(200*time.Millisecond))))
				}
				if good := 0; random.IntN(2) == 0 {
					for _, s := range r.servers {
						if s.Fault() == sim.Up {
							good++
						}
					}
					if good == 3 {
						r.servers[random.IntN(3)].SetOffset(time.Duration(random.Int64N(int64(48*time.Hour))) - 24*time.Hour)
					}
				}
				r.synced.Store(random.IntN(4) == 0)
				switch random.IntN(8) {
				case 0:
					r.RTC.PowerLoss()
				case 1:
					r.SensorBus.Detach(r.RTC)
				case 2:
					r.SensorBus.Detach(r.RTC)
					r.SensorBus.Attach(r.RTC)
				}
				time.Sleep(time.Duration(random.Int64N(int64(2 * time.Hour))))
				synctest.Wait()
				b := r.time.Get()
				at, ok := b.At(time.Now())
				if d := time.Until(at).Abs(); ok && d > r.sync.Get().Error+300*time.Millisecond {
					t.Fatalf("seed %d: %s, off by %s, said %s\n%s", seed, b.Quality, d, r.sync.Get().Error, &r.log)
				}
			}
		})
	}
	proof.Row(t, start1, "timekeeper: random servers of which one lies at most, host and RTC come and go, what is believed is true", fmt.Sprintf("%d seeds x 60 changes", len(seeds)))
}

// TestDialer: a query ends when the clock does, and errors are told plainly.
func TestDialer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) { servers(1)(r); r.servers[0].SetFault(sim.Down) })
		time.Sleep(time.Second) // the first query waits for its answer; the bubble sees to its end
		if r.servers[0].Asked() != 1 {
			t.Errorf("asked %d times", r.servers[0].Asked())
		}
	})
	p := newPoller([]string{"x"}, func(string, string) (net.Conn, error) { return nil, errors.New("no route to host") }, nil)
	if s := p.ask(t.Context()); len(s) != 1 || !strings.Contains(s[0].Err, "no route to host") {
		t.Errorf("%+v", s)
	}
	k := New(Config{Log: slog.New(slog.DiscardHandler)})
	if k.poller != nil {
		t.Error("asks nobody")
	}
}

// TestRealSocket asks a server behind a real UDP socket.
func TestRealSocket(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	server := sim.NewTimeServer()
	server.SetOffset(time.Hour)
	go func() {
		var buf [128]byte
		for {
			n, from, err := c.ReadFrom(buf[:])
			if err != nil {
				return
			}
			answers, _ := server.Dial("", "")
			_, _ = answers.Write(buf[:n])
			n, _ = answers.Read(buf[:])
			_, _ = c.WriteTo(buf[:n], from)
		}
	}()
	s := newPoller(nil, nil, nil).query(t.Context(), c.LocalAddr().String())
	if d := time.Until(s.true) - time.Hour; s.Err != "" || d.Abs() > 10*time.Second || s.Stratum != 2 {
		t.Errorf("%+v, off by %s", s, d)
	}
}
