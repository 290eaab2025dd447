package broker

import (
	"net"
	"time"
)

const (
	helloLimit = 10 * time.Second // until a client has said who it is
	writeLimit = 5 * time.Second  // of what is written to it
)

// A patient connection waits for a reader for writeLimit, and is closed then.
// Deadlines that are set are for reading.
type patient struct{ net.Conn }

// Write implements net.Conn.
func (p *patient) Write(b []byte) (int, error) {
	p.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	n, err := p.Conn.Write(b)
	if err != nil {
		p.Conn.Close()
	}
	return n, err
}

// SetDeadline implements net.Conn.
func (p *patient) SetDeadline(t time.Time) error { return p.Conn.SetReadDeadline(t) }
