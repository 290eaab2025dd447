package ota

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// A look is a check in a bubble, and how long it took.
type look struct {
	clock.Check
	took time.Duration
}

// look checks with s preferred, and fails if a connection is left. The sites
// are those of the preferred source and of the other.
func (w *world) look(t *testing.T, ctx context.Context, r Request) look {
	t.Helper()
	begin := time.Now()
	l := look{Check: w.Check(ctx, r)}
	l.took = time.Since(begin)
	synctest.Wait()
	if n := w.open.Load(); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
	if l.At != begin.UTC() || l.CurrentVersion != r.Current || l.Warnings == nil {
		t.Errorf("%+v", l.Check)
	}
	return l
}

// sides runs f in a bubble with either source preferred.
func sides(t *testing.T, name string, preferred, other site, f func(*testing.T, *world, clock.Source)) {
	t.Helper()
	for _, s := range clock.Sources {
		t.Run(name+"/"+s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := [2]site{preferred, other}
				if s == clock.Cloudflare {
					sites = [2]site{other, preferred}
				}
				f(t, bubble(t, sites[0], sites[1]), s)
			})
		})
	}
}

// failed fails unless source s is said to have failed as f does.
func (l look) failed(t *testing.T, s clock.Source, f failing) {
	t.Helper()
	a, ok := l.Sources[s.String()]
	if !ok || a.OK || a.Cause != f.cause.String() || a.Status != f.status || !strings.Contains(a.Error, f.detail) ||
		strings.Contains(a.Error, a.Cause+":") || a.Version != "" || a.SHA256 != "" {
		t.Errorf("%s: %+v, want %s, status %d, detail %q", s, a, f.cause, f.status, f.detail)
	}
}

// served fails unless source s decided, with an update to version.
func (l look) served(t *testing.T, s clock.Source, version string) {
	t.Helper()
	a := l.Sources[s.String()]
	if l.Source != s.String() || l.AvailableVersion != version || !l.UpdateAvailable || l.Error != "" ||
		!a.OK || a.Status != 200 || a.Version != version || a.SHA256 != offer("").SHA256 || a.Error != "" || a.Cause != "" {
		t.Errorf("%+v, want %s of %s", l.Check, version, s)
	}
}

func (l look) lasted(t *testing.T, want time.Duration) {
	t.Helper()
	if l.took != want {
		t.Errorf("took %s, want %s", l.took, want)
	}
}

// warned fails unless there is one warning for each text, which it has.
func (l look) warned(t *testing.T, texts ...string) {
	t.Helper()
	if len(l.Warnings) != len(texts) {
		t.Fatalf("warnings %q, want %d", l.Warnings, len(texts))
	}
	for i, text := range texts {
		if !strings.Contains(l.Warnings[i], text) {
			t.Errorf("warning %q, want one with %q", l.Warnings[i], text)
		}
	}
}

// wait is how long f keeps a check that waits for d at most.
func (f failing) wait(d time.Duration) time.Duration {
	if f.silent {
		return d
	}
	return 0
}

// TestPreferredFails: the other source serves; a preferred one that refuses or
// answers wrongly costs nothing, a silent one 2 s.
func TestPreferredFails(t *testing.T) {
	for _, f := range failings {
		sides(t, f.name, f.site, offers("2.12.0"), func(t *testing.T, w *world, s clock.Source) {
			l := w.look(t, t.Context(), Request{Preferred: s, Current: "2.11.3"})
			l.served(t, s.Other(), "2.12.0")
			l.failed(t, s, f)
			l.lasted(t, f.wait(2*time.Second))
			l.warned(t, s.String()+": "+f.cause.String()+": ")
		})
	}
}

// TestRelease is what the manifest that decides says of its image, each text in a line.
func TestRelease(t *testing.T) {
	m := offer("2.12.0")
	m.Title, m.Description, m.ReleaseDate = "Zeiten", "one\n"+strings.Repeat("ü", 5000), "2025-11-15"
	sides(t, "served by the other", status(404), serves(string(AppendManifest(nil, m))), func(t *testing.T, w *world, s clock.Source) {
		l := w.look(t, t.Context(), Request{Preferred: s, Current: "2.11.3"})
		r := l.Release
		if r == nil || r.SHA256 != m.SHA256 || r.Size != m.Size || r.BuildDate != m.BuildDate || r.Title != "Zeiten" || r.Date != "2025-11-15" {
			t.Fatalf("%+v", r)
		}
		if !strings.HasPrefix(r.Description, "one; üü") || !strings.HasSuffix(r.Description, "ü…") || len(r.Description) > 1000 {
			t.Errorf("%q", r.Description)
		}
		record := Record{Next: 1, Last: &l.Check}
		if d := cmp.Diff(record.Last, must(ParseRecord(must(AppendRecord(nil, record)))).Last); d != "" {
			t.Error(d)
		}
	})
	sides(t, "served by nobody", status(404), status(503), func(t *testing.T, w *world, s clock.Source) {
		if l := w.look(t, t.Context(), Request{Preferred: s, Current: "2.11.3"}); l.Release != nil {
			t.Errorf("%+v", l.Release)
		}
	})
	old := must(ParseRecord([]byte(`{"next":2,"last":{"current_version":"2.11.3","available_version":"2.12.0","update_available":true,"source":"github","sources":{},"warnings":[],"at":"2026-05-01T00:00:00Z"}}`)))
	if old.Last == nil || old.Last.Release != nil || !old.Last.UpdateAvailable {
		t.Errorf("%+v", old.Last)
	}
}

// TestOtherFails: the preferred source serves, and is not kept longer than 2 s.
func TestOtherFails(t *testing.T) {
	for _, f := range failings {
		sides(t, f.name, offers("2.12.0"), f.site, func(t *testing.T, w *world, s clock.Source) {
			l := w.look(t, t.Context(), Request{Preferred: s, Current: "2.11.3"})
			l.served(t, s, "2.12.0")
			if f.silent {
				f.cause, f.detail = Timeout, "not waited for after 2s"
			}
			l.failed(t, s.Other(), f)
			l.lasted(t, f.wait(2*time.Second))
			l.warned(t, s.Other().String()+": "+f.cause.String()+": ")
		})
	}
}

// TestBothFail: the error names both causes, after 10 s at most.
func TestBothFail(t *testing.T) {
	others := []failing{
		{name: "404", cause: HTTPStatus, status: 404, site: status(404)},
		{name: "hang", cause: Timeout, silent: true, site: site{handler: hangs}},
	}
	for _, f := range failings {
		for _, o := range others {
			sides(t, f.name+" and "+o.name, f.site, o.site, func(t *testing.T, w *world, s clock.Source) {
				l := w.look(t, t.Context(), Request{Preferred: s, Current: "2.11.3"})
				l.failed(t, s, f)
				l.failed(t, s.Other(), o)
				l.lasted(t, max(f.wait(10*time.Second), o.wait(10*time.Second)))
				l.nobody(t, s.String()+": "+f.cause.String()+": ", s.Other().String()+": "+o.cause.String()+": ")
			})
		}
	}
}

// nobody fails unless no source gave a manifest, and the error has all texts in
// this order.
func (l look) nobody(t *testing.T, texts ...string) {
	t.Helper()
	rest := l.Error
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			t.Errorf("error %q, want %q in it", l.Error, texts)
		}
		rest = after
	}
	if l.UpdateAvailable || l.Source != "" || l.AvailableVersion != "" || len(l.Sources) != len(texts) || len(l.Warnings) != 0 {
		t.Errorf("%+v", l.Check)
	}
}

// TestOnly: no other source is asked, whatever happens.
func TestOnly(t *testing.T) {
	for _, f := range failings {
		sides(t, f.name, f.site, offers("2.12.0"), func(t *testing.T, w *world, s clock.Source) {
			l := w.look(t, t.Context(), Request{Preferred: s, Only: true})
			l.failed(t, s, f)
			l.nobody(t, s.String()+": "+f.cause.String()+": ")
			l.lasted(t, f.wait(10*time.Second))
			w.requested(t, s.Other(), 0)
		})
	}
	sides(t, "valid", offers("2.12.0"), offers("2.13.0"), func(t *testing.T, w *world, s clock.Source) {
		l := w.look(t, t.Context(), Request{Preferred: s, Only: true})
		l.served(t, s, "2.12.0")
		l.warned(t)
		w.requested(t, s.Other(), 0)
	})
}

func (w *world) requested(t *testing.T, s clock.Source, want int32) {
	t.Helper()
	if got := w.asked[s].Load(); got != want {
		t.Errorf("%s was asked %d times, want %d", s, got, want)
	}
}

// TestNoComparison: the other source is asked when it is needed, and then no
// later than it would help with one.
func TestNoComparison(t *testing.T) {
	for _, f := range failings {
		sides(t, f.name, f.site, offers("2.12.0").late(100*time.Millisecond), func(t *testing.T, w *world, s clock.Source) {
			w.c.OTA.CompareSources = false
			l := w.look(t, t.Context(), Request{Preferred: s})
			l.served(t, s.Other(), "2.12.0")
			l.failed(t, s, f)
			l.lasted(t, f.wait(2*time.Second)+100*time.Millisecond)
		})
	}
	for _, c := range []struct {
		late  time.Duration
		asked int32
	}{{0, 0}, {1900 * time.Millisecond, 0}, {2100 * time.Millisecond, 1}, {9900 * time.Millisecond, 1}} {
		sides(t, "valid after "+c.late.String(), offers("2.12.0").late(c.late), site{handler: hangs}, func(t *testing.T, w *world, s clock.Source) {
			w.c.OTA.CompareSources = false
			l := w.look(t, t.Context(), Request{Preferred: s})
			l.served(t, s, "2.12.0")
			l.warned(t)
			l.lasted(t, c.late)
			w.requested(t, s.Other(), c.asked)
			if len(l.Sources) != 1 {
				t.Errorf("%+v, want one source", l.Sources)
			}
		})
	}
	sides(t, "both silent", site{handler: hangs}, site{handler: drips}, func(t *testing.T, w *world, s clock.Source) {
		w.c.OTA.CompareSources = false
		l := w.look(t, t.Context(), Request{Preferred: s})
		l.nobody(t, s.String()+": timeout", s.Other().String()+": stalled")
		l.lasted(t, 10*time.Second)
	})
}

// TestWaiting is who decides when both are valid, at which time.
func TestWaiting(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name             string
		preferred, other time.Duration // until they answer
		fallback         bool
		took             time.Duration
	}{
		{"together", 0, 0, false, 0},
		{"other later", 50 * ms, 1 * s, false, 1 * s},
		{"other 2 s later", 50 * ms, 2049 * ms, false, 2049 * ms},
		{"other too late", 50 * ms, 2051 * ms, false, 2050 * ms},
		{"preferred later", 1 * s, 50 * ms, false, 1 * s},
		{"preferred 2 s later", 5049 * ms, 3050 * ms, false, 5049 * ms},
		{"preferred too late", 5051 * ms, 3050 * ms, true, 5050 * ms},
		{"both in the last second", 9900 * ms, 9500 * ms, false, 9900 * ms},
		{"other in time, preferred not", 10001 * ms, 9500 * ms, true, 10 * s},
	} {
		sides(t, c.name, offers("2.12.0").late(c.preferred), offers("2.12.0").late(c.other), func(t *testing.T, w *world, s clock.Source) {
			l := w.look(t, t.Context(), Request{Preferred: s})
			l.lasted(t, c.took)
			decides := s
			if c.fallback {
				decides = s.Other()
			}
			l.served(t, decides, "2.12.0")
			for source, d := range map[clock.Source]time.Duration{s: c.preferred, s.Other(): c.other} {
				if got := l.Sources[source.String()].MS; got != min(d, c.took).Milliseconds() {
					t.Errorf("%s: %d ms, want %s", source, got, min(d, c.took))
				}
			}
		})
	}
}

// TestVersions is what follows from a version, with force and without.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		current   string
		force     bool
		available bool
		events    []string
	}{
		{"2.11.3", false, true, []string{"ota_update_available 2.12.0 2.11.3 false"}},
		{"v2.11.3-4-g0123456-dirty", false, true, []string{"ota_update_available 2.12.0 v2.11.3-4-g0123456-dirty false"}},
		{"2.12.0", false, false, []string{"ota_up_to_date 2.12.0 2.12.0"}},
		{"2.13.0", false, false, []string{"ota_newer_running 2.12.0 2.13.0"}},
		{"2.11.3", true, true, []string{"ota_update_available 2.12.0 2.11.3 false"}},
		{"2.12.0", true, true, []string{"ota_update_available 2.12.0 2.12.0 true"}},
		{"2.13.0", true, true, []string{"ota_update_available 2.12.0 2.13.0 true"}},
	} {
		sides(t, c.current, offers("2.12.0"), offers("2.12.0"), func(t *testing.T, w *world, s clock.Source) {
			l := w.look(t, t.Context(), Request{Preferred: s, Current: c.current, Force: c.force})
			if l.UpdateAvailable != c.available || l.AvailableVersion != "2.12.0" || l.Source != s.String() {
				t.Errorf("%+v, want available: %t", l.Check, c.available)
			}
			l.warned(t)
			want := append([]string{"ota_source_served 2.12.0"}, c.events...)
			if got := w.log.Events("version", "current", "forced"); !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

// TestForceChecks: force is no way around anything but the version.
func TestForceChecks(t *testing.T) {
	sides(t, "no hash", serves(`{"version": "2.12.0", "build_date": "x", "size": 1}`), status(404), func(t *testing.T, w *world, s clock.Source) {
		l := w.look(t, t.Context(), Request{Preferred: s, Force: true})
		l.nobody(t, "missing_hash", "http_status")
	})
}

func TestUnhashed(t *testing.T) {
	sides(t, "allowed", serves(`{"version": "2.12.0", "build_date": "x", "size": 1}`), offers("2.12.0"), func(t *testing.T, w *world, s clock.Source) {
		w.c.OTA.AllowUnhashed = true
		l := w.look(t, t.Context(), Request{Preferred: s})
		if l.Source != s.String() || !l.UpdateAvailable || l.Sources[s.String()].SHA256 != "" {
			t.Errorf("%+v", l.Check)
		}
		l.warned(t, "not given and b6e64aaa")
	})
}

// TestEvents is what the log has for each kind of outcome, with all that the
// package promises.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name               string
		github, cloudflare site
		want               []string
	}{
		{"both fail", status(503), site{handler: hangs}, []string{
			"ota_source_failed github http_status 503 ",
			"ota_source_failed cloudflare timeout 0 ",
			"ota_check_failed http_status timeout",
		}},
		{"failover", status(404), offers("2.12.0"), []string{
			"ota_source_failed github http_status 404 cloudflare",
			"ota_source_served cloudflare true 200",
			"ota_update_available cloudflare",
		}},
		{"other fails", offers("2.12.0"), status(429), []string{
			"ota_source_failed cloudflare http_status 429 github",
			"ota_source_served github false 200",
			"ota_update_available github",
		}},
		{"they differ", offers("2.12.0"), offers("2.13.0"), []string{
			"ota_source_served github false 200",
			"ota_sources_differ github cloudflare",
			"ota_update_available github",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := bubble(t, c.github, c.cloudflare)
				w.look(t, t.Context(), Request{Current: "2.11.3"})
				got := w.log.Events("source", "other", "cause", "status", "next", "fallback", "github", "cloudflare")
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("-want +got\n%s\n%s", d, &w.log)
				}
			})
		})
	}
}

// TestCancel: a check ends when its context does, and leaves no complaint.
func TestCancel(t *testing.T) {
	for _, f := range failings {
		if !f.silent {
			continue
		}
		sides(t, f.name, f.site, f.site, func(t *testing.T, w *world, s clock.Source) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(1500*time.Millisecond, cancel)
			l := w.look(t, ctx, Request{Preferred: s})
			l.lasted(t, 1500*time.Millisecond)
			l.nobody(t, s.String()+": cancelled", s.Other().String()+": cancelled")
			if e := w.log.Events(); len(e) != 0 {
				t.Errorf("events %q, want none", e)
			}
		})
	}
	sides(t, "by a deadline", site{handler: hangs}, site{handler: hangs}, func(t *testing.T, w *world, s clock.Source) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := w.look(t, ctx, Request{Preferred: s})
		l.lasted(t, time.Second)
		l.nobody(t, "timeout", "timeout")
	})
}

// TestAgain: a checker remembers nothing of a failure.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well := false
		w := bubble(t, site{handler: func(rw http.ResponseWriter, r *http.Request) {
			if well {
				offers("2.12.0").handler(rw, r)
			} else {
				hangs(rw, r)
			}
		}}, site{handler: hangs})
		w.look(t, t.Context(), Request{}).nobody(t, "github: timeout", "cloudflare: timeout")
		well = true
		l := w.look(t, t.Context(), Request{})
		l.served(t, clock.GitHub, "2.12.0")
		l.lasted(t, 2*time.Second)
	})
}
