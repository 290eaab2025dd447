package ota

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// hourly makes an updater that looks each hour, and installs what it finds.
func hourly(c *UpdaterConfig) {
	c.OTA.AutoInstall, c.OTA.CheckInterval = true, time.Hour
}

// TestRefusedByAll: an image that every source has sent wrongly is not tried again by
// itself, but when somebody asks for it; one that only one of them has sent wrongly,
// the other being away, is.
func TestRefusedByAll(t *testing.T) {
	next := built("2.12.0", nil)
	flipped := release{next.manifest, next.changed(func(p []byte) { p[70000] ^= 1 }).image, nil}
	page := release{next.manifest, slices.Concat([]byte("<html>"), next.image[6:]), nil}
	away := next.site().but(answers(http.StatusServiceUnavailable))
	for _, c := range []struct {
		name               string
		github, cloudflare site
		once               bool
	}{
		{"wrong bytes from both", flipped.site(), flipped.site(), true},
		{"a page from both", page.site(), page.site(), true},
		{"a page, and wrong bytes", page.site(), flipped.site(), true},
		{"wrong bytes, and nobody", flipped.site(), away, false},
		{"a page, and nobody", page.site(), away, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, c.github, c.cloudflare, hourly)
				time.Sleep(6 * time.Hour)
				synctest.Wait()
				failed := len(r.history())
				if (failed == 1) != c.once || failed == 0 {
					t.Errorf("%d updates in six hours, want one: %t", failed, c.once)
				}
				r.swap(next.site(), next.site())
				if c.once {
					if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed {
						t.Errorf("%+v", a)
					}
					return
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if h := r.history(); h[len(h)-1].Result != clock.Installed {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestStartOverBlamesNobodyElse: what was sent in the place of the first image says
// nothing of the second.
func TestStartOverBlamesNobodyElse(t *testing.T) {
	in(t, func(t *testing.T) {
		first, second := built("2.12.0", nil), built("2.13.0", nil)
		page := release{first.manifest, slices.Concat([]byte("<html>"), first.image[6:]), nil}
		missing := second.site().without()
		r := newRig(t, running, page.site(), missing, nil)
		if a := r.update(Start{}); a.Result != clock.Failed {
			t.Errorf("%+v", a)
		}
		if b := r.Updater.known.badness(second.manifest.SHA256); b != nil {
			t.Errorf("%+v", b)
		}
	})
}

// TestStartOverAfterRefusal: an image of which all sources send something else is one
// that cannot be had.
func TestStartOverAfterRefusal(t *testing.T) {
	in(t, func(t *testing.T) {
		first, second := built("2.12.0", nil), built("2.13.0", nil)
		plain := release{first.manifest, slices.Concat([]byte("<html>"), first.image[6:]), nil}
		plain.manifest.SHA256 = ""
		r := newRig(t, running, plain.site(), second.site(), func(c *UpdaterConfig) { c.OTA.AllowUnhashed = true })
		if a := r.update(Start{}); a.Result != clock.Installed || a.Version != "2.13.0" {
			t.Errorf("%+v", a)
		}
		r.holds(second)
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

// TestUnhashedIsNotAutomatic: what would not be recognised once it is here is only
// installed when somebody asks for it.
func TestUnhashedIsNotAutomatic(t *testing.T) {
	in(t, func(t *testing.T) {
		plain := built("2.12.0", nil)
		plain.manifest.SHA256 = ""
		r := newRig(t, running, plain.site(), plain.site(), func(c *UpdaterConfig) { hourly(c); c.OTA.AllowUnhashed = true })
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		if h := r.history(); len(h) != 0 {
			t.Errorf("%+v", h)
		}
		if a := r.update(Start{}); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
	})
}

// TestUnnoted: without a note of what does not work the trial would be unfair, so
// there is none.
func TestUnnoted(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		r.fail["switch"] = syscall.ENOSPC
		if a := r.update(Start{}); a.Result != clock.Failed || a.Cause != "flash_full" || !strings.Contains(a.Reason, "what the trial has to know") {
			t.Errorf("%+v", a)
		}
		r.called("free", "program", "switch")
	})
}

// TestFileLeavesWhatWaits: a file that is no good is refused before anything is
// written, and an update that waits for its start goes on waiting; one that is good
// takes its place, and says so.
func TestFileLeavesWhatWaits(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		r.update(Start{NoReboot: true})
		r.taken()
		r.update(Start{File: t.TempDir()})
		r.called()
		if h := r.history(); h[0].Result != clock.Installed {
			t.Errorf("%+v", h)
		}
		newer := built("2.13.0", nil)
		r.swap(newer.site(), newer.site())
		if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed || !slices.Contains(a.Warnings, "2.12.0, which update 1 had installed and nobody started, makes way for this one") {
			t.Errorf("%+v", a)
		}
	})
}

// TestLookMakesWay: an update that somebody wants does not wait for a look that nobody
// asked for.
func TestLookMakesWay(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, site{handler: hangs}, site{handler: hangs}, hourly)
		for r.looks[0].Load() == 0 {
			time.Sleep(time.Second)
		}
		r.swap(next.site(), next.site())
		begin := time.Now()
		if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed || time.Since(begin) > time.Second {
			t.Errorf("after %s: %+v", time.Since(begin), a)
		}
	})
}

// TestEnded: when the updater has ended, nothing is begun, and nobody waits.
func TestEnded(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, running, offers("2.12.0"), offers("2.12.0"), nil)
		r.stop()
		if n, err := r.Start(Start{}); err == nil {
			t.Errorf("update %d begins", n)
		}
		if err := r.Cancel(t.Context()); err == nil {
			t.Error("there was something to cancel")
		}
	})
}

// TestBounded: what sources say is stored, but not all of it.
func TestBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		long := strings.Repeat("x", 50_000)
		far := site{handler: func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://192.0.2.1/"+long, http.StatusFound)
		}}
		lengthy := serves(`{"version": "2.12.0-` + long + `", "build_date": "x", "size_bytes": 1}`)
		r := newRig(t, running, far, lengthy, nil)
		for range 3 {
			r.update(Start{})
		}
		if n := len(r.kept); n > 10_000 {
			t.Errorf("%d bytes are stored", n)
		}
		if n := len(r.log.String()); n > 20_000 {
			t.Errorf("%d bytes are logged", n)
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

// TestDisplaced: an update that waits and loses its slot to one that fails is offered
// again.
func TestDisplaced(t *testing.T) {
	in(t, func(t *testing.T) {
		next, newer := built("2.12.0", nil), built("2.13.0", nil)
		r := newRig(t, running, next.site(), next.site(), func(c *UpdaterConfig) { c.OTA.Deadline = 10 * time.Second })
		r.update(Start{NoReboot: true})
		if c := r.check(false); c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
		r.swap(newer.site().dies(4*PieceSize, hangsUp).once(newer.site().without()), newer.site().without())
		if a := r.update(Start{}); a.Result != clock.Failed || len(a.Warnings) != 1 {
			t.Errorf("%+v", a)
		}
		if a := r.history()[0]; a.Result != clock.Failed || !strings.Contains(a.Reason, "took its slot") {
			t.Errorf("%+v", a)
		}
		r.swap(next.site(), next.site())
		if c := r.check(false); !c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
	})
}

// TestSpeedMeanwhile: how fast a source is can be seen while it serves.
func TestSpeedMeanwhile(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		slow := next.site().but(func(w http.ResponseWriter, q *http.Request, _ http.HandlerFunc) {
			for off := 0; off < len(next.image); off += 1 << 10 {
				select {
				case <-q.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
				w.Write(next.image[off:min(len(next.image), off+1<<10)])
				http.NewResponseController(w).Flush()
			}
		})
		r := newRig(t, running, slow, next.site(), nil)
		if _, err := r.Start(Start{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := r.Updater.c.Value.Get().Present.Sources["github"]; s.MBps < 0.05 || s.MBps > 0.15 {
			t.Errorf("%+v, want a tenth of a megabyte each second", s)
		}
	})
}
