package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wordclockd": main})
}

// TestScripts runs testdata/script. Beside testscript's own commands there are
//
//	! status PROG [ARG...]       run a program that fails, and keep its exit code
//	code N                       what the exit code was
//	signal SIGNAL                by which the next clock is asked to stop
//	clock until EVENT PROG...    run a clock until it has logged an event, then
//	                             ask it to stop and want exit status 0
func TestScripts(t *testing.T) {
	// Whoever runs the tests may ignore SIGHUP; the clocks of the tests must not
	// inherit that.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hup) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": cmdStatus,
			"code":   cmdCode,
			"clock":  cmdClock,
			"signal": func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv("signal", args[0]) },
		},
	})
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	code := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if neg != (code != 0) {
		ts.Fatalf("exit code %d", code)
	}
	ts.Setenv("code", strconv.Itoa(code))
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if (ts.Getenv("code") == args[0]) == neg {
		ts.Fatalf("exit code %s, want %s", ts.Getenv("code"), args[0])
	}
}

func cmdClock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[0] != "until" {
		ts.Fatalf("usage: clock until EVENT PROG [ARG...]")
	}
	event, path := args[1], args[2]
	path, err := exec.LookPath(path)
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Env = environ(ts)
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	defer cmd.Process.Kill()
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()

	stop := syscall.SIGTERM
	if ts.Getenv("signal") == "SIGHUP" {
		stop = syscall.SIGHUP
	}
	var log bytes.Buffer
	told := false
	for buf := make([]byte, 4096); ; {
		n, err := stderr.Read(buf)
		log.Write(buf[:n])
		if !told && strings.Contains(log.String(), event) {
			told = true
			ts.Check(cmd.Process.Signal(stop))
			_ = cmd.Process.Signal(stop) // it comes in numbers, and may find the clock gone
			_ = cmd.Process.Signal(stop)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
	}
	_, err = ts.Stderr().Write(log.Bytes())
	ts.Check(err)
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%v\n%s", err, &log)
	}
	if !strings.Contains(log.String(), event) {
		ts.Fatalf("no event %s in the log\n%s", event, &log)
	}
}

// environ returns the environment of a script.
func environ(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"PATH", "HOME", "TERM", "NO_COLOR", "JOURNAL_STREAM",
		"WORDCLOCKD_LOG_LEVEL", "WORDCLOCKD_LOG_FORMAT", "GOCOVERDIR"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
