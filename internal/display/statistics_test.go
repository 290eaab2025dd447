package display

import (
	"testing"
	"time"

	"wordclockd/internal/clock"
)

func TestHealth(t *testing.T) {
	by := func(f clock.FailureType, n uint32) clock.ValidationStats {
		s := clock.ValidationStats{Total: 1000}
		s.By[f] = n
		return s
	}
	for _, c := range []struct {
		name    string
		stats   clock.ValidationStats
		present clock.FailureType
		want    int
	}{
		{"nothing yet", clock.ValidationStats{}, clock.FailureNone, 100},
		{"healthy", clock.ValidationStats{Total: 1}, clock.FailureNone, 100},
		{"hardware fault", by(clock.HardwareFault, 1), clock.FailureNone, 90},
		{"many", by(clock.HardwareFault, 9), clock.FailureNone, 90},
		{"one that lasts", clock.ValidationStats{Total: 1000}, clock.HardwareFault, 90},
		{"one that lasts, and was counted", by(clock.HardwareFault, 1), clock.HardwareFault, 90},
		{"bus failure", by(clock.BusFailure, 3), clock.FailureNone, 90},
		{"systematic", by(clock.SystematicMismatch, 3), clock.FailureNone, 95},
		{"partial", by(clock.PartialMismatch, 3), clock.FailureNone, 94},
		{"group", by(clock.GroupMismatch, 3), clock.FailureNone, 94},
		{"software", by(clock.SoftwareError, 3), clock.FailureNone, 99},
		{"a tenth of the repairs fail", clock.ValidationStats{Total: 1000, Attempts: 10, Recoveries: 9}, clock.FailureNone, 100},
		{"more of them", clock.ValidationStats{Total: 1000, Attempts: 9, Recoveries: 8}, clock.FailureNone, 80},
		{"in a row", clock.ValidationStats{Total: 1000, Consecutive: 3}, clock.FailureNone, 85},
		{"a twentieth fail", clock.ValidationStats{Total: 100, Failed: 5}, clock.FailureNone, 100},
		{"more of them", clock.ValidationStats{Total: 100, Failed: 6}, clock.FailureNone, 90},
		{"not less than nothing", clock.ValidationStats{Total: 1 << 31, Consecutive: 1 << 31}, clock.FailureNone, 0},
	} {
		if got := health(c.stats, c.present); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestWindow: what happened counts for 24 hours, to five minutes, whenever it was and
// whether or not anything happened since.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name         string
		first, event time.Duration // before the event
		every        time.Duration // anything happens after it; 0 is nothing
	}{
		{"at once", 0, 0, 0},
		{"at the begin of a slot", 10 * time.Minute, 0, time.Minute},
		{"in a slot", 13 * time.Minute, 0, time.Minute},
		{"after days", 99 * time.Hour, 0, 350 * time.Second},
		{"with long pauses", 77 * time.Minute, 0, 7 * time.Hour},
	} {
		var s statistics
		begin := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		s.add(begin, result{recovered: true})
		at := begin.Add(c.first)
		s.add(at, result{failure: clock.PartialMismatch, attempted: true})
		counted := func(after time.Duration) bool {
			copied := s
			sum := copied.sum(at.Add(after), clock.FailureNone)
			return sum.By[clock.PartialMismatch] == 1 && sum.Failed == 1 && sum.Attempts == 1 && sum.Total > 0
		}
		for after := c.every; c.every > 0 && after < window-slot; after += c.every {
			s.add(at.Add(after), result{recovered: true})
		}
		if !counted(window-slot) || counted(window) || counted(100*window) {
			t.Errorf("%s: counted %t, %t, %t", c.name, counted(window-slot), counted(window), counted(100*window))
		}
		if sum := s.sum(at.Add(100*window), clock.FailureNone); sum.Total != 0 || c.every > 0 && sum.Health != 100 {
			t.Errorf("%s: in the end %+v", c.name, sum)
		}
	}
}

// TestConsecutive counts failures up to now, however long ago.
func TestConsecutive(t *testing.T) {
	var s statistics
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for n := range uint32(600) {
		s.add(at, result{failure: clock.GroupMismatch})
		if got := s.sum(at, clock.FailureNone).Consecutive; got != n+1 {
			t.Fatalf("%d, want %d", got, n+1)
		}
		at = at.Add(time.Hour)
	}
	s.add(at, result{})
	if got := s.sum(at, clock.FailureNone); got.Consecutive != 0 || got.Total != 24 && got.Total != 25 {
		t.Errorf("%+v", got)
	}
}
