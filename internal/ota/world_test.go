package ota

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() { // no proxy of the host between us
		if name, _, _ := strings.Cut(v, "="); strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// A site is how a source behaves.
type site struct {
	handler http.HandlerFunc
	cert    func(*authority, *x509.Certificate) tls.Certificate // by default one that is good
	tls     func(*tls.Config)
	bare    func(net.Conn)                          // instead of TLS and HTTP
	dial    func(context.Context) (net.Conn, error) // instead of the server
}

// A world is two sources and a checker that can reach them and nothing else.
type world struct {
	*Checker
	log   proof.Log
	asked [2]atomic.Int32 // requests, by clock.Source
	open  atomic.Int32    // connections of the checker
}

// bubble returns a world in memory: sources are github.test and
// cloudflare.test.
func bubble(t testing.TB, github, cloudflare site) *world {
	hosts := [2]string{"github.test", "cloudflare.test"}
	var listeners [2]net.Listener
	for i, h := range hosts {
		listeners[i] = listen(h)
	}
	sites := [2]site{github, cloudflare}
	dial := func(ctx context.Context, _, addr string) (net.Conn, error) {
		for i, h := range hosts {
			switch {
			case addr != h+":443" && addr != h+":80":
			case sites[i].dial != nil:
				return sites[i].dial(ctx)
			default:
				return listeners[i].(*listener).dial(ctx)
			}
		}
		return nil, fmt.Errorf("dial %s: outside of the test", addr)
	}
	return newWorld(t, hosts, listeners, sites, dial)
}

// sockets returns a world whose sources are on ports of this host.
func sockets(t testing.TB, github, cloudflare site) *world {
	var hosts [2]string
	var listeners [2]net.Listener
	for i := range hosts {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i], hosts[i] = l, l.Addr().String()
	}
	sites := [2]site{github, cloudflare}
	var d net.Dialer
	return newWorld(t, hosts, listeners, sites, func(ctx context.Context, network, addr string) (net.Conn, error) {
		for i, h := range hosts {
			if addr == h && sites[i].dial != nil {
				return sites[i].dial(ctx)
			}
		}
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			return nil, fmt.Errorf("dial %s: outside of the test", addr)
		}
		return d.DialContext(ctx, network, addr)
	})
}

func newWorld(t testing.TB, hosts [2]string, listeners [2]net.Listener, sites [2]site, dial Dial) *world {
	t.Helper()
	w := new(world)
	ca := newAuthority()
	g, _ := task.NewGroup(context.Background())
	t.Cleanup(func() {
		if err := g.Wait(); err != nil { // servers are closed by later cleanups, which run first
			t.Error(err)
		}
	})
	for i, s := range sites {
		serve(t, g, listeners[i], s.counted(&w.asked[i]), ca, hosts[i])
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	source := func(host string) config.Source {
		return config.Source{Manifest: "https://" + host + "/ota/version.json", Image: "https://" + host + "/ota/wordclock.bin"}
	}
	w.Checker = New(Config{
		OTA: config.OTA{
			GitHub: source(hosts[clock.GitHub]), Cloudflare: source(hosts[clock.Cloudflare]),
			CompareSources: true, CAFile: file,
		},
		Agent: "wordclockd/test",
		Log:   w.log.Logger(),
		Dial:  w.counting(dial),
	})
	return w
}

// counting counts the connections that are open.
func (w *world) counting(dial Dial) Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.open.Add(1)
		return &counted{Conn: c, open: &w.open}, nil
	}
}

type counted struct {
	net.Conn
	open   *atomic.Int32
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// counted returns s with a count of the requests for the manifest.
func (s site) counted(n *atomic.Int32) site {
	if h := s.handler; h != nil {
		s.handler = func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			h(w, r)
		}
	}
	return s
}

// serve runs a site until the test ends.
func serve(t testing.TB, g *task.Group, l net.Listener, s site, ca *authority, host string) {
	if s.bare != nil {
		g.Go("serve "+host, func(context.Context) error { return serveBare(g, l, s.bare) })
		t.Cleanup(func() { l.Close() })
		return
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if s.cert == nil {
		s.cert = (*authority).issue
	}
	c := &tls.Config{Certificates: []tls.Certificate{s.cert(ca, template(name))}}
	if s.tls != nil {
		s.tls(c)
	}
	srv := &http.Server{Handler: s.handler, ErrorLog: log.New(io.Discard, "", 0)}
	tl := tls.NewListener(l, c)
	g.Go("serve "+host, func(context.Context) error {
		if err := srv.Serve(tl); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	t.Cleanup(func() { srv.Close() })
}

func serveBare(g *task.Group, l net.Listener, f func(net.Conn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return nil
		}
		g.Go("connection", func(context.Context) error {
			defer c.Close()
			f(c)
			return nil
		})
	}
}

// An authority issues certificates that are valid at present.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() *authority {
	a := &authority{key: newKey()}
	t := template("authority of the test")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der := must(x509.CreateCertificate(rand.Reader, t, t, a.key.Public(), a.key))
	a.cert = must(x509.ParseCertificate(der))
	return a
}

func template(name string) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return c
}

func (a *authority) issue(t *x509.Certificate) tls.Certificate {
	key := newKey()
	der := must(x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
