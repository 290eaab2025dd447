package ota

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync/atomic"
)

// A phase of a request.
type phase int32

const (
	connecting phase = iota
	resolving
	shaking
	waiting
	reading
)

// phases has what a request that was given up was busy with, and what it is
// then to be called.
var phases = [...]struct {
	doing   string
	timeout Cause
}{
	connecting: {"connecting", Timeout},
	resolving:  {"looking up the name", DNS},
	shaking:    {"in the TLS handshake", Timeout},
	waiting:    {"waiting for the answer", Timeout},
	reading:    {"reading the answer", Stalled},
}

// A trace follows a request through its phases, so that a time-out can say
// what it was that took so long.
type trace struct {
	ctx   context.Context // of the request, without the trace
	phase atomic.Int32
}

// enter does nothing once the request was given up: what then still happens
// is not what took so long.
func (t *trace) enter(p phase) {
	if t.ctx.Err() == nil {
		t.phase.Store(int32(p))
	}
}

// attached returns a context for the request.
func (t *trace) attached() context.Context {
	return httptrace.WithClientTrace(t.ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { t.enter(connecting) },
		DNSStart:             func(httptrace.DNSStartInfo) { t.enter(resolving) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.enter(connecting) },
		TLSHandshakeStart:    func() { t.enter(shaking) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.enter(waiting) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.enter(waiting) },
		GotFirstResponseByte: func() { t.enter(reading) },
	})
}

// interrupted returns the error of a request that was given up.
func (t *trace) interrupted() error {
	err, p := context.Cause(t.ctx), phases[t.phase.Load()]
	c := Cancelled
	if CauseOf(err) == Timeout {
		c = p.timeout
	}
	if errors.Is(err, errNotWaited) {
		c = Timeout // it had less than its time
	}
	if e, ok := errors.AsType[*Error](err); ok {
		err = e.Err
	}
	return fault(c, fmt.Errorf("%w, still %s", err, p.doing))
}
