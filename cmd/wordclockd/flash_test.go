package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
	"wordclockd/internal/proof"
)

// command runs the program and returns its exit code and what it printed.
func command(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	cmd := exec.Command("wordclockd", args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil {
		exit, ok := errors.AsType[*exec.ExitError](e)
		if !ok {
			t.Fatal(e)
		}
		code = exit.ExitCode()
	}
	return code, out.String(), err.String()
}

// succeed is command for what has to succeed.
func succeed(t testing.TB, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	if code != exitOK {
		t.Fatalf("wordclockd %s: exit status %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// store writes a file of a test.
func store(t testing.TB, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBadImages: what is no image for this clock is told so by whoever is given it,
// and goes nowhere.
func TestBadImages(t *testing.T) {
	t.Parallel()
	good, err := flash.Build{Desc: flash.Desc{Version: "2.9.1", Project: "wordclock"}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, b byte) []byte {
		p := slices.Clone(good)
		p[at] ^= b
		return p
	}
	state := t.TempDir()
	succeed(t, "flash", "init", "--state", state)
	before, err := os.ReadFile(machine.State(state).Flash())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "offset 0x0: ends too early"},
		{"text", []byte(strings.Repeat("hello ", 100)), "offset 0x0: begins with 0x68, want 0xe9: not an application image"},
		{"erased", bytes.Repeat([]byte{0xFF}, 4096), "offset 0x0: begins with 0xff"},
		{"truncated", good[:len(good)-1], "ends too early"},
		{"truncated in the header", good[:20], "ends too early"},
		{"another chip", changed(12, 9^5), "offset 0xc: made for chip 5, want 9 (ESP32-S3)"},
		{"flipped bit", changed(100, 1), "checksum is"},
		{"flipped bit in the digest", changed(len(good)-1, 1), "SHA-256 is"},
		{"something behind", append(slices.Clone(good), "more"...), fmt.Sprintf("offset %#x", len(good))},
		{"too many segments", changed(1, 17^good[1]), "17 segments, want 1 to 16"},
		{"larger than any slot", make([]byte, maxImage+1), fmt.Sprintf("has more than %d bytes", maxImage)},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := store(t, "image.bin", c.content)
			for _, args := range [][]string{
				{"image", "info", file},
				{"image", "verify", file},
				{"image", "trust", file, "--state", state},
				{"flash", "write", "ota_1", file, "--boot", "--state", state},
				{"flash", "init", "--app", file, "--force", "--state", state},
			} {
				code, _, stderr := command(t, args...)
				if code != exitUnhealthy || !strings.Contains(stderr, c.want) || !strings.HasPrefix(stderr, "wordclockd: "+args[0]+" "+args[1]) {
					t.Errorf("%s: exit status %d, want 3 and %q:\n%s", strings.Join(args[:2], " "), code, c.want, stderr)
				}
			}
		})
	}
	if after, err := os.ReadFile(machine.State(state).Flash()); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the flash was changed, %v", err)
	}
}

// TestDamagedFlash: what is damaged is named, and what is not is of use all the same.
func TestDamagedFlash(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	image := filepath.Join(t.TempDir(), "image.bin")
	succeed(t, "image", "build", "--version", "2.9.1", "-o", image)
	succeed(t, "flash", "init", "--state", state, "--size", "8M")
	succeed(t, "flash", "write", "ota_1", image, "--boot", "--state", state)
	whole, err := os.ReadFile(machine.State(state).Flash())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   int
		code int
		says string
		next string // as "flash info" has it; "" if it fails too
	}{
		{"nothing", 0, exitOK, "", "ota_1"},
		{"partition table", flash.TableOffset + 4, exitUnhealthy, "read partition table: ", "ota_1"},
		{"checksum in otadata", 0x10000 + 28, exitOK, "otadata: entry 1: wrong checksum, so it counts for nothing", "ota_0"},
		{"state in otadata", 0x10000 + 24, exitOK, "otadata: entry 1: state State(0x55) is none, so it counts for nothing", "ota_0"},
		{"slot that is next", 0x2A0000 + 100, exitUnhealthy, "ota_1: read image: offset ", "ota_0"},
		{"slot that is not", 0x20000 + 100, exitUnhealthy, "ota_0: read image: offset ", "ota_1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := slices.Clone(whole)
			if c.at > 0 {
				p[c.at] ^= 0x55
			}
			dump := store(t, "dump.bin", p)
			code, stdout, stderr := command(t, "flash", "verify", "--image", dump)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) || (code == exitOK) != (stderr == "") {
				t.Errorf("exit status %d, want %d and %q:\n%s%s", code, c.code, c.says, stdout, stderr)
			}
			var info flashInfo
			if err := json.Unmarshal([]byte(succeed(t, "flash", "info", "--image", dump, "--json")), &info); err != nil {
				t.Fatal(err)
			}
			if info.Next != c.next || len(info.Table) != 6 {
				t.Errorf("%d partitions, next %q, want 6 and %q", len(info.Table), info.Next, c.next)
			}
			if after, err := os.ReadFile(dump); err != nil || !bytes.Equal(after, p) {
				t.Errorf("looking changed the dump, %v", err)
			}
		})
	}
}

// TestKillFlash kills what writes to the flash, and what runs from it on trial, at
// any moment. Each time the next clock comes up, from an image that verifies, with
// the settings as they were; and in the end an update succeeds.
func TestKillFlash(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	seeds := proof.Seeds(t, 10)
	state, dir := t.TempDir(), t.TempDir()
	succeed(t, "flash", "init", "--state", state)
	set(t, state, 40, 140)
	k := killer{state: state, image: filepath.Join(dir, "image.bin"), version: version}
	for _, seed := range seeds {
		k.round(t, seed)
	}
	succeed(t, "image", "build", "--version", "9.9.9", "-o", k.image)
	succeed(t, "flash", "write", k.idle(t), k.image, "--boot", "--state", state)
	p := launch(t, state)
	if s, err := p.Status(t.Context()); err != nil || s.Version != "9.9.9" || !s.Trial {
		t.Errorf("after all that an update gives %s, trial %t, %v", s.Version, s.Trial, err)
	}
	p.end(t, syscall.SIGTERM)
	proof.Row(t, begin, "flash: process killed while it writes an image, and while it runs one on trial; each next start comes up",
		fmt.Sprintf("%d kills, %d of them in a trial", k.kills, k.trials))
}

// set stores both levels, as a clock would.
func set(t testing.TB, state string, individual, global uint8) {
	t.Helper()
	db, err := nvs.Open(machine.State(state).Settings())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(func(tx *nvs.Tx) error {
		return errors.Join(nvs.Individual.Put(tx, individual), nvs.Global.Put(tx, global))
	}), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A killer is TestKillFlash under way.
type killer struct {
	state, image  string
	version       string // of the last image that was confirmed
	kills, trials int
}

// idle returns the name of the slot that the next start does not begin with.
func (k *killer) idle(t testing.TB) string {
	t.Helper()
	var info flashInfo
	if err := json.Unmarshal([]byte(succeed(t, "flash", "info", "--state", k.state, "--json")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Next == "ota_0" {
		return "ota_1"
	}
	return "ota_0"
}

func (k *killer) round(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	next := fmt.Sprintf("9.0.%d", seed)
	succeed(t, "image", "build", "--version", next, "--size", "2M", "-o", k.image)
	k.kill(t, random, 300*time.Millisecond, "flash", "write", k.idle(t), k.image, "--boot", "--state", k.state)
	s := k.comesUp(t, seed, next, syscall.SIGKILL)

	if idle := k.idle(t); s.Version == k.version { // so that there is a trial, however the first kill went
		succeed(t, "flash", "write", idle, k.image, "--boot", "--state", k.state)
	}
	k.kill(t, random, 200*time.Millisecond, "run", "--state", k.state)
	if s := k.comesUp(t, seed, next, syscall.SIGTERM); !s.Trial {
		k.trials++ // else the trial had not begun
	}
}

// kill starts the program, and kills it within most.
func (k *killer) kill(t *testing.T, random *rand.Rand, most time.Duration, args ...string) {
	t.Helper()
	cmd := exec.Command("wordclockd", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(random.Int64N(int64(most))))
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
	k.kills++
}

// comesUp starts the clock, which runs what was confirmed last, or on trial the
// next one; a trial that is killed must lead back. At the end of a round there is a
// verdict, of one kind or the other.
func (k *killer) comesUp(t *testing.T, seed uint64, next string, end syscall.Signal) control.Status {
	t.Helper()
	p := launch(t, k.state)
	s := k.check(t, p, seed, next)
	switch {
	case s.Trial && end == syscall.SIGKILL:
		p.end(t, end)
		k.kills, k.trials = k.kills+1, k.trials+1
		p = launch(t, k.state)
		if s = k.check(t, p, seed, next); s.Trial {
			t.Fatalf("seed %d: the trial of %s goes on after it was killed", seed, next)
		}
	case s.Trial && seed%2 == 0:
		if err := p.Do(t.Context(), clock.Command{Name: clock.ConfirmOTA}, nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		k.version = next
	case s.Trial:
		succeed(t, "ota", "rollback", "--state", k.state)
	}
	p.end(t, syscall.SIGTERM)
	return s
}

// check asks a clock what it runs, and how it is set.
func (k *killer) check(t *testing.T, p *process, seed uint64, next string) control.Status {
	t.Helper()
	s, err := p.Status(t.Context())
	if err != nil || s.Version != k.version && (s.Version != next || !s.Trial) {
		t.Fatalf("seed %d: after kill %d version %q runs, trial %t, %v; want %s, or %s on trial", seed, k.kills, s.Version, s.Trial, err, k.version, next)
	}
	if s.Settings["brightness.individual"] != 40.0 || s.Settings["brightness.global"] != 140.0 {
		t.Fatalf("seed %d: after kill %d the settings are %v", seed, k.kills, s.Settings)
	}
	return s
}
