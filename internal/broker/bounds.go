package broker

import (
	"errors"
	"log/slog"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"
)

// What clients can have the broker keep for them, which has no bounds of its own for it.
const (
	maxSessions      = 4 * maxClients // with those of clients that are away
	maxSubscriptions = 256            // of a client
	maxRetained      = 2048           // messages
	maxRetainedSize  = 64 << 10       // of one; Home Assistant's discovery takes half of that
)

// Bounds keep clients from having the broker keep too much.
type bounds struct {
	mqtt.HookBase
	s    *mqtt.Server
	log  *slog.Logger
	told rate.Sometimes
}

func newBounds(s *mqtt.Server, log *slog.Logger) *bounds {
	return &bounds{s: s, log: log, told: rate.Sometimes{First: 1, Interval: time.Minute}}
}

// ID implements mqtt.Hook.
func (b *bounds) ID() string { return "bounds" }

// Provides implements mqtt.Hook.
func (b *bounds) Provides(what byte) bool {
	return what == mqtt.OnConnect || what == mqtt.OnDisconnect || what == mqtt.OnSubscribe || what == mqtt.OnPublish
}

// OnConnect implements mqtt.Hook. Who has a session goes on with it.
func (b *bounds) OnConnect(c *mqtt.Client, _ packets.Packet) error {
	if _, known := b.s.Clients.Get(c.ID); !known && b.s.Clients.Len() >= maxSessions {
		return packets.ErrServerBusy
	}
	return keepApart(c)
}

// ownIDs is where the packet ids of the broker's own messages begin. Those of clients
// begin at 1.
const ownIDs = 1 << 14

// keepApart keeps the packet ids of the broker's messages to a client away from those of
// the client's. By the standard (MQTT 3.1.1, 2.3.1) the two are nothing to each other, but
// the server refuses a subscription with the id of a message that it sent and that is not
// acknowledged yet: Home Assistant subscribes to much while retained messages arrive.
func keepApart(c *mqtt.Client) error {
	for range ownIDs {
		if _, err := c.NextPacketID(); err != nil {
			return err
		}
	}
	return nil
}

// OnDisconnect implements mqtt.Hook. The server forgets a client by its id when its
// connection ends, unless another one has taken over; but it ends the connection first and
// notes that after. Meanwhile nothing must be forgotten: it would be the other one.
func (b *bounds) OnDisconnect(c *mqtt.Client, _ error, _ bool) {
	if !errors.Is(c.StopCause(), packets.ErrSessionTakenOver) {
		return
	}
	for range 1000 {
		if c.IsTakenOver() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// OnSubscribe implements mqtt.Hook. A filter that is too many is made one that is
// refused.
func (b *bounds) OnSubscribe(c *mqtt.Client, pk packets.Packet) packets.Packet {
	room := maxSubscriptions - c.State.Subscriptions.Len()
	for i := range pk.Filters {
		if _, known := c.State.Subscriptions.Get(pk.Filters[i].Filter); known {
			continue
		}
		if room--; room < 0 {
			pk.Filters[i].Filter = ""
			b.warn(c, "a client has too many subscriptions")
		}
	}
	return pk
}

// OnPublish implements mqtt.Hook. What is too much to be retained is a message like
// others.
func (b *bounds) OnPublish(c *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if !pk.FixedHeader.Retain || len(pk.Payload) == 0 {
		return pk, nil
	}
	_, known := b.s.Topics.Retained.Get(pk.TopicName)
	if len(pk.Payload) > maxRetainedSize || !known && b.s.Topics.Retained.Len() >= maxRetained {
		pk.FixedHeader.Retain = false
		b.warn(c, "a message was not retained: it is too long, or there are too many")
	}
	return pk, nil
}

func (b *bounds) warn(c *mqtt.Client, text string) {
	b.told.Do(func() {
		b.log.Warn(text, "event", "broker_client", "client", c.ID, "from", c.Net.Remote)
	})
}
