package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/config"
)

// TestMain makes sure that no proxy of the machine gets between.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// A world is an internet of two servers, both behind pipes.
type world struct {
	t      *testing.T
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	GitHub *server
	Cloud  *server
	config config.OTA
	Web
}

// A server has a name, and is reached at one address.
type server struct {
	w        *world
	name     string
	files    map[string]string // by path; a text of three digits is a status
	template x509.Certificate
	issuer   *x509.Certificate // nil: the world's
	version  uint16            // the newest TLS that it speaks
	noName   error             // what the resolver says
	dead     error             // what a connection comes to
	hangs    time.Duration     // before each answer
	deaf     bool              // takes connections and never speaks
	noRanges bool
	plain    bool // no TLS
	conns    chan net.Conn
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	w.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.ca = w.sign(x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"House"}, CommonName: "Root"},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}, nil)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w.GitHub, w.Cloud = w.server("raw.example"), w.server("r2.example")
	w.config = config.OTA{
		GitHub:         config.Source{Manifest: "https://raw.example/version.json", Image: "https://raw.example/wordclock.bin"},
		Cloudflare:     config.Source{Manifest: "https://r2.example/version.json", Image: "https://r2.example/wordclock.bin"},
		CompareSources: true,
		CAFile:         file,
	}
	w.Web = Web{Agent: "wordclockd/test", Lookup: w.lookup, Dial: w.dial}
	return w
}

func (w *world) server(name string) *server {
	s := &server{w: w, name: name, conns: make(chan net.Conn), version: tls.VersionTLS13,
		template: x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}}
	s.publish("2.11.3", "v2.11.3")
	return s
}

// publish puts a release on the server.
func (s *server) publish(version, descriptor string) {
	img := image(descriptor)
	s.files = map[string]string{"/version.json": manifest(version, img), "/wordclock.bin": img}
}

func manifest(version, img string) string {
	return fmt.Sprintf(`{"version":%q,"build_date":"2026-06-01T10:00:00Z","size_bytes":%d,"sha256":"%x"}`, version, len(img), sha256.Sum256([]byte(img)))
}

// image is an image as far as its head goes.
func image(version string) string {
	p := make([]byte, 1000)
	p[0], p[1], p[12], p[23] = 0xE9, 1, 9, 1
	binary.LittleEndian.PutUint32(p[24:], 0x3C000020)
	binary.LittleEndian.PutUint32(p[28:], 256)
	binary.LittleEndian.PutUint32(p[32:], 0xABCD5432)
	copy(p[48:], version)
	copy(p[80:], "wordclock")
	copy(p[112:], "11:35:41")
	copy(p[128:], "Jun  1 2026")
	return string(p)
}

// sign makes a certificate that is valid for a quarter of a year around now.
func (w *world) sign(c x509.Certificate, issuer *x509.Certificate) *x509.Certificate {
	c.SerialNumber = big.NewInt(1)
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().AddDate(0, 0, -30)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().AddDate(0, 0, 60)
	}
	if issuer == nil {
		issuer = &c
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, issuer, &w.key.PublicKey, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *world) find(host string) *server {
	for _, s := range []*server{w.GitHub, w.Cloud} {
		if s.name == host {
			return s
		}
	}
	return nil
}

func (w *world) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	s := w.find(host)
	switch {
	case s == nil:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case errors.Is(s.noName, context.DeadlineExceeded):
		<-ctx.Done()
		return nil, ctx.Err()
	case s.noName != nil:
		return nil, s.noName
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
}

func (w *world) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, _, _ := strings.Cut(addr, ":")
	s := w.find(host)
	if s == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: no route to host")}
	}
	if errors.Is(s.dead, context.DeadlineExceeded) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	} else if s.dead != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: s.dead}
	}
	here, there := net.Pipe()
	select {
	case s.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run runs the servers until the end of the test.
func (w *world) run() {
	for _, s := range []*server{w.GitHub, w.Cloud} {
		chain := tls.Certificate{PrivateKey: w.key}
		if s.issuer != nil {
			chain.Certificate = [][]byte{w.sign(s.template, s.issuer).Raw, s.issuer.Raw}
		} else {
			chain.Certificate = [][]byte{w.sign(s.template, w.ca).Raw}
		}
		c := &tls.Config{
			Certificates: []tls.Certificate{chain},
			MaxVersion:   s.version,
		}
		srv := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
		l := &listener{s.conns, make(chan struct{})}
		switch {
		case s.deaf:
			go l.swallow()
		case s.plain:
			go func() { _ = srv.Serve(l) }()
		default:
			go func() { _ = srv.Serve(tls.NewListener(l, c)) }()
		}
		w.t.Cleanup(func() { _ = l.Close(); _ = srv.Close() })
	}
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	time.Sleep(s.hangs)
	file, ok := s.files[r.URL.Path]
	var status int
	if _, err := fmt.Sscanf(file, "%3d", &status); err == nil && len(file) == 3 {
		rw.WriteHeader(status)
		return
	}
	switch {
	case !ok:
		rw.WriteHeader(http.StatusNotFound)
	case strings.HasPrefix(file, "https://"):
		http.Redirect(rw, r, file, http.StatusFound)
	case s.noRanges:
		_, _ = io.WriteString(rw, file)
	default:
		http.ServeContent(rw, r, "", time.Time{}, strings.NewReader(file))
	}
}

// A listener accepts the far ends of pipes.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// swallow accepts and says nothing.
func (l *listener) swallow() {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
	}
}

// ota runs OTA, and holds that it ends within ten seconds.
func (w *world) ota(p Preference) []Finding {
	w.t.Helper()
	w.run()
	begin := time.Now()
	found := OTA(w.t.Context(), w.Web, w.config, p)
	if took := time.Since(begin); took > 10*time.Second {
		w.t.Errorf("took %s, want at most 10s", took)
	}
	return found
}

// proxy is one that the network wants.
func proxy(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") }
