package firmware

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
)

// TestRepairIsTold: an LED that goes out by itself is lit again, and who looks on is told
// so; the journal keeps which row it was.
func TestRepairIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := startBridged(t, nil, nil)
		h.say("validation/set", `{"interval_s":10}`)
		time.Sleep(time.Second)
		mark := h.mark()
		const pwm0 = 0x02 // of the E of ES
		if err := d.board.LEDs.Tx(hal.LEDAddrs[0], []byte{pwm0, 0}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		d.sees(t, face.Say(14, 45, face.Default))
		said := h.since(mark, "status")
		if want := []string{"recovery_starting", "validation_recovery_success"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
		h.say("error_log/query", `{"count":1}`)
		time.Sleep(time.Second)
		want := `"source":"LED_VALIDATION","severity":"WARNING","code":4,"message":"Validation failed: PARTIAL_MISMATCH (1 mismatches)","context":{"mismatch_count":1,"failure_type":4,"affected_rows":[0]}`
		if got := h.last("error_log/response"); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
