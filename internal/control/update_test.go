package control

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestUpdate: the update under way and the newest that is over are in each status,
// all of them under their own path, the newest first.
func TestUpdate(t *testing.T) {
	s := newService()
	c, path, _ := start(t, s, silent)
	status, text := raw(t, path, "GET", "/v1/history", "")
	if status != 200 || text != `{"attempts":[]}`+"\n" {
		t.Errorf("no history: %d %s", status, text)
	}

	first, second := clock.Attempt{Number: 1, Result: clock.Failed}, clock.Attempt{Number: 2, Result: clock.Confirmed}
	third := clock.Attempt{Number: 3, State: "downloading", Source: "github", Bytes: 10, Size: 100, Steps: []clock.Step{{Number: 1, State: "checking"}}}
	next := time.Date(2026, 11, 28, 14, 37, 0, 0, time.FixedZone("MEZ", 3600))
	s.status.Update(func(st *clock.Status) {
		st.Update = clock.Update{Next: next, Present: &third, History: []clock.Attempt{first, second}}
	})
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := OTA{Source: "github", NextCheck: "2026-11-28T13:37:00Z", Present: &third, Last: &second}
	if d := cmp.Diff(want, got.OTA); d != "" {
		t.Error(d)
	}
	h, err := c.History(t.Context())
	if d := cmp.Diff(History{[]clock.Attempt{second, first}}, h); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if h := s.status.Get().Update.History; h[0].Number != 1 {
		t.Error("asking turned the clock's own history round")
	}
}

// TestNoOp: an update that came to nothing hides none that came to something.
func TestNoOp(t *testing.T) {
	noop := clock.Attempt{Number: 9, Result: clock.UpToDate}
	back := clock.Attempt{Number: 8, Result: clock.RolledBack, Reason: "crashed"}
	for want, history := range map[uint32][]clock.Attempt{
		8: {{Number: 7, Result: clock.Confirmed}, back, noop},
		9: {{Number: 8, Result: clock.UpToDate}, noop},
	} {
		s := newService()
		c, _, _ := start(t, s, silent)
		s.status.Update(func(st *clock.Status) { st.Update.History = history })
		got, err := c.Status(t.Context())
		if err != nil || got.OTA.Last.Number != want {
			t.Errorf("update %d is the last, want %d; %v", got.OTA.Last.Number, want, err)
		}
	}
}

// TestNoUpdate: what there is not is null.
func TestNoUpdate(t *testing.T) {
	c, _, _ := start(t, newService(), silent)
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(s.OTA)
	if want := `{"source":"github","stored_source":"","checking":false,"last_check":null,"present":null,"last":null}`; string(b) != want || err != nil {
		t.Errorf("got  %s\nwant %s, %v", b, want, err)
	}
}
