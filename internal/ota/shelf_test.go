package ota

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// without returns s, which has no image.
func (s site) without() site { return s.but(answers(404)) }

// TestDisagreeing are sources that have different things, github preferred.
func TestDisagreeing(t *testing.T) {
	v12, v13 := built("2.12.0", nil), built("2.13.0", nil)
	other12 := built("2.12.0", func(b *flash.Build) { b.IDF = "another" })
	v10 := built("2.10.0", nil)
	for _, c := range []struct {
		name               string
		github, cloudflare site
		prefer             clock.Source
		alone              bool     // compare_sources: false
		want               *release // nil is none
		source             string
		result             clock.Result
		causes             map[string]string
		warns              string
		over               bool // it started over
	}{
		{name: "both have it", github: v12.site(), cloudflare: v12.site(), want: &v12, source: "github"},
		{name: "github has no manifest", github: status(404), cloudflare: v12.site(), want: &v12, source: "cloudflare", causes: map[string]string{"github": "http_status"}, warns: "404"},
		{name: "cloudflare has no manifest", github: v12.site(), cloudflare: status(503), prefer: clock.Cloudflare, want: &v12, source: "github", causes: map[string]string{"cloudflare": "http_status"}, warns: "503"},
		{name: "github has no image", github: v12.site().without(), cloudflare: v12.site(), want: &v12, source: "cloudflare", causes: map[string]string{"github": "http_status"}},
		{name: "cloudflare is newer", github: v12.site(), cloudflare: v13.site(), want: &v12, source: "github", warns: "cloudflare has 2.13.0, newer"},
		{name: "cloudflare is older", github: v13.site(), cloudflare: v12.site(), want: &v13, source: "github", warns: "cloudflare has 2.12.0, older"},
		{name: "another image of the same version", github: v12.site(), cloudflare: other12.site(), want: &v12, source: "github", warns: "different images"},
		{name: "github is up to date, cloudflare newer", github: running.site(), cloudflare: v12.site(), result: clock.UpToDate, source: "github", warns: "cloudflare has 2.12.0, newer"},
		{name: "the newer image cannot be had", github: v13.site().without(), cloudflare: v12.site(), want: &v12, source: "cloudflare", causes: map[string]string{"github": "http_status"}, warns: "2.13.0 of github could not be had", over: true},
		{name: "the older image cannot be had", github: v12.site().without(), cloudflare: v13.site(), want: &v13, source: "cloudflare", causes: map[string]string{"github": "http_status"}, warns: "2.12.0 of github could not be had", over: true},
		{name: "nor can the other, which was not asked before", github: v12.site().without(), cloudflare: v13.site(), alone: true, want: &v13, source: "cloudflare", warns: "could not be had", over: true},
		{name: "the same version, another image, and the first cannot be had", github: v12.site().without(), cloudflare: other12.site(), want: &other12, source: "cloudflare", warns: "could not be had", over: true},
		{name: "the other is older than what runs", github: v12.site().without(), cloudflare: v10.site(), result: clock.Failed, source: "cloudflare", causes: map[string]string{"github": "http_status", "cloudflare": "wrong_version"}},
		{name: "no image at all", github: v12.site().without(), cloudflare: v12.site().without(), result: clock.Failed, source: "cloudflare", causes: map[string]string{"github": "http_status", "cloudflare": "http_status"}},
		{name: "no images at all", github: v12.site().without(), cloudflare: v13.site().without(), result: clock.Failed, source: "github", causes: map[string]string{"github": "http_status", "cloudflare": "http_status"}, over: true},
		{name: "no manifest at all", github: status(404), cloudflare: status(503), result: clock.Failed, causes: map[string]string{"github": "http_status", "cloudflare": "http_status"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, c.github, c.cloudflare, func(x *UpdaterConfig) { x.OTA.CompareSources = !c.alone })
				a := r.update(Start{Source: &c.prefer, NoReboot: true})
				if c.want != nil {
					c.result = clock.Installed
					r.holds(*c.want)
					want := []string{"free", "program", "switch", "stage"}
					if c.over { // what the other source has under that name was looked at first
						want = append([]string{"free", "program"}, want...)
					}
					r.called(want...)
				}
				if a.Result != c.result || c.source != "" && a.Source != c.source {
					t.Errorf("%+v", a)
				}
				for name, cause := range c.causes {
					if a.Causes[name] != cause || a.Sources[name].Error == "" {
						t.Errorf("%s: %q, %+v, want %s", name, a.Causes[name], a.Sources[name], cause)
					}
					if c.result == clock.Failed && !strings.Contains(a.Reason, name+": "+cause) {
						t.Errorf("reason %q lacks %s: %s", a.Reason, name, cause)
					}
				}
				if c.warns != "" && !strings.Contains(strings.Join(a.Warnings, "\n"), c.warns) {
					t.Errorf("warnings %q, want %q", a.Warnings, c.warns)
				}
				if slices.Contains(r.log.Events(), "ota_started_over") != c.over {
					t.Error(&r.log)
				}
			})
		})
	}
}

// TestNoHash: images without one are only taken from who says that they are its.
func TestNoHash(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		plain := next
		plain.manifest.SHA256 = ""
		r := newRig(t, running, plain.site().without(), next.site(), nil)
		if a := r.update(Start{}); a.Result != clock.Installed || a.Source != "cloudflare" || a.Causes["github"] != "missing_hash" {
			t.Errorf("%+v", a)
		}
	})
	in(t, func(t *testing.T) {
		plain := built("2.12.0", nil)
		plain.manifest.SHA256 = ""
		r := newRig(t, running, plain.site(), status(404), func(c *UpdaterConfig) { c.OTA.AllowUnhashed = true })
		if a := r.update(Start{}); a.Result != clock.Installed || a.SHA256 != sumOf(plain.image) {
			t.Errorf("%+v", a)
		}
		r.holds(built("2.12.0", nil))
	})
}

// TestFile installs a file of the host, under the same rules.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, p []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	next := built("v2.12.0-3-gabcdef0", nil)
	for _, c := range []struct {
		name, path string
		force      bool
		result     clock.Result
		cause      string
		reason     string
	}{
		{"newer", put("newer", next.image), false, clock.Installed, "", ""},
		{"equal", put("equal", running.image), false, clock.UpToDate, "", "nothing newer"},
		{"older", put("older", built("2.11.2", nil).image), false, clock.Failed, "wrong_version", "only a forced update goes back"},
		{"older, forced", put("older", built("2.11.2", nil).image), true, clock.Installed, "", ""},
		{"damaged", put("damaged", next.changed(func(p []byte) { p[len(p)/2] ^= 1 }).image), true, clock.Failed, "image_invalid", ""},
		{"another project", put("other", built("2.12.0", func(b *flash.Build) { b.Project = "toaster" }).image), true, clock.Failed, "wrong_project", ""},
		{"no image", put("text", []byte("hello")), true, clock.Failed, "image_invalid", "text: read image: "},
		{"empty", put("empty", nil), true, clock.Failed, "image_invalid", ""},
		{"too large", put("large", make([]byte, slotSize+1)), true, clock.Failed, "too_large", "2097153 bytes"},
		{"nothing", filepath.Join(dir, "nothing"), true, clock.Failed, "image_invalid", "no such file"},
		{"directory", dir, true, clock.Failed, "image_invalid", "no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, site{handler: hangs}, site{handler: hangs}, nil)
				a := r.update(Start{File: c.path, Force: c.force, NoReboot: true})
				if a.Result != c.result || a.Cause != c.cause || !strings.Contains(a.Reason, c.reason) || a.Source != "file" {
					t.Errorf("%+v", a)
				}
				if c.result != clock.Installed {
					r.called()
				}
				if c.cause != "" && a.Causes["file"] != c.cause {
					t.Errorf("causes %v", a.Causes)
				}
				if r.looks[0].Load() != 0 {
					t.Error("sources were asked")
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
