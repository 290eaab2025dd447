package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/machine"
)

// A reader takes what is written while it is not on hold.
type reader struct {
	mu   sync.Mutex
	got  bytes.Buffer
	hold chan struct{} // closed when reading goes on
}

func (r *reader) Write(p []byte) (int, error) {
	<-r.hold
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.Write(p)
}

// TestConsoleOnHold: nobody waits for a reader that does not read, what it
// misses is counted, and the end is not held up for more than a second.
func TestConsoleOnHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{hold: make(chan struct{})}
		c := openConsole(r)
		begin := time.Now()
		fmt.Fprintln(c, "taken at once")
		synctest.Wait()
		line := strings.Repeat("x", 1023) + "\n"
		for range maxText/len(line) + 7 {
			if _, err := c.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("writing took %s", took)
		}
		c.close()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("closing took %s, want 1 s", took)
		}
		close(r.hold)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		got := r.got.String()
		if !strings.HasPrefix(got, "taken at once\nxxx") || !strings.HasSuffix(got, "x\n7 lines of the log were lost: nobody read them\n") {
			t.Errorf("read %.30q … %q", got, got[max(0, len(got)-80):])
		}
	})
}

// TestConsoleBlock: the block is redrawn in place, and what is written comes
// before it.
func TestConsoleBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{hold: make(chan struct{})}
		close(r.hold)
		c := openConsole(r)
		term := terminal{}
		look := func(want ...string) {
			t.Helper()
			synctest.Wait()
			term.got = bytes.ReplaceAll(r.got.Bytes(), []byte("\n"), []byte("\r\n")) // as a terminal does
			if got := strings.Join(term.screen(), "|"); got != strings.Join(want, "|")+"|" {
				t.Errorf("screen %q, want %q", got, want)
			}
		}
		c.show([]string{"face", "foot"})
		look("face", "foot")
		c.show([]string{"fa", "foot 2"})
		look("fa", "foot 2")
		fmt.Fprintln(c, "log line")
		look("log line", "fa", "foot 2")
		c.show([]string{"short"})
		look("log line", "short")
		c.show([]string{"face", "foot"})
		look("log line", "face", "foot")
		written := r.got.Len()
		c.show([]string{"face", "foot"})
		synctest.Wait()
		if r.got.Len() != written {
			t.Error("the same block was written again")
		}
		c.close()
		look("log line")
	})
}

// TestView: the terminal shows what the chips emit, not what the display
// believes; on a real board nothing else is known.
func TestView(t *testing.T) {
	believed := clock.Status{Face: clock.Face{Phrase: face.Say(14, 30, face.Default), Dark: []int{4}}}
	c, err := config.Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := machine.New(machine.Config{Config: c})
	for _, w := range [][]byte{{0x80, 0, 0}, {0x94, 0xFF, 0xFF, 0xFF, 0xFF}, {0x02, 1}} {
		if err := m.Sim().LEDs.Tx(hal.LEDAddrs[9], w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := view(m)(believed), (face.Mask{9: 1}); got != want {
		t.Errorf("simulated board: sees %04X, want %04X", got, want)
	}
	if err := c.Set("board.kind", config.Linux); err != nil {
		t.Fatal(err)
	}
	want := believed.Face.Phrase.Mask()
	want[4] = 0
	if got := view(machine.New(machine.Config{Config: c}))(believed); got != want {
		t.Errorf("real board: sees %04X, want %04X", got, want)
	}
}

// TestReaderGone: the reader of the log goes away; the clock does not, and ends
// well when it is told to.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("wordclockd", "run", "--state", t.TempDir())
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, want exit status 0", err)
	}
}

// TestTerminalOnHold: Ctrl-S stops the terminal, not the end of the clock.
func TestTerminalOnHold(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, 40)
	cmd := term.start(t, "TERM=xterm")
	term.until(t, func([]string) bool { return term.paints() >= 1 })
	if _, err := term.master.Write([]byte{'S' & 0x1F}); err != nil {
		t.Fatal(err)
	}
	// Long enough for a paint to get stuck.
	time.Sleep(2500 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, want exit status 0", err)
	}
}
