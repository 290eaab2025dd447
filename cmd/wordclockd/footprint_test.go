package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build makes the program as it is released.
func build(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "wordclockd")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return bin
}

// clockOf starts the program and returns when it has logged its first face. stop
// ends it.
func clockOf(t testing.TB, bin string) (pid int, stop func()) {
	t.Helper()
	cmd := exec.Command(bin, "run", "--state", t.TempDir())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, stderr)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.Contains(lines.Text(), `"event":"face"`) {
			return cmd.Process.Pid, stop
		}
	}
	t.Fatal("the clock ended without a face")
	return 0, nil
}

// TestFootprint bounds what the clock takes: the program, and its memory while
// it has nothing to do.
func TestFootprint(t *testing.T) {
	t.Parallel()
	const maxBinary, maxRSS = 20 << 20, 30 << 20
	bin := build(t)
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the program has %d bytes, want %d at most", info.Size(), maxBinary)
	}
	pid, stop := clockOf(t, bin)
	defer stop()
	rss := resident(t, pid)
	if rss > maxRSS {
		t.Errorf("the idle clock takes %d bytes of memory, want %d at most", rss, maxRSS)
	}
	t.Logf("program %.1f MB, memory %.1f MB", float64(info.Size())/1e6, float64(rss)/1e6)
}

// resident returns the resident set of a process in bytes.
func resident(t testing.TB, pid int) int {
	t.Helper()
	return memory(t, pid, "VmRSS")
}

// memory returns a line of /proc/PID/status in bytes.
func memory(t testing.TB, pid int, name string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			var kib int
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no " + name)
	return 0
}

// BenchmarkStart is the time from exec to the first face, and how many times
// that of a start that only prints its version.
func BenchmarkStart(b *testing.B) {
	bin := build(b)
	var toFace, toVersion time.Duration
	for b.Loop() {
		begin := time.Now()
		_, stop := clockOf(b, bin)
		toFace += time.Since(begin)
		stop()
		begin = time.Now()
		if err := exec.Command(bin, "version").Run(); err != nil {
			b.Fatal(err)
		}
		toVersion += time.Since(begin)
	}
	b.ReportMetric(float64(toFace.Microseconds())/1e3/float64(b.N), "ms/face")
	b.ReportMetric(float64(toFace)/float64(toVersion), "x-version")
}
