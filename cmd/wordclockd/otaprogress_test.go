package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"wordclockd/internal/clock"
	"wordclockd/internal/doctor"
	"wordclockd/internal/ota"
)

var bar = regexp.MustCompile(`█+░+ +43 %  430 kB of 1.0 MB  200 kB/s  3s left`)

// TestUpdateOnTerminal looks at the screen: what happens is a line, the bar is drawn in
// place below, and goes when there is nothing more to measure.
func TestUpdateOnTerminal(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	under, over := course(clock.Installed, "")
	under[3].Rate, under[3].RemainingS = 200_000, 2.85
	p.plays(func() {
		for _, a := range under[:4] {
			p.present(a)
		}
	})
	term := openTerminal(t, 24)
	cmd := term.launch(t, "NO_COLOR=1", "ota", "update", "--state", string(p.state))
	term.until(t, func(lines []string) bool { return bar.MatchString(strings.Join(lines, "\n")) })
	lines := term.screen()
	for _, want := range []string{
		"loading 2.12.0 from github",
		"github: stalled: no byte for 5s; cloudflare goes on at 43 %",
	} {
		if count(lines, want) != 1 {
			t.Errorf("want %q once", want)
		}
	}
	if count(lines, "░") == 0 || sgr.MatchString(term.raw()) {
		t.Error("no bar, or one in colours")
	}

	p.present(under[5])
	over.Warnings = []string{"cloudflare has 2.11.9, older than 2.12.0 of github, which counts"}
	p.over(over)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	term.until(t, func(lines []string) bool {
		return count(lines, "2.12.0 is installed, and the clock restarts with it") == 1
	})
	lines = term.screen()
	if count(lines, "warning: cloudflare has 2.11.9") != 1 {
		t.Error("no warning")
	}
	if count(lines, "░")+count(lines, "█") != 0 || count(lines, "verifying what is in the slot") != 1 || count(lines, "switching to ota_1") != 1 {
		t.Error("the bar is still there, or a state is missing")
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}

// TestUnsized: a terminal that does not know its size, such as a serial line, shows the
// bar too, in place.
func TestUnsized(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	under, over := course(clock.Installed, "")
	under[3].Rate, under[3].RemainingS = 200_000, 2.85
	p.plays(func() { p.present(under[3]) })
	term := openTerminal(t, 0)
	if err := unix.IoctlSetWinsize(int(term.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{}); err != nil {
		t.Fatal(err)
	}
	cmd := term.launch(t, "NO_COLOR=1", "ota", "update", "--state", string(p.state))
	term.until(t, func(lines []string) bool {
		return strings.Count(term.raw(), "43 %") >= 3 && count(lines, "░") > 0 && bar.MatchString(strings.Join(lines, "\n"))
	})
	if lines := term.screen(); count(lines, "430 kB of 1.0 MB") != 1 {
		t.Errorf("want one bar:\n%s", strings.Join(lines, "\n"))
	}
	p.over(over)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	term.until(t, func(lines []string) bool {
		return count(lines, "2.12.0 is installed") == 1 && count(lines, "░")+count(lines, "█") == 0
	})
}

// TestStepText: what is worth a line, and which.
func TestStepText(t *testing.T) {
	a := clock.Attempt{Version: "2.12.0", Slot: "ota_1", Sources: map[string]clock.Served{"github": {Error: "stalled: no byte for 5s"}}}
	for _, c := range []struct {
		before, s clock.Step
		want      string
	}{
		{clock.Step{}, clock.Step{State: "checking"}, "looking for newer firmware"},
		{clock.Step{State: "checking"}, clock.Step{State: "downloading", Source: "github"}, "loading 2.12.0 from github"},
		{clock.Step{State: "checking"}, clock.Step{State: "downloading", Source: "github", Percent: 60}, "loading 2.12.0 from github, from 60 % on"},
		{clock.Step{State: "downloading", Source: "github"}, clock.Step{State: "downloading", Source: "github", Percent: 10}, ""},
		{clock.Step{State: "downloading", Source: "github"}, clock.Step{State: "downloading", Source: "cloudflare", Percent: 10}, "github: stalled: no byte for 5s; cloudflare goes on at 10 %"},
		{clock.Step{State: "downloading", Source: "cloudflare"}, clock.Step{State: "downloading", Source: "github"}, "cloudflare: it does not go on; github goes on at 0 %"},
		{clock.Step{State: "downloading", Source: "github"}, clock.Step{State: "verifying", Source: "github"}, "verifying what is in the slot"},
		{clock.Step{State: "verifying", Source: "github"}, clock.Step{State: "flashing", Source: "github"}, "switching to ota_1"},
		{clock.Step{State: "flashing", Source: "github"}, clock.Step{State: "complete", Source: "github"}, ""},
	} {
		if got := stepText(a, c.before, c.s); got != c.want {
			t.Errorf("%+v, then %+v: got %q, want %q", c.before, c.s, got, c.want)
		}
	}
}

// TestTrialOnTerminal: who waits for the verdict sees how far the trial is, through the
// restart.
func TestTrialOnTerminal(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	under, over := course(clock.Installed, "")
	p.plays(func() {
		p.present(under[2])
		p.over(over)
		p.restart("2.12.0", over)
		p.status.Update(func(s *clock.Status) { s.Health.Trial = &clock.Trial{Attempt: 1, Attempts: 3} })
	})
	term := openTerminal(t, 24)
	cmd := term.launch(t, "NO_COLOR=1", "ota", "update", "--wait", "--state", string(p.state))
	term.until(t, func(lines []string) bool {
		return count(lines, "2.12.0 is on trial: 1 of 3 examinations are over") == 1
	})
	over.Result, over.Reason = clock.Confirmed, ""
	p.over(over)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	term.until(t, func(lines []string) bool { return count(lines, "2.12.0 runs, and passed its trial") == 1 })
}

// TestFailureOnTerminal: what failed, why, and what to do.
func TestFailureOnTerminal(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	_, over := course(clock.Failed, "both sources failed")
	over.Cause, over.Causes = "http_status", map[string]string{"github": "dns", "cloudflare": "wrong_bytes"}
	over.Sources = map[string]clock.Served{"github": {Error: "no such host"}, "cloudflare": {Error: "wrong_bytes: sha256 differs"}}
	p.plays(func() { p.over(over) })
	term := openTerminal(t, 24)
	cmd := term.launch(t, "NO_COLOR=1", "ota", "update", "--state", string(p.state))
	if e, ok := cmd.Wait().(*exec.ExitError); !ok || e.ExitCode() != exitCheckFailed {
		t.Errorf("exit code of %v", e)
	}
	want := []string{"cloudflare  wrong_bytes: sha256 differs", "github      dns: no such host", "→           " + doctor.Remedy(ota.DNS, false), "→           " + doctor.Remedy(ota.WrongBytes, false), "wordclockd: ota update: nothing was installed: both sources failed"}
	term.until(t, func(lines []string) bool {
		return strings.Contains(strings.Join(lines, "\n"), strings.Join(want, "\n"))
	})
}

// TestInterruptOnTerminal: Ctrl-C ends the command only, and leaves no bar behind.
func TestInterruptOnTerminal(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	under, _ := course(clock.Installed, "")
	p.plays(func() { p.present(under[2]) })
	term := openTerminal(t, 24)
	cmd := term.launch(t, "NO_COLOR=1", "ota", "update", "--state", string(p.state))
	term.until(t, func(lines []string) bool { return count(lines, "40 %") > 0 })
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if e, ok := cmd.Wait().(*exec.ExitError); !ok || e.ExitCode() != exitInterrupted {
		t.Errorf("exit code of %v", e)
	}
	term.until(t, func(lines []string) bool { return count(lines, "an update that has begun goes on") == 1 })
	if lines := term.screen(); count(lines, "░") != 0 {
		t.Errorf("the bar is still there:\n%s", strings.Join(lines, "\n"))
	}
}
