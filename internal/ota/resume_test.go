package ota

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A dying flash takes all but of its last write only a part, and then the whole
// process ends.
type dying struct {
	flash.Device
	left int // pieces
	part int // bytes of the last
	end  func()
}

func (d *dying) Program(p []byte, off int64) error {
	if d.left--; d.left > 0 {
		return d.Device.Program(p, off)
	}
	d.end()
	return errors.Join(d.Device.Program(p[:min(d.part, len(p))], off), context.Canceled)
}

// killed runs d until its k-th piece is being written, and returns what begins
// after that.
func (d *download) killed(t *testing.T, k, part int) *download {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	dev := d.dev
	d.dev = &dying{dev, k, part, kill}
	if d.run(t, ctx); CauseOf(d.err) != Cancelled || d.verified != 0 {
		t.Fatalf("killed at piece %d: %v, verified %d times", k, d.err, d.verified)
	}
	first, _ := clock.ParseSource(d.suppliers[0].name)
	again := d.world.fetches(release{manifest: d.manifest}, first)
	again.dev, again.plan, again.kept = dev, &d.kept, d.kept
	return again
}

// either runs f for a release without and with pieces.
func either(r release, f func(name string, r release)) {
	f("without pieces", r)
	f("with pieces", r.pieced())
}

// fetchedOnce fails if more than a piece was fetched twice.
func fetchedOnce(t *testing.T, r release, fetched int64) {
	t.Helper()
	if most := r.manifest.Size + PieceSize; fetched > most || fetched < r.manifest.Size {
		t.Errorf("fetched %d bytes of %d, want %d at most", fetched, r.manifest.Size, most)
	}
}

// TestSourceDies at each piece, never to come back.
func TestSourceDies(t *testing.T) {
	either(newRelease(1, 19*pieces+pieces/2), func(name string, r release) {
		for k := range 20 {
			at := k*pieces + 1 + k*1500
			downloads(t, fmt.Sprint(name, "/", k), r.site().dies(at, hangsUp), r.site(), func(t *testing.T, w *world) {
				d := w.fetches(r, clock.GitHub).run(t, t.Context())
				d.holds(t, r)
				d.complains(t, clock.GitHub, Truncated)
				fetchedOnce(t, r, d.gauge.fetched)
			})
		}
	})
}

// TestKilled at each piece, in the middle of it and between two.
func TestKilled(t *testing.T) {
	either(newRelease(1, 19*pieces+pieces/2), func(name string, r release) {
		for k := 1; k <= 20; k++ {
			part := []int{0, 1000, pieces/2 + 1, pieces}[(k+len(name))%4]
			r.dies(t, fmt.Sprint(name, "/", k, "+", part), k, part)
		}
	})
}

// TestKilledAtChunk is where a chunk is made durable and the next one erased.
func TestKilledAtChunk(t *testing.T) {
	either(newRelease(1, chunkSize+3*pieces), func(name string, r release) {
		for k := 64; k <= 66; k++ {
			r.dies(t, fmt.Sprint(name, "/", k), k, pieces)
		}
	})
}

func (r release) dies(t *testing.T, name string, k, part int) {
	downloads(t, name, r.site(), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub)
		again := d.killed(t, k, part).run(t, t.Context())
		again.holds(t, r)
		fetchedOnce(t, r, d.gauge.fetched+again.gauge.fetched)
		all := int64((k-1)*pieces+part) >= r.manifest.Size
		if all != (again.gauge.fetched == 0) {
			t.Errorf("all was there: %t, and %d bytes were fetched", all, again.gauge.fetched)
		}
	})
}

// TestKilledOften: at every piece that is written, again and again.
func TestKilledOften(t *testing.T) {
	either(newRelease(1, 19*pieces+1), func(name string, r release) {
		downloads(t, name, r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub)
			for range 18 { // each time one more piece
				d = d.killed(t, 2, pieces/3)
			}
			d.run(t, t.Context()).holds(t, r)
			if want := int64(pieces + 1); d.gauge.fetched != want {
				t.Errorf("fetched %d bytes in the end, want %d", d.gauge.fetched, want)
			}
		})
	})
}

// TestPlans are those that do not count.
func TestPlans(t *testing.T) {
	r := newRelease(1, 3*pieces)
	well := Plan{SHA256: r.manifest.SHA256, Size: r.manifest.Size, Done: 2 * pieces}
	for name, c := range map[string]struct {
		edit func(*Plan)
		held int64 // bytes that need not be fetched
	}{
		"well":               {func(p *Plan) {}, 2 * pieces},
		"of another image":   {func(p *Plan) { p.SHA256 = published }, 0},
		"of another size":    {func(p *Plan) { p.Size++ }, 0},
		"behind the end":     {func(p *Plan) { p.Done = 4 * pieces }, 0},
		"before the begin":   {func(p *Plan) { p.Done = -pieces }, 0},
		"between two pieces": {func(p *Plan) { p.Done++ }, 0},
	} {
		downloads(t, name, r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub)
			d.dev.Program(r.image[:2*pieces], 0)
			p := well
			c.edit(&p)
			d.plan = &p
			d.run(t, t.Context()).holds(t, r)
			if want := r.manifest.Size - c.held; d.gauge.fetched != want {
				t.Errorf("fetched %d bytes, want %d", d.gauge.fetched, want)
			}
		})
	}
}

// TestSlotDiffers: what the slot holds is not what the plan says.
func TestSlotDiffers(t *testing.T) {
	plain := newRelease(1, 5*pieces)
	for _, c := range []struct {
		name    string
		damage  func([]byte)
		fetched map[bool]int64 // by whether there are pieces
	}{
		{"nothing", func(p []byte) {}, map[bool]int64{false: pieces, true: pieces}},
		{"head", func(p []byte) { p[0] = 0 }, map[bool]int64{false: 5 * pieces, true: 5 * pieces}},
		{"in the middle", func(p []byte) { p[2*pieces+5] ^= 0xFF }, map[bool]int64{false: 6 * pieces, true: 3 * pieces}},
		{"erased", func(p []byte) { copy(p, bytes.Repeat([]byte{0xFF}, len(p))) }, map[bool]int64{false: 5 * pieces, true: 5 * pieces}},
	} {
		either(plain, func(name string, r release) {
			downloads(t, c.name+"/"+name, r.site(), r.site(), func(t *testing.T, w *world) {
				d := w.fetches(r, clock.GitHub)
				p := bytes.Clone(r.image[:4*pieces])
				c.damage(p)
				d.dev.Program(p, 0)
				d.plan = &Plan{SHA256: r.manifest.SHA256, Size: r.manifest.Size, Done: 4 * pieces}
				d.run(t, t.Context()).holds(t, r)
				if want := c.fetched[r.pieces != nil]; d.gauge.fetched != want {
					t.Errorf("fetched %d bytes, want %d", d.gauge.fetched, want)
				}
				for _, s := range clock.Sources {
					d.complains(t, s, NoCause)
				}
			})
		})
	}
}

// TestHeadRefusedLater: what is resumed is judged too. By its pieces it is the
// image that is refused; without them it may be only what the slot holds.
func TestHeadRefusedLater(t *testing.T) {
	either(newRelease(1, 5*pieces), func(name string, r release) {
		downloads(t, name, r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub).killed(t, 3, 10)
			d.judge = func([]byte) error { return fault(BelowFloor, errors.New("the floor was raised")) }
			d.run(t, t.Context())
			if e, ok := d.err.(*Error); !ok || e.Cause != BelowFloor || d.verified != 0 {
				t.Errorf("%+v", d.err)
			}
			if d.gauge.fetched > 2*flash.HeadSize {
				t.Errorf("fetched %d bytes", d.gauge.fetched)
			}
		})
	})
}

// TestPlanKept: an update that comes to nothing before it knows what it would install
// takes nothing away from the one that was interrupted.
func TestPlanKept(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		dying := next.site().dies(4*PieceSize, hangsUp).but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
			if q.Header.Get("Range") != "" {
				http.Error(w, "away", http.StatusServiceUnavailable)
				return
			}
			well(w, q)
		})
		r := newRig(t, running, dying, dying, nil)
		if a := r.update(Start{}); a.Result != clock.Failed || a.Bytes != 4*PieceSize {
			t.Fatalf("%+v", a)
		}
		r.swap(status(503), status(503))
		if a := r.update(Start{}); a.Cause != "http_status" {
			t.Errorf("%+v", a)
		}
		r.update(Start{File: "/nonexistent"})
		r.swap(next.site(), next.site())
		if a := r.update(Start{}); a.Result != clock.Installed || a.Fetched > 3*PieceSize {
			t.Errorf("%+v", a)
		}
	})
}

// TestPlanOfOtherSlot: what lies in one slot is of no use in the other.
func TestPlanOfOtherSlot(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site().dies(4*PieceSize, hangsUp), next.site().without(), func(c *UpdaterConfig) { c.OTA.Deadline = time.Second })
		r.sites[0].Store(new(next.site().dies(4*PieceSize, stays)))
		r.update(Start{})
		r.stop()
		if !strings.Contains(string(r.kept), `"plan":{`) {
			t.Fatalf("no plan in %s", r.kept)
		}
		r.kept = []byte(strings.Replace(string(r.kept), `"slot":"ota_1","done"`, `"slot":"ota_0","done"`, 1))
		r.swap(next.site(), next.site())
		r.boot(nil)
		if a := r.update(Start{}); a.Result != clock.Installed || a.Fetched != next.manifest.Size {
			t.Errorf("%+v", a)
		}
	})
}
