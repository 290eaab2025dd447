package ota

import (
	"context"
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A synced flash knows up to where all was synced since it was programmed.
type synced struct {
	flash.Device
	written, durable int64
	syncs            int
}

func (s *synced) Program(p []byte, off int64) error {
	s.written = off + int64(len(p))
	return s.Device.Program(p, off)
}

func (s *synced) Sync() error {
	s.durable = s.written
	s.syncs++
	return s.Device.Sync()
}

// TestDurable: a plan promises no more than what is durable, and that the rest of
// the chunk is erased; every 4 MiB there is one, and one at the end, before what the
// slot holds is verified.
func TestDurable(t *testing.T) {
	r := newRelease(1, 2*chunkSize+3*pieces/2)
	downloads(t, "", r.site(), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub)
		old := make([]byte, d.dev.Geometry().Size) // of an image before
		if err := d.dev.Program(old, 0); err != nil {
			t.Fatal(err)
		}
		s := &synced{Device: d.dev}
		d.dev = s
		var done []int64
		d.keep = func(p Plan) {
			done = append(done, p.Done)
			if s.durable < p.Done {
				t.Errorf("%d bytes are said to be durable, and %d are", p.Done, s.durable)
			}
			if end := min(p.Done+chunkSize, r.manifest.Size); !blank(flash.Region(s, p.Done, (end-p.Done)/flash.SectorSize*flash.SectorSize)) {
				t.Errorf("what follows %d is not erased", p.Done)
			}
		}
		d.run(t, t.Context()).holds(t, r)
		if len(done) != 4 || done[1] != chunkSize || done[2] != 2*chunkSize || done[3] != r.manifest.Size || s.durable != r.manifest.Size || s.syncs != 3 {
			t.Errorf("plans %v, %d bytes durable, %d syncs", done, s.durable, s.syncs)
		}
	})
}

// TestResumedDurable: what an earlier run wrote, and may not have come to make
// durable, is durable before it is verified.
func TestResumedDurable(t *testing.T) {
	either(newRelease(1, 3*pieces), func(name string, r release) {
		downloads(t, name, r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub)
			s := &synced{Device: d.dev}
			if err := s.Program(r.image, 0); err != nil {
				t.Fatal(err)
			}
			d.dev, d.plan = s, &Plan{SHA256: r.manifest.SHA256, Size: r.manifest.Size}
			d.verify = func(ctx context.Context) error {
				if s.durable != r.manifest.Size {
					t.Errorf("%d bytes are durable", s.durable)
				}
				return d.reread(ctx)
			}
			d.run(t, t.Context()).holds(t, r)
			if d.gauge.fetched != 0 {
				t.Errorf("fetched %d bytes", d.gauge.fetched)
			}
		})
	})
}
