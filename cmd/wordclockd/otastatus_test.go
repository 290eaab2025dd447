package main

import (
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

var begun = time.Date(2026, 11, 28, 14, 37, 0, 0, time.FixedZone("MEZ", 3600))

// loading is an update that changed its source in the middle.
var loading = clock.Attempt{
	Number: 8, State: "downloading", From: "2.11.3", Version: "2.12.0", Source: "cloudflare", Begun: begun,
	Bytes: 561_000, Size: 1_308_000, Rate: 812_400, RemainingS: 0.92,
	Sources: map[string]clock.Served{
		"github":     {Requests: 1, Bytes: 327_680, LatencyMS: 11.9, MBps: 0.84, Blamed: true, Error: "wrong_bytes: piece 3 differs"},
		"cloudflare": {Requests: 2, Bytes: 233_320, LatencyMS: 7, MBps: 8.24},
	},
	Warnings: []string{"the image of 2.12.0 calls itself 2.7.0"},
}

var failed = clock.Attempt{
	Number: 7, State: "failed", Result: clock.Failed, From: "2.11.3", Begun: begun, Ended: begun.Add(3 * time.Second),
	Cause: "http_status", Reason: "no source gave a valid manifest",
	Causes:  map[string]string{"github": "http_status", "cloudflare": "dns"},
	Sources: map[string]clock.Served{"github": {Error: "404 Not Found"}, "cloudflare": {Error: "dns: no such host"}},

	Warnings: []string{"cloudflare has 2.11.9, older than 2.12.0"},
}

func TestOTAStatus(t *testing.T) {
	check := clock.Check{AvailableVersion: "2.12.0", UpdateAvailable: true, Source: "github", At: begun}
	for _, c := range []struct {
		name string
		s    otaStatus
		want string
	}{
		{"nothing happened yet", otaStatus{true, "2.11.3", false, control.OTA{Source: "github"}}, `
firmware  2.11.3 runs
source    github, as nobody chose
`},
		{"an update is under way", otaStatus{true, "2.11.3", false, control.OTA{
			Source: "cloudflare", Stored: "cloudflare", LastCheck: &check, NextCheck: "2026-11-29T13:37:00Z", Present: &loading, Last: &failed,
		}}, `
firmware     2.11.3 runs
source       cloudflare
last check   2026-11-28T13:37:00Z, 2.12.0 is available from github
next check   2026-11-29T13:37:00Z
update       8: 2.11.3 → 2.12.0, downloading from cloudflare, 42 %, 561 kB of 1.3 MB, 812 kB/s, 1s left
             warning: the image of 2.12.0 calls itself 2.7.0
last update  7: 2.11.3, failed at 2026-11-28T13:37:03Z: no source gave a valid manifest
             cloudflare: dns: no such host
             github: http_status: 404 Not Found
             warning: cloudflare has 2.11.9, older than 2.12.0
cloudflare   2 requests, answers within 7.0 ms, 233 kB at 8.2 MB/s
github       1 request, answers within 11.9 ms, 328 kB at 840 kB/s, delivered wrong bytes, wrong_bytes: piece 3 differs
`},
		{"on trial", otaStatus{true, "2.12.0", true, control.OTA{Source: "github", Last: &clock.Attempt{
			Number: 8, From: "2.11.3", Version: "2.12.0", Source: "github", Result: clock.Installed,
		}}}, `
firmware     2.12.0 runs, on trial
source       github, as nobody chose
last update  8: 2.11.3 → 2.12.0, installed from github
`},
		{"it was given up", otaStatus{true, "2.11.3", false, control.OTA{Source: "github", Last: &clock.Attempt{
			Number: 8, From: "2.11.3", Version: "2.12.0", Source: "github", Result: clock.RolledBack, Reason: "crashed", Ended: begun,
		}}}, `
firmware     2.11.3 runs
source       github, as nobody chose
last update  8: 2.11.3 → 2.12.0, rolled_back from github, installed at 2026-11-28T13:37:00Z: crashed
`},
		{"no clock runs", otaStatus{false, "2.12.0", true, control.OTA{Source: "github", Stored: "github", LastCheck: &clock.Check{Error: "github: dns: no such host"}}}, `
firmware    no clock runs; 2.12.0 would be started, on trial
source      github
last check  0001-01-01T00:00:00Z, failed: github: dns: no such host
`},
		{"a clock ended in the middle of an update", otaStatus{false, "2.11.3", false, control.OTA{Source: "github", Stored: "github", Present: &clock.Attempt{
			Number: 8, State: "downloading", From: "2.11.3", Version: "2.12.0", Source: "github", Bytes: 561_000, Size: 1_308_000,
		}}}, `
firmware  no clock runs; 2.11.3 would be started
source    github
update    8: 2.11.3 → 2.12.0, downloading from github, 42 %, 561 kB of 1.3 MB
          the clock ended in the middle of it: wordclockd ota update goes on where it was
`},
		{"nothing can be started", otaStatus{false, "", false, control.OTA{Source: "github", Stored: "github"}}, `
firmware  no clock runs, and nothing can be started
source    github
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := "\n" + tabled(func(w *tabwriter.Writer) { writeOTAStatus(w, c.s) })
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func tabled(f func(*tabwriter.Writer)) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	f(w)
	_ = w.Flush()
	return b.String()
}

func TestOTAHistory(t *testing.T) {
	back := clock.Attempt{Number: 8, Result: clock.RolledBack, From: "2.11.3", Version: "2.12.0", Source: "github", Begun: begun, Reason: "crashed: exit status 2"}
	got := "\n" + tabled(func(w *tabwriter.Writer) { writeHistory(w, []clock.Attempt{back, failed}) })
	want := `
8  2026-11-28T13:37:00Z  2.11.3 → 2.12.0  github  rolled_back  crashed: exit status 2
7  2026-11-28T13:37:00Z  2.11.3                   failed       no source gave a valid manifest
                                                               warning: cloudflare has 2.11.9, older than 2.12.0
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestOTAHistorySources: it is told how fast those were that delivered.
func TestOTAHistorySources(t *testing.T) {
	a := clock.Attempt{Number: 9, Result: clock.Confirmed, From: "2.11.3", Version: "2.12.0", Source: "cloudflare", Begun: begun, Sources: map[string]clock.Served{
		"github":     {Requests: 2, Error: "http_status: 503"},
		"cloudflare": {Requests: 1, Bytes: 1_339_312, LatencyMS: 2.5, MBps: 0.84},
	}}
	got := "\n" + tabled(func(w *tabwriter.Writer) { writeHistory(w, []clock.Attempt{a}) })
	want := `
9  2026-11-28T13:37:00Z  2.11.3 → 2.12.0  cloudflare  confirmed  cloudflare: 1 request, answers within 2.5 ms, 1.3 MB at 840 kB/s
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestCheckText: what is newer and is not offered is not called up to date.
func TestCheckText(t *testing.T) {
	for _, c := range []struct {
		available string
		offered   bool
		check     string
		status    string
	}{
		{"3.0.1", true, "3.0.1 is available from github; 3.0.0 runs", "3.0.1 is available from github"},
		{"3.0.1", false, "3.0.1 is not offered, see the warning; 3.0.0 runs", "3.0.1 from github is not offered: wordclockd ota check says why"},
		{"3.0.0", false, "up to date: 3.0.0 runs, and github has nothing newer", "up to date by github"},
		{"2.9.9", false, "3.0.0 runs, and is newer than 2.9.9 from github", "up to date by github"},
	} {
		check := clock.Check{CurrentVersion: "3.0.0", AvailableVersion: c.available, UpdateAvailable: c.offered, Source: "github"}
		if got := tabled(func(w *tabwriter.Writer) { writeCheck(w, check) }); !strings.Contains(got, "result      "+c.check+"\n") {
			t.Errorf("%s: got %q, want %q", c.available, got, c.check)
		}
		if got := checkLine(control.OTA{Source: "github", LastCheck: &check}); got != "from github, "+c.status {
			t.Errorf("%s: got %q, want %q", c.available, got, c.status)
		}
	}
	held := clock.Attempt{Result: clock.UpToDate, From: "3.0.0", Version: "3.0.1", Source: "github"}
	if got, want := sentence(held, false), "nothing was installed: 3.0.1 is not offered, see the warning"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWatchedUpdate: a change of state or another tenth is worth a line, a byte is not.
func TestWatchedUpdate(t *testing.T) {
	a := clock.Attempt{State: "downloading", Bytes: 561_000, Size: 1_308_000, Steps: []clock.Step{{State: "checking"}}}
	for _, c := range []struct {
		percent int
		want    string
	}{{0, "  update: downloading  start 0"}, {40, "  update: downloading 40 %  start 0"}} {
		a.Steps[0].Percent = c.percent
		if got := watchLine(control.Status{OTA: control.OTA{Present: &a}}); !strings.HasSuffix(got, c.want) {
			t.Errorf("got %q, want it to end in %q", got, c.want)
		}
	}
	if got := watchLine(control.Status{}); strings.Contains(got, "update") {
		t.Errorf("no update, and %q", got)
	}
}

// TestOTAVerbs asks a clock that runs.
func TestOTAVerbs(t *testing.T) {
	p := newActor(t, "sim")
	p.over(failed)
	p.present(loading)
	p.status.Update(func(s *clock.Status) {
		s.Update.History = []clock.Attempt{{Number: 6, Result: clock.Confirmed}, failed}
	})
	for _, c := range []struct {
		args, want string
	}{
		{"ota status", "update       8: 2.11.3 → 2.12.0, downloading from cloudflare, 42 %"},
		{"ota status --json", `{"running":true,"version":"2.11.3","trial":false,"source":"github",`},
		{"ota status --json", `"present":{"number":8,"state":"downloading",`},
		{"ota history", "7  2026-11-28T13:37:00Z  2.11.3    failed     no source gave a valid manifest\n"},
		{"ota history", "\n6  "},
		{"ota history --json", `[{"number":7,`},
		{"do ota_start_update", "update 7 has begun: wordclockd ota status\n"},
		{"do ota_start_update force=true --json", `{"done":"ota_start_update","number":7}` + "\n"},
		{"ota cancel", "the update was cancelled\n"},
		{"ota cancel --json", `{"cancelled":true}` + "\n"},
	} {
		stdout, stderr, code := p.verb(t.Context(), strings.Fields(c.args)...)
		if code != exitOK || stderr != "" || !strings.Contains(stdout, c.want) {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, stdout, stderr)
		}
	}
	p.refuses(&clock.UnavailableError{Code: "ota_cancel_failed", Text: "no update is under way"})
	if _, stderr, code := p.verb(t.Context(), "do", "ota_start_update"); code != exitCheckFailed || stderr != "wordclockd: do: no update is under way\n" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if _, stderr, code := p.verb(t.Context(), "ota", "cancel"); code != exitError || stderr != "wordclockd: ota cancel: no update is under way\n" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
