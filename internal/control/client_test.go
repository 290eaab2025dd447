package control

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// A hasty listener hangs up on as many who come.
type hasty struct {
	net.Listener
	left atomic.Int32
	came atomic.Int32
}

func (l *hasty) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && l.left.Add(-1) >= 0 {
		l.came.Add(1)
		c.Close()
	}
	return c, err
}

// TestBroken: a question whose connection ends without an answer is asked again, a few
// times; a change, which may have come to pass, is not.
func TestBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &hasty{Listener: l}
	server := &http.Server{Handler: NewHandler(t.Context(), newService(), silent)}
	ended := make(chan error)
	go func() { ended <- server.Serve(h) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	c := NewClient(path)
	status := func() error { _, err := c.Status(t.Context()); return err }
	change := func() error { _, err := c.Change(t.Context(), map[string]any{"brightness.global": 9}); return err }
	for _, x := range []struct {
		name  string
		ask   func() error
		hasty int32 // so many are hung up on
		tries int32 // so many of these come
		err   error
	}{
		{"once", status, 1, 1, nil},
		{"as often as it is borne", status, maxBroken, maxBroken, nil},
		{"always", status, 100, maxBroken + 1, ErrNotRunning},
		{"a change", change, 100, 1, ErrNotRunning},
	} {
		h.left.Store(x.hasty)
		h.came.Store(0)
		if err := x.ask(); !errors.Is(err, x.err) || h.came.Load() != x.tries {
			t.Errorf("%s: %v after %d tries, want %v after %d", x.name, err, h.came.Load(), x.err, x.tries)
		}
	}
}
