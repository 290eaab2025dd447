package control

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// TestHealth: the status of the answer says whether the clock is healthy, to who reads
// no JSON; a client gets what was found either way.
func TestHealth(t *testing.T) {
	for healthy, want := range map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable} {
		s := newService()
		found := clock.Health{
			Healthy: healthy, Text: "network: no default route", At: time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC),
			Checks: []clock.HealthCheck{{Name: "network", State: clock.Failing, Text: "no default route", TookMS: 1.5}},
			Trial:  &clock.Trial{Attempt: 1, Attempts: 3},
		}
		s.answer = found
		s.status.Update(func(st *clock.Status) { st.Health = found })
		c, path, _ := start(t, s, silent)

		web := http.Client{Transport: &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) },
			DisableKeepAlives: true,
		}}
		res, err := web.Get("http://clock/v1/health")
		if err != nil {
			t.Fatal(err)
		}
		var got clock.Health
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		res.Body.Close()
		if res.StatusCode != want || got.Healthy != healthy || len(got.Checks) != 1 || got.Checks[0] != found.Checks[0] || *got.Trial != *found.Trial {
			t.Errorf("%d %+v, want %d", res.StatusCode, got, want)
		}

		got, err = c.Health(t.Context())
		if err != nil || got.Healthy != healthy || got.Text != found.Text || !got.At.Equal(found.At) {
			t.Errorf("client: %+v, %v", got, err)
		}
		status, err := c.Status(t.Context())
		if err != nil || status.Health.Healthy != healthy || status.Health.Text != found.Text {
			t.Errorf("status: %+v, %v", status.Health, err)
		}
		for _, cmd := range s.did {
			if cmd.Name != clock.CheckHealth {
				t.Errorf("did %+v", cmd)
			}
		}
		if len(s.did) != 2 {
			t.Errorf("examined %d times: a status is what was found last", len(s.did))
		}
	}
}

// TestHealthIsKept for a minute: who reads it often has the clock examined no more often
// than that, and who has it examined always does.
func TestHealthIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.answer = clock.Health{Healthy: true, Text: "examined"}
		h := NewHandler(t.Context(), s, silent)
		ask := func(method, path, body string) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
			if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		for _, c := range []struct {
			name string
			age  time.Duration
			want int // examinations
		}{
			{"new", 0, 0}, {"almost a minute old", time.Minute - 1, 0}, {"a minute old", time.Minute, 1},
			{"of a clock that was ahead", -time.Second, 1},
		} {
			s.did = nil
			s.status.Update(func(st *clock.Status) { st.Health = clock.Health{Text: "kept", At: time.Now().Add(-c.age)} })
			ask("GET", "/v1/health", "")
			if len(s.did) != c.want {
				t.Errorf("%s: examined %d times, want %d", c.name, len(s.did), c.want)
			}
			ask("POST", "/v1/do", `{"command": "health_check"}`)
			if len(s.did) != c.want+1 {
				t.Errorf("%s: who has it examined gets what is there", c.name)
			}
		}
		s.did = nil
		s.status.Update(func(st *clock.Status) { st.Health = clock.Health{} })
		if ask("GET", "/v1/health", ""); len(s.did) != 1 {
			t.Error("before the first examination nothing is examined")
		}
	})
}
