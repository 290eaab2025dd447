package ota

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

// A defect is why a source that announces an image does not deliver it.
type defect struct {
	name   string
	site   func(release) site
	cause  Cause // that is told of the source
	ranged bool  // it is in how it resumes: the other source begins, and dies
	benign bool  // the source delivers all the same
	memory bool  // cannot be had over sockets without leaving the host
}

// middle is where bodies end that end too early.
const middle = 2*pieces + 1000

func dead(err error) func(release) site {
	return func(release) site { return dials(&net.OpError{Op: "dial", Net: "tcp", Err: err}) }
}

func says(code int) func(release) site {
	return func(r release) site { return r.site().but(answers(code)) }
}

func ends(end func(http.ResponseWriter, *http.Request)) func(release) site {
	return func(r release) site { return r.site().dies(middle, end) }
}

func instead(f func(http.ResponseWriter, *http.Request, http.HandlerFunc)) func(release) site {
	return func(r release) site { return r.site().but(f) }
}

func flipped(at int) func(release) site {
	return func(r release) site { return r.flips((at + len(r.image)) % len(r.image)) }
}

func shows(cert func(*authority, *x509.Certificate) tls.Certificate) func(release) site {
	return func(r release) site {
		s := r.site()
		s.cert = cert
		return s
	}
}

// plainly drops the handler that is not asked.
func plainly(h http.HandlerFunc) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return func(w http.ResponseWriter, q *http.Request, _ http.HandlerFunc) { h(w, q) }
}

// defects are all of them, of images of five pieces or six.
var defects = []defect{
	{name: "404", site: says(404), cause: HTTPStatus},
	{name: "403", site: says(403), cause: HTTPStatus},
	{name: "429", site: says(429), cause: HTTPStatus},
	{name: "500", site: says(500), cause: HTTPStatus},
	{name: "refused", site: dead(syscall.ECONNREFUSED), cause: Refused, memory: true},
	{name: "reset", site: instead(plainly(resets)), cause: Refused},
	{name: "reset mid-body", site: ends(resetsLater), cause: Truncated, memory: true},
	{name: "hang before headers", site: instead(plainly(hangs)), cause: Timeout},
	{name: "hang mid-body", site: ends(stays), cause: Stalled},
	{name: "slow drip", site: ends(trickles), cause: Stalled},
	{name: "truncated", site: ends(hangsUp), cause: Truncated},
	{name: "too long", site: func(r release) site { return r.site().but(r.grows(true)) }, cause: WrongBytes},
	{name: "too long, of no length", site: func(r release) site { return r.site().but(r.grows(false)) }, cause: WrongBytes},
	{name: "Range ignored", site: instead(whole), ranged: true, benign: true},
	{name: "wrong Content-Range", site: instead(ranged(206)), cause: RangeBroken, ranged: true, benign: true},
	{name: "416", site: instead(ranged(416)), ranged: true, benign: true},
	{name: "flipped byte at first piece", site: flipped(1000), cause: WrongBytes},
	{name: "flipped byte at middle piece", site: flipped(2 * pieces), cause: WrongBytes},
	{name: "flipped byte at last piece", site: flipped(-1), cause: WrongBytes},
	{name: "stale image", site: release.stale, cause: WrongBytes},
	{name: "other image", site: release.another, cause: WrongBytes},
	{name: "gzip surprise", site: func(r release) site { return r.site().but(r.gzips) }, cause: WrongBytes},
	{name: "redirect loop", site: instead(circles), cause: RedirectLoop},
	{name: "TLS wrong name", site: shows(otherName), cause: TLSName},
	{name: "TLS expired", site: shows(expired), cause: TLSExpired},
	{name: "TLS untrusted", site: shows(untrusted), cause: TLSUntrusted},
}

// other returns the source that is well beside one with f.
func (f defect) other(r release) site {
	if f.ranged {
		return r.site().dies(middle, hangsUp).once(r.site())
	}
	return r.site()
}

// other2 returns the other source with f.
func (f defect) other2(r release) site {
	if f.ranged {
		return r.site().dies(middle, hangsUp).once(f.site(r))
	}
	return f.site(r)
}

// first returns who is asked first if s has f.
func (f defect) first(s clock.Source) clock.Source {
	if f.ranged {
		return s.Other()
	}
	return s
}

// downloadsBy is downloads with the site of s, and of the other.
func downloadsBy(t *testing.T, name string, s clock.Source, site, other site, f func(*testing.T, *world)) {
	t.Helper()
	if s == clock.Cloudflare {
		site, other = other, site
	}
	downloads(t, name, site, other, f)
}

// one is a download when s has f.
func (f defect) one(t *testing.T, d *download, r release, s clock.Source) {
	t.Helper()
	d.run(t, t.Context()).holds(t, r)
	d.complains(t, s, f.cause)
	begun := NoCause
	if f.ranged {
		begun = Truncated // which is why it came to s
	}
	d.complains(t, s.Other(), begun)
}

// TestImageSockets has each class once more, over TCP of this host.
func TestImageSockets(t *testing.T) {
	r := newRelease(1, 5*pieces)
	for _, f := range defects {
		if f.memory {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := sockets(t, f.site(r), f.other(r))
			d := w.fetches(r, f.first(clock.GitHub))
			if f.cause == Timeout || f.cause == Stalled {
				d.stall = 500 * time.Millisecond
			}
			f.one(t, d, r, clock.GitHub)
		})
	}
}

// TestImageSocketsRefused: nobody listens.
func TestImageSocketsRefused(t *testing.T) {
	r := newRelease(1, 5*pieces)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	w := sockets(t, r.site(), r.site())
	w.c.OTA.GitHub.Manifest = "https://" + l.Addr().String() + "/version.json"
	defect{cause: Refused}.one(t, w.fetches(r, clock.GitHub), r, clock.GitHub)
}

// classes are what a matrix has to have in it, by the names of the rows that show
// it: of defects, and of failings. An empty one says why it cannot be.
var classes = map[string]struct{ image, manifest, impossible string }{
	"404":                          {"404", "404", ""},
	"403":                          {"403", "403", ""},
	"429":                          {"429", "429", ""},
	"500":                          {"500", "500", ""},
	"refused":                      {"refused", "refused", ""},
	"reset":                        {"reset", "reset", ""},
	"hang before headers":          {"hang before headers", "hang", ""},
	"hang mid-body":                {"hang mid-body", "hang mid-body", ""},
	"slow drip":                    {"slow drip", "drip", ""},
	"truncated":                    {"truncated", "truncated", ""},
	"too long":                     {"too long", "endless", ""},
	"Range ignored":                {"Range ignored", "", "a manifest is asked for as a whole: there is no range to ignore"},
	"wrong Content-Range":          {"wrong Content-Range", "206", ""},
	"416":                          {"416", "416", ""},
	"flipped byte at first piece":  {"flipped byte at first piece", "flipped brace", ""},
	"flipped byte at middle piece": {"flipped byte at middle piece", "flipped digit", ""},
	"flipped byte at last piece":   {"flipped byte at last piece", "flipped end", ""},
	"stale image":                  {"stale image", "", "an older manifest is a valid one: TestVersions and TestPick have what follows from it"},
	"other image":                  {"other image", "", "a manifest has no hash that it could differ from: TestPick has sources that differ"},
	"gzip surprise":                {"gzip surprise", "gzip surprise", ""},
	"redirect loop":                {"redirect loop", "redirect loop", ""},
	"TLS wrong name":               {"TLS wrong name", "wrong name", ""},
	"TLS expired":                  {"TLS expired", "expired", ""},
	"TLS untrusted":                {"TLS untrusted", "untrusted", ""},
}

// TestClasses: no cell of the matrix is left out without a reason.
func TestClasses(t *testing.T) {
	rows := map[string]bool{}
	for _, f := range defects {
		rows["image "+f.name] = true
	}
	for _, f := range failings {
		rows["manifest "+f.name] = true
	}
	for name, c := range classes {
		if !rows["image "+c.image] || !rows["manifest "+c.manifest] && (c.manifest != "" || c.impossible == "") {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
