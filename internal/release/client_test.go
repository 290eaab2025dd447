package release

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/ota"
	"wordclockd/internal/task"
)

// A site is a server with TLS, and what the updater knows of it.
type site struct {
	ota.Source
	config config.OTA
	stop   func() error
	log    *lines
}

// start serves a folder on a port of this host until the test, or stop, ends it.
func start(t *testing.T, f *Folder, faults ...string) site {
	t.Helper()
	cert, authority, err := Certify(time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := site{log: newLines()}
	server := NewServer(f, parsed(t, faults), slog.New(slog.NewJSONHandler(s.log, nil)))
	g, ctx := task.NewGroup(t.Context())
	g.Go("serve", func(context.Context) error {
		return server.Serve(ctx, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	})
	s.stop = func() error { g.Stop(nil); return g.Wait() }
	t.Cleanup(func() { s.stop() })
	s.config.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.config.CAFile, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	url := "https://" + l.Addr().String() + "/"
	s.config.GitHub = config.Source{Manifest: url + "version.json", Image: url + "wordclock.bin"}
	rt, err := ota.NewTransport(s.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Source = ota.NewHTTP(s.config, clock.GitHub, rt, "test")
	return s
}

// lines keeps a log.
type lines struct {
	once  sync.Once
	begun chan struct{} // closed by the first line

	mu   sync.Mutex
	text strings.Builder
}

func newLines() *lines { return &lines{begun: make(chan struct{})} }

func (l *lines) Write(p []byte) (int, error) {
	defer l.once.Do(func() { close(l.begun) })
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// fetch reads all that follows off, as the updater does.
func (s site) fetch(ctx context.Context, name string, off int64) ([]byte, error) {
	b, err := s.Open(ctx, name, off)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

// TestUpdater: the updater's own client takes the release, and goes on in the
// middle of the image.
func TestUpdater(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	s := start(t, f)
	m, status, err := ota.FetchManifest(t.Context(), s, false)
	if m.Version != "2.12.0" || status != 200 || err != nil {
		t.Fatalf("%+v, %d, %v", m, status, err)
	}
	all, err := s.fetch(t.Context(), ota.TargetName(m.SHA256), 0)
	if hashOf(all) != m.SHA256 || err != nil {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	rest, err := s.fetch(t.Context(), ota.ImageName, 65536)
	if hashOf(append(all[:65536], rest...)) != m.SHA256 || err != nil {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

// TestUpdaterSees: which cause the updater finds for each fault.
func TestUpdaterSees(t *testing.T) {
	raw := firmware(t, "2.12.0")
	for _, c := range []struct {
		fault     string
		off       int64
		manifest  ota.Cause
		image     ota.Cause
		delivered int
	}{
		{"404", 0, ota.HTTPStatus, ota.HTTPStatus, 0},
		{"image:503", 0, ota.NoCause, ota.HTTPStatus, 0},
		{"cut=70000", 0, ota.NoCause, ota.Truncated, 70000},
		{"cut=70000", 65536, ota.NoCause, ota.Truncated, 70000 - 65536},
		{"manifest:cut=10", 0, ota.Truncated, ota.NoCause, len(raw)},
		{"manifest:flip=0", 0, ota.ManifestInvalid, ota.NoCause, len(raw)},
		{"flip=5", 0, ota.NoCause, ota.NoCause, len(raw)},
	} {
		t.Run(c.fault, func(t *testing.T) {
			f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
			s := start(t, f, c.fault)
			if _, _, err := ota.FetchManifest(t.Context(), s, false); ota.CauseOf(err) != c.manifest {
				t.Errorf("manifest: %v, want cause %q", err, c.manifest)
			}
			if got, err := s.fetch(t.Context(), ota.ImageName, c.off); ota.CauseOf(err) != c.image || len(got) != c.delivered {
				t.Errorf("image: %d bytes, %v, want %d and cause %q", len(got), err, c.delivered, c.image)
			}
		})
	}
}

// TestStall: a source that sends nothing more keeps the connection; and it can be
// stopped meanwhile.
func TestStall(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	s := start(t, f, "stall=70000")
	b, err := s.Open(t.Context(), ota.ImageName, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([]byte, 70000)
	if _, err := io.ReadFull(b, got); err != nil || hashOf(got) != hashOf(raw[:70000]) {
		t.Errorf("up to the stall: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if n, err := b.Read(got); n > 0 || ota.CauseOf(err) != ota.Truncated {
		t.Errorf("%d bytes more, %v", n, err)
	}
}

// TestHang: nothing is answered, until the client gives up.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", "/version.json", nil)
		w := httptest.NewRecorder()
		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			NewServer(nil, parsed(t, []string{"hang"}), slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		}()
		select {
		case <-ended:
			t.Error("there was an answer")
		case <-time.After(time.Hour):
			cancel()
			if got := <-ended; got != http.ErrAbortHandler || w.Body.Len() > 0 || w.Flushed {
				t.Errorf("ended by %v, with %d bytes", got, w.Body.Len())
			}
		}
		cancel()
	})
}

// TestLog: a line for each request, without what may be secret.
func TestLog(t *testing.T) {
	f, _ := folder(t, map[string][]byte{"wordclock.bin": firmware(t, "2.12.0")})
	log := newLines()
	h := httptest.NewServer(NewServer(f, nil, slog.New(slog.NewJSONHandler(log, nil))))
	get(t, h.URL+"/version.json?token=secret", "Range", "bytes=10-19", "Authorization", "Bearer secret", "User-Agent", "secret")
	h.Close()
	var got map[string]any
	if err := json.Unmarshal([]byte(log.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "GET", "path": "/version.json", "status": 206.0, "bytes": 10.0, "range": "bytes=10-19",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrust: who does not know the authority takes nothing, and the log says so.
func TestTrust(t *testing.T) {
	f, _ := folder(t, map[string][]byte{"wordclock.bin": firmware(t, "2.12.0")})
	s, other := start(t, f), start(t, f)
	s.config.CAFile = other.config.CAFile
	rt, err := ota.NewTransport(s.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = ota.FetchManifest(t.Context(), ota.NewHTTP(s.config, clock.GitHub, rt, "test"), false)
	if ota.CauseOf(err) != ota.TLSUntrusted {
		t.Errorf("got %v, want cause %s", err, ota.TLSUntrusted)
	}
	<-s.log.begun
	if log := s.log.String(); !strings.Contains(log, "TLS handshake error") || strings.Contains(log, "request") {
		t.Errorf("log:\n%s", log)
	}
}

// TestCertify: what hosts a certificate is for.
func TestCertify(t *testing.T) {
	now := time.Date(2026, 11, 24, 14, 37, 0, 0, time.UTC)
	c, authority, err := Certify(now, "localhost", "127.0.0.1", "::1")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatal("the authority is no certificate")
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "[::1]": true, "clock.test": false, "127.0.0.2": false} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now.AddDate(0, 0, 29)})
		if (err == nil) != want {
			t.Errorf("%s: %v, want it valid: %t", host, err, want)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.AddDate(0, 0, 31)}); err == nil {
		t.Error("it is valid for ever")
	}
}
