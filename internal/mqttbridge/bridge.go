// Package mqttbridge speaks the clock's MQTT topics and Home Assistant discovery for a
// clock.Service.
//
// # Connections
//
// Each connection has a client of its own, and nothing is queued from one to the next:
// when a connection is up, all states are published as they are then. A broker has what
// is true, or that the clock is offline; it says the latter by itself.
package mqttbridge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/watch"
)

// Config is what a Bridge needs.
type Config struct {
	MQTT    config.MQTT // URL is not Off
	Device  string      // the clock's name, part of topics
	ID      string      // client id, and identifier of the device in Home Assistant
	MAC     string      // of the host; "" if there is none to tell
	Program string      // version of this program

	Images [len(clock.Sources)]string // where each source has its image, as configured

	Service clock.Service
	Link    *watch.Value[clock.Link] // written by the bridge
	Log     *slog.Logger

	// Dial opens connections to the broker; nil is the network, by MQTT.URL. Broker
	// says for people where it leads; "" is what MQTT.URL says.
	Dial   func(context.Context) (net.Conn, error)
	Broker string

	// Adopt keeps the id of the old clock of this name, whose entities were found in
	// Home Assistant's discovery; it is used from then on. nil: nobody keeps it.
	Adopt func(id string) error

	Cut <-chan struct{} // closed when no broker can be reached any more; nil is never
}

// A Bridge is the clock's connection to a broker.
type Bridge struct {
	c      Config            // its ID belongs to Run
	teller *teller           // of Run; nil before the first one
	probes chan chan<- error // each is told once
}

// New returns a bridge. It connects nowhere yet.
func New(c Config) *Bridge { return &Bridge{c: c, probes: make(chan chan<- error)} }

func (b *Bridge) String() string { return "mqttbridge" }

// Run keeps a connection up until ctx is done; its last act is to say "offline". When it
// broke it may be run again: an id that it took over stays, and no rollback is told twice.
func (b *Bridge) Run(ctx context.Context) error {
	if status, _ := b.c.Service.Watch(); b.teller == nil {
		b.teller = newTeller(status)
	} else {
		b.teller.note(status)
	}
	l := &life{
		Bridge: b, limits: newLimits(), ignored: map[string]bool{},
		names: b.naming(),
		link:  link{value: b.c.Link, log: b.c.Log},
		retry: retry{longest: b.c.MQTT.Reconnect},
	}
	l.link.begin(b.broker(), l.base, l.id)
	defer l.link.stopped()
	return l.run(ctx)
}

func (b *Bridge) naming() names {
	n := names{
		device: b.c.Device, id: b.c.ID, mac: b.c.MAC, program: b.c.Program, images: b.c.Images,
		base: b.c.MQTT.TopicPrefix + "/" + b.c.Device,
	}
	if b.c.MQTT.Discovery != config.Off {
		n.prefix = b.c.MQTT.DiscoveryPrefix
	}
	return n
}

// broker says for people where the broker is.
func (b *Bridge) broker() string {
	if b.c.Broker != "" || b.c.MQTT.URL == config.Embedded {
		return b.c.Broker
	}
	to, _ := endpointOf(b.c.MQTT.URL)
	return to.addr
}

// Probe returns nil if the bridge is subscribed and its own availability comes back.
func (b *Bridge) Probe(ctx context.Context) error {
	if v := b.c.Link.Get(); v.State != clock.LinkUp {
		return fmt.Errorf("reach MQTT broker %s: %s", v.Broker, or(v.Err, "not connected yet"))
	}
	answer := make(chan error, 1)
	select {
	case b.probes <- answer:
	case <-ctx.Done():
		return fmt.Errorf("publish to MQTT broker: %w", context.Cause(ctx))
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the clock's own availability to come back from the MQTT broker: %w", context.Cause(ctx))
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// offlineLimit is how long the last word may take.
const offlineLimit = time.Second
