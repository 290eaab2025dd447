package firmware

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/nvs"
)

// A wire is what connects a clock with the world.
type wire struct{ down atomic.Bool }

// around hangs a clock on it.
func (n *wire) around(c *Config) {
	c.OTA.GitHub = config.Source{Manifest: "https://127.0.0.1:8443/version.json"}
	c.OTA.Cloudflare = config.Source{Manifest: "https://127.0.0.1:8444/version.json"}
	c.DialOTA = func(context.Context, string, string) (net.Conn, error) {
		if n.down.Load() {
			return nil, syscall.ENETUNREACH
		}
		here, _ := net.Pipe()
		return here, nil
	}
}

// tried is a clock with an image on trial that is faulty as told, of which the update
// knew what is known; nil is that there was none. To be called in a bubble.
func tried(t *testing.T, known map[string][]string, n *wire, faults ...string) *clockwork {
	t.Helper()
	time.Sleep(time.Until(quarterToThree))
	d := &clockwork{board: sim.NewBoard(), zone: quarterToThree.Location()}
	d.loader, d.flash = newFlash(t, good, faulty(t, faults...))
	d.synced.Store(true)
	d.store = filepath.Join(t.TempDir(), "nvs.db")
	if known != nil {
		d.remember(t, known, d.loader.Store)
	}
	d.run(t, n.around)
	synctest.Wait()
	return d
}

// remember stores what the clock would have, had it installed what is in the second
// slot.
func (d *clockwork) remember(t *testing.T, known map[string][]string, s *boot.Store) {
	t.Helper()
	v, err := s.Look()
	if err != nil {
		t.Fatal(err)
	}
	store := openStore(d.store)
	dev := &device{store: store}
	if err := dev.storeKnown(healthRecord{hexDigest(v.Contents[1].Image.Digest), known}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// ended fails unless, after the time, the trial has come to a verdict: the version
// runs, is not on trial, and the log has the event.
func (d *clockwork) ended(t *testing.T, within time.Duration, version, event string) {
	t.Helper()
	time.Sleep(within)
	synctest.Wait()
	if s, _ := d.service.Watch(); s.Version != version || s.Trial || s.Health.Trial != nil {
		t.Errorf("%s runs, trial %t, %+v\n%s", s.Version, s.Trial, s.Health, &d.log)
	}
	if events := d.log.Events("reason", "version", "text"); !slices.ContainsFunc(events, func(e string) bool { return strings.HasPrefix(e, event) }) {
		t.Errorf("no %q in %q", event, events)
	}
}

// waits fails unless the image is still on trial after the time.
func (d *clockwork) waits(t *testing.T, until time.Duration) {
	t.Helper()
	time.Sleep(until)
	synctest.Wait()
	if s, _ := d.service.Watch(); s.Version != "1.2.4" || !s.Trial || s.Health.Trial == nil {
		t.Errorf("%s runs, trial %t, %+v\n%s", s.Version, s.Trial, s.Health, &d.log)
	}
}

const longAgo = 3 * time.Second // more than a probe takes

func TestGoodImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := tried(t, nil, new(wire))
		d.waits(t, 29*time.Second)
		d.ended(t, longAgo, "1.2.4", "confirmed 1.2.4")
		time.Sleep(time.Hour)
		d.sees(t, says(time.Now().In(d.zone)))
		if s, _ := d.service.Watch(); s.Boot != 1 || s.Version != "1.2.4" {
			t.Errorf("%+v", s)
		}
		count, first := d.counted(t)
		if count != 0 || first != 0 {
			t.Errorf("boot_count %d, first_boot %d", count, first)
		}
	})
}

// counted returns boot_count and first_boot after the clock was stopped.
func (d *clockwork) counted(t *testing.T) (count uint32, first uint8) {
	t.Helper()
	d.stop()
	store, err := nvs.OpenReadOnly(d.store)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.View(func(tx *nvs.Tx) (err error) {
		count, err = nvs.BootCount.Get(tx)
		first, _ = nvs.FirstBoot.Get(tx)
		if _, there := tx.Get(nvs.Probe.Namespace, nvs.Probe.Name); there {
			t.Error("the probe of settings is still there")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return count, first
}

// TestUnhealthyImages are examined three times, and rolled back.
func TestUnhealthyImages(t *testing.T) {
	for fault, reason := range map[string]string{
		"no-rtc":     "rtc: sensors 0x68: write 1, read 16 bytes: nobody acknowledges",
		"no-leds":    "leds: row 0: ",
		"bad-memory": "memory: the image was made to go wrong: bad-memory",
	} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := tried(t, nil, new(wire), fault)
				d.waits(t, 89*time.Second)
				d.ended(t, longAgo, "1.2.3", "rolled_back check_failed "+reason)
				d.sees(t, says(time.Now().In(d.zone)))
				time.Sleep(time.Hour)
				if s, _ := d.service.Watch(); s.Boot != 2 || !s.Health.Healthy {
					t.Errorf("after an hour: %+v", s)
				}
			})
		})
	}
	t.Run("mended in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := tried(t, nil, new(wire))
			heal := d.board.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68})
			d.waits(t, 70*time.Second)
			heal()
			d.ended(t, 20*time.Second+longAgo, "1.2.4", "confirmed 1.2.4")
		})
	})
	t.Run("goes wrong later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := tried(t, nil, new(wire), "bad-memory@40s")
			d.ended(t, 30*time.Second+longAgo, "1.2.4", "confirmed 1.2.4")
			h, err := d.service.Do(t.Context(), clock.Command{Name: clock.CheckHealth})
			if err != nil || !h.(clock.Health).Healthy {
				t.Errorf("%+v, %v", h, err)
			}
			time.Sleep(10 * time.Second)
			h, err = d.service.Do(t.Context(), clock.Command{Name: clock.CheckHealth})
			if err != nil || h.(clock.Health).Healthy {
				t.Errorf("%+v, %v", h, err)
			}
			time.Sleep(time.Hour)
			if s, _ := d.service.Watch(); s.Version != "1.2.4" || s.Health.Healthy {
				t.Errorf("what is confirmed stays: %+v", s)
			}
		})
	})
}

// TestKnownBad is what does not count against an image: what did not work before the
// update, item by item.
func TestKnownBad(t *testing.T) {
	dark := func(rows ...int) func(*clockwork, *wire) {
		return func(d *clockwork, _ *wire) {
			for _, row := range rows {
				d.board.LEDBus.Detach(d.board.Rows[row])
			}
		}
	}
	unplugged := func(_ *clockwork, n *wire) { n.down.Store(true) }
	noRTC := func(d *clockwork, _ *wire) { d.board.SensorBus.Detach(d.board.RTC) }
	for _, c := range []struct {
		name   string
		known  map[string][]string // nil: it was not installed by an update
		hurt   func(*clockwork, *wire)
		stays  bool
		reason string
	}{
		{"row that was dark", map[string][]string{"leds": {"row 3"}}, dark(3), true, ""},
		{"one more dark row", map[string][]string{"leds": {"row 3"}}, dark(3, 8), false, "leds: row 8: "},
		{"dark row", map[string][]string{}, dark(3), false, "leds: row 3: "},
		{"network that was down", map[string][]string{"network": {""}}, unplugged, true, ""},
		{"network that was up", map[string][]string{}, unplugged, false, "network: connect to 127.0.0.1:8443: network is unreachable"},
		{"RTC that was gone", map[string][]string{"rtc": {""}}, noRTC, true, ""},
		{"nobody knows of the network", nil, unplugged, true, ""},
		{"nobody knows of the LEDs", nil, dark(3), false, "leds: row 3: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n wire
				d := tried(t, c.known, &n)
				c.hurt(d, &n)
				if c.stays {
					d.ended(t, 30*time.Second+longAgo, "1.2.4", "confirmed 1.2.4")
				} else {
					d.ended(t, 90*time.Second+longAgo, "1.2.3", "rolled_back check_failed "+c.reason)
				}
			})
		})
	}
}

// TestRecordHealth: what does not work when an update is installed is what does not
// count in the trial of that image, and of no other.
func TestRecordHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(quarterToThree))
		store := openStore(filepath.Join(t.TempDir(), "nvs.db"))
		defer store.Close()
		board := sim.NewBoard()
		board.LEDBus.Detach(board.Rows[2])
		board.LEDBus.Detach(board.Rows[7])
		var n wire
		n.down.Store(true)
		c := Config{Board: board.Board, Kind: "sim", Zone: time.UTC, Log: new(clockwork).log.Logger(), Proc: ampleMemory,
			Synced: func() (bool, error) { return true, nil }}
		n.around(&c)
		d := build(c, boot.Info{}, &asks{}, store)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.run(ctx) }()
		if err := d.recordHealth(t.Context(), [32]byte{1}); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := d.knownBad([32]byte{1}).String(); got != "leds (row 2, row 7); network" {
			t.Errorf("remembers %q", got)
		}
		if got := d.knownBad([32]byte{2}).String(); got != "mqtt; network" {
			t.Errorf("of another image it remembers %q", got)
		}
		if err := store.Update(func(tx *nvs.Tx) error { return nvs.KnownBad.Put(tx, []byte("{")) }); err != nil {
			t.Fatal(err)
		}
		if got := d.knownBad([32]byte{1}).String(); got != "mqtt; network" {
			t.Errorf("of what is damaged it remembers %q", got)
		}
		if err := d.recordHealth(t.Context(), [32]byte{1}); !errors.Is(err, context.Canceled) {
			t.Errorf("of a clock that has ended: %v", err)
		}
	})
}

// TestNothingToGoBackTo: an image that fails stays on trial while there is no other, and
// is confirmed once nothing fails.
func TestNothingToGoBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := tried(t, nil, new(wire))
		heal := d.board.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68})
		if err := d.flash.Erase(flash.Intended().Slots()[0].Off, flash.SectorSize); err != nil {
			t.Fatal(err)
		}
		d.waits(t, time.Hour)
		events := d.log.Events("verdict")
		for _, want := range []string{"trial_rejected", "verdict_failed reject"} {
			if n := count(events, want); n != 1 {
				t.Errorf("%s is told %d times in %q", want, n, events)
			}
		}
		d.sees(t, says(time.Now().In(d.zone)))
		heal()
		d.ended(t, 30*time.Second+longAgo, "1.2.4", "confirmed 1.2.4")
	})
}

func count(all []string, what string) (n int) {
	for _, s := range all {
		if s == what {
			n++
		}
	}
	return n
}

// TestConfirmedByHand ends the judging.
func TestConfirmedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := tried(t, nil, new(wire), "bad-memory")
		d.waits(t, 40*time.Second)
		if _, err := d.service.Do(t.Context(), clock.Command{Name: clock.ConfirmOTA}); err != nil {
			t.Error(err)
		}
		if s, _ := d.service.Watch(); s.Trial || s.Health.Trial != nil {
			t.Errorf("%+v", s)
		}
		d.ended(t, time.Hour, "1.2.4", "confirmed 1.2.4")
		if events := d.log.Events(); slices.Contains(events, "trial_rejected") {
			t.Errorf("events %q", events)
		}
	})
}

// TestHealthCommand examines the clock that runs.
func TestHealthCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(quarterToThree))
		var n wire
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC, store: filepath.Join(t.TempDir(), "nvs.db")}
		d.synced.Store(true)
		d.run(t, n.around)
		synctest.Wait()
		time.Sleep(10 * time.Second)
		for _, c := range []struct {
			name string
			hurt func()
			want string
		}{
			{"well", func() {}, "network ok, mqtt absent, rtc ok, leds ok, memory ok, settings ok"},
			{"unplugged", func() { n.down.Store(true) }, "network failed, mqtt absent, rtc ok, leds ok, memory ok, settings ok"},
			{"dark, too", func() { d.board.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) }, "network failed, mqtt absent, rtc ok, leds failed, memory ok, settings ok"},
			{"healed", func() { n.down.Store(false); d.board.LEDBus.Heal(); time.Sleep(10 * time.Second) },
				"network ok, mqtt absent, rtc ok, leds ok, memory ok, settings ok"},
		} {
			c.hurt()
			v, err := d.service.Do(t.Context(), clock.Command{Name: clock.CheckHealth})
			h, ok := v.(clock.Health)
			if err != nil || !ok {
				t.Fatalf("%s: %+v, %v", c.name, v, err)
			}
			var states []string
			for _, x := range h.Checks {
				states = append(states, x.Name+" "+string(x.State))
			}
			if got := strings.Join(states, ", "); got != c.want || h.Healthy == strings.Contains(c.want, "failed") {
				t.Errorf("%s: %s, want %s\n%+v", c.name, got, c.want, h)
			}
			if s, _ := d.service.Watch(); !s.Health.At.Equal(h.At) {
				t.Errorf("%s: the status has %+v", c.name, s.Health)
			}
		}
	})
}

// TestChecksThatAreAbsent have nothing to check; that is no fault.
func TestChecksThatAreAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Sensors = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		s, _ := d.service.Watch()
		for _, x := range s.Health.Checks {
			want := clock.Absent
			if x.Name == "leds" || x.Name == "memory" {
				want = clock.Passed
			}
			if x.State != want || x.State == clock.Absent && x.Text == "" {
				t.Errorf("%+v", x)
			}
		}
		if !s.Health.Healthy || len(s.Health.Checks) != 6 {
			t.Errorf("%+v", s.Health)
		}
	})
}

// TestUnhealthyHost has too little memory, or a store that is lost.
func TestUnhealthyHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(quarterToThree))
		path := filepath.Join(t.TempDir(), "nvs.db")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC, store: path}
		d.synced.Store(true)
		d.run(t, func(c *Config) {
			c.Proc = fstest.MapFS{"meminfo": {Data: []byte("MemAvailable: 9000 kB\n")}, "self/status": {Data: []byte("VmRSS: 20480 kB\n")}}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		const want = "memory: available: 8.8 MiB are left, want 16: something on this host takes the rest; settings: they cannot be stored: check the state directory"
		if s, _ := d.service.Watch(); s.Health.Text != want {
			t.Errorf("%q", s.Health.Text)
		}
	})
}
