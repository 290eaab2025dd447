// Package broker is the embedded MQTT broker that a virtual clock brings along.
//
// # Who is slow
//
// A client that does not read would make all others wait, as the broker holds its
// lock while it writes. So nothing is written for longer than [writeLimit]; who has
// not taken it by then is cut off.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/time/rate"

	"wordclockd/internal/task"
)

// Config is what a Broker needs.
type Config struct {
	Listeners []net.Listener // whom it takes connections from; it closes them
	Username  string         // asked for on them; "" is nobody
	Password  string
	Log       *slog.Logger
}

// A Broker serves MQTT clients. What it has retained lives as long as it does.
type Broker struct {
	c     Config
	calls chan net.Conn // the far ends of what Dial returns

	kept []kept // while Run does not: what the clients have it retain
}

// New returns a broker that does nothing yet.
func New(c Config) *Broker { return &Broker{c: c, calls: make(chan net.Conn)} }

// Run serves until ctx is done. It may run again then, without listeners.
func (b *Broker) Run(ctx context.Context) error {
	s, err := b.start()
	if err != nil {
		b.close()
		return fmt.Errorf("start broker: %w", err)
	}
	g, ctx := task.NewGroup(ctx)
	h := &house{s: s, g: g, log: b.c.Log, told: rate.Sometimes{First: 1, Interval: time.Minute}}
	g.Go("inside", func(ctx context.Context) error { return h.answer(ctx, b.calls) })
	for _, l := range b.c.Listeners {
		defer context.AfterFunc(ctx, func() { l.Close() })()
		g.Go("listen on "+l.Addr().String(), func(ctx context.Context) error { return h.accept(ctx, l) })
	}
	b.c.Log.Info("the embedded broker serves", "event", "broker_up", "addresses", b.addresses())
	err = g.Wait()
	b.close()
	b.kept = retained(s)
	return errors.Join(err, s.Close())
}

// close closes the listeners, which cannot be used again.
func (b *Broker) close() {
	for _, l := range b.c.Listeners {
		l.Close()
	}
	b.c.Listeners = nil
}

func (b *Broker) addresses() []string {
	all := []string{}
	for _, l := range b.c.Listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// Dial returns a connection within the process, on which nobody is asked for a
// password. It waits until Run serves.
func (b *Broker) Dial(ctx context.Context) (net.Conn, error) {
	here, there := Pipe()
	select {
	case b.calls <- there:
		return here, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("dial embedded broker: %w", context.Cause(ctx))
	}
}
