package durable

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets a test start this program again, as one that holds a lock until
// its input ends.
func TestMain(m *testing.M) {
	path := os.Getenv("HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := TakeLock(path)
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = l.Release()
}

// TestLock: another process holds it, is named, is killed, and does not any more.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HOLD="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	_, err = TakeLock(path)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.PID != cmd.Process.Pid {
		t.Errorf("error %v, want one that names process %d", err, cmd.Process.Pid)
	}
	if comm := filepath.Base(os.Args[0])[:7]; !strings.Contains(err.Error(), "("+comm) {
		t.Errorf("error %q, want the name %s", err, comm)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	l, err := TakeLock(path)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// TestLockWithin one process: the kernel does not say by whom, but says no.
func TestLockWithin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if l, err := ShareLock(path); l != nil || err != nil {
		t.Errorf("no file: %v, %v", l, err)
	}
	if err := (*Lock)(nil).Release(); err != nil {
		t.Error(err)
	}
	l, err := TakeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TakeLock(path); err == nil || err.Error() != path+" is held by another process" {
		t.Errorf("error %v", err)
	}
	_, err = ShareLock(path)
	if held, ok := errors.AsType[*HeldError](err); !ok || held.PID != 0 || err.Error() != path+" is held by another process" {
		t.Errorf("error %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	// Who only looks disturbs nobody else who does, and who wants it all waits.
	one, err := ShareLock(path)
	if one == nil || err != nil {
		t.Fatalf("after the release: %v, %v", one, err)
	}
	other, err := ShareLock(path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() {
		_ = one.Release()
		_ = other.Release()
	})
	if l, err = TakeLock(path); err != nil {
		t.Fatal(err)
	}
	_ = l.Release()
	if _, err := TakeLock(filepath.Join(path, "below")); err == nil {
		t.Error("a file below a file")
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"old", "new, and longer"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); string(got) != text || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := WriteFile(dir, nil, 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	// Failures leave nothing behind.
	if entries, err := os.ReadDir(dir); len(entries) != 1 || err != nil {
		t.Errorf("left %v, %v", entries, err)
	}
}
