package ota

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// An outcome is what became of an update, and what was done to the clock.
type outcome struct {
	clock.Attempt
	slot   flash.Device
	staged []byte // what was in the slot when it was staged; nil if it was not
	freed  int
	*world
}

// updates has an updater make an update, with s preferred.
func (w *world) updates(t testing.TB, r release, s clock.Source) outcome {
	t.Helper()
	o := outcome{world: w, slot: flash.NewMemory(flash.Geometry{Size: 1 << 20, Sector: flash.SectorSize})}
	w.c.OTA.Stall, w.c.OTA.Deadline = 5*time.Second, 10*time.Minute
	var value watch.Value[clock.Update]
	u := NewUpdater(UpdaterConfig{
		Config:    w.c,
		Running:   Running{Desc: flash.Desc{Version: "2.11.3", Project: "wordclock"}, Slot: "ota_0"},
		Preferred: func() clock.Source { return s },
		Value:     &value,
		Slot: &Slot{
			Name: "ota_1", Device: o.slot,
			Free:    func() error { o.freed++; return nil },
			Changed: func() error { return nil },
			Stage: func() error {
				o.staged = make([]byte, r.manifest.Size)
				_, err := o.slot.ReadAt(o.staged, 0)
				return err
			},
		},
		Keep:    func(Record) {},
		Examine: func(context.Context) Note { return func([32]byte) (func(), error) { return func() {}, nil } },
		Reboot:  func() { t.Error("restarted, although nobody was to") },
	})
	g, ctx := task.NewGroup(t.Context())
	g.Go("ota", u.Run)
	defer g.Wait()
	defer g.Stop(nil)
	if _, err := u.Start(Start{NoReboot: true}); err != nil {
		t.Fatal(err)
	}
	for {
		v, changed := value.Watch()
		if len(v.History) > 0 {
			o.Attempt = v.History[0]
			return o
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		}
	}
}

// TestUpdateMatrix: whatever is wrong with what one source has of an image, the
// other serves, and it is said of which. If it is both, each is named and nothing is
// started, or they serve all the same.
func TestUpdateMatrix(t *testing.T) {
	either(built("2.12.0", nil), func(name string, r release) {
		for _, f := range defects {
			for _, s := range clock.Sources {
				downloadsBy(t, name+"/"+f.name+"/"+s.String(), s, f.site(r), f.other(r), func(t *testing.T, w *world) {
					o := w.updates(t, r, f.first(s))
					o.installed(t, r)
					o.accuses(t, s, f.cause)
					if f.ranged {
						o.accuses(t, s.Other(), Truncated) // which is why it came to s
					} else {
						o.accuses(t, s.Other(), NoCause)
					}
				})
			}
			downloads(t, name+"/"+f.name+"/both", f.other2(r), f.site(r), func(t *testing.T, w *world) {
				o := w.updates(t, r, clock.GitHub)
				if f.benign {
					o.installed(t, r)
					return
				}
				if o.staged != nil || o.Result != clock.Failed || o.Cause != f.cause.String() {
					t.Errorf("staged: %t, %+v, want failed by %s\n%s", o.staged != nil, o.Attempt, f.cause, &w.log)
				}
				for _, s := range clock.Sources {
					o.accuses(t, s, f.cause)
				}
			})
		}
	})
}

// TestManifestMatrix: whatever is wrong with one manifest, an update is made of
// the other; with both, nothing is touched.
func TestManifestMatrix(t *testing.T) {
	r := built("2.12.0", nil)
	for _, f := range failings {
		for _, s := range clock.Sources {
			downloadsBy(t, f.name+"/"+s.String(), s, f.announcing(r), r.site(), func(t *testing.T, w *world) {
				o := w.updates(t, r, s)
				o.installed(t, r)
				o.accuses(t, s, f.cause)
			})
		}
		downloads(t, f.name+"/both", f.announcing(r), f.announcing(r), func(t *testing.T, w *world) {
			o := w.updates(t, r, clock.GitHub)
			if o.staged != nil || o.freed > 0 || o.Result != clock.Failed || !blank(o.slot) {
				t.Errorf("staged: %t, freed: %d, %+v\n%s", o.staged != nil, o.freed, o.Attempt, &w.log)
			}
			for _, s := range clock.Sources {
				o.accuses(t, s, f.cause)
			}
		})
	}
}

// announcing returns a source that has r, but its manifest as f does.
func (f failing) announcing(r release) site {
	s, well := f.site, r.site().handler
	if h := s.handler; h != nil {
		s.handler = func(w http.ResponseWriter, q *http.Request) {
			if asksImage(q) {
				well(w, q)
			} else {
				h(w, q)
			}
		}
	}
	return s
}

// blank tells whether flash is erased.
func blank(d flash.Device) bool {
	p := must(io.ReadAll(io.NewSectionReader(d, 0, d.Geometry().Size)))
	return programmed(p) == 0
}

// installed fails unless the image is started next, bit by bit what is pinned.
func (o outcome) installed(t *testing.T, r release) {
	t.Helper()
	if o.Result != clock.Installed || !bytes.Equal(o.staged, r.image) || o.SHA256 != r.manifest.SHA256 {
		t.Errorf("%+v; what was staged is the image: %t\n%s", o.Attempt, bytes.Equal(o.staged, r.image), &o.world.log)
	}
}

// accuses fails unless cause c is told of a source.
func (o outcome) accuses(t *testing.T, s clock.Source, c Cause) {
	t.Helper()
	if got := o.Causes[s.String()]; got != c.String() {
		t.Errorf("%s: %q, want %q: %v\n%s", s, got, c, o.Causes, &o.world.log)
	}
}
