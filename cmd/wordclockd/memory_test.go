package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
	"wordclockd/internal/proof"
)

// largeTable is that of a flash with two slots of 64 MiB.
const largeTable = "otadata,data,ota,0xf000,0x2000\nota_0,app,ota_0,0x20000,64M\nota_1,app,ota_1,0x4020000,64M\n"

// BenchmarkUpdateMemory is what the program takes at most during an update, beyond what
// it takes when it has nothing to do and has looked at the sources once, as any clock
// has some minutes after its start. The limit does not depend on the image.
func BenchmarkUpdateMemory(b *testing.B) {
	bin := build(b)
	images := []struct {
		name       string
		size       int64
		table      string // "" is the usual one
		most, cold int
	}{{name: "2.5-MB", size: 2_500_000}, {name: "64-MB", size: 64_000_000, table: largeTable}}
	for b.Loop() {
		for i := range images {
			x := &images[i]
			warm, cold := updateMemory(b, bin, x.size, x.table)
			x.most, x.cold = max(x.most, warm), max(x.cold, cold)
		}
	}
	b.ReportMetric(0, "ns/op")
	const limit = 2 << 20
	for _, x := range images {
		b.ReportMetric(float64(x.most)/1024, "KiB/"+x.name)
		b.ReportMetric(float64(x.cold)/1024, "KiB-cold/"+x.name)
		if x.most > limit {
			b.Logf("over the limit: an update of %s takes %d bytes of memory, want %d at most", x.name, x.most, limit)
		}
	}
}

// updateMemory returns what an update takes beyond what an idle clock does, and beyond
// what one does that was just started.
func updateMemory(b *testing.B, bin string, image int64, table string) (warm, cold int) {
	b.Helper()
	env := offers(b, image)
	state := b.TempDir()
	args := []string{"flash", "init", "--state", state}
	if table != "" {
		file := filepath.Join(b.TempDir(), "table.csv")
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			b.Fatal(err)
		}
		args = append(args, "--table", file)
	}
	if out, err := exec.Command(bin, args...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(bin, "run", "--state", state)
	cmd.Env = append(env, "WORDCLOCKD_OTA_CHECK_INTERVAL=0", "WORDCLOCKD_HEALTH_SETTLE=0s")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer end(b, cmd)
	c := control.NewClient(machine.State(state).Socket())
	for ; ; time.Sleep(10 * time.Millisecond) {
		if s, err := c.Status(b.Context()); err == nil && s.Health.Checks != nil {
			break
		}
	}
	idle := resident(b, cmd.Process.Pid)
	if err := c.Do(b.Context(), clock.Command{Name: clock.CheckOTA}, nil); err != nil {
		b.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	begin := resident(b, cmd.Process.Pid)
	forgetPeak(b, cmd.Process.Pid)
	if err := c.Do(b.Context(), clock.Command{Name: clock.StartOTA, Args: map[string]string{"reboot": "false"}}, nil); err != nil {
		b.Fatal(err)
	}
	for ; ; time.Sleep(10 * time.Millisecond) {
		s, err := c.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if last := s.OTA.Last; last != nil && last.Result == clock.Installed {
			most := memory(b, cmd.Process.Pid, "VmHWM")
			return most - begin, most - idle
		} else if last != nil {
			b.Fatalf("%+v", *last)
		}
	}
}

// forgetPeak makes the present memory of a process the most that it had.
func forgetPeak(b *testing.B, pid int) {
	b.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		proof.Missing(b, "the peak of a process cannot be reset: "+err.Error())
	}
}

// end ends a program that has to end well.
func end(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Errorf("%s: %v", cmd, err)
	}
}

// offers serves an image of a size over HTTPS until b ends, and returns the environment
// of a clock for which that is both sources.
func offers(b *testing.B, size int64) (env []string) {
	b.Helper()
	dir := b.TempDir()
	image, err := flash.Build{Desc: flash.Desc{Version: "9.0.0", Project: "wordclock"}, Size: size}.Marshal()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "wordclock.bin"), image, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	ca := filepath.Join(b.TempDir(), "ca.pem")
	cmd := exec.Command("wordclockd", "release", "serve", dir, "--json", "--ca", ca)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { end(b, cmd) })
	var line struct{ URL string }
	if err := json.NewDecoder(io.LimitReader(out, 4096)).Decode(&line); err != nil {
		b.Fatal(err)
	}
	env = append(os.Environ(), "WORDCLOCKD_OTA_CA_FILE="+ca)
	for _, s := range []string{"GITHUB", "CLOUDFLARE"} {
		key := "WORDCLOCKD_OTA_SOURCES_" + s
		env = append(env, key+"_MANIFEST="+line.URL+"/version.json", key+"_IMAGE="+line.URL+"/wordclock.bin")
	}
	return env
}
