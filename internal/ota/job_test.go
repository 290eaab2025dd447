package ota

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/task"
)

// A download is a job in a world, and what is seen of it.
type download struct {
	*world
	job
	gauge    gauge // the last
	kept     Plan
	verified int
	took     time.Duration
	err      error
}

// fetches returns a job that brings r into erased flash, asking first before the
// other source.
func (w *world) fetches(r release, first clock.Source) *download {
	d := &download{world: w}
	d.job = job{
		manifest: r.manifest,
		dev:      flash.NewMemory(flash.Geometry{Size: (r.manifest.Size/flash.SectorSize + 3) * flash.SectorSize, Sector: flash.SectorSize}),
		stall:    5 * time.Second,
		judge:    wantsMagic,
		verify:   d.reread,
		keep:     func(p Plan) { d.kept = p },
		tell:     func(g gauge) { d.gauge = g },
		log:      w.log.Logger(),
	}
	for _, s := range []clock.Source{first, first.Other()} {
		d.suppliers = append(d.suppliers, supplier{name: s.String()})
	}
	return d
}

// wantsMagic refuses a head that does not begin as it has to.
func wantsMagic(head []byte) error {
	if len(head) != flash.HeadSize {
		return fault(ImageInvalid, fmt.Errorf("%d bytes to judge", len(head)))
	}
	if head[0] != magic {
		return fault(ImageInvalid, fmt.Errorf("it begins with %#02x", head[0]))
	}
	return nil
}

func (d *download) reread(context.Context) error {
	d.verified++
	if sum := fmt.Sprintf("%x", sha256.Sum256(d.slot())); sum != d.manifest.SHA256 {
		return fault(WrongBytes, errors.New("the slot holds other bytes"))
	}
	return nil
}

// slot returns what the slot holds where the image should be.
func (d *download) slot() []byte {
	p := make([]byte, d.manifest.Size)
	if _, err := d.dev.ReadAt(p, 0); err != nil && err != io.EOF {
		panic(err)
	}
	return p
}

// run runs the job, and fails if a connection is left.
func (d *download) run(t *testing.T, ctx context.Context) *download {
	t.Helper()
	g, life := task.NewGroup(ctx)
	defer g.Wait()
	defer g.Stop(nil)
	tr, err := NewTransport(d.c.OTA, within(life, d.c.Dial))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range d.suppliers {
		source, err := clock.ParseSource(s.name)
		if err != nil {
			t.Fatal(err)
		}
		d.suppliers[i].Source = NewHTTP(d.c.OTA, source, tr, d.c.Agent)
	}
	begin := time.Now()
	d.err = d.job.run(ctx)
	d.took = time.Since(begin)
	return d
}

// alone leaves only the first source.
func (d *download) alone() *download {
	d.suppliers = d.suppliers[:1]
	return d
}

// holds fails unless the slot holds the image, verified.
func (d *download) holds(t *testing.T, r release) {
	t.Helper()
	if d.err != nil || !bytes.Equal(d.slot(), r.image) || d.verified == 0 {
		t.Errorf("%v; the slot holds the image: %t; verified %d times\n%s", d.err, bytes.Equal(d.slot(), r.image), d.verified, &d.world.log)
	}
}

// complains fails unless all that is said of a source has cause c.
func (d *download) complains(t *testing.T, s clock.Source, c Cause) {
	t.Helper()
	got := d.gauge.served[s.String()].Error
	if c == NoCause && got != "" || c != NoCause && !strings.HasPrefix(got, c.String()+": ") {
		t.Errorf("%s: %q, want %q\n%s", s, got, c, &d.world.log)
	}
}

// gaveUp fails unless the error names both sources, each with its cause.
func (d *download) gaveUp(t *testing.T, causes map[clock.Source]Cause) {
	t.Helper()
	e, ok := errors.AsType[*FetchError](d.err)
	if !ok || len(e.Errs) != len(causes) {
		t.Fatalf("%v\n%s", d.err, &d.world.log)
	}
	for s, c := range causes {
		named := false
		for _, e := range e.Errs {
			named = named || e.Source == s.String() && e.Cause == c && e.During == Downloading
		}
		if !named || !strings.Contains(d.err.Error(), s.String()+": "+c.String()+": ") {
			t.Errorf("%v, want %s: %s\n%s", d.err, s, c, &d.world.log)
		}
	}
}

// downloads runs f in a bubble with two sites.
func downloads(t *testing.T, name string, github, cloudflare site, f func(*testing.T, *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) { f(t, bubble(t, github, cloudflare)) })
	})
}

const pieces = PieceSize // so that sizes read as so many pieces

// TestDownload: both are well; the first serves all, by one request.
func TestDownload(t *testing.T) {
	for _, size := range []int{flash.HeadSize, pieces - 1, pieces, pieces + 1, 5 * pieces, chunkSize, chunkSize + 1, chunkSize + 3*pieces} {
		r := newRelease(1, size)
		downloads(t, fmt.Sprint(size), r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.Cloudflare).run(t, t.Context())
			d.holds(t, r)
			w.requested(t, clock.GitHub, 0)
			w.requested(t, clock.Cloudflare, 1)
			want := Plan{SHA256: r.manifest.SHA256, Size: int64(size), Source: "cloudflare", Done: int64(size)}
			if d.kept != want {
				t.Errorf("plan %+v, want %+v", d.kept, want)
			}
			if g := d.gauge; g.fetched != int64(size) || g.bytes != int64(size) || g.source != "cloudflare" || g.state != Downloading && g.state != Verifying {
				t.Errorf("%+v", g)
			}
		})
	}
}
