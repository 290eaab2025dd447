package ota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
)

// source returns the first source of the world as it is asked in a check.
func (w *world) source(t *testing.T) *HTTP {
	t.Helper()
	tr, err := NewTransport(w.c.OTA, w.c.Dial)
	if err != nil {
		t.Fatal(err)
	}
	return NewHTTP(w.c.OTA, clock.GitHub, tr, w.c.Agent)
}

// single runs f in a bubble with one source that matters.
func single(t *testing.T, s site, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, bubble(t, s, status(404))) })
}

// TestRequest is what a source gets to see.
func TestRequest(t *testing.T) {
	var got []string
	seen := func(w http.ResponseWriter, r *http.Request) {
		got = append(got, fmt.Sprintf("%s %s agent=%s encoding=%s range=%s cookie=%q referer=%s proto=%s", r.Method, r.URL, r.UserAgent(),
			r.Header.Get("Accept-Encoding"), r.Header.Get("Range"), r.Header["Cookie"], r.Referer(), r.Proto))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		if r.URL.Path == "/ota/version.json" {
			http.Redirect(w, r, "/new/version.json", http.StatusMovedPermanently)
			return
		}
		io.WriteString(w, "content")
	}
	single(t, site{handler: seen}, func(t *testing.T, w *world) {
		s := w.source(t)
		for _, name := range []string{ManifestName, ImageName, "targets/ab.wordclock.bin"} {
			b, err := s.Open(t.Context(), name, 0)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := io.ReadAll(b); string(p) != "content" || err != nil || b.Size != 7 || b.Status != 200 {
				t.Errorf("%s: %q, %v, %+v", name, p, err, b)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	const more = " agent=wordclockd/test encoding=identity range= cookie=[] referer= proto=HTTP/1.1"
	for i, path := range []string{"/ota/version.json", "/new/version.json", "/ota/wordclock.bin", "/ota/targets/ab.wordclock.bin"} {
		if want := "GET " + path + more; i >= len(got) || got[i] != want {
			t.Errorf("request %d of %q, want %s", i, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	c := config.OTA{
		GitHub:     config.Source{Manifest: "https://a/b/version.json?token=1", Image: "https://c/image"},
		Cloudflare: config.Source{Manifest: "https://d/version.json", Image: "https://e/x.bin", Base: "https://f/g"},
	}
	for _, k := range []struct {
		source     clock.Source
		name, want string
	}{
		{clock.GitHub, ManifestName, "https://a/b/version.json?token=1"},
		{clock.GitHub, ImageName, "https://c/image"},
		{clock.GitHub, "targets/1.release.json", "https://a/b/targets/1.release.json"},
		{clock.Cloudflare, ManifestName, "https://d/version.json"},
		{clock.Cloudflare, ImageName, "https://e/x.bin"},
		{clock.Cloudflare, "targets/1.release.json", "https://f/g/targets/1.release.json"},
	} {
		if u, err := NewHTTP(c, k.source, nil, "").URL(k.name); err != nil || u.String() != k.want {
			t.Errorf("%s of %s: %v, %v, want %s", k.name, k.source, u, err, k.want)
		}
	}
}

// TestRange is what is asked for a part of a file.
func TestRange(t *testing.T) {
	content := "0123456789"
	for _, c := range []struct {
		name  string
		reply func(http.ResponseWriter, *http.Request)
		cause Cause
		skip  int64
	}{
		{"well", func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "x", time.Time{}, strings.NewReader(content))
		}, NoCause, 0},
		{"all of it", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, content) }, NoCause, 4},
		{"another part", partial("bytes 3-9/10"), RangeBroken, 0},
		{"not to the end", partial("bytes 4-8/10"), RangeBroken, 0},
		{"size unknown", partial("bytes 4-9/*"), RangeBroken, 0},
		{"no header", partial(""), RangeBroken, 0},
		{"behind the end", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(416) }, HTTPStatus, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			single(t, site{handler: c.reply}, func(t *testing.T, w *world) {
				b, err := w.source(t).Open(t.Context(), ImageName, 4)
				if CauseOf(err) != c.cause {
					t.Fatalf("%v, want %s", err, c.cause)
				}
				if err != nil {
					return
				}
				defer b.Close()
				if p, err := io.ReadAll(b); string(p) != content[4-c.skip:] || err != nil || b.Size != 10 || b.Skip != c.skip {
					t.Errorf("%q, %v, %+v", p, err, b)
				}
			})
		})
	}
	single(t, site{handler: partial("bytes 0-9/10")}, func(t *testing.T, w *world) {
		if _, err := w.source(t).Open(t.Context(), ImageName, 0); CauseOf(err) != HTTPStatus {
			t.Errorf("a part that was not asked for: %v", err)
		}
	})
}

func partial(header string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", header)
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, "456789")
	}
}

// TestRedirects are those that are followed.
func TestRedirects(t *testing.T) {
	single(t, redirects("", MaxRedirects), func(t *testing.T, w *world) {
		m, status, err := FetchManifest(t.Context(), w.source(t), false)
		if m.Version != "2.12.0" || status != 200 || err != nil {
			t.Errorf("%+v, %d, %v", m, status, err)
		}
	})
}

func TestPermit(t *testing.T) {
	for _, c := range []struct {
		url         string
		well, allow bool // by itself, and with allow_http
	}{
		{"https://a/b", true, true},
		{"http://a/b", false, true},
		{"http://127.0.0.1:80/", true, true},
		{"http://127.255.0.9/", true, true},
		{"http://[::1]/", true, true},
		{"http://[::ffff:127.0.0.1]/", true, true},
		{"http://LocalHost:8080/", true, true},
		{"http://localhost.test/", false, true},
		{"http://127.0.0.1.test/", false, true},
		{"http://128.0.0.1/", false, true},
		{"http://0.0.0.0/", false, true},
		{"ftp://127.0.0.1/", false, false},
		{"file:///etc/passwd", false, false},
		{"a/b", false, false},
	} {
		u, err := http.NewRequest("GET", c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, allow := range []bool{false, true} {
			want := RedirectInsecure
			if c.well && !allow || c.allow && allow {
				want = NoCause
			}
			if err := Permit(config.OTA{AllowHTTP: allow}, u.URL); CauseOf(err) != want {
				t.Errorf("%s, allow_http %t: %v, want cause %q", c.url, allow, err, want)
			}
		}
	}
}

// TestConfiguredAddress: what a redirect may not do, the configuration may not
// either.
func TestConfiguredAddress(t *testing.T) {
	single(t, offers("2.12.0"), func(t *testing.T, w *world) {
		w.c.OTA.GitHub.Manifest = "http://github.test/version.json"
		l := w.look(t, t.Context(), Request{Only: true})
		l.failed(t, clock.GitHub, failing{cause: RedirectInsecure, detail: "http://github.test/version.json is not encrypted: use https, or set ota.allow_http"})
		w.requested(t, clock.GitHub, 0)
	})
}

// TestPlain: http where it is allowed.
func TestPlain(t *testing.T) {
	plain := site{bare: func(c net.Conn) {
		c.Read(make([]byte, 4096))
		p := AppendManifest(nil, offer("2.12.0"))
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(p), p)
	}}
	single(t, plain, func(t *testing.T, w *world) {
		w.c.OTA.AllowHTTP = true
		w.c.OTA.GitHub.Manifest = "http://github.test/version.json"
		w.look(t, t.Context(), Request{Only: true}).served(t, clock.GitHub, "2.12.0")
	})
}

// TestSecrets: what may stand in an address is neither shown nor logged.
func TestSecrets(t *testing.T) {
	const addr = "https://user:secret@github.test/version.json?token=secret#secret"
	sites := map[string]site{
		"redirect to http": {handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://user:secret@192.0.2.1/x?token=secret", http.StatusFound)
		}},
		"redirect loop": {handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x?token=secret", http.StatusFound)
		}},
	}
	for _, f := range failings {
		sites[f.name] = f.site
	}
	for name, s := range sites {
		t.Run(name, func(t *testing.T) {
			single(t, s, func(t *testing.T, w *world) {
				w.c.OTA.GitHub.Manifest = addr
				w.c.OTA.Cloudflare.Manifest = "https://user:secret@cloudflare.test/%zz"
				l := w.look(t, t.Context(), Request{})
				if text := fmt.Sprintf("%+v %s", l.Check, &w.log); strings.Contains(text, "secret") {
					t.Error(text)
				}
				if l.Error == "" {
					t.Errorf("%+v", l.Check)
				}
			})
		})
	}
}

// TestCAFile: a file that cannot be used is said, and nobody is asked.
func TestCAFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		empty:         "holds no PEM certificate",
		empty + ".no": "no such file",
	} {
		single(t, offers("2.12.0"), func(t *testing.T, w *world) {
			w.c.OTA.CAFile = file
			l := w.look(t, t.Context(), Request{})
			for _, s := range clock.Sources {
				l.failed(t, s, failing{cause: TLSUntrusted, detail: want})
			}
			l.nobody(t, "github: tls_untrusted: read ota.ca_file: ", "cloudflare: tls_untrusted: read ota.ca_file: ")
			w.requested(t, clock.GitHub, 0)
		})
	}
}

// TestFetch: a file as large as is allowed, and one byte more, with a length
// and without.
func TestFetch(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		for n, want := range map[int]Cause{100: NoCause, 101: TooLarge} {
			s := site{handler: func(w http.ResponseWriter, r *http.Request) {
				if chunked {
					http.NewResponseController(w).Flush()
				}
				io.WriteString(w, strings.Repeat("x", n))
			}}
			single(t, s, func(t *testing.T, w *world) {
				p, status, err := Fetch(t.Context(), w.source(t), "targets/x", 100, TooLarge)
				if CauseOf(err) != want || status != 200 || err == nil && len(p) != n || err != nil && p != nil {
					t.Errorf("%d bytes, chunked %t: %d bytes, status %d, %v", n, chunked, len(p), status, err)
				}
			})
		}
	}
}

// TestReadCancelled: reading ends with the context, and says why.
func TestReadCancelled(t *testing.T) {
	single(t, site{handler: drips}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		b, err := w.source(t).Open(ctx, ImageName, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		_, err = io.Copy(io.Discard, b)
		e, ok := err.(*Error)
		if !ok || e.Cause != Cancelled || e.Source != "github" || e.Status != 200 || time.Since(begin) != time.Second {
			t.Errorf("%+v after %s", err, time.Since(begin))
		}
	})
}

// TestHungUp: what a server sends because we hung up is no answer, even if it
// looks like the end of one.
func TestHungUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	tr := &trace{ctx: ctx}
	tr.enter(reading)
	cancel(fault(Timeout, errors.New("no answer within 10s")))
	tr.enter(waiting)
	b := &body{resp: &http.Response{Body: http.NoBody}, trace: tr, source: NewHTTP(config.OTA{}, clock.GitHub, nil, "")}
	_, err := b.Read(make([]byte, 1))
	if got, want := fmt.Sprint(err), "github: stalled: no answer within 10s, still reading the answer"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
