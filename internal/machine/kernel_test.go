package machine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/linux"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/hal/tlc59116"
	"wordclockd/internal/proof"
)

// TestKernel boots a real kernel with this test as its init, and runs the clock
// there over its /dev/i2c-N. At the far end of the wires, which are USB adapters
// to the kernel, are the chip models.
//
// It needs qemu-system-x86_64, and in the directory $WORDCLOCKD_KERNEL a Debian
// amd64 kernel as vmlinuz with the modules that guestModules names.
func TestKernel(t *testing.T) {
	dir := os.Getenv("WORDCLOCKD_KERNEL")
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if dir == "" || err != nil {
		proof.Missing(t, fmt.Sprintf("no kernel: WORDCLOCKD_KERNEL=%q, %v; .ci/run shows how to get both", dir, err))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu, "-M", "pc", "-accel", "tcg", "-m", "512", "-display", "none", "-monitor", "none",
		"-serial", "stdio", "-no-reboot", "-nic", "none",
		"-kernel", filepath.Join(dir, "vmlinuz"), "-initrd", initramfs(t, dir),
		"-append", "console=ttyS0 quiet panic=-1")
	out, err := cmd.Output()
	var results []string
	for line := range strings.Lines(string(out)) {
		if _, result, ok := strings.Cut(strings.TrimSpace(line), guestMark); ok {
			results = append(results, result)
		}
	}
	if err != nil || !slices.Contains(results, "done") {
		t.Fatalf("the guest did not get to its end: %v\n%s", err, out)
	}
	for _, r := range results {
		if strings.HasPrefix(r, "FAIL") {
			t.Error(r)
		}
	}
	t.Log(strings.Join(results, "; "))
}

const guestMark = "guest: "

var guestModules = []string{"usb-common", "usbcore", "usbip-core", "vhci-hcd", "i2c-dev", "i2c-tiny-usb"}

// initramfs makes the guest's root: this test as /init, and the modules.
func initramfs(t *testing.T, dir string) string {
	t.Helper()
	tmp := t.TempDir()
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(tmp, "init"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	var b bytes.Buffer
	for _, d := range []string{"dev", "sys", "proc"} {
		newc(&b, d, 0o040755, nil)
	}
	add := func(name, file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		newc(&b, name, 0o100755, data)
	}
	add("init", filepath.Join(tmp, "init"))
	for _, m := range guestModules {
		add(m+".ko", filepath.Join(dir, m+".ko"))
	}
	newc(&b, "TRAILER!!!", 0, nil)
	name := filepath.Join(tmp, "initramfs")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// newc appends a file to a cpio archive in the newc format (cpio(5)).
func newc(b *bytes.Buffer, name string, mode int, data []byte) {
	pad := func() { b.Write(make([]byte, -b.Len()&3)) }
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		b.Len(), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	pad()
	b.Write(data)
	pad()
}

func TestMain(m *testing.M) {
	if os.Getpid() != 1 {
		os.Exit(m.Run())
	}
	if err := guest(); err != nil {
		tell("FAIL %v", err)
	}
	tell("done")
	time.Sleep(100 * time.Millisecond) // for the console
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

func tell(format string, args ...any) { fmt.Printf(guestMark+format+"\n", args...) }

// guest is what happens inside the kernel.
func guest() error {
	for dir, kind := range map[string]string{"/dev": "devtmpfs", "/sys": "sysfs", "/proc": "proc"} {
		if err := unix.Mount(kind, dir, kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	for _, m := range guestModules {
		if err := load("/" + m + ".ko"); err != nil {
			return fmt.Errorf("load %s: %w", m, err)
		}
	}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"two adapters", guestTwoAdapters},
		{"one adapter", guestOneAdapter},
	} {
		if err := c.run(); err != nil {
			tell("FAIL %s: %v", c.name, err)
		} else {
			tell("ok %s", c.name)
		}
	}
	return nil
}

func load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// guestTwoAdapters has LEDs and sensors on a bus each. The kernel's clock is not
// disciplined here, so the time comes from the RTC.
func guestTwoAdapters() error {
	chips := sim.NewBoard()
	chips.RTC.Set(time.Date(2026, 6, 15, 12, 37, 10, 0, time.UTC))
	leds, err := plug(chips.LEDBus, 0)
	if err != nil {
		return err
	}
	sensors, err := plug(chips.SensorBus, 1)
	if err != nil {
		return err
	}
	g, err := startGuest(chips, leds, sensors)
	if err != nil {
		return err
	}
	defer g.stop()
	if err := g.shows(); err != nil {
		return err
	}
	if err := guestErrors(leds); err != nil {
		return err
	}
	chips.Surge()
	if err := g.shows(); err != nil {
		return fmt.Errorf("after a surge: %w", err)
	}
	chips.LEDBus.Detach(chips.Rows[9])
	chips.Rows[9].Reset()
	if err := g.shows(9); err != nil {
		return fmt.Errorf("one chip dead: %w", err)
	}
	if err := g.logs("event=leds_dark rows=[9]"); err != nil {
		return err
	}
	// Somebody pulls the sensors' adapter: the time is lost, the clock is not.
	if err := detach(1); err != nil {
		return err
	}
	if err := g.logs("event=time_unknown"); err != nil {
		return err
	}
	g.stop()
	return g.isDark()
}

// guestErrors looks at what a driver sees of a kernel's refusals.
func guestErrors(bus int) error {
	b, err := linux.Open(linux.Config{LEDsBus: bus, SensorsBus: bus}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer b.Close()
	err = tlc59116.New(b.LEDs, 0x6F).Configure()
	if err == nil || !strings.Contains(err.Error(), unix.ENXIO.Error()) || !strings.Contains(err.Error(), "0x6f: write 3") {
		return fmt.Errorf("a chip that is not there: error %v", err)
	}
	if err := b.LEDs.Tx(0x6F, nil, nil); err != nil {
		return fmt.Errorf("an empty transaction: %w", err)
	}
	return nil
}

// guestOneAdapter has all chips on one bus, where ten LED drivers answer at the
// address of the RTC.
func guestOneAdapter() error {
	chips := sim.NewSharedBoard()
	chips.RTC.Set(time.Date(2026, 1, 15, 22, 45, 10, 0, time.UTC))
	bus, err := plug(chips.LEDBus, 2)
	if err != nil {
		return err
	}
	g, err := startGuest(chips, bus, bus)
	if err != nil {
		return err
	}
	defer g.stop()
	for range 3 {
		if err := g.shows(); err != nil {
			return err
		}
		chips.Surge()
	}
	if err := g.logs("event=shared_bus"); err != nil {
		return err
	}
	g.stop()
	return g.isDark()
}

// plug attaches a bus and returns the number of the adapter that it becomes.
func plug(bus *sim.Bus, port int) (n int, err error) {
	before, err := filepath.Glob("/dev/i2c-*")
	if err != nil {
		return 0, err
	}
	if err := attach(bus, port); err != nil {
		return 0, err
	}
	for range 300 {
		now, err := filepath.Glob("/dev/i2c-*")
		if err != nil {
			return 0, err
		}
		for _, node := range now {
			if !slices.Contains(before, node) {
				_, err := fmt.Sscanf(node, "/dev/i2c-%d", &n)
				return n, err
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, fmt.Errorf("port %d: no adapter appears", port)
}

// A guestClock is a machine on the kernel's buses.
type guestClock struct {
	chips *sim.Board
	zone  *time.Location
	lines chan string // of the log
	stop  func()
}

func startGuest(chips *sim.Board, leds, sensors int) (*guestClock, error) {
	c, err := config.Read([]string{
		"WORDCLOCKD_BOARD_KIND=linux",
		fmt.Sprintf("WORDCLOCKD_BOARD_LEDS_BUS=%d", leds),
		fmt.Sprintf("WORDCLOCKD_BOARD_SENSORS_BUS=%d", sensors),
	})
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	g := &guestClock{chips: chips, zone: c.Device.Zone, lines: make(chan string, 1000)}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			g.lines <- s.Text()
		}
	}()
	m := New(Config{Config: c, Log: slog.New(slog.NewTextHandler(w, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			tell("FAIL machine: %v", err)
		}
	}()
	g.stop = func() {
		cancel()
		<-done
	}
	return g, nil
}

// shows waits until exactly the LEDs of the RTC's minute are lit, leaving dark
// rows aside.
func (g *guestClock) shows(dark ...int) error {
	return g.until(func() face.Mask {
		at, _ := g.chips.RTC.Now()
		at = at.In(g.zone)
		m := face.Say(at.Hour(), at.Minute(), face.Default).Mask()
		for _, row := range dark {
			m[row] = 0
		}
		return m
	})
}

// isDark waits until nothing is lit.
func (g *guestClock) isDark() error {
	return g.until(func() face.Mask { return face.Mask{} })
}

func (g *guestClock) until(want func() face.Mask) error {
	var got face.Mask
	for range 300 {
		if got = g.chips.Seen(); got == want() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("sees %04X, want %04X", got, want())
}

// logs waits for a line of the log that contains part.
func (g *guestClock) logs(part string) error {
	limit := time.After(time.Minute)
	for {
		select {
		case line := <-g.lines:
			if strings.Contains(line, part) {
				return nil
			}
		case <-limit:
			return fmt.Errorf("no %q in the log", part)
		}
	}
}
