package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/flash"
)

// BenchmarkRollback is the time from the moment at which an image on trial goes wrong
// to the face of the one before it, by processes on a simulated board, and how much of
// the limit that is.
func BenchmarkRollback(b *testing.B) {
	limits := map[string]time.Duration{"crash@1s": 2 * time.Second, "hang@1s": 15 * time.Second, "wedge@1s": 30 * time.Second}
	took := map[string]time.Duration{}
	for b.Loop() {
		ends := map[string]func() time.Duration{}
		for fault := range limits { // all at once: they wait, most of the time
			ends[fault] = fallBack(b, fault)
		}
		for fault, end := range ends {
			took[fault] += end()
		}
	}
	b.ReportMetric(0, "ns/op")
	for fault, limit := range limits {
		mean := took[fault].Seconds() / float64(b.N)
		name, _, _ := strings.Cut(fault, "@")
		b.ReportMetric(mean, "s/"+name)
		b.ReportMetric(mean/limit.Seconds(), "x-limit/"+name)
		if mean > limit.Seconds() {
			b.Logf("over the limit: %s: the old face is back after %.1f s, the limit is %s", fault, mean, limit)
		}
	}
}

// fallBack starts a clock whose image on trial has a fault. The function that it
// returns waits until the face of the other image is back, and says how long after the
// fault that was.
func fallBack(b *testing.B, fault string) func() time.Duration {
	b.Helper()
	f, err := flash.ParseFault(fault)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("wordclockd", "run", "--state", onTrial(b, fault))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() time.Duration {
		b.Helper()
		log := bufio.NewScanner(stderr)
		begun := await(b, log, "boot", "2.9.1")
		await(b, log, "boot", "2.9.0")
		took := await(b, log, "face", "").Sub(begun) - f.After
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Error(err)
		}
		_, _ = io.Copy(io.Discard, stderr)
		if err := cmd.Wait(); err != nil {
			b.Errorf("%s: the clock ended: %v", fault, err)
		}
		return took
	}
}

// await returns when an event was logged, of a version if one is given.
func await(b *testing.B, log *bufio.Scanner, event, version string) time.Time {
	b.Helper()
	for log.Scan() {
		var r struct {
			Time           time.Time
			Event, Version string
		}
		_ = json.Unmarshal(log.Bytes(), &r) // what is no record has no event
		if r.Event == event && r.Version == version {
			return r.Time
		}
	}
	b.Fatalf("no event %s %s in the log: %v", event, version, log.Err())
	return time.Time{}
}
