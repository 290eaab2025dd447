package broker

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe returns the two ends of a connection in memory. Other than those of net.Pipe,
// both ends may write before one reads.
func Pipe() (here, there net.Conn) {
	a, b := newStream(), newStream()
	return &end{in: a, out: b}, &end{in: b, out: a}
}

// streamSize is how much may be under way in one direction.
const streamSize = 64 << 10

// A stream is one direction. It blocks on channels only, so that the time of a bubble
// can go on.
type stream struct {
	mu       sync.Mutex
	buf      []byte
	over     [2]error      // of reading, behind buf, and of writing; nil while it goes on
	change   chan struct{} // closed when something changes
	deadline [2]time.Time  // of reading and of writing
}

const (
	reading = iota
	writing
)

func newStream() *stream { return &stream{change: make(chan struct{})} }

// update changes the stream and wakes who waits for it.
func (s *stream) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.change)
	s.change = make(chan struct{})
}

// close ends the stream, with errors for who reads and who writes. What is under way
// arrives, unless it is the reader who closes.
func (s *stream) close(read, write error) {
	s.update(func() {
		switch {
		case read == net.ErrClosed:
			s.over, s.buf = [2]error{read, write}, nil
		case s.over[reading] == nil:
			s.over = [2]error{read, write}
		}
	})
}

// move takes from the stream, or adds to it: as much as can be, by copying.
func (s *stream) move(side int, b []byte) (n int, change chan struct{}, deadline time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline = s.deadline[side]
	switch {
	case !deadline.IsZero() && !time.Now().Before(deadline):
		return 0, nil, deadline, os.ErrDeadlineExceeded
	case side == reading && len(s.buf) > 0:
		n = copy(b, s.buf)
		s.buf = s.buf[n:]
	case side == reading || s.over[writing] != nil:
		err = s.over[side]
	default:
		n = min(len(b), streamSize-len(s.buf))
		s.buf = append(s.buf, b[:n]...)
	}
	change = s.change
	if n > 0 {
		close(s.change)
		s.change = make(chan struct{})
	}
	return n, change, deadline, err
}

// wait returns when the stream has changed, or the deadline has come.
func wait(change <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-change
		return
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-change:
	case <-t.C:
	}
}

// An end is one end of a connection.
type end struct{ in, out *stream }

// Read implements net.Conn.
func (e *end) Read(b []byte) (int, error) {
	for {
		n, change, deadline, err := e.in.move(reading, b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, failure("read", err)
		}
		wait(change, deadline)
	}
}

// Write implements net.Conn.
func (e *end) Write(b []byte) (done int, err error) {
	for {
		n, change, deadline, err := e.out.move(writing, b[done:])
		if done += n; done == len(b) || err != nil {
			return done, failure("write", err)
		}
		if n == 0 {
			wait(change, deadline)
		}
	}
}

// failure returns an error as sockets have it.
func failure(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Addr: address{}, Err: err}
}

// Close implements net.Conn. What was written arrives.
func (e *end) Close() error {
	e.in.close(net.ErrClosed, syscall.EPIPE)
	e.out.close(io.EOF, net.ErrClosed)
	return nil
}

// LocalAddr implements net.Conn.
func (e *end) LocalAddr() net.Addr { return address{} }

// RemoteAddr implements net.Conn.
func (e *end) RemoteAddr() net.Addr { return address{} }

// SetDeadline implements net.Conn.
func (e *end) SetDeadline(t time.Time) error {
	e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (e *end) SetReadDeadline(t time.Time) error {
	e.in.update(func() { e.in.deadline[reading] = t })
	return nil
}

// SetWriteDeadline implements net.Conn.
func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.update(func() { e.out.deadline[writing] = t })
	return nil
}

type address struct{}

// Network implements net.Addr.
func (address) Network() string { return "pipe" }

// String implements net.Addr.
func (address) String() string { return "this process" }
