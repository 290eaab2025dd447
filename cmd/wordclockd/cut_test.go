package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
)

// cmdCut starts a clock, has it updated, and kills it: as soon as it has logged what
// contains WHEN; or has so much of the image as in 85%; or as long after the begin as
// in 50ms. Then another clock has to start from what that left, with the same settings;
// its version is printed, and the log of both.
//
//	cut WHEN
func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cut WHEN")
	}
	first := startVictim(ts)
	before := first.status(ts)
	first.log.mark()
	ts.Check(first.client.Do(context.Background(), clock.Command{Name: clock.StartOTA, Args: map[string]string{"force": "true"}}, nil))
	first.await(ts, args[0])
	first.end(ts, syscall.SIGKILL)
	second := startVictim(ts)
	after := second.status(ts)
	second.end(ts, syscall.SIGTERM)
	_, err := fmt.Fprintf(ts.Stderr(), "%s%s", &first.log, &second.log)
	ts.Check(err)
	_, err = fmt.Fprintln(ts.Stdout(), after.Version)
	ts.Check(err)
	if diff := cmp.Diff(before.Settings, after.Settings); diff != "" {
		ts.Fatalf("settings before and after (-before +after):\n%s", diff)
	}
}

// A victim is a clock that is going to be killed.
type victim struct {
	client *control.Client
	cmd    *exec.Cmd
	log    tail
}

func startVictim(ts *testscript.TestScript) *victim {
	path, err := exec.LookPath("wordclockd")
	ts.Check(err)
	v := &victim{control.NewClient(machine.State(ts.Getenv("STATE_DIRECTORY")).Socket()), exec.Command(path, "run"), tail{}}
	v.cmd.Env, v.cmd.Stderr = environ(ts), &v.log
	ts.Check(v.cmd.Start())
	ts.Defer(func() { _ = v.cmd.Process.Kill() })
	return v
}

// status waits until the clock has one.
func (v *victim) status(ts *testscript.TestScript) control.Status {
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		s, err := v.client.Status(context.Background())
		if err == nil {
			return s
		}
		if !errors.Is(err, control.ErrNotRunning) || time.Since(begin) > time.Minute {
			ts.Fatalf("the clock does not answer: %v\n%s", err, &v.log)
		}
	}
}

// await waits until the log goes on with what contains when; or for a part of the
// image; or for a time.
func (v *victim) await(ts *testscript.TestScript, when string) {
	if text, ok := strings.CutSuffix(when, "%"); ok {
		percent, err := strconv.ParseInt(text, 10, 64)
		ts.Check(err)
		v.has(ts, percent)
		return
	}
	if d, err := time.ParseDuration(when); err == nil {
		time.Sleep(d)
		return
	}
	select {
	case <-v.log.hears(when):
	case <-time.After(time.Minute):
		ts.Fatalf("nothing of %s is logged\n%s", when, &v.log)
	}
}

// has waits until the clock has a part of the image.
func (v *victim) has(ts *testscript.TestScript, percent int64) {
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if a := v.status(ts).OTA.Present; a != nil && a.Size > 0 && a.Bytes*100/a.Size >= percent {
			return
		}
		if time.Since(begin) > time.Minute {
			ts.Fatalf("no %d%% of the image in a minute\n%s", percent, &v.log)
		}
	}
}

func (v *victim) end(ts *testscript.TestScript, s syscall.Signal) {
	ts.Check(v.cmd.Process.Signal(s))
	if err := v.cmd.Wait(); err != nil && s != syscall.SIGKILL {
		ts.Fatalf("%v\n%s", err, &v.log)
	}
}

// A tail is a log that tells when it holds a text.
type tail struct {
	mu    sync.Mutex
	all   bytes.Buffer
	from  int // where it is listened to
	text  string
	heard chan struct{} // nil if nobody listens
}

// mark lets what comes from now on be listened to.
func (l *tail) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from = l.all.Len()
}

// hears returns what is closed as soon as text is in the log behind the mark.
func (l *tail) hears(text string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := make(chan struct{})
	l.text, l.heard = text, heard
	l.look()
	return heard
}

// look closes heard when it is time.
func (l *tail) look() {
	if l.heard != nil && bytes.Contains(l.all.Bytes()[l.from:], []byte(l.text)) {
		close(l.heard)
		l.heard = nil
	}
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.all.Write(p)
	l.look()
	return n, err
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
