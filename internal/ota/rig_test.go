package ota

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// built returns the release of an image that is as it should be, but for change.
func built(version string, change func(*flash.Build)) release {
	b := flash.Build{Desc: flash.Desc{Version: version, Project: "wordclock"}, Size: 5*PieceSize + 1000}
	if change != nil {
		change(&b)
	}
	r := release{image: must(b.Marshal())}
	r.manifest = Manifest{Version: Normalise(version), BuildDate: "2026-01-02T03:04:05Z", Size: int64(len(r.image)), SHA256: sumOf(r.image)}
	return r
}

func sumOf(p []byte) string { return fmt.Sprintf("%x", sha256.Sum256(p)) }

// called returns r, whose manifest has another version than its image.
func (r release) called(version string) release {
	r.manifest.Version = version
	return r
}

// digest is that at the end of the image.
func (r release) digest() [32]byte {
	m := must(flash.ReadImage(readerAt(r.image), r.manifest.Size))
	return m.Digest
}

type readerAt []byte

func (p readerAt) ReadAt(b []byte, off int64) (int, error) { return copy(b, p[off:]), nil }

const slotSize = 2 << 20

// A rig is an updater in a world, and a clock around it that can be started anew.
type rig struct {
	*world
	*Updater
	t      testing.TB
	sites  [2]atomic.Pointer[site] // that are asked at present
	looks  [2]atomic.Int32         // requests for the manifest
	config UpdaterConfig
	slots  [2]*flash.Memory
	runs   release // what is in the slot that runs
	slot   int     // its number
	trial  atomic.Bool
	stop   func() // and wait

	mu    sync.Mutex
	calls []string // of what the clock was asked, and the first byte of each update
	kept  []byte   // the record

	changed int // how often it was told that the slot is overwritten
	fail    map[string]error
	hold    chan struct{} // Examine waits for it; nil is at once
	slow    time.Duration // that reading the slot takes, each time
}

// newRig starts a clock that runs r, in a bubble.
func newRig(t testing.TB, runs release, github, cloudflare site, change func(*UpdaterConfig)) *rig {
	t.Helper()
	r := &rig{t: t, runs: runs, fail: map[string]error{}}
	r.swap(github, cloudflare)
	var now [2]site
	for i := range now {
		now[i].handler = func(w http.ResponseWriter, q *http.Request) {
			if strings.HasSuffix(q.URL.Path, ManifestName) {
				r.looks[i].Add(1)
			}
			r.sites[i].Load().handler(w, q)
		}
	}
	r.world = bubble(t, now[0], now[1])
	for i := range r.slots {
		r.slots[i] = flash.NewMemory(flash.Geometry{Size: slotSize, Sector: flash.SectorSize})
	}
	if err := r.slots[0].Program(runs.image, 0); err != nil {
		t.Fatal(err)
	}
	r.config = UpdaterConfig{Config: r.world.c}
	r.config.OTA.Stall, r.config.OTA.Deadline, r.config.OTA.RebootDelay = 5*time.Second, 10*time.Minute, 3*time.Second
	if change != nil {
		change(&r.config)
	}
	r.boot(nil)
	t.Cleanup(func() { r.stop() })
	return r
}

// swap has the sources publish something else.
func (r *rig) swap(github, cloudflare site) {
	r.sites[clock.GitHub].Store(&github)
	r.sites[clock.Cloudflare].Store(&cloudflare)
}

// boot starts the clock, after what was given up if anything was.
func (r *rig) boot(gaveUp *GaveUp) {
	c := r.config
	c.Running = Running{
		Desc: must(flash.ReadHead(r.runs.image)).Desc, Digest: r.runs.digest(), Slot: fmt.Sprintf("ota_%d", r.slot),
		Device: r.slots[r.slot], Trial: r.trial.Load, Fuses: c.Running.Fuses, GaveUp: gaveUp,
	}
	if c.Slot == nil {
		idle := 1 - r.slot
		c.Slot = &Slot{
			Name: fmt.Sprintf("ota_%d", idle), Device: &noticing{Device: r.slots[idle], rig: r},
			Free:    func() error { return r.call("free") },
			Changed: func() error { r.changed++; return r.fail["changed"] },
			Stage:   func() error { return r.call("stage") },
		}
	}
	if c.Preferred == nil {
		c.Preferred = func() clock.Source { return clock.GitHub }
	}
	c.Value = new(watch.Value[clock.Update])
	if r.kept != nil {
		c.Record = must(ParseRecord(r.kept))
	}
	c.Keep = func(x Record) { r.kept = must(AppendRecord(nil, x)) }
	c.Examine = func(ctx context.Context) Note {
		if r.hold != nil {
			select {
			case <-r.hold:
			case <-ctx.Done():
			}
		}
		return func([32]byte) (func(), error) {
			if err := r.call("switch"); err != nil {
				return nil, err
			}
			return func() { _ = r.call("undo") }, nil
		}
	}
	c.Reboot = func() { _ = r.call("reboot") }
	r.Updater = NewUpdater(c)
	g, _ := task.NewGroup(context.Background())
	g.Go("ota", r.Updater.Run)
	r.stop = sync.OnceFunc(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			r.t.Error(err)
		}
	})
	synctest.Wait()
}

// reboot ends the clock, and starts what is in the idle slot, on trial.
func (r *rig) reboot(image release) {
	r.stop()
	r.slot, r.runs = 1-r.slot, image
	r.trial.Store(true)
	r.boot(nil)
}

func (r *rig) call(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.calls); what != "read" && (what != "program" || n == 0 || r.calls[n-1] != what) {
		r.calls = append(r.calls, what)
	}
	return r.fail[what]
}

// called fails unless the clock was asked for just that since the last time.
func (r *rig) called(want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.calls, want) {
		r.t.Errorf("asked for %q, want %q", r.calls, want)
	}
	r.calls = nil
}

// taken returns what the clock was asked for since the last time.
func (r *rig) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// noticing is a slot that tells of what is written to it.
type noticing struct {
	flash.Device
	rig *rig
}

func (d *noticing) Erase(off, n int64) error {
	if err := d.rig.call("program"); err != nil {
		return err
	}
	return d.Device.Erase(off, n)
}

func (d *noticing) Program(p []byte, off int64) error {
	if err := d.rig.call("program"); err != nil {
		return err
	}
	return d.Device.Program(p, off)
}

func (d *noticing) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(d.rig.slow)
	if err := d.rig.call("read"); err != nil {
		return 0, err
	}
	return d.Device.ReadAt(p, off)
}

// reaches waits until the update that is under way is in a state.
func (r *rig) reaches(s State) {
	r.t.Helper()
	for {
		v, changed := r.Updater.c.Value.Watch()
		if v.Present != nil && v.Present.State == s.String() {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Hour):
			r.t.Fatalf("%s: is not reached: %+v", s, v)
		}
	}
}

// check looks at the sources.
func (r *rig) check(force bool) clock.Check {
	r.t.Helper()
	c, err := r.Updater.Check(r.t.Context(), Request{Preferred: clock.GitHub, Force: force})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// update makes an update, and returns what became of it.
func (r *rig) update(s Start) clock.Attempt {
	r.t.Helper()
	n, err := r.Start(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.wait(n)
}

// wait waits for the end of an update.
func (r *rig) wait(number uint32) clock.Attempt {
	r.t.Helper()
	for {
		v, changed := r.Updater.c.Value.Watch()
		if n := len(v.History); v.Present == nil && n > 0 && v.History[n-1].Number == number {
			return v.History[n-1]
		}
		select {
		case <-changed:
		case <-time.After(time.Hour):
			r.t.Fatalf("update %d does not end: %+v", number, v.Present)
		}
	}
}

// holds fails unless the idle slot begins with an image.
func (r *rig) holds(want release) {
	r.t.Helper()
	got := make([]byte, len(want.image))
	if _, err := r.slots[1-r.slot].ReadAt(got, 0); err != nil {
		r.t.Fatal(err)
	}
	if sumOf(got) != want.manifest.SHA256 {
		r.t.Error("the slot does not hold the image")
	}
}

var running = built("2.11.3", nil)

// in runs f in a bubble.
func in(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }
