package timekeeper

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// truly fails unless what is believed is what the first server has, to within what is
// said, by a quality that is not worse than least.
func (r *rig) truly(t *testing.T, least clock.Quality) {
	t.Helper()
	synctest.Wait()
	b, said := r.time.Get(), r.sync.Get().Error
	at, ok := b.At(time.Now())
	if b.Quality < least {
		t.Errorf("%s: %s, want %s", time.Since(begin), b.Quality, least)
	}
	if off := at.Sub(r.servers[0].Now()); ok && off.Abs() > said {
		t.Errorf("%s: %s, off by %s, said to be %s at most", time.Since(begin), b.Quality, off, said)
	}
}

// TestHoldoverOfDays: a host that nobody disciplines gains or loses seconds a day. What of
// that was measured while there were time servers is taken off when they are gone.
func TestHoldoverOfDays(t *testing.T) {
	for _, ppm := range []float64{-45, 45} { // of the servers, so that the host does the opposite
		t.Run(fmt.Sprint(ppm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, func(r *rig) { servers(1)(r); r.servers[0].SetRate(ppm) })
				time.Sleep(24 * time.Hour)
				if d := r.sync.Get().Drift; d < -ppm-1 || d > -ppm+1 {
					t.Errorf("drift %g ppm, want %g", d, -ppm)
				}
				r.servers[0].SetFault(sim.Down)
				for range 3 * 24 {
					time.Sleep(time.Hour)
					r.truly(t, clock.Holdover)
				}
				if said := r.sync.Get().Error; said > 2100*time.Millisecond {
					t.Errorf("may be off by %s after three days", said)
				}
			})
		})
	}
}

// TestErrorIsHonest plays random crystals, networks and outages, with an RTC or without,
// and finds the truth within what is said to be the error.
func TestErrorIsHonest(t *testing.T) {
	started := time.Now()
	seeds := proof.Seeds(t, 4)
	looks := 0
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			ppm := 80*random.Float64() - 40
			r := start(t, func(r *rig) {
				withRTC(1)(r)
				if r.servers[0].SetRate(ppm); random.IntN(2) == 0 {
					r.Sensors = nil
				}
			})
			for range 30 {
				weather := ppm + 4*random.Float64() - 2
				r.servers[0].SetRate(weather)
				r.RTC.SetRate(weather + 10*random.Float64() - 5)
				r.servers[0].SetDelay(time.Duration(random.Int64N(int64(150*time.Millisecond))), time.Duration(random.Int64N(int64(150*time.Millisecond))))
				r.servers[0].SetFault([]sim.ServerFault{sim.Up, sim.Up, sim.Down, sim.Kiss}[random.IntN(4)])
				time.Sleep(time.Duration(random.Int64N(int64(10 * time.Hour))))
				if r.truly(t, clock.Unknown); t.Failed() {
					t.Fatalf("seed %d\n%s", seed, &r.log)
				}
				looks++
			}
		})
	}
	proof.Row(t, started, "timekeeper: random crystals, networks and outages, the truth is within the error that is said", fmt.Sprintf("%d seeds, %d looks", len(seeds), looks))
}
