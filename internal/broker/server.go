package broker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// capabilities bound what clients can make the broker hold.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumMessageExpiryInterval = 0 // retained is retained: the default forgets after a day
	c.MaximumClientWritesPending = 256
	c.MaximumSessionExpiryInterval = 60 * 60
	c.MaximumPacketSize = 256 << 10
	c.MaximumInflight = 512
	c.MaximumClients = maxClients
	c.TopicAliasMaximum = 16
	return c
}

// start returns a server that runs, and has what was retained.
func (b *Broker) start() (*mqtt.Server, error) {
	s := mqtt.New(&mqtt.Options{
		Capabilities:           capabilities(),
		Logger:                 slog.New(quiet{b.c.Log}),
		SysTopicResendInterval: 60,
	})
	if err := s.AddHook(&door{username: b.c.Username, password: b.c.Password}, nil); err != nil {
		return nil, err
	}
	if err := s.AddHook(newBounds(s, b.c.Log), nil); err != nil {
		return nil, err
	}
	for _, k := range b.kept {
		atomic.AddInt64(&s.Info.Retained, s.Topics.RetainMessage(packets.Packet(k)))
	}
	b.kept = nil
	return s, s.Serve()
}

// kept is a message that is retained.
type kept packets.Packet

// retained returns what clients had a server retain.
func retained(s *mqtt.Server) (all []kept) {
	for topic, pk := range s.Topics.Retained.GetAll() {
		if !strings.HasPrefix(topic, "$SYS/") {
			all = append(all, kept(pk))
		}
	}
	return all
}

// A door lets clients in. From inside everybody may come.
type door struct {
	mqtt.HookBase
	username, password string
}

// ID implements mqtt.Hook.
func (d *door) ID() string { return "door" }

// Provides implements mqtt.Hook.
func (d *door) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck}, b) >= 0
}

// OnConnectAuthenticate implements mqtt.Hook. It takes as long for each wrong answer.
func (d *door) OnConnectAuthenticate(c *mqtt.Client, pk packets.Packet) bool {
	user := same(d.username, pk.Connect.Username)
	password := same(d.password, pk.Connect.Password)
	return c.Net.Listener == inside || d.username == "" || user && password
}

// OnACLCheck implements mqtt.Hook.
func (d *door) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

func same(want string, got []byte) bool {
	w, g := sha256.Sum256([]byte(want)), sha256.Sum256(got)
	return subtle.ConstantTimeCompare(w[:], g[:]) == 1
}

// refused reports whether a client was not let in.
func refused(err error) bool {
	c, ok := errors.AsType[packets.Code](err)
	return ok && (c == packets.ErrBadUsernameOrPassword || c == packets.ErrServerBusy)
}

// quiet makes of the server's own log what is of interest here: its warnings, for who
// looks for a fault. They hold packets, which may hold secrets: those are left out.
type quiet struct{ to *slog.Logger }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.to.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	attrs := []any{"event", "broker_client"}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "client" || a.Key == "error" {
			attrs = append(attrs, a)
		}
		return true
	})
	q.to.DebugContext(ctx, "embedded broker: "+r.Message, attrs...)
	return nil
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(string) slog.Handler { return q }
