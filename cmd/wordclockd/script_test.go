package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
)

// TestMain runs tests and clocks of theirs away from the state and configuration
// of whoever runs them; a clock that runs beside another needs --state. No clock opens
// ports for MQTT unless that is what its test is about.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "wordclockd" { // that one does as it is told
		os.Setenv(mqttURL, config.Off)
	}
	for _, name := range []string{"STATE_DIRECTORY", "CONFIGURATION_DIRECTORY"} {
		if os.Getenv(name) == "" {
			os.Setenv(name, os.DevNull+"/none")
		}
	}
	// They wait for processes most of the time.
	_ = flag.Set("test.parallel", strconv.Itoa(waiters*runtime.GOMAXPROCS(0)))
	testscript.Main(m, map[string]func(){"wordclockd": main})
}

const mqttURL = "WORDCLOCKD_MQTT_URL"

// TestScripts runs testdata/script. Beside testscript's own commands there are
//
//	! status PROG [ARG...]       run a program that fails, and keep its exit code
//	code N                       what the exit code was
//	signal SIGNAL                by which the next clock is asked to stop
//	clock until EVENT PROG...    run a clock until it has logged an event, or all
//	                             of EVENT,EVENT, then ask it to stop and want
//	                             exit status 0
//	await REGEXP PROG [ARG...]   run a program again and again until it prints that
//	up                           wait until the clock that was started answers
//	port                         keep the port of the clock's own broker, as PORT
//	sources GITHUB CLOUDFLARE    offer manifests, see cmdSources
//	serve NAME DIR [FLAG...]     offer a release, see cmdServe
//	unserve NAME                 and no more
//	cut WHEN                     kill a clock in the middle of an update, see cmdCut
//	snapshot NAME [FILE]         keep what the state directory holds, or a file; the
//	                             second time, fail if it is another
//
// A script has a state and a configuration directory of its own.
func TestScripts(t *testing.T) {
	// Whoever runs the tests may ignore SIGHUP; the clocks of the tests must not
	// inherit that.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hup) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("STATE_DIRECTORY", e.WorkDir+"/state")
			e.Setenv("CONFIGURATION_DIRECTORY", e.WorkDir+"/conf")
			e.Setenv(mqttURL, config.Off)
			e.Values[serversKey{}] = servers{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   cmdStatus,
			"code":     cmdCode,
			"clock":    cmdClock,
			"await":    cmdAwait,
			"up":       cmdUp,
			"port":     cmdPort,
			"sources":  cmdSources,
			"serve":    cmdServe,
			"unserve":  cmdUnserve,
			"cut":      cmdCut,
			"snapshot": cmdSnapshot,
			"signal":   func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv("signal", args[0]) },
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

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await REGEXP PROG [ARG...]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command(path, args[2:]...)
		cmd.Env = environ(ts)
		out, err := cmd.CombinedOutput()
		if err == nil && want.Match(out) {
			return
		}
		if time.Since(begin) > time.Minute {
			ts.Fatalf("%s prints no %s: %v\n%s", strings.Join(args[1:], " "), args[0], err, out)
		}
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
		if !told && containsAll(log.String(), event) {
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
	if !containsAll(log.String(), event) {
		ts.Fatalf("no event %s in the log\n%s", event, &log)
	}
}

// containsAll reports whether each of the texts between commas is in s.
func containsAll(s, texts string) bool {
	for text := range strings.SplitSeq(texts, ",") {
		if !strings.Contains(s, text) {
			return false
		}
	}
	return true
}

// cmdUp asks for the status until there is one.
func cmdUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: up")
	}
	c := control.NewClient(machine.State(ts.Getenv("STATE_DIRECTORY")).Socket())
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		_, err := c.Status(context.Background())
		if err == nil {
			return
		}
		if time.Since(begin) > time.Minute {
			ts.Fatalf("no clock in a minute: %v", err)
		}
	}
}

func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	s, err := control.NewClient(machine.State(ts.Getenv("STATE_DIRECTORY")).Socket()).Status(context.Background())
	ts.Check(err)
	_, port, err := net.SplitHostPort(strings.TrimSuffix(s.MQTT.Broker, " (embedded)"))
	ts.Check(err)
	ts.Setenv("PORT", port)
}

// cmdSnapshot compares the state directory, or a file, byte by byte.
func cmdSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	h := sha256.New()
	root := ts.Getenv("STATE_DIRECTORY")
	if len(args) > 1 {
		root = ts.MkAbs(args[1])
	}
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing is something too
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(h, path, d.Type())
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		h.Write(b)
		return err
	}))
	name, sum := "snapshot_"+args[0], hex.EncodeToString(h.Sum(nil))
	if was := ts.Getenv(name); was != "" && (was == sum) == neg {
		ts.Fatalf("%s changed: %t", root, was != sum)
	}
	ts.Setenv(name, sum)
}

// environ returns the environment of a script.
func environ(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"PATH", "HOME", "TERM", "NO_COLOR", "JOURNAL_STREAM",
		"STATE_DIRECTORY", "CONFIGURATION_DIRECTORY", "WORDCLOCKD_LOG_LEVEL", "WORDCLOCKD_LOG_FORMAT", "GOCOVERDIR",
		"WORDCLOCKD_OTA_SOURCES_GITHUB_MANIFEST", "WORDCLOCKD_OTA_SOURCES_GITHUB_IMAGE",
		"WORDCLOCKD_OTA_SOURCES_CLOUDFLARE_MANIFEST", "WORDCLOCKD_OTA_SOURCES_CLOUDFLARE_IMAGE",
		"WORDCLOCKD_OTA_CA_FILE", "WORDCLOCKD_OTA_STALL", "WORDCLOCKD_OTA_REBOOT_DELAY",
		mqttURL, "WORDCLOCKD_BROKER_LISTEN", "WORDCLOCKD_MQTT_USERNAME", "WORDCLOCKD_MQTT_PASSWORD", "WORDCLOCKD_MQTT_DEVICE_ID", "WORDCLOCKD_DEVICE_NAME", "WORDCLOCKD_MQTT_CA_FILE",
		"WORDCLOCKD_HEALTH_SETTLE", "WORDCLOCKD_HEALTH_INTERVAL"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
