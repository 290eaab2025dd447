package firmware

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
)

// script writes a program, and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRunHook: what a program is given, what is kept of what it says, and that its exit
// status counts.
func TestRunHook(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	for _, c := range []struct {
		name, text string
		said, err  string // err "" is none
	}{
		{"silent", "", "", ""},
		{"says something", "echo forgotten; echo twice", "forgotten", ""},
		{"complains", "echo no such network >&2; exit 3", "no such network", "exit status 3"},
		{"where it is, and what it knows", `echo "$PWD $# $SECRET."`, "/ 0 .", ""},
		{"nothing to read", "read x; echo got $x", "got", ""},
		{"says a lot", "yes | tr -d '\\n' | head -c 100000", strings.Repeat("y", hookSays), ""},
		{"not for a log", `printf '\033[31mred\007\n'`, "[31mred", ""},
		{"killed", "kill -9 $$", "", "signal: killed"},
	} {
		said, err := runHook(t.Context(), script(t, c.text))
		if got := text(err); said != c.said || !strings.HasSuffix(got, c.err) || (got == "") != (c.err == "") {
			t.Errorf("%s: said %q, %v; want %q, %q", c.name, said, err, c.said, c.err)
		}
	}
	if _, err := runHook(t.Context(), "/nowhere/hook"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a program that is not there", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestHookKilled: with a hook that takes too long all ends that it started.
func TestHookKilled(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	hook := script(t, "sleep 1000 &\necho $! >"+pid+".part; mv "+pid+".part "+pid+"; wait")
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	done := make(chan error, 1)
	go func() { _, err := runHook(ctx, hook); done <- err }()
	child := ""
	for child == "" {
		b, _ := os.ReadFile(pid)
		child = strings.TrimSpace(string(b))
	}
	cancel(late)
	if err := <-done; !errors.Is(err, late) {
		t.Errorf("error %v", err)
	}
	for { // it is gone, or waits for init to hear of its end
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
	}
}

// TestResetWiFi: the program is run, and the firmware restarts; or it says why not, and
// does not.
func TestResetWiFi(t *testing.T) {
	for _, c := range []struct {
		hook, code, event string
	}{
		{script(t, "echo done"), "", "hook done"},
		{script(t, "echo no; exit 1"), "wifi_reset_failed", "hook_failed no"},
		{"/nowhere/hook", "wifi_reset_failed", "hook_failed "},
		{"", "wifi_reset_not_available", ""},
	} {
		var log proof.Log
		d := &device{hooks: config.Hooks{ResetWiFi: c.hook}, log: log.Logger(), restart: make(chan time.Duration, 1)}
		_, err := d.doResetWiFi(t.Context(), nil)
		if c.code == "" && err != nil || c.code != "" && !errors.Is(err, &clock.UnavailableError{Code: c.code}) {
			t.Errorf("%q: error %v", c.hook, err)
		}
		if got := strings.Join(log.Events("said"), ", "); got != c.event {
			t.Errorf("%q: logged %q", c.hook, got)
		}
		if restarts := len(d.restart) > 0; restarts != (c.code == "") {
			t.Errorf("%q: restarts %t", c.hook, restarts)
		}
	}
}
