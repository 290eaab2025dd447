package firmware

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// A storm is a clock, all that is around it, and what happens to them.
type storm struct {
	*testing.T
	*clockwork
	random  *rand.Rand
	hub     *hub
	servers sim.TimeServers

	stuck atomic.Bool  // the wire to the broker
	slow  atomic.Int64 // what a write to it takes
	slept atomic.Int64

	heals []func()
	told  []string // what happened
	lied  bool     // something told a time that is wrong, and that nobody could know to be
}

// TestStorm lets everything happen to clocks that can, at random: faults of both buses
// and of chips, a broker that goes and comes, light and knob, time servers, RTC and host,
// settings and commands. Ten seconds after the last of it the face and its levels are
// right, and what is published two seconds after the connection is up.
func TestStorm(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 20)
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := brew(t, seed, func(*clockwork) {})
				for range 100 {
					s.blow(blows)
				}
				s.calm()
			})
		})
	}
	proof.Row(t, begin, "firmware: storm of the whole clock: random faults of buses, chips, broker, light, knob and time, settings and commands; right within 10 s of the last",
		fmt.Sprintf("%d seeds x 100 faults", len(seeds)))
}

// TestStormInTheDark: whatever happens to a clock that is off, nothing is ever lit. Bits
// that are flipped are left out: they light LEDs by themselves.
func TestStormInTheDark(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 5)
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e *beholder
				s := brew(t, seed, func(d *clockwork) { e = watched(d.board) })
				s.set(t, clock.Edit{Key: "display.on", Value: false})
				time.Sleep(time.Second)
				s.sees(t, face.Phrase{})
				e.on(func(row int, now [face.Cols]uint16) {
					if now != [face.Cols]uint16{} {
						t.Errorf("row %d is lit: %v", row, now)
					}
				})
				for range 100 {
					s.blow(darkBlows)
				}
				s.calm()
				e.on(nil)
			})
		})
	}
	proof.Row(t, begin, "firmware: storm of a clock that is off: nothing is ever lit", fmt.Sprintf("%d seeds x 100 faults", len(seeds)))
}

// brew returns a storm before it begins. To be called in a bubble.
func brew(t *testing.T, seed uint64, prepare func(*clockwork)) *storm {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 5, 1, 14, 29, 40, 0, time.UTC)))
	s := &storm{
		T: t, random: rand.New(rand.NewPCG(seed, 7)), clockwork: &clockwork{board: sim.NewBoard(), zone: vienna(t)}, hub: newHub(t),
		servers: sim.TimeServers{"a": sim.NewTimeServer(), "b": sim.NewTimeServer(), "c": sim.NewTimeServer()},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(s.told, "\n"), &s.log)
		}
	})
	s.synced.Store(true)
	prepare(s.clockwork)
	s.run(t, func(c *Config) {
		c.Time = config.Time{Source: "auto", NTPServers: []string{"a", "b", "c"}}
		c.DialNTP = s.servers.Dial
		c.Button = config.Button{Command: clock.ResetWiFi, Hold: 5 * time.Second}
		c.Slept = func() time.Duration { return time.Duration(s.slept.Load()) }
		c.Bridge = bridgeTo(t, func(ctx context.Context) (net.Conn, error) {
			conn, err := s.hub.dial(ctx)
			return lazy{conn, &s.stuck, &s.slow}, err
		})
	})
	time.Sleep(5 * time.Second)
	synctest.Wait()
	s.set(t, clock.Edit{Key: "validation.interval_s", Value: 10}) // what nobody notices is found by reading back
	return s
}

// A blow is something that happens, how often it comes, and what undoes it; nil is
// nothing.
type blow struct {
	often int
	do    func(*storm) (told string, heal func())
}

// blow lets something happen, maybe heals something, and lets some time pass.
func (s *storm) blow(blows []blow) {
	n := 0
	for _, b := range blows {
		n += b.often
	}
	n = s.random.IntN(n)
	for _, b := range blows {
		if n -= b.often; n < 0 {
			told, heal := b.do(s)
			s.told = append(s.told, fmt.Sprintf("%s %s", time.Now().In(s.zone).Format("15:04:05.000"), told))
			if heal != nil {
				s.heals = append(s.heals, heal)
			}
			break
		}
	}
	if n := len(s.heals); n > 0 && s.random.IntN(2) == 0 {
		i := s.random.IntN(n)
		s.heals[i]()
		s.heals = append(s.heals[:i], s.heals[i+1:]...)
	}
	time.Sleep(s.wait([]time.Duration{100 * time.Millisecond, time.Second, 6 * time.Second}[s.random.IntN(3)]))
	st, _ := s.service.Watch()
	if local, known := st.Time.At(time.Now()); known && !s.lied && time.Until(local).Abs() > time.Second {
		s.Errorf("the time is off by %s", time.Until(local))
	}
}

// wait returns a random time.
func (s *storm) wait(most time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(most)))
}

// heal undoes all that happened. truth is that the clock can know the true time now, and
// not only what somebody told it.
func (s *storm) heal() (truth bool) {
	for _, heal := range s.heals {
		heal()
	}
	s.heals = nil
	b := s.board
	b.LEDBus.Heal()
	b.SensorBus.Heal()
	for _, c := range b.Rows {
		s.back(b.LEDBus, c)
	}
	s.back(b.SensorBus, b.Light)
	s.back(b.SensorBus, b.RTC)
	for _, x := range s.servers {
		x.SetFault(sim.Up)
		x.SetOffset(0)
	}
	if s.random.IntN(4) > 0 || s.lied {
		s.synced.Store(true)
	}
	s.told = append(s.told, fmt.Sprintf("%s healed; host %t", time.Now().In(s.zone).Format("15:04:05.000"), s.synced.Load()))
	return s.synced.Load() || !s.lied
}

// back puts a chip on a bus where it may be already.
func (s *storm) back(b *sim.Bus, c sim.Chip) {
	b.Detach(c)
	b.Attach(c)
}

// fault returns one of a bus, at random.
func (s *storm) fault(flips bool, addrs ...uint16) sim.Fault {
	kinds := []sim.Kind{sim.Nack, sim.Stuck, sim.Flip, sim.BrownOut, sim.Slow, sim.SDA}
	f := sim.Fault{Kind: kinds[s.random.IntN(len(kinds))], Byte: s.random.IntN(19), Times: s.random.IntN(4)}
	f.Whole, f.Firm = s.random.IntN(2) == 0, s.random.IntN(2) == 0
	switch {
	case f.Kind == sim.Flip && !flips:
		f.Kind = sim.Nack
	case f.Kind == sim.Flip:
		f.Mask = 1 << s.random.IntN(8)
	case f.Kind == sim.Slow:
		f.Delay = s.wait(5 * time.Millisecond)
	}
	if s.random.IntN(3) > 0 {
		f.Addr = addrs[s.random.IntN(len(addrs))]
	}
	return f
}

// inject lets a fault befall a bus.
func inject(b *sim.Bus, f sim.Fault) (string, func()) {
	return fmt.Sprintf("%s: %+v", b, f), b.Inject(f)
}

var ledAddrs = hal.LEDAddrs[:]
