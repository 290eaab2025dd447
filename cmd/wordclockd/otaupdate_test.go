package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// course returns an update as it is after each of its steps, and as it ends.
func course(result clock.Result, reason string) (under []clock.Attempt, over clock.Attempt) {
	a := clock.Attempt{Number: 7, From: "2.11.3", State: "checking"}
	steps := []clock.Step{
		{Number: 1, State: "checking"},
		{Number: 2, State: "downloading", Source: "github"},
		{Number: 3, State: "downloading", Source: "github", Percent: 40, Bytes: 400_000},
		{Number: 4, State: "downloading", Source: "cloudflare", Percent: 43, Bytes: 430_000},
		{Number: 5, State: "verifying", Source: "cloudflare", Percent: 100, Bytes: 1_000_000},
		{Number: 6, State: "flashing", Source: "cloudflare", Percent: 100, Bytes: 1_000_000},
	}
	for i, s := range steps {
		a.State, a.Source, a.Bytes, a.Steps = s.State, s.Source, s.Bytes, steps[:i+1]
		if i > 0 {
			a.Version, a.Size, a.Slot = "2.12.0", 1_000_000, "ota_1"
		}
		if i > 2 {
			a.Sources = map[string]clock.Served{"github": {Requests: 1, Bytes: 430_000, Error: "stalled: no byte for 5s"}}
		}
		under = append(under, a)
	}
	over = a
	over.State, over.Result, over.Reason = "complete", result, reason
	return under, over
}

const stepsOfCourse = `{"number":1,"state":"checking","source":"","percent":0,"bytes":0,"size_bytes":0,"rate_bps":0,"remaining_s":0}
{"number":2,"state":"downloading","source":"github","percent":0,"bytes":0,"size_bytes":1000000,"rate_bps":0,"remaining_s":0}
{"number":3,"state":"downloading","source":"github","percent":40,"bytes":400000,"size_bytes":1000000,"rate_bps":0,"remaining_s":0}
{"number":4,"state":"downloading","source":"cloudflare","percent":43,"bytes":430000,"size_bytes":1000000,"rate_bps":0,"remaining_s":0}
{"number":5,"state":"verifying","source":"cloudflare","percent":100,"bytes":1000000,"size_bytes":1000000,"rate_bps":0,"remaining_s":0}
{"number":6,"state":"flashing","source":"cloudflare","percent":100,"bytes":1000000,"size_bytes":1000000,"rate_bps":0,"remaining_s":0}
`

// sized is stepsOfCourse for who saw the first step when the size was known already.
func sized(lines string) string {
	return strings.Replace(lines, `"bytes":0,"size_bytes":0,`, `"bytes":0,"size_bytes":1000000,`, 1)
}

// TestUpdateSteps: each step is a line, once, however fast they come, and the last
// line is the result.
func TestUpdateSteps(t *testing.T) {
	for _, c := range []struct {
		name   string
		result clock.Result
		reason string
		causes map[string]string
		code   int
		last   string
		stderr string
	}{
		{"installed", clock.Installed, "", nil, exitOK,
			`{"result":"installed","version":"2.12.0","source":"cloudflare","reason":"","causes":{}}`, ""},
		{"up to date", clock.UpToDate, "github has nothing newer", nil, exitOK,
			`{"result":"up_to_date","version":"2.12.0","source":"cloudflare","reason":"github has nothing newer","causes":{}}`, ""},
		{"failed", clock.Failed, "both sources failed", map[string]string{"cloudflare": "http_status: 503", "github": "stalled: no byte for 5s"}, exitCheckFailed,
			`{"result":"failed","version":"2.12.0","source":"cloudflare","reason":"both sources failed","causes":{"cloudflare":"http_status: 503","github":"stalled: no byte for 5s"}}`,
			"wordclockd: ota update: nothing was installed: both sources failed\n"},
		{"rolled back before anyone saw it run", clock.RolledBack, "crashed", nil, exitCheckFailed,
			`{"result":"rolled_back","version":"2.12.0","source":"cloudflare","reason":"crashed","causes":{}}`,
			"wordclockd: ota update: 2.12.0 was given up, and 2.11.3 runs again: crashed\n"},
		{"interrupted", clock.Interrupted, "`ota update` goes on at byte 430000", nil, exitCheckFailed,
			"{\"result\":\"failed\",\"version\":\"2.12.0\",\"source\":\"cloudflare\",\"reason\":\"`ota update` goes on at byte 430000\",\"causes\":{}}",
			"wordclockd: ota update: the clock ended meanwhile: `ota update` goes on at byte 430000\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newActor(t, "sim")
			under, over := course(c.result, c.reason)
			over.Causes = c.causes
			p.plays(func() {
				for _, a := range under {
					p.present(a)
				}
				p.over(over)
			})
			stdout, stderr, code := p.verb(t.Context(), "ota", "update")
			lines := strings.SplitAfter(stdout, "\n")
			steps, last := strings.Join(lines[:len(lines)-2], ""), strings.TrimSpace(lines[len(lines)-2])
			if code != c.code || stderr != c.stderr || last != c.last {
				t.Errorf("exit code %d, want %d\n%s\nwant %s\n%s", code, c.code, last, c.last, stderr)
			}
			if sized(steps) != sized(stepsOfCourse) {
				t.Errorf("steps:\n%s", cmp.Diff(sized(stepsOfCourse), sized(steps)))
			}
		})
	}
}

// TestUpdateWaits for the verdict, through the restart with the new image and the
// one back.
func TestUpdateWaits(t *testing.T) {
	for _, c := range []struct {
		result clock.Result
		code   int
		runs   string
	}{
		{clock.Confirmed, exitOK, "2.12.0"},
		{clock.RolledBack, exitCheckFailed, "2.11.3"},
	} {
		t.Run(string(c.result), func(t *testing.T) {
			t.Parallel()
			p := newActor(t, "sim")
			under, over := course(clock.Installed, "")
			p.plays(func() {
				p.present(under[1])
				p.isWatched()
				p.over(over)
				p.restart("2.12.0", over) // on trial
				p.isWatched()
				over.Result, over.Reason = c.result, "check_failed"
				p.restart(c.runs, over)
			})
			stdout, _, code := p.verb(t.Context(), "ota", "update", "--wait")
			want := fmt.Sprintf(`{"result":%q,"version":"2.12.0","source":"cloudflare","reason":"check_failed","causes":{}}`, c.result)
			if !strings.HasSuffix(stdout, want+"\n") || code != c.code {
				t.Errorf("exit code %d\n%s", code, stdout)
			}
		})
	}
}

// TestUpdateOfAnother: another update is begun and over before this one was seen to
// be; the history has it.
func TestUpdateOfAnother(t *testing.T) {
	p := newActor(t, "sim")
	_, over := course(clock.Installed, "")
	next := clock.Attempt{Number: 8, Result: clock.UpToDate}
	p.plays(func() {
		p.status.Update(func(s *clock.Status) { s.Update.History = []clock.Attempt{over, next} })
	})
	stdout, _, code := p.verb(t.Context(), "ota", "update")
	if code != exitOK || !strings.Contains(stdout, `"result":"installed"`) {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestUpdateLosesTheClock: one that ends, or that forgets, is not waited for
// forever.
func TestUpdateLosesTheClock(t *testing.T) {
	under, _ := course(clock.Installed, "")
	for name, c := range map[string]struct {
		happens func(*actor)
		why     string
	}{
		"ends":    {(*actor).end, "the clock is not running"},
		"forgets": {func(p *actor) { p.restart("2.11.3", clock.Attempt{Number: 1}) }, "the clock does not know of update 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newActor(t, "sim")
			p.present(under[1])
			happened := false
			f := follower{client: p.client(), number: 7, away: 3 * time.Second, see: func(clock.Attempt, *clock.Trial) error {
				if !happened {
					happened = true
					go c.happens(p)
				}
				return nil
			}}
			a, err := f.run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), "ota history") || a.Number != 7 {
				t.Errorf("update %d: %v", a.Number, err)
			}
		})
	}
}

// TestUpdateOutlives the clock: what was installed is, although nobody is left to start
// it; but it is no verdict.
func TestUpdateOutlives(t *testing.T) {
	for _, c := range []struct {
		name, state string
		seen        clock.Result
		wait        bool
		result      clock.Result
		why         string
		code        int
	}{
		{"installed", "complete", clock.Underway, false, clock.Installed, "the next start of the clock tries it; it is gone", exitOK},
		{"and no verdict", "complete", clock.Underway, true, clock.Installed, "the next start of the clock tries it; it is gone", exitCheckFailed},
		{"on trial", "complete", clock.Installed, true, clock.Installed, "its verdict was not seen; it is gone", exitCheckFailed},
		{"not installed", "flashing", clock.Underway, false, clock.Failed, "it is gone", exitCheckFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, a := course(c.seen, "")
			a.State = c.state
			var out bytes.Buffer
			cmd := newOTAUpdate()
			cmd.SetOut(&out)
			err := (&updateOptions{wait: c.wait}).finish(cmd, lost(a, errors.New("it is gone")))
			want := fmt.Sprintf(`{"result":%q,"version":"2.12.0","source":"cloudflare","reason":%q,"causes":{}}`+"\n", c.result, c.why)
			if code := exitCode(err); code != c.code || out.String() != want {
				t.Errorf("exit code %d, want %d\n%swant %s", code, c.code, &out, want)
			}
		})
	}
}

// TestNoOpIsSeen, although it does not become the last one that is shown.
func TestNoOpIsSeen(t *testing.T) {
	p := newActor(t, "sim")
	before := clock.Attempt{Number: 6, Result: clock.RolledBack}
	noop := clock.Attempt{Number: 7, Result: clock.UpToDate, Reason: "github has nothing newer"}
	p.over(before)
	p.plays(func() {
		p.status.Update(func(s *clock.Status) { s.Update.History = []clock.Attempt{before, noop} })
	})
	stdout, _, code := p.verb(t.Context(), "ota", "update")
	if code != exitOK || !strings.Contains(stdout, `"result":"up_to_date"`) {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestUpdateRefused: the reason is the clock's.
func TestUpdateRefused(t *testing.T) {
	p := newActor(t, "sim")
	p.refuses(&clock.UnavailableError{Code: "ota_already_running", Text: "an update is already running"})
	stdout, stderr, code := p.verb(t.Context(), "ota", "update")
	want := `{"result":"failed","version":"","source":"","reason":"an update is already running","causes":{}}` + "\n"
	if stdout != want || stderr != "wordclockd: ota update: nothing was installed: an update is already running\n" || code != exitCheckFailed {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	p.refuses(errors.New("out of luck"))
	if _, stderr, code := p.verb(t.Context(), "ota", "update"); stderr != "wordclockd: ota update: POST /v1/do: out of luck\n" || code != exitError {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for code, want := range map[string]bool{
		"ota_already_running": true, "ota_on_trial": true, "ota_no_slot": true,
		control.CodeInvalid: false, control.CodeNotFound: false, control.CodeRestarting: false, control.CodeFailed: false,
	} {
		if got := isRefusal(&control.Error{Code: code}); got != want {
			t.Errorf("%s: is a refusal: %t, want %t", code, got, want)
		}
	}
}

// TestUpdateInterrupted leaves the update to the clock, and says so.
func TestUpdateInterrupted(t *testing.T) {
	p := newActor(t, "sim")
	under, _ := course(clock.Installed, "")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	p.plays(func() {
		p.present(under[2])
		interrupt()
	})
	_, stderr, code := p.verb(ctx, "ota", "update")
	if code != exitInterrupted || !strings.Contains(stderr, "an update that has begun goes on") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if len(p.asked()) != 1 {
		t.Errorf("asked for %v", p.asked())
	}
}

// TestUpdateArguments become the command's, and contradictions an error.
func TestUpdateArguments(t *testing.T) {
	image := filepath.Join(t.TempDir(), "wordclock.bin")
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want map[string]string
		err  string
	}{
		{nil, map[string]string{"force": "false"}, ""},
		{[]string{"--source", "CloudFlare", "--force"}, map[string]string{"force": "true", "source": "cloudflare"}, ""},
		{[]string{"--no-reboot", "--file", image}, map[string]string{"force": "false", "reboot": "false", "file": image}, ""},
		{[]string{"--file", image + ".not"}, nil, image + ".not: there is no such file"},
		{[]string{"--file", filepath.Dir(image)}, nil, filepath.Dir(image) + ": it is no regular file"},
		{[]string{"--source", "gitlab"}, nil, `source "gitlab": want github or cloudflare`},
		{[]string{"--no-reboot", "--wait"}, nil, "without a restart there is no verdict"},
		{[]string{"--source", "github", "--file", "x"}, nil, "a file comes from no source"},
		{[]string{"--file", ""}, nil, "--file: want the name of an image"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			p := newActor(t, "sim")
			_, over := course(clock.Installed, "")
			p.plays(func() { p.over(over) })
			_, stderr, code := p.verb(t.Context(), append([]string{"ota", "update"}, c.args...)...)
			if c.err != "" {
				if code != exitUsage || !strings.Contains(stderr, c.err) || p.asked() != nil {
					t.Errorf("exit code %d, asked for %v\n%s", code, p.asked(), stderr)
				}
				return
			}
			want := []clock.Command{{Name: clock.StartOTA, Args: c.want}}
			if d := cmp.Diff(want, p.asked()); d != "" || code != exitOK {
				t.Errorf("exit code %d\n%s", code, d)
			}
		})
	}
}

// TestUpdateOnLinux says what an update does not do there.
func TestUpdateOnLinux(t *testing.T) {
	p := newActor(t, "linux")
	_, over := course(clock.Installed, "")
	p.plays(func() { p.over(over) })
	if _, stderr, code := p.verb(t.Context(), "ota", "update"); code != exitOK || !strings.Contains(stderr, "note: "+linuxNote) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
