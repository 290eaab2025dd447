package mqttbridge

import (
	"errors"
	"net"
	"sync"
)

// A gated connection has its client learn that it has ended no sooner than the client has
// taken what is being asked of it. The client's Publish and Subscribe hand over to a
// goroutine that is gone once the client knows, and would wait in vain for all of
// writeLimit: longer than a firmware may take to stop.
//
// What is written to a connection that has ended is lost without an error. The error is
// that of the read that follows, the same for all.
type gated struct {
	*trimmed

	mu     sync.Mutex
	inside int
	err    error         // why the connection has ended
	empty  chan struct{} // closed when it has, and nobody is inside any more
}

func gate(t *trimmed) *gated { return &gated{trimmed: t, empty: make(chan struct{})} }

// enter lets the caller ask something of the client until it calls leave, unless the
// connection has ended.
func (g *gated) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gated) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.err != nil {
		close(g.empty)
	}
}

// ended reports whether the connection has.
func (g *gated) ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err != nil
}

// errDropped is what became of a connection that was closed at this end. The client takes
// net.ErrClosed for what need not be told.
var errDropped = errors.New("the connection was closed")

// shut ends the connection for a reason, which counts if it is the first.
func (g *gated) shut(why error) {
	g.Close() // nobody is kept inside by a write
	if errors.Is(why, net.ErrClosed) {
		why = errDropped
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return
	}
	if g.err = why; g.inside == 0 {
		close(g.empty)
	}
}

// Read implements net.Conn.
func (g *gated) Read(p []byte) (int, error) {
	n, err := g.trimmed.Read(p)
	if err == nil {
		return n, nil
	}
	g.shut(err)
	<-g.empty
	return n, g.err // it stays as it is
}

// Write implements net.Conn.
func (g *gated) Write(p []byte) (int, error) {
	if _, err := g.trimmed.Write(p); err != nil {
		g.shut(err)
	}
	return len(p), nil
}
