package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
)

func TestHealthLine(t *testing.T) {
	at := time.Date(2026, 6, 15, 14, 30, 0, 0, time.Local)
	for _, c := range []struct {
		name string
		h    clock.Health
		want string
	}{
		{"nobody looked yet", clock.Health{Healthy: true}, "not examined yet"},
		{"well", clock.Health{Healthy: true, At: at}, "ok"},
		{"not well", clock.Health{Text: "rtc: stands still", At: at}, "unhealthy: rtc: stands still"},
		{"to be judged", clock.Health{Healthy: true, Trial: &clock.Trial{Attempts: 3, Next: at}}, "not examined yet, on trial: examination 1 of 3 at 14:30:00"},
		{"was judged once", clock.Health{Text: "rtc: stands still", At: at, Trial: &clock.Trial{Attempt: 1, Attempts: 3, Next: at}},
			"unhealthy: rtc: stands still, on trial: examination 2 of 3 at 14:30:00"},
		{"nothing to go back to", clock.Health{Text: "x", At: at, Trial: &clock.Trial{Attempt: 3, Attempts: 3, Next: at}},
			"unhealthy: x, on trial: examination 3 of 3 at 14:30:00"},
		{"is given up", clock.Health{Text: "x", At: at, Trial: &clock.Trial{Attempt: 3, Attempts: 3}},
			"unhealthy: x, on trial: 3 of 3 examinations are over"},
	} {
		if got := healthLine(c.h); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPrintHealth(t *testing.T) {
	var out bytes.Buffer
	cmd := &cobra.Command{Use: "health"}
	cmd.SetOut(&out)
	h := clock.Health{
		Text: "rtc: stands still", At: time.Now(), Trial: &clock.Trial{Attempts: 3, Next: time.Date(2026, 6, 15, 14, 30, 0, 0, time.Local)},
		Checks: []clock.HealthCheck{{Name: "network", State: clock.Passed}, {Name: "rtc", State: clock.Failing, Text: "stands still"}},
	}
	if err := printHealth(cmd, h); exitCode(err) != exitUnhealthy || err.Error() != "health: rtc: stands still" {
		t.Errorf("error %v", err)
	}
	const want = "network  ok      \nrtc      failed  stands still\ntrial            examination 1 of 3 at 14:30:00\n"
	if got := out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.Healthy = true
	if err := printHealth(cmd, h); err != nil {
		t.Errorf("healthy: %v", err)
	}
}
