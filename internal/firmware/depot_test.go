package firmware

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/ota"
	"wordclockd/internal/release"
	"wordclockd/internal/task"
)

// A depot is a source of firmware in memory, and as far away as the network is slow.
type depot struct {
	host   string
	dir    string
	folder *release.Folder
	calls  chan net.Conn

	mu     sync.Mutex
	fault  string // of release.ParseFault; "" is none
	refuse bool   // connections
}

// openDepot opens one until the test ends. Without a certificate it is plain HTTP.
func openDepot(t testing.TB, g *task.Group, host string, cert *tls.Certificate) *depot {
	t.Helper()
	d := &depot{host: host, dir: t.TempDir(), calls: make(chan net.Conn)}
	var err error
	if d.folder, err = release.OpenFolder(d.dir); err != nil {
		t.Fatal(err)
	}
	l := net.Listener(&exchange{calls: d.calls, closed: make(chan struct{})})
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}})
	}
	s := &http.Server{Handler: d, ErrorLog: log.New(io.Discard, "", 0)}
	g.Go("serve "+host, func(context.Context) error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	t.Cleanup(func() { s.Close(); d.folder.Close() })
	return d
}

// An exchange is where a server in memory takes its connections from.
type exchange struct {
	calls  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (x *exchange) Accept() (net.Conn, error) {
	select {
	case c := <-x.calls:
		return c, nil
	case <-x.closed:
		return nil, net.ErrClosed
	}
}

func (x *exchange) Close() error   { x.once.Do(func() { close(x.closed) }); return nil }
func (x *exchange) Addr() net.Addr { return &net.TCPAddr{} }

// A slow connection has a megabyte per second.
type slow struct{ net.Conn }

func (c slow) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(len(p)) * time.Second / 1e6)
	return c.Conn.Write(p)
}

// dial connects to one of the depots.
func dial(depots []*depot) ota.Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(addr)
		for _, d := range depots {
			if d.host != host {
				continue
			}
			if _, refuse := d.state(); refuse {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			client, server := net.Pipe()
			select {
			case d.calls <- slow{server}:
				return client, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return nil, fmt.Errorf("dial %s: outside of the test", addr)
	}
}

func (d *depot) state() (fault string, refuse bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault, d.refuse
}

// fail lets d go wrong: by a fault, by "refuse", or by "" not at all.
func (d *depot) fail(how string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.refuse = how, how == "refuse"
	if d.refuse {
		d.fault = ""
	}
}

func (d *depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var faults []release.Fault
	if how, _ := d.state(); how != "" {
		f, err := release.ParseFault(how)
		if err != nil {
			panic(err)
		}
		faults = append(faults, f)
	}
	release.NewServer(d.folder, faults, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
}

// stock makes p what d offers. Who is being sent something else gets that to its end.
func (d *depot) stock(t testing.TB, p *parcel) {
	t.Helper()
	image := filepath.Join(d.dir, ota.ImageName)
	if old, err := os.ReadFile(image); err == nil {
		d.put(t, ota.TargetName(hashOf(old)), old)
	}
	d.put(t, ota.ImageName, p.image)
	d.put(t, ota.ManifestName, ota.AppendManifest(nil, p.manifest))
	if p.pieces != nil {
		d.put(t, ota.PiecesName(p.manifest.PiecesSHA256), p.pieces)
	}
}

// put replaces a file as a whole.
func (d *depot) put(t testing.TB, name string, content []byte) {
	t.Helper()
	path := filepath.Join(d.dir, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".new", content, 0o644), os.Rename(path+".new", path))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}
