package control

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestBrightness holds what the status says of brightness, and of why it is so.
func TestBrightness(t *testing.T) {
	until := time.Date(2026, 11, 28, 15, 30, 0, 0, time.FixedZone("MEZ", 3600))
	for name, c := range map[string]struct {
		light clock.Light
		want  string
	}{
		"by knob and hand": {
			clock.Light{
				Individual: 60, Group: 99, WhyIndividual: clock.Reason{By: clock.ByKnob, Text: "the knob, at 22 %"},
				WhyGroup: clock.Reason{By: clock.ByHand, Text: "set by hand, until the light changes, 15:30 at the latest", Until: until},
			},
			`{"off":false,"individual":60,"group":99,"window":"","why":{"off":null,"individual":{"by":"knob","text":"the knob, at 22 %"},` +
				`"group":{"by":"manual","text":"set by hand, until the light changes, 15:30 at the latest","until":"2026-11-28T14:30:00Z"}}}`,
		},
		"dark by night": {
			clock.Light{Off: true, Individual: 60, Group: 99, Window: "daily 22:00-06:00 off", WhyOff: clock.Reason{By: clock.ByNight, Text: "night window daily 22:00-06:00 off"}},
			`{"off":true,"individual":60,"group":99,"window":"daily 22:00-06:00 off","why":{"off":{"by":"night","text":"night window daily 22:00-06:00 off"},` +
				`"individual":{"by":"setting","text":""},"group":{"by":"setting","text":""}}}`,
		},
	} {
		if diff := cmp.Diff(c.want, encoded(t, newBrightness(c.light))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestValidation holds what the status says of the read-back of the LEDs.
func TestValidation(t *testing.T) {
	if got := encoded(t, newValidation(nil)); got != "null" {
		t.Errorf("before the first one: %s", got)
	}
	v := &clock.Validation{
		At: time.Date(2026, 11, 28, 14, 30, 2, 0, time.UTC), Took: 6200 * time.Microsecond, Periodic: true,
		Failure: clock.PartialMismatch, Mismatches: 3, SoftwareErrors: 1, ReadFailures: 16, Repaired: true, Recovered: true,
		Stats: clock.ValidationStats{Total: 288, Failed: 2, Consecutive: 1, Health: 91, Attempts: 2, Recoveries: 1},
	}
	v.Stats.By[clock.PartialMismatch], v.Stats.By[clock.HardwareFault] = 1, 1
	want := `{"at":"2026-11-28T14:30:02Z","took_ms":6.2,"periodic":true,"failure":"PARTIAL_MISMATCH","mismatches":3,"software_errors":1,"read_failures":16,"repaired":true,"recovered":true,` +
		`"last_24h":{"total":288,"failed":2,"consecutive":1,"health_score":91,"recovery_attempts":2,"recovery_successes":1,"failures_by_type":{"HARDWARE_FAULT":1,"PARTIAL_MISMATCH":1}}}`
	if diff := cmp.Diff(want, encoded(t, newValidation(v))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
