package control

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestMQTTStatus: connection, image and sensors as a client gets them.
func TestMQTTStatus(t *testing.T) {
	s := newService()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s.status.Update(func(st *clock.Status) {
		st.Has = []clock.Capability{clock.HasLight}
		st.Link = clock.Link{
			State: clock.LinkDown, Broker: "b:8883", Base: "home/a", ClientID: "a_000001", Since: at, Tries: 3, Losses: 2,
			Err: "connection refused", Refused: []string{"home/a/command"}, Twin: true,
		}
		st.Sensors = clock.Sensors{At: at, Lux: 45.26, Knob: 0.5}
		st.Image = clock.Image{Slot: "ota_1", State: clock.IsRolledBack, BootCount: 4, Size: 336, Source: "github",
			Rollback: &clock.Rollback{From: "2.0.0", To: "1.2.3", Reason: "crash", Text: "panic"}}
		st.Face.Off, st.Demo = true, true
	})
	c, _, _ := start(t, s, silent)
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(MQTT{
		State: "connecting", Broker: "b:8883", Base: "home/a", ClientID: "a_000001", Since: "2026-11-24T12:00:00Z", Tries: 3, Losses: 2,
		Error: "connection refused", Refused: []string{"home/a/command"}, Twin: true,
	}, got.MQTT); diff != "" {
		t.Errorf("mqtt (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(Sensors{At: "2026-11-24T12:00:00Z", Light: &Light{Lux: 45.3}}, got.Sensors); diff != "" {
		t.Errorf("sensors (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(Image{
		Slot: "ota_1", Health: "rolled_back", Source: "github", Bytes: 336, BootCount: 4,
		Rollback: &Rollback{"2.0.0", "1.2.3", "crash", "panic"},
	}, got.Image); diff != "" {
		t.Errorf("image (-want +got)\n%s", diff)
	}
	if !got.Face.Off || !got.Face.Demo {
		t.Errorf("face %+v", got.Face)
	}
	if !slices.Contains(got.Unused, "transition.enabled") || slices.Contains(got.Unused, "brightness.global") {
		t.Errorf("unused settings %v", got.Unused)
	}
}
