package firmware

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/nvs"
	"wordclockd/internal/ota"
	"wordclockd/internal/task"
)

// A publisher is both sources of firmware, in memory.
type publisher struct {
	files atomic.Pointer[map[string][]byte] // by name
	slow  atomic.Int64                      // nanoseconds for each 64 KiB of an image
	queue chan net.Conn
}

// publishes returns a publisher for the rest of the test.
func publishes(t testing.TB) *publisher {
	p := &publisher{queue: make(chan net.Conn)}
	p.files.Store(&map[string][]byte{})
	s := &http.Server{Handler: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	g, _ := task.NewGroup(context.Background())
	g.Go("publisher", func(ctx context.Context) error {
		if err := s.Serve(&queue{p.queue, ctx}); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
			return err
		}
		return nil
	})
	t.Cleanup(func() {
		g.Stop(nil)
		s.Close()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// offers makes an image all that there is.
func (p *publisher) offers(t testing.TB, version string, b flash.Build) []byte {
	t.Helper()
	image, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(image))
	m := ota.AppendManifest(nil, ota.Manifest{Version: version, BuildDate: "2026-01-02T03:04:05Z", Size: int64(len(image)), SHA256: sum})
	p.files.Store(&map[string][]byte{"/version.json": m, "/wordclock.bin": image})
	return image
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := (*p.files.Load())[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(&slowly{w, r.Context(), time.Duration(p.slow.Load())}, r, "", time.Time{}, bytes.NewReader(content))
}

// slowly lets an answer wait now and then.
type slowly struct {
	http.ResponseWriter
	ctx context.Context
	d   time.Duration
}

func (s *slowly) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, 64<<10) {
		select {
		case <-s.ctx.Done():
			return n, s.ctx.Err()
		case <-time.After(s.d):
		}
		m, err := s.ResponseWriter.Write(part)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *publisher) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.queue <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A queue is a listener.
type queue struct {
	conns chan net.Conn
	ctx   context.Context
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error   { return nil }
func (q *queue) Addr() net.Addr { return &net.UnixAddr{Name: "publisher"} }

// An updatable is a clock that a publisher has firmware for.
type updatable struct {
	*clockwork
	*publisher
	t          *testing.T
	dev, fuses flash.Device
	ota        config.OTA
	bridge     *Bridge
	present    atomic.Pointer[clock.Service] // of the start that runs
}

// newUpdatable starts one with the good image, in a bubble.
func newUpdatable(t *testing.T) *updatable {
	t.Helper()
	time.Sleep(time.Until(quarterToThree))
	d := &updatable{
		clockwork: &clockwork{board: sim.NewBoard(), zone: quarterToThree.Location(), store: filepath.Join(t.TempDir(), "nvs.db")},
		publisher: publishes(t), t: t,
		dev: flash.NewMemory(flash.Geometry{Size: 16 << 20, Sector: flash.SectorSize}), fuses: flash.NewMemory(flash.FuseGeometry),
	}
	d.board.Pot = nil
	d.synced.Store(true)
	at := config.Source{Manifest: "http://127.0.0.1:1/version.json", Image: "http://127.0.0.1:1/wordclock.bin"}
	d.ota = config.OTA{GitHub: at, Cloudflare: at, CompareSources: true, Stall: time.Hour, Deadline: 24 * time.Hour, RebootDelay: 3 * time.Second}
	image, err := good.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := boot.Create(d.dev, flash.Intended(), image); err != nil {
		t.Fatal(err)
	}
	d.powerOn()
	return d
}

// powerOn starts the clock from what is in its flash.
func (d *updatable) powerOn() {
	d.t.Helper()
	store, err := boot.Open(d.dev, d.fuses, flash.Intended(), "this start")
	if err != nil {
		d.t.Fatal(err)
	}
	d.loader = &boot.Loader{Store: store}
	d.run(d.t, func(c *Config) {
		c.OTA, c.DialOTA, c.Flash = d.ota, d.dial, &Flash{Device: d.dev, Table: flash.Intended()}
		c.Bridge = d.bridge
		c.Front = func(ctx context.Context, s clock.Service, _ *slog.Logger) error {
			d.present.Store(&s)
			<-ctx.Done()
			return nil
		}
	})
	synctest.Wait()
}

// status is what the clock has to say.
func (d *updatable) status() clock.Status {
	s, _ := (*d.present.Load()).Watch()
	return s
}

// tells the clock to do something.
func (d *updatable) tells(name string, args ...string) (any, error) {
	c := clock.Command{Name: name, Args: map[string]string{}}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		c.Args[k] = v
	}
	return (*d.present.Load()).Do(d.t.Context(), c)
}

// examined is how long the clock is examined before an update, and an update takes.
const examined = 2500 * time.Millisecond

// begins begins an update.
func (d *updatable) begins(args ...string) {
	d.t.Helper()
	answer, err := d.tells(clock.StartOTA, args...)
	if b, e := json.Marshal(answer); err != nil || e != nil || !strings.HasPrefix(string(b), `{"number":`) {
		d.t.Fatalf("%s, %v, %v", b, err, e)
	}
}

// came fails unless that became of the newest update, and that version runs.
func (d *updatable) came(result clock.Result, runs, reason string) {
	d.t.Helper()
	synctest.Wait()
	s := d.status()
	h := s.Update.History
	if len(h) == 0 || h[len(h)-1].Result != result || s.Version != runs || !strings.Contains(h[len(h)-1].Reason, reason) || s.Update.Present != nil {
		d.t.Errorf("%s runs, updates %+v; want %s, %q and %s to run\n%s", s.Version, h, result, reason, runs, &d.log)
	}
}

// counts returns boot_count and first_boot, of a clock that is stopped.
func (d *updatable) counts() (count uint32, first uint8) {
	d.t.Helper()
	s, err := nvs.Open(d.store)
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	_ = s.View(func(tx *nvs.Tx) error {
		count, _ = nvs.BootCount.Get(tx)
		first, _ = nvs.FirstBoot.Get(tx)
		return nil
	})
	return count, first
}

// TestUpdateAndConfirm: a new image is installed, tried, found to be well, and kept.
func TestUpdateAndConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		d.offers(t, "1.2.4", faulty(t))
		d.begins()
		time.Sleep(examined)
		d.came(clock.Installed, "1.2.3", "")
		time.Sleep(3 * time.Second)
		d.came(clock.Installed, "1.2.4", "")
		if s := d.status(); !s.Trial || s.Boot != 2 {
			t.Errorf("%+v", s)
		}
		d.sees(t, says(time.Now().In(d.zone)))
		if _, err := d.tells(clock.StartOTA); !errors.Is(err, &clock.UnavailableError{Code: "ota_on_trial"}) {
			t.Errorf("error %v", err)
		}
		time.Sleep(35 * time.Second)
		d.came(clock.Confirmed, "1.2.4", "")
		d.stop()
		if count, first := d.counts(); count != 0 || first != 0 {
			t.Errorf("boot_count %d, first_boot %d", count, first)
		}
		d.powerOn()
		d.came(clock.Confirmed, "1.2.4", "")
	})
}

// TestUpdateAndRollback: a new image that goes wrong is given up, which is said, and it
// is not offered again; a fixed one installs.
func TestUpdateAndRollback(t *testing.T) {
	for _, c := range []struct {
		fault  string
		within time.Duration
		reason string
	}{
		{"crash@5s", 10 * time.Second, "crashed"},
		{"hang@5s", 30 * time.Second, "hung"},
		{"no-leds@10s", 100 * time.Second, "check_failed"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newUpdatable(t)
				d.offers(t, "1.2.4", faulty(t, c.fault))
				d.begins()
				time.Sleep(examined + 3*time.Second + c.within)
				d.came(clock.RolledBack, "1.2.3", c.reason)
				d.sees(t, says(time.Now().In(d.zone)))
				if events := d.log.Events("from", "to", "reason"); !slices.Contains(events, "rolled_back 1.2.4 1.2.3 "+c.reason) {
					t.Errorf("events %q", events)
				}
				answer, err := d.tells(clock.CheckOTA)
				if check := answer.(clock.Check); err != nil || check.UpdateAvailable || !strings.Contains(strings.Join(check.Warnings, " "), "rolled back, "+c.reason) {
					t.Errorf("%+v, %v", check, err)
				}
				fixed := faulty(t)
				fixed.Version = "1.2.5"
				d.offers(t, "1.2.5", fixed)
				d.begins()
				time.Sleep(40 * time.Second)
				d.came(clock.Confirmed, "1.2.5", "")
			})
		})
	}
}

// TestUpdateAndPowerCut: the clock goes on where it was, and settings are as they were.
func TestUpdateAndPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		b := faulty(t)
		b.Size = 1 << 20
		d.offers(t, "1.2.4", b)
		if _, err := (*d.present.Load()).Change(t.Context(), func(s *clock.Settings) error { s.Source = clock.Cloudflare; return nil }); err != nil {
			t.Fatal(err)
		}
		d.slow.Store(int64(time.Second))
		d.begins()
		time.Sleep(10 * time.Second)
		d.stop()
		d.slow.Store(0)
		d.powerOn()
		d.came(clock.Interrupted, "1.2.3", "`ota update`")
		if s := d.status(); s.Settings.Source != clock.Cloudflare {
			t.Errorf("%+v", s.Settings)
		}
		d.begins()
		time.Sleep(examined)
		d.came(clock.Installed, "1.2.3", "")
		s := d.status()
		if a := s.Update.History[1]; a.Fetched > a.Size*3/4 {
			t.Errorf("%d of %d bytes were fetched again", a.Fetched, a.Size)
		}
		time.Sleep(time.Minute)
		d.came(clock.Confirmed, "1.2.4", "")
	})
}

// TestCancelCommand: a cancel really cancels, and leaves slots and counts as they were.
func TestCancelCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		b := faulty(t)
		b.Size = 1 << 20
		d.offers(t, "1.2.4", b)
		if _, err := d.tells(clock.CancelOTA); !errors.Is(err, &clock.UnavailableError{Code: "ota_cancel_failed"}) {
			t.Errorf("error %v", err)
		}
		d.slow.Store(int64(time.Second))
		d.begins()
		time.Sleep(5 * time.Second)
		if _, err := d.tells(clock.StartOTA); !errors.Is(err, &clock.UnavailableError{Code: "ota_already_running"}) {
			t.Errorf("error %v", err)
		}
		if _, err := d.tells(clock.CancelOTA); err != nil {
			t.Error(err)
		}
		d.came(clock.Failed, "1.2.3", "cancelled")
		time.Sleep(time.Minute)
		d.came(clock.Failed, "1.2.3", "cancelled")
		d.stop()
		if count, first := d.counts(); count != 1 || first != 0 {
			t.Errorf("boot_count %d, first_boot %d", count, first)
		}
	})
}

// TestFileCommand installs a file, which is named in full.
func TestFileCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		image, err := faulty(t).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "wordclock.bin")
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.tells(clock.StartOTA, "file=wordclock.bin"); !is[*clock.InvalidError](err) {
			t.Errorf("error %v", err)
		}
		d.begins("file="+path, "reboot=false")
		time.Sleep(time.Minute)
		d.came(clock.Installed, "1.2.3", "")
		if _, err := d.tells(clock.Restart); err != nil {
			t.Error(err)
		}
		time.Sleep(40 * time.Second)
		d.came(clock.Confirmed, "1.2.4", "")
	})
}

// TestDamagedRecord of updates is begun anew, and said.
func TestDamagedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		d.offers(t, "1.2.4", faulty(t))
		d.stop()
		s, err := nvs.Open(d.store)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Update(func(tx *nvs.Tx) error { return nvs.Updates.Put(tx, []byte("rot")) }), s.Close()); err != nil {
			t.Fatal(err)
		}
		d.powerOn()
		if !slices.Contains(d.log.Events(), "settings_invalid") {
			t.Errorf("events %q", d.log.Events())
		}
		d.begins()
		time.Sleep(time.Minute)
		d.came(clock.Confirmed, "1.2.4", "")
	})
}

// recordHealth does at once what an update does beside its download, and at its end.
func (d *device) recordHealth(ctx context.Context, digest [32]byte) error {
	failing, err := d.failing(ctx)
	if err != nil {
		return err
	}
	return d.storeKnown(healthRecord{hexDigest(digest), failing})
}
