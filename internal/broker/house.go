package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"golang.org/x/time/rate"

	"wordclockd/internal/task"
)

// A house is one run of a broker.
type house struct {
	s    *mqtt.Server
	g    *task.Group
	log  *slog.Logger
	open atomic.Int32 // connections from outside
	told rate.Sometimes
}

// Names of where a connection comes from.
const (
	inside  = "inside"
	outside = "outside"
)

// answer takes what is dialled within the process.
func (h *house) answer(ctx context.Context, calls <-chan net.Conn) error {
	for {
		select {
		case c := <-calls:
			h.g.Go("client", func(ctx context.Context) error { return h.serve(ctx, inside, c) })
		case <-ctx.Done():
			return nil
		}
	}
}

const (
	maxClients = 64
	maxConns   = 2 * maxClients // with those that have not said yet who they are
)

// accept takes connections from a listener.
func (h *house) accept(ctx context.Context, l net.Listener) error {
	for {
		c, err := l.Accept()
		switch {
		case err == nil && h.open.Load() >= maxConns:
			c.Close()
		case err == nil:
			h.open.Add(1)
			h.g.Go("client", func(ctx context.Context) error {
				defer h.open.Add(-1)
				return h.serve(ctx, outside, c)
			})
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of files, or the like
			task.Sleep(ctx, 100*time.Millisecond)
		}
	}
}

// serve speaks with a client until it or ctx is gone. Its errors are no concern of
// others.
func (h *house) serve(ctx context.Context, from string, c net.Conn) error {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	c.SetDeadline(time.Now().Add(helloLimit)) // until the client's own keepalive takes over
	err := h.s.EstablishConnection(from, &patient{c})
	if err != nil && ctx.Err() == nil {
		h.left(c, err)
	}
	return nil
}

// left logs why a client is gone; that one was refused, is of interest now and then.
func (h *house) left(c net.Conn, err error) {
	attrs := []any{"event", "broker_client", "from", c.RemoteAddr().String(), "err", err}
	if !refused(err) {
		h.log.Debug("a client of the embedded broker is gone", attrs...)
		return
	}
	h.told.Do(func() { h.log.Warn("a client was refused, for a minute others are not logged", attrs...) })
}
