package timekeeper

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/hal/sim"
)

// TestExamine is what is wrong with an RTC, whether it is needed or not.
func TestExamine(t *testing.T) {
	for _, c := range []struct {
		name string
		hurt func(*rig)
		want string
	}{
		{"well", func(*rig) {}, ""},
		{"an hour off, and goes", func(r *rig) { r.RTC.Set(begin.Add(time.Hour)) }, ""},
		{"gone", func(r *rig) { r.SensorBus.Detach(r.RTC) }, "sensors 0x68: write 1, read 16 bytes: remote I/O error"},
		{"bus hangs", func(r *rig) { r.SensorBus.Inject(sim.Fault{Kind: sim.Stuck}) }, "sensors 0x68: write 1, read 16 bytes: connection timed out"},
		{"was stopped", func(r *rig) { r.RTC.PowerLoss() }, "oscillator was stopped, time lost"},
		{"never set", func(r *rig) { r.RTC.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)) }, "year 2001: was never set"},
		{"stands still", func(r *rig) { r.RTC.SetRate(-1e6) }, "stands still at 2026-06-15 12:00:"},
		{"races", func(r *rig) { r.RTC.SetRate(9e6) }, "jumps from 2026-06-15 12:0"},
	} {
		for _, synced := range []bool{true, false} {
			name := c.name + ", host free"
			if synced {
				name = c.name + ", host synchronised"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := start(t, func(r *rig) { r.synced.Store(synced) })
					time.Sleep(3700 * time.Millisecond)
					c.hurt(r)
					asked := time.Now()
					err := r.keeper.Examine(t.Context())
					if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
						t.Errorf("error %v, want %s", err, c.want)
					}
					if took := time.Since(asked); took > 5*time.Second {
						t.Errorf("that took %s", took)
					}
				})
			})
		}
	}
}

// TestExamineWhileSet: an RTC that the keeper sets between two looks is not one that
// jumps.
func TestExamineWhileSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			r.synced.Store(true)
			r.RTC.Set(begin.Add(-time.Hour))
		})
		for range 20 {
			if err := r.keeper.Examine(t.Context()); err != nil {
				t.Errorf("after %s: %v\n%s", time.Since(begin), err, &r.log)
			}
		}
		r.logged(t, "time_known synced", "rtc_set")
	})
}

// TestExamineChangesNothing: what is believed, and what the log is told, is the same
// however often somebody examines.
func TestExamineChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		for range 300 {
			if err := r.keeper.Examine(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.logged(t, "time_known rtc")
	})
}

// TestExamineDoesNotJudge: a keeper that has not given an RTC up does not because
// somebody else looks often.
func TestExamineDoesNotJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(r *rig) {
			r.synced.Store(true)
			r.SensorBus.Detach(r.RTC)
		})
		synctest.Wait()
		for range 20 {
			if r.keeper.Examine(t.Context()) == nil {
				t.Fatal("an RTC that is gone is well")
			}
		}
		r.logged(t, "time_known synced")
	})
}

// TestExamineNobody: who asks a keeper that does not run is not held up.
func TestExamineNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{Bus: sim.NewBoard().Sensors})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := k.Examine(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
