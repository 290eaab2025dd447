package ota

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestBlame is who is blamed for wrong bytes, and what is fetched because of
// them.
func TestBlame(t *testing.T) {
	r := newRelease(1, 5*pieces)
	p := r.pieced()
	lying := r.pieced()
	lying.lie()
	dies := func(s site) site { return s.dies(2*pieces+9, hangsUp).once(s) }
	for _, c := range []struct {
		name               string
		r                  release
		github, cloudflare site
		fetched            float64 // pieces
		blamed             []string
	}{
		{"nobody", r, r.site(), r.site(), 5, nil},
		{"first, all of it his", r, r.flips(3 * pieces), r.site(), 10, []string{"ota_source_blamed github -1"}},
		{"first, by a piece", p, p.flips(3*pieces + 7), p.site(), 6, []string{"ota_source_blamed github 196608"}},
		{"first, by the first piece", p, p.flips(0), p.site(), 6, []string{"ota_source_blamed github 0"}},
		{"first, by the last piece", p, p.flips(5*pieces - 1), p.site(), 6, []string{"ota_source_blamed github 262144"}},
		// Mixed: github alone is asked for the whole, since cloudflare served last.
		{"second, mixed", r, dies(r.site()), r.flips(4 * pieces), 10, nil},
		{"first, mixed", r, dies(r.flips(pieces)), r.site(), 15, []string{"ota_source_blamed github -1"}},
		// Here github served last, so cloudflare is asked.
		{"first, mixed, and last", r, dies(r.flips(4 * pieces)), r.site().dies(3*pieces+9, hangsUp).once(r.site()), 10, nil},
		{"second, by a piece", p, dies(p.site()), p.flips(4 * pieces), 6, []string{"ota_source_blamed cloudflare 262144"}},
		{"the pieces lie", lying, lying.site(), lying.site(), 7, []string{"ota_source_blamed github 0", "ota_source_blamed cloudflare 0"}},
	} {
		downloads(t, c.name, c.github, c.cloudflare, func(t *testing.T, w *world) {
			d := w.fetches(c.r, clock.GitHub).run(t, t.Context())
			d.holds(t, c.r)
			blamed := slices.DeleteFunc(w.log.Events("source", "off"), func(e string) bool { return !strings.HasPrefix(e, "ota_source_blamed") })
			if diff := cmp.Diff(c.blamed, blamed, cmp.Transformer("", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, &w.log)
			}
			if got := float64(d.gauge.fetched) / pieces; got < c.fetched || got > c.fetched+0.1 {
				t.Errorf("fetched %v pieces, want %v\n%s", got, c.fetched, &w.log)
			}
		})
	}
}

// lie makes the pieces file one of other bytes, and pins it.
func (r *release) lie() {
	r.pieces = bytes.Replace(r.pieces, []byte(`"sha256":["`), []byte(`"sha256":["00000000`), 1)
	i := bytes.Index(r.pieces, []byte(`00000000`))
	r.pieces = append(r.pieces[:i+8], r.pieces[i+16:]...)
	r.manifest.PiecesSHA256 = fmt.Sprintf("%x", sha256.Sum256(r.pieces))
}

// TestBlamedForgotten: blame is of one update.
func TestBlamedForgotten(t *testing.T) {
	r := newRelease(1, 3*pieces)
	downloads(t, "", r.flips(pieces).once(r.site()), r.site().but(answers(404)), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub).run(t, t.Context())
		d.gaveUp(t, map[clock.Source]Cause{clock.GitHub: WrongBytes, clock.Cloudflare: HTTPStatus})
		if d.kept != (Plan{}) {
			t.Errorf("plan %+v is kept of what is wrong", d.kept)
		}
		again := w.fetches(r, clock.GitHub)
		again.dev = d.dev
		again.run(t, t.Context()).holds(t, r)
	})
}

// TestUnhashedImage: the image's own digest is all there is to go by.
func TestUnhashedImage(t *testing.T) {
	r := newRelease(1, 3*pieces)
	downloads(t, "", r.site(), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(release{manifest: unhashed(r.manifest)}, clock.GitHub)
		wrong := true
		d.verify = func(context.Context) error {
			defer func() { wrong = false }()
			if wrong {
				return fault(ImageInvalid, errors.New("its digest is another"))
			}
			d.verified++
			return nil
		}
		d.run(t, t.Context()).holds(t, r)
		d.complains(t, clock.GitHub, ImageInvalid)
		if d.kept != (Plan{}) {
			t.Errorf("plan %+v", d.kept)
		}
	})
}

// TestVerifyFinal: what verify says of the right bytes is the end.
func TestVerifyFinal(t *testing.T) {
	r := newRelease(1, 3*pieces)
	downloads(t, "", r.site(), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub)
		d.verify = func(context.Context) error { return fault(BadSignature, errors.New("signed by nobody")) }
		d.run(t, t.Context())
		if e, ok := d.err.(*Error); !ok || e.Cause != BadSignature || d.gauge.fetched != 3*pieces {
			t.Errorf("%+v, fetched %d", d.err, d.gauge.fetched)
		}
	})
}

// TestJudge: a head that is refused may be one source's fault.
func TestJudge(t *testing.T) {
	plain := newRelease(1, 3*pieces)
	for _, c := range []struct {
		name               string
		github, cloudflare func(release) site
		holds, unanimous   bool
	}{
		{"of one source", release.headless, release.site, true, false},
		{"of both", release.headless, release.headless, false, true},
		{"of one, the other is gone", release.headless, func(r release) site { return r.site().but(answers(404)) }, false, false},
	} {
		either(plain, func(name string, r release) {
			downloads(t, c.name+"/"+name, c.github(r), c.cloudflare(r), func(t *testing.T, w *world) {
				d := w.fetches(r, clock.GitHub).run(t, t.Context())
				if c.holds {
					d.holds(t, r)
					return
				}
				_, one := d.err.(*Error)
				_, all := d.err.(*FetchError)
				if pieced := r.pieces != nil; one != (c.unanimous && !pieced) || one == all || d.verified != 0 {
					t.Errorf("%+v, verified %d times", d.err, d.verified)
				}
				d.complains(t, clock.GitHub, ImageInvalid)
			})
		})
	}
	// By its pieces it is the image, so nobody else is asked.
	bad := newRelease(1, 3*pieces)
	bad.image[0] = 0
	bad.manifest.SHA256 = fmt.Sprintf("%x", sha256.Sum256(bad.image))
	bad = bad.pieced()
	downloads(t, "the image itself", bad.site(), bad.site(), func(t *testing.T, w *world) {
		d := w.fetches(bad, clock.GitHub).run(t, t.Context())
		if e, ok := d.err.(*Error); !ok || e.Cause != ImageInvalid || e.Source != "" || d.gauge.fetched != pieces {
			t.Errorf("%+v, fetched %d", d.err, d.gauge.fetched)
		}
		w.requested(t, clock.Cloudflare, 0)
	})
}

// headless is a source whose image does not begin as it has to.
func (r release) headless() site { return r.flips(0) }

// TestPiecesIgnored: there is one warning, and the image all the same.
func TestPiecesIgnored(t *testing.T) {
	r := newRelease(1, 3*pieces).pieced()
	gives := func(p string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, p) }
	}
	lying := r
	lying.lie()
	other := newRelease(2, 3*pieces).pieced()
	swapped := r
	swapped.pieces, swapped.manifest.PiecesSHA256 = other.pieces, other.manifest.PiecesSHA256
	text := release{image: r.image, manifest: r.manifest, pieces: []byte("{}")}
	text.manifest.PiecesSHA256 = fmt.Sprintf("%x", sha256.Sum256(text.pieces))
	for _, c := range []struct {
		name   string
		r      release
		pieces func(http.ResponseWriter, *http.Request)
		want   string
	}{
		{"absent", r, http.NotFound, "http_status"},
		{"other bytes", r, gives("{}"), "wrong_bytes"},
		{"not those that are pinned", r, gives(string(lying.pieces)), "wrong_bytes"},
		{"too large", r, gives(strings.Repeat("x", MaxPieces+1)), "wrong_bytes"},
		{"of another image", swapped, nil, "wrong_bytes"},
		{"no pieces at all", text, nil, "wrong_bytes"},
		{"silent", r, hangs, "timeout"},
		{"busy", r, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "http_status"},
	} {
		s := c.r.site()
		if h := s.handler; c.pieces != nil {
			s.handler = func(w http.ResponseWriter, q *http.Request) {
				if strings.HasSuffix(q.URL.Path, ".json") {
					c.pieces(w, q)
				} else {
					h(w, q)
				}
			}
		}
		downloads(t, c.name, s, s, func(t *testing.T, w *world) {
			d := w.fetches(c.r, clock.GitHub).run(t, t.Context())
			d.holds(t, c.r)
			warnings := slices.DeleteFunc(w.log.Events("cause"), func(e string) bool { return !strings.HasPrefix(e, "ota_pieces_ignored") })
			if want := []string{"ota_pieces_ignored " + c.want}; !slices.Equal(warnings, want) {
				t.Errorf("%q, want %q", warnings, want)
			}
			if s := d.gauge.served["github"]; s.Blamed || d.gauge.fetched != r.manifest.Size {
				t.Errorf("%+v, fetched %d", s, d.gauge.fetched)
			}
			if d.took > 2*5*time.Second {
				t.Errorf("took %s", d.took)
			}
		})
	}
}

// TestPiecesElsewhere: any source may have the pieces; who is silent about them
// is asked last for the image.
func TestPiecesElsewhere(t *testing.T) {
	r := newRelease(1, 3*pieces).pieced()
	none := r
	none.pieces = nil
	downloads(t, "absent", none.flips(2*pieces), r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub).run(t, t.Context())
		d.holds(t, r)
		if s := d.gauge.served["github"]; !s.Blamed || s.Bytes != 3*pieces {
			t.Errorf("%+v", s)
		}
	})
	downloads(t, "silent", site{handler: hangs}, r.site(), func(t *testing.T, w *world) {
		d := w.fetches(r, clock.GitHub).run(t, t.Context())
		d.holds(t, r)
		d.complains(t, clock.GitHub, Timeout)
		w.requested(t, clock.GitHub, 1)
		if d.took != 5*time.Second {
			t.Errorf("took %s", d.took)
		}
	})
}
