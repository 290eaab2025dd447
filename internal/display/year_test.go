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
	minutes := 0
	synctest.Test(t, func(t *testing.T) {
		vienna, err := time.LoadLocation("Europe/Vienna")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, vienna)
		end := at.AddDate(1, 0, 0)
		r := start(t, at, nil, func(c *Config) {
			c.Time.Set(clock.FromHost(time.Now(), vienna))
			c.Poll = 0
		}, atOnce, unchecked)
		for ; at.Before(end) && !t.Failed(); at = at.Add(time.Minute) {
			want := face.Say(at.Hour(), at.Minute(), face.Default).Mask()
			time.Sleep(time.Until(at.Add(frame)))
			if got := r.Seen(); got != want {
				t.Fatalf("%s: sees %04X, want %04X", at, got, want)
			}
			minutes++
		}
		r.logged(t)
	})
	if want := 365 * 24 * 60; minutes != want {
		t.Errorf("%d minutes, want %d", minutes, want)
	}
	proof.Row(t, begin, "display: a year of minutes on the LEDs, each within 20 ms of its boundary", fmt.Sprintf("%d minutes", minutes))
}
