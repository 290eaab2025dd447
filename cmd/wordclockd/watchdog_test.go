package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

// onTrial makes a state directory in which a good image runs and another one is to
// be tried, with a fault.
func onTrial(t testing.TB, fault string) (state string) {
	t.Helper()
	state = t.TempDir()
	f, err := flash.ParseFault(fault)
	if err != nil {
		t.Fatal(err)
	}
	var images [2][]byte
	for i, b := range []flash.Build{
		{Desc: flash.Desc{Version: "2.9.0", Project: "wordclock"}},
		{Desc: flash.Desc{Version: "2.9.1", Project: "wordclock"}, Profile: &flash.Profile{Faults: []flash.Fault{f}}},
	} {
		if images[i], err = b.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := machine.State(state).Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := machine.State(state).Init(lock, flash.Intended(), machine.DefaultFlash, images[0]); err != nil {
		t.Fatal(err)
	}
	x, err := machine.State(state).Open(lock)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		x.Store.Install(1, 0, bytes.NewReader(images[1]), int64(len(images[1]))),
		x.Store.Stage(1, boot.NoSlot), x.Close(), lock.Release())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// rolledBack waits until the first image runs, since the second was given up.
func rolledBack(t testing.TB, p *process, reason string) {
	t.Helper()
	for {
		s, err := p.Slots(t.Context())
		if err == nil && s.Running == "ota_0" && s.Slots[1].State == "aborted" {
			if s.Slots[1].Reason != reason {
				t.Errorf("given up for %q, want %q", s.Slots[1].Reason, reason)
			}
			return
		}
		select {
		case err := <-p.ended:
			t.Fatalf("the clock ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestWedge: firmware that cannot be ended takes the process with it. That is
// replaced, as the same process to whoever started it, and the old image is back.
func TestWedge(t *testing.T) {
	t.Parallel()
	p := launch(t, onTrial(t, "wedge"))
	rolledBack(t, p, "hung")
	s, err := p.Status(t.Context())
	if err != nil || s.PID != p.cmd.Process.Pid || s.Version != "2.9.0" || s.Boot != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	p.end(t, syscall.SIGINT)
}

// TestWedgeSupervised: under systemd the process ends, for systemd to start another.
func TestWedgeSupervised(t *testing.T) {
	t.Parallel()
	state := onTrial(t, "wedge")
	cmd := exec.Command("wordclockd", "run", "--state", state)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+state+"/nobody")
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != exitWatchdog {
		t.Errorf("the clock ended: %v\n%s", err, out)
	}
	p := launch(t, state)
	rolledBack(t, p, "hung")
}

// TestKilledOnTrial: whoever kills a clock whose image is on trial ends the trial.
func TestKilledOnTrial(t *testing.T) {
	t.Parallel()
	state := onTrial(t, "no-mqtt")
	p := launch(t, state)
	if s, err := p.Status(t.Context()); err != nil || s.Version != "2.9.1" || !s.Trial {
		t.Errorf("%+v, %v", s, err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	rolledBack(t, launch(t, state), "crashed")
}
