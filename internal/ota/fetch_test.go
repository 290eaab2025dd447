package ota

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// noted returns s with a note of each request: path and range.
func (s site) noted(notes *[]string) site {
	h := s.handler
	s.handler = func(w http.ResponseWriter, q *http.Request) {
		*notes = append(*notes, strings.TrimSpace(strings.TrimPrefix(q.URL.Path, "/ota/")+" "+q.Header.Get("Range")))
		h(w, q)
	}
	return s
}

// short shortens the names of the release's files.
func (r release) short(notes []string) []string {
	short := strings.NewReplacer(TargetName(r.manifest.SHA256), "target", PiecesName(r.manifest.PiecesSHA256), "pieces", ImageName, "image")
	for i := range notes {
		notes[i] = short.Replace(notes[i])
	}
	return notes
}

// TestRequests is what github is asked for, if it is the only source.
func TestRequests(t *testing.T) {
	r := newRelease(1, 5*pieces)
	at := 2*pieces + 100
	for _, c := range []struct {
		name string
		r    release
		site func(release) site
		want []string
	}{
		{"well", r, release.site, []string{"target"}},
		{"no target", r, noTarget(404), []string{"target", "image"}},
		{"gone", r, noTarget(410), []string{"target", "image"}},
		{"not to be listed", r, noTarget(403), []string{"target", "image"}},
		{"no hash", release{manifest: unhashed(r.manifest), image: r.image}, release.site, []string{"image"}},
		{"pieces", r.pieced(), release.site, []string{"pieces", "target"}},
		{"pieces announced, not there", release{r.pieced().manifest, r.image, nil}, release.site, []string{"pieces", "target"}},
		{"dies", r, func(r release) site { return r.site().dies(at, hangsUp) }, []string{"target", "target bytes=131072-", "target bytes=131072-",
			"target bytes=131072-", "target bytes=131072-", "target bytes=131072-"}},
		{"dies once", r, func(r release) site { return r.site().dies(at, hangsUp).once(r.site()) }, []string{"target", "target bytes=131072-"}},
		{"dies at a piece", r, func(r release) site { return r.site().dies(2*pieces, hangsUp).once(r.site()) }, []string{"target", "target bytes=131072-"}},
		{"dies, and has no target", r, func(r release) site { return r.site().dies(at, hangsUp).once(noTarget(404)(r)) },
			[]string{"target", "target bytes=131072-", "image bytes=131072-"}},
		{"ignores ranges", r, func(r release) site { return r.site().dies(at, hangsUp).once(r.site().but(whole)) }, []string{"target", "target bytes=131072-"}},
		{"416", r, func(r release) site { return r.site().dies(at, hangsUp).once(r.site().but(ranged(416))) }, []string{"target", "target bytes=131072-", "target"}},
		{"wrong range", r, func(r release) site { return r.site().dies(at, hangsUp).once(r.site().but(ranged(206))) },
			[]string{"target", "target bytes=131072-", "target"}},
		{"not found", r, func(r release) site { return r.site().but(answers(404)) }, []string{"target", "image"}},
		{"unauthorised", r, func(r release) site { return r.site().but(answers(401)) }, []string{"target"}},
		{"busy", r, func(r release) site { return r.site().but(answers(503)) }, slices.Repeat([]string{"target"}, 6)},
		{"too many requests", r, func(r release) site { return r.site().but(answers(429)) }, slices.Repeat([]string{"target"}, 6)},
	} {
		var notes []string
		downloads(t, c.name, c.site(c.r).noted(&notes), site{}, func(t *testing.T, w *world) {
			g := w.fetches(c.r, clock.GitHub).alone().run(t, t.Context())
			if len(c.want) < 6 && c.name != "not found" && c.name != "unauthorised" && c.name != "no hash" {
				g.holds(t, c.r)
			}
			if d := cmp.Diff(c.want, c.r.short(notes)); d != "" {
				t.Errorf("-want +got\n%s\n%s", d, &w.log)
			}
		})
	}
}

func unhashed(m Manifest) Manifest {
	m.SHA256 = ""
	return m
}

// noTarget returns a source that has the image as ImageName only, and says so
// by code.
func noTarget(code int) func(release) site {
	return func(r release) site {
		return r.site().but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
			if strings.Contains(q.URL.Path, "/targets/") {
				http.Error(w, "no target", code)
				return
			}
			well(w, q)
		})
	}
}

// ranged answers what asks for a range with a wrong one, or with an error.
func ranged(code int) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
		if q.Header.Get("Range") == "" {
			well(w, q)
			return
		}
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(code)
	}
}

// TestSwitches: pauses before each, at most five of them, by turns.
func TestSwitches(t *testing.T) {
	r := newRelease(1, 3*pieces)
	var github, cloudflare []string
	downloads(t, "", r.site().but(answers(500)).noted(&github), r.site().dies(5, hangsUp).noted(&cloudflare), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub).run(t, t.Context())
		d.gaveUp(t, map[clock.Source]Cause{clock.GitHub: HTTPStatus, clock.Cloudflare: Truncated})
		if len(github) != 3 || len(cloudflare) != 3 {
			t.Errorf("asked %d and %d times, want 3 each", len(github), len(cloudflare))
		}
		if d.took <= 0 || d.took >= 250*31*time.Millisecond {
			t.Errorf("took %s", d.took)
		}
		want := []string{
			"ota_fetch_failed github http_status 500 cloudflare",
			"ota_fetch cloudflare 0 200", "ota_fetch_failed cloudflare truncated 200 github",
			"ota_fetch_failed github http_status 500 cloudflare",
			"ota_fetch cloudflare 0 200", "ota_fetch_failed cloudflare truncated 200 github",
			"ota_fetch_failed github http_status 500 cloudflare",
			"ota_fetch cloudflare 0 200", "ota_fetch_failed cloudflare truncated 200 ",
		}
		if diff := cmp.Diff(want, w.log.Events("source", "cause", "off", "status", "next")); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if n := strings.Count(w.log.String(), "level=WARN"); n != 2 {
			t.Errorf("%d warnings, want one of each source", n)
		}
	})
}

// TestPause: it grows to ten seconds, and no two clocks wait alike.
func TestPause(t *testing.T) {
	for n, most := range map[int]time.Duration{0: 250 * time.Millisecond, 1: 500 * time.Millisecond, 4: 4 * time.Second, 5: 8 * time.Second, 6: 10 * time.Second, 20: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var least, longest time.Duration = time.Hour, 0
			for range 200 {
				begin := time.Now()
				pause(t.Context(), n)
				least, longest = min(least, time.Since(begin)), max(longest, time.Since(begin))
			}
			if longest >= most || longest < most*8/10 || least > most/5 {
				t.Errorf("pause %d: from %s to %s, want all up to %s", n, least, longest, most)
			}
		})
	}
}

// TestStall: a source that keeps us waiting is left after the time to stall.
func TestStall(t *testing.T) {
	r := newRelease(1, 5*pieces)
	for _, c := range []struct {
		name   string
		site   site
		cause  Cause
		after  time.Duration
		detail string
	}{
		{"no connection", site{dial: func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}, Timeout, 5 * time.Second, "no byte for 5s, still connecting"},
		{"no answer", site{handler: hangs}, Timeout, 5 * time.Second, "no byte for 5s, still waiting"},
		{"in the middle", r.site().dies(2*pieces+1, stays), Stalled, 5 * time.Second, "no byte for 5s, still reading"},
		{"drip in the middle", r.site().dies(2*pieces+1, trickles), Stalled, 10 * time.Second, "less than 1 KiB/s for 10s, still reading"},
		{"drip from the begin", r.site().dies(1, trickles), Stalled, 10 * time.Second, "less than 1 KiB/s for 10s, still reading"},
	} {
		downloads(t, c.name, c.site, r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub).run(t, t.Context())
			d.holds(t, r)
			d.complains(t, clock.GitHub, c.cause)
			d.complains(t, clock.Cloudflare, NoCause)
			if !strings.Contains(d.gauge.served["github"].Error, c.detail) {
				t.Errorf("%+v, want %q", d.gauge.served, c.detail)
			}
			if d.took < c.after || d.took > c.after+250*time.Millisecond {
				t.Errorf("took %s, want %s", d.took, c.after)
			}
		})
	}
}

// TestSlowFlash: time that the flash takes is not the source's fault.
func TestSlowFlash(t *testing.T) {
	r := newRelease(1, 5*pieces)
	downloads(t, "", r.site(), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub)
		d.dev = slow{d.dev}
		d.run(t, t.Context()).holds(t, r)
		d.complains(t, clock.GitHub, NoCause)
		if s := d.gauge.served["github"]; s.Requests != 1 || d.took < 5*time.Minute || d.gauge.rate > 2000 {
			t.Errorf("%+v, %s", d.gauge, d.took)
		}
	})
}

type slow struct{ flash.Device }

func (s slow) Program(p []byte, off int64) error {
	time.Sleep(time.Minute)
	return s.Device.Program(p, off)
}

// broken is flash on a disk that fails.
type broken struct {
	flash.Device
	program, erase, sync error
}

func (b broken) Program(p []byte, off int64) error {
	return errors.Join(b.program, b.Device.Program(p, off))
}
func (b broken) Erase(off, n int64) error { return errors.Join(b.erase, b.Device.Erase(off, n)) }
func (b broken) Sync() error              { return errors.Join(b.sync, b.Device.Sync()) }

// TestFlashFails: no other source helps against that.
func TestFlashFails(t *testing.T) {
	r := newRelease(1, 5*pieces)
	for _, c := range []struct {
		name string
		dev  broken
		want Cause
	}{
		{"program", broken{program: syscall.EIO}, FlashIO},
		{"program, disk full", broken{program: syscall.ENOSPC}, FlashFull},
		{"erase", broken{erase: syscall.EIO}, FlashIO},
		{"erase, quota", broken{erase: syscall.EDQUOT}, FlashFull},
		{"sync", broken{sync: syscall.EIO}, FlashIO},
	} {
		downloads(t, c.name, r.site(), r.site(), func(t *testing.T, w *world) {
			d := w.fetches(r, clock.GitHub)
			c.dev.Device = d.dev
			d.dev = c.dev
			d.run(t, t.Context())
			e, ok := d.err.(*Error)
			if !ok || e.Cause != c.want || e.Source != "" || e.During != Downloading || d.verified != 0 {
				t.Errorf("%+v, want %s", d.err, c.want)
			}
			w.requested(t, clock.Cloudflare, 0)
		})
	}
}

// TestEnds: a job ends with its context, at once, and says why.
func TestEnds(t *testing.T) {
	r := newRelease(1, 5*pieces)
	deadline := &Error{Cause: Timeout, Kind: DownloadFailed, Err: errors.New("more than 1s")}
	for name, s := range map[string]site{
		"no answer": {handler: hangs}, "in the middle": r.site().dies(3*pieces, stays), "in a pause": r.site().but(answers(500)),
	} {
		for _, cause := range []*Error{deadline, {Cause: Cancelled, Err: errors.New("cancelled")}} {
			downloads(t, name+"/"+cause.Cause.String(), s, s, func(t *testing.T, w *world) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Millisecond, func() { cancel(cause) })
				d := w.fetches(r, clock.GitHub).run(t, ctx)
				if e, ok := d.err.(*Error); !ok || e.Cause != cause.Cause || e.Source != "" || d.took != time.Millisecond {
					t.Errorf("%+v after %s, want %s", d.err, d.took, cause)
				}
			})
		}
	}
}

// TestMeasured is what is told of the sources.
func TestMeasured(t *testing.T) {
	r := newRelease(1, 4*pieces)
	slowly := r.site().late(300 * time.Millisecond)
	downloads(t, "", r.site().late(time.Second).dies(2*pieces+7, hangsUp), slowly, func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub)
		var states []string
		d.tell = func(g gauge) {
			d.gauge = g
			s := fmt.Sprintf("%s %s %d", g.state, g.source, g.bytes/pieces)
			if len(states) == 0 || states[len(states)-1] != s {
				states = append(states, s)
			}
		}
		d.run(t, t.Context()).holds(t, r)
		got := d.gauge.served
		if g := got["github"]; g.Requests != 1 || g.LatencyMS != 1000 || g.Bytes != 2*pieces+7 || g.Blamed {
			t.Errorf("%+v", g)
		}
		if c := got["cloudflare"]; c.Requests != 1 || c.LatencyMS != 300 || c.Bytes != 2*pieces || c.Error != "" {
			t.Errorf("%+v", c)
		}
		if d.gauge.fetched != 4*pieces+7 {
			t.Errorf("%+v", d.gauge)
		}
		want := []string{"downloading github 0", "downloading github 1", "downloading github 2",
			"downloading cloudflare 2", "downloading cloudflare 3", "downloading cloudflare 4", "verifying cloudflare 4"}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// TestRate is that of the last seconds.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		if got := m.rate(); got != 0 {
			t.Errorf("got %v before anything came", got)
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			m.count(1000)
			if got := m.rate(); got != 10000 {
				t.Fatalf("got %v, want 10000", got)
			}
		}
		for range 60 {
			time.Sleep(100 * time.Millisecond)
			m.rate()
		}
		if got := m.rate(); got != 0 {
			t.Errorf("got %v, six seconds after the last byte", got)
		}
		if len(m.marks) > 12 {
			t.Errorf("%d marks", len(m.marks))
		}
	})
}
