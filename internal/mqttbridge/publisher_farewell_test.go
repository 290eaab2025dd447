package mqttbridge

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// TestFarewell holds that what comes right before the end is told, however short after
// what was told before, and that the end is the last of it.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		p := r.peer("listener")
		time.Sleep(time.Second)
		p.seen()
		r.wires.delay(100 * time.Millisecond)
		r.change(func(s *clock.Settings) { s.Global = 99 })
		synctest.Wait() // until that is acknowledged, nothing else is looked at
		r.clock.status.Update(func(s *clock.Status) {
			a := updateOf(6, "flashing", "complete")
			a.Result = clock.Installed
			s.Update.History = append(s.Update.History, a)
		})
		r.change(func(s *clock.Settings) { s.Global = 100 })
		if err := r.bridgeRuns.end(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got, complete := p.seen(), ourTopic("status")+"=ota_complete"
		at := slices.Index(got, complete)
		if at < 0 || slices.Contains(got[at+1:], complete) || got[len(got)-1] != presence+"=offline" {
			t.Errorf("%q", got)
		}
		r.sees(ourTopic("brightness/status"), levelsAre(60, 100, false, false))
	})
}
