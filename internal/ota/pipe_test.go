package ota

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A pipe is one direction of a connection in memory, with as much buffer as it
// takes. It blocks on channels only, so that a bubble's time can go on.
type pipe struct {
	mu       sync.Mutex
	buf      []byte
	err      error         // what a reader gets behind buf
	change   chan struct{} // closed when one of them changed
	deadline time.Time     // of reading
}

func newPipe() *pipe { return &pipe{change: make(chan struct{})} }

// update changes the pipe and wakes its reader.
func (p *pipe) update(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.change)
	p.change = make(chan struct{})
}

func (p *pipe) close(err error) {
	p.update(func() {
		if p.err == nil {
			p.err = err
		}
	})
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.update(func() {
		if p.err != nil {
			err = syscall.EPIPE
			return
		}
		p.buf = append(p.buf, b...)
		n = len(b)
	})
	return n, err
}

func (p *pipe) read(b []byte) (int, error) {
	for {
		n, change, deadline, err := p.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		if deadline.IsZero() {
			<-change
			continue
		}
		t := time.NewTimer(time.Until(deadline))
		select {
		case <-change:
		case <-t.C:
		}
		t.Stop()
	}
}

func (p *pipe) take(b []byte) (int, chan struct{}, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
		return 0, nil, p.deadline, os.ErrDeadlineExceeded
	case len(p.buf) > 0:
		n := copy(b, p.buf)
		p.buf = p.buf[n:]
		return n, nil, p.deadline, nil
	}
	return 0, p.change, p.deadline, p.err
}

// A conn is one end of a connection in memory.
type conn struct {
	in, out *pipe
	addr    addr
}

func connect(name string) (client, server *conn) {
	a, b := newPipe(), newPipe()
	return &conn{a, b, addr(name)}, &conn{b, a, addr("client")}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	if err != nil && err != io.EOF {
		err = &net.OpError{Op: "read", Net: "tcp", Addr: c.addr, Err: err}
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

func (c *conn) Close() error {
	c.in.close(net.ErrClosed)
	c.out.close(io.EOF)
	return nil
}

// Reset ends the connection as a router does that has lost it.
func (c *conn) Reset() {
	c.in.close(syscall.ECONNRESET)
	c.out.update(func() { c.out.buf, c.out.err = nil, syscall.ECONNRESET })
}

func (c *conn) LocalAddr() net.Addr  { return addr("here") }
func (c *conn) RemoteAddr() net.Addr { return c.addr }

func (c *conn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error { return nil } // a write never blocks
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.update(func() { c.in.deadline = t })
	return nil
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

// A listener is where servers in memory take their connections from.
type listener struct {
	name   string
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func listen(name string) *listener {
	return &listener{name: name, queue: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return addr(l.name) }

func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	client, server := connect(l.name)
	select {
	case l.queue <- server:
		return client, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: addr(l.name), Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
