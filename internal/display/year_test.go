package display

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/proof"
)

// frame is how long a change of the face may take.
const frame = 20 * time.Millisecond

// TestYear watches every minute of 2026 in Vienna, both changes of the clocks
// among them, and finds the words right within a frame of the boundary.
func TestYear(t *testing.T) {
	begin := time.Now()
	minutes, want := 0, 0
	synctest.Test(t, func(t *testing.T) {
		vienna, err := time.LoadLocation("Europe/Vienna")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, vienna)
		end := at.AddDate(1, 0, 0)
		if proof.Raced {
			at, end = at.AddDate(0, 2, 14), at.AddDate(0, 3, 0) // one change of the clocks in it
		}
		want = int(end.Sub(at) / time.Minute)
		r := start(t, at, nil, func(c *Config) {
			c.Time.Set(clock.FromHost(time.Now(), vienna))
			c.Poll = 0
		}, atOnce, unchecked)
		for ; at.Before(end) && !t.Failed(); at = at.Add(time.Minute) {
			mask := face.Say(at.Hour(), at.Minute(), face.Default).Mask()
			time.Sleep(time.Until(at.Add(frame)))
			if got := r.Seen(); got != mask {
				t.Fatalf("%s: sees %04X, want %04X", at, got, mask)
			}
			minutes++
		}
		r.logged(t)
	})
	if minutes != want || !proof.Raced && want != 365*24*60 {
		t.Errorf("%d minutes, want %d", minutes, want)
	}
	proof.Row(t, begin, "display: a year of minutes on the LEDs, each within 20 ms of its boundary", fmt.Sprintf("%d minutes", minutes))
}
