package ota

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// TestKnownBad: an image that was proven to be bad is not offered again, nor made by
// itself, after a restart too, until there is another one, or somebody forces it.
func TestKnownBad(t *testing.T) {
	in(t, func(t *testing.T) {
		rotten := built("2.12.0", nil).changed(func(p []byte) { p[len(p)/2] ^= 1 })
		at := rotten.site()
		r := newRig(t, running, at, at, nil)
		if a := r.update(Start{}); a.Cause != "image_invalid" {
			t.Errorf("%+v", a)
		}
		r.called("free", "program")
		if r.changed != 2 { // when it began, and when it was over
			t.Errorf("told %d times that the slot is overwritten", r.changed)
		}
		for range 2 {
			if c := r.check(false); c.UpdateAvailable || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "is not offered") || !strings.Contains(c.Warnings[0], "--force") {
				t.Errorf("%+v", c)
			}
			if c := r.check(true); !c.UpdateAvailable {
				t.Errorf("%+v", c)
			}
			if a := r.update(Start{}); a.Result != clock.Failed || a.Cause != "image_invalid" || a.Fetched != 0 || !strings.Contains(a.Reason, "--force") {
				t.Errorf("%+v", a)
			}
			r.called()
			r.stop()
			r.boot(nil)
		}
		if a := r.update(Start{Force: true}); a.Result != clock.Failed || a.Fetched == 0 {
			t.Errorf("%+v", a)
		}
		if !slices.Contains(r.log.Events(), "ota_known_bad") {
			t.Error(&r.log)
		}
	})
}

// TestSuspect: what sources sent in the place of an image does not make that bad for
// good. The clock does not try it again by itself, but who asks for it gets it.
func TestSuspect(t *testing.T) {
	in(t, func(t *testing.T) {
		next, old := built("2.12.0", nil), built("2.11.0", nil)
		stale := release{next.manifest, old.image, nil}
		r := newRig(t, running, stale.site(), stale.site(), nil)
		if a := r.update(Start{}); a.Result != clock.Failed || a.Cause != "wrong_version" {
			t.Errorf("%+v", a)
		}
		r.called()
		if c := r.check(false); c.UpdateAvailable || !strings.Contains(c.Warnings[0], "`ota update` fetches it again, `ota update --force` takes") {
			t.Errorf("%+v", c)
		}
		r.swap(next.site(), next.site())
		if a := r.update(Start{}); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
		r.holds(next)
	})
}

// TestRolledBack: the image that was given up is not offered again; that the power went
// does not make it bad.
func TestRolledBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		gaveUp GaveUp
		reason string
		again  bool
	}{
		{"crashed", GaveUp{Reason: "crashed", Text: "panic: ouch"}, "crashed: panic: ouch", false},
		{"check", GaveUp{Reason: "check_failed", Text: "leds: row 3 is dark"}, "check_failed: leds: row 3 is dark", false},
		{"user", GaveUp{Reason: "user"}, "user", false},
		{"power", GaveUp{Reason: "power_lost", Cut: true}, "power_lost", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				next := built("2.12.0", nil)
				r := newRig(t, running, next.site(), next.site(), nil)
				r.update(Start{})
				r.stop()
				c.gaveUp.Digest, c.gaveUp.Version = next.digest(), "2.12.0"
				r.boot(&c.gaveUp)
				if a := r.history()[0]; a.Result != clock.RolledBack || a.Reason != c.reason {
					t.Errorf("%+v", a)
				}
				if x := r.check(false); x.UpdateAvailable != c.again || !c.again && !strings.Contains(x.Warnings[0], "rolled back, "+c.reason) {
					t.Errorf("%+v", x)
				}
				r.stop()
				r.boot(&c.gaveUp) // it is no news any more
				if h := r.history(); len(h) != 1 || h[0].Result != clock.RolledBack {
					t.Errorf("%+v", h)
				}
				fixed := built("2.12.1", nil)
				r.swap(fixed.site(), fixed.site())
				if a := r.update(Start{}); a.Result != clock.Installed {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// TestLyingManifest: an image that calls itself otherwise than its manifest says is
// reported, and not offered again once it runs (O-9).
func TestLyingManifest(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.11.3-4-g0123456-dirty", nil).called("2.12.0")
		r := newRig(t, running, next.site(), next.site(), nil)
		a := r.update(Start{})
		if a.Result != clock.Installed || len(a.Warnings) != 1 || a.Warnings[0] != "the image of 2.12.0 calls itself 2.11.3-4-g0123456-dirty" {
			t.Errorf("%+v", a)
		}
		if !slices.Contains(r.log.Events("version", "descriptor"), "ota_version_differs 2.12.0 2.11.3-4-g0123456-dirty") {
			t.Error(&r.log)
		}
		r.reboot(next)
		c := r.check(false)
		if c.UpdateAvailable || c.CurrentVersion != "2.11.3-4-g0123456-dirty" || !strings.Contains(c.Warnings[0], "the image of 2.12.0 runs already, although it calls itself 2.11.3-4-g0123456-dirty") {
			t.Errorf("%+v", c)
		}
		if c := r.check(true); !c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
		r.trial.Store(false)
		if a := r.update(Start{}); a.Result != clock.UpToDate || !strings.Contains(a.Reason, "runs already") {
			t.Errorf("%+v", a)
		}
	})
}

// TestKnownOffline: who knows only the flash comes to the same answer.
func TestKnownOffline(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.11.3", func(b *flash.Build) { b.IDF = "another" }).called("2.12.0")
		w := bubble(t, next.site(), next.site())
		d := flash.NewMemory(flash.Geometry{Size: slotSize, Sector: flash.SectorSize})
		for _, c := range []struct {
			in    release
			bad   []Bad
			offer bool
		}{
			{in: running, offer: true},
			{in: next},
			{in: running, bad: []Bad{{SHA256: next.manifest.SHA256, Reason: "it was rolled back, crashed", Proven: true}}},
		} {
			if err := d.Erase(0, slotSize); err != nil {
				t.Fatal(err)
			}
			if err := d.Program(c.in.image, 0); err != nil {
				t.Fatal(err)
			}
			x := w.c
			x.Known = NewKnown(d, c.bad)
			if got := New(x).Check(t.Context(), Request{Current: "2.11.3"}); got.UpdateAvailable != c.offer || (len(got.Warnings) == 0) != c.offer {
				t.Errorf("%+v", got)
			}
		}
		synctest.Wait()
	})
}

// revisions are the shape of the 22 revisions that were published (ota.md 6.2): what the
// manifest says, what the image calls itself, which of 18 images it is, and whether the
// manifest can be read.
var revisions = []struct {
	advertised, descriptor string
	image                  int
	broken                 bool
}{
	{"2.8.0", "v2.6.3-10-gfe3d91e-dirty", 1, false},
	{"2.8.0", "v2.6.3-10-gfe3d91e-dirty", 1, false},
	{"2.9.0", "v2.7.0-8-g5e4dd9c", 2, false},
	{"2.10.0", "v2.9.0-1-g51a6b4c-dirty", 3, false},
	{"2.10.0", "v2.9.0-3-g76c5279", 4, false},
	{"2.10.1", "v2.9.0-4-g01c6f88-dirty", 5, false},
	{"2.10.2", "v2.9.0-6-g52bf7f0", 6, false},
	{"2.10.3", "v2.10.2-dirty", 7, true},
	{"2.10.3", "v2.10.2-dirty", 7, false},
	{"2.10.4", "v2.10.2-2-gd49327b-dirty", 8, false},
	{"2.10.5", "v2.10.2-4-g8889ec3-dirty", 9, false},
	{"2.10.5", "v2.10.5", 10, false},
	{"2.10.6", "v2.10.6-1-g6d80f43", 11, false},
	{"2.10.7", "v2.10.7", 12, false},
	{"2.10.8", "v2.10.7-1-g1e5ec85", 13, false},
	{"2.10.9", "v2.10.9", 14, false},
	{"2.11.1", "2.11.0", 15, false},
	{"2.11.2", "2.11.1", 16, false},
	{"2.11.2", "2.11.1", 17, false},
	{"2.11.3", "2.11.3", 18, true},
	{"2.11.3", "2.11.3", 18, true},
	{"2.11.3", "2.11.3", 18, false},
}

// TestRevisions plays them through on a clock that installs by itself and looks four
// times at each: no image is installed, nor offered, once it runs.
func TestRevisions(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, built("v2.6.2", nil), status(404), status(404), func(c *UpdaterConfig) {
			c.OTA.AutoInstall, c.OTA.CheckInterval = true, 6*time.Hour
		})
		installed := map[string]int{}
		for i, p := range revisions {
			image := built(p.descriptor, func(b *flash.Build) { b.IDF = string(rune('A' + p.image)) }).called(p.advertised)
			at := image.site()
			if p.broken {
				at = serves(`{"version": "` + p.advertised + `", "title": "\!"}`)
			}
			r.swap(at, at)
			for range 4 {
				time.Sleep(7 * time.Hour)
				synctest.Wait()
				if !slices.Contains(r.taken(), "reboot") {
					continue
				}
				installed[image.manifest.SHA256]++
				r.reboot(image)
				r.trial.Store(false)
				r.Confirmed()
			}
			for sha, n := range installed {
				if n > 1 {
					t.Fatalf("revision %d: image %.8s was installed %d times", i+1, sha, n)
				}
			}
			if c := r.check(false); c.UpdateAvailable {
				t.Errorf("revision %d: %s is still offered to %s: %+v", i+1, c.AvailableVersion, c.CurrentVersion, c.Warnings)
			}
		}
		if len(installed) != 18 {
			t.Errorf("%d images were installed, want 18", len(installed))
		}
	})
}

// TestLyingDigest: a manifest that is wrong about the digest too has its image installed
// once, and no more.
func TestLyingDigest(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.11.3-4-g0123456", nil).called("2.12.0")
		next.manifest.ImageDigest = sumOf(nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		if a := r.update(Start{}); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
		r.reboot(next)
		if c := r.check(false); c.UpdateAvailable || len(c.Warnings) != 1 {
			t.Errorf("%+v", c)
		}
	})
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
