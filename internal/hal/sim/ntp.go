package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// NTP packets (RFC 5905 7.3, figure 8):
//
//	0  leap indicator 2 bits, version 3, mode 3
//	1  stratum
//	2  poll, 3 precision: exponents of 2 s
//	4  root delay, 8 root dispersion: 16.16 s
//	12 reference id
//	16 reference, 24 origin, 32 receive, 40 transmit timestamp: 32.32 s since 1900
const (
	ntpSize   = 48
	ntpClient = 3
	ntpServer = 4
	ntpAlarm  = 3 // leap indicator: not synchronised

	rootMillis = 1 << 16 / 1000 // a millisecond of root delay or dispersion
)

func isNTPRequest(p []byte) bool { return len(p) >= ntpSize && p[0]&7 == ntpClient }

// ntpAnswer answers a request that arrives when the server's clock shows at.
func ntpAnswer(f ServerFault, request []byte, at time.Time) []byte {
	p := make([]byte, ntpSize)
	leap, version := byte(0), request[0]>>3&7
	p[1], p[2], p[3] = 2, 6, 0xEC // precision 2^-20 s
	copy(p[12:], []byte{127, 0, 0, 1})
	switch f {
	case Unsynchronised:
		leap, p[1] = ntpAlarm, 16
	case Kiss:
		leap, p[1] = ntpAlarm, 0
		copy(p[12:], "RATE")
	}
	p[0] = leap<<6 | version<<3 | ntpServer
	binary.BigEndian.PutUint32(p[4:], rootMillis)
	binary.BigEndian.PutUint32(p[8:], rootMillis)
	putNTPTime(p[16:], at.Add(-16*time.Second))
	copy(p[24:32], request[40:48])
	putNTPTime(p[32:], at)
	putNTPTime(p[40:], at)
	return p
}

// putNTPTime writes a timestamp; its seconds wrap in 2036.
func putNTPTime(p []byte, t time.Time) {
	const unix1900 = 2208988800 // seconds from 1900 to 1970
	binary.BigEndian.PutUint32(p, uint32(t.Unix()+unix1900))
	binary.BigEndian.PutUint32(p[4:], uint32(uint64(t.Nanosecond())<<32/1e9))
}

// noise returns up to 99 bytes, the same for each n.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 123))
	p := make([]byte, r.IntN(100))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

type ntpAddr string

func (ntpAddr) Network() string  { return "udp" }
func (a ntpAddr) String() string { return string(a) }

// An ntpConn is a connected datagram socket. It waits on channels only, so that
// the time of a bubble can go on.
type ntpConn struct {
	server *TimeServer // Immutable.
	remote ntpAddr     // Immutable.

	mu       sync.Mutex
	inbox    []datagram
	deadline time.Time // of reading
	closed   bool
	change   chan struct{} // closed when any of these changed
}

// A datagram is there to be read when it is due.
type datagram struct {
	p   []byte
	due time.Time
	err error
}

func (c *ntpConn) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.change)
	c.change = make(chan struct{})
}

// Write implements net.Conn. The network takes any datagram.
func (c *ntpConn) Write(p []byte) (int, error) {
	packet, due, err := c.server.answer(p)
	isClosed := false
	c.update(func() {
		if isClosed = c.closed; !isClosed && (packet != nil || err != nil) {
			c.inbox = append(c.inbox, datagram{packet, due, err})
		}
	})
	if isClosed {
		return 0, c.opError("write", net.ErrClosed)
	}
	return len(p), nil
}

// Read implements net.Conn.
func (c *ntpConn) Read(p []byte) (int, error) {
	for {
		n, wait, change, err := c.receive(p)
		if err != nil {
			return 0, c.opError("read", err)
		}
		if change == nil {
			return n, nil
		}
		t := time.NewTimer(wait)
		select {
		case <-change:
		case <-t.C:
		}
		t.Stop()
	}
}

// receive takes what is due. With a change, nothing is: look again after it, or
// after wait.
func (c *ntpConn) receive(p []byte) (n int, wait time.Duration, change chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait = time.Hour
	if !c.deadline.IsZero() {
		wait = time.Until(c.deadline)
	}
	switch {
	case c.closed:
		return 0, 0, nil, net.ErrClosed
	case wait <= 0:
		return 0, 0, nil, os.ErrDeadlineExceeded
	case len(c.inbox) == 0:
		return 0, wait, c.change, nil
	}
	d := c.inbox[0]
	if left := time.Until(d.due); left > 0 {
		return 0, min(wait, left), c.change, nil
	}
	c.inbox = c.inbox[1:]
	return copy(p, d.p), 0, nil, d.err
}

func (c *ntpConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Addr: c.remote, Err: err}
}

// Close implements net.Conn.
func (c *ntpConn) Close() error {
	c.update(func() { c.closed = true })
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *ntpConn) SetReadDeadline(t time.Time) error {
	c.update(func() { c.deadline = t })
	return nil
}

// SetDeadline implements net.Conn. Writing never waits.
func (c *ntpConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *ntpConn) SetWriteDeadline(time.Time) error { return nil }
func (c *ntpConn) LocalAddr() net.Addr              { return ntpAddr("clock") }
func (c *ntpConn) RemoteAddr() net.Addr             { return c.remote }
