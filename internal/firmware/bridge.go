package firmware

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/health"
	"wordclockd/internal/journal"
	"wordclockd/internal/mqttbridge"
	"wordclockd/internal/nvs"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A Bridge is how the clock speaks MQTT.
type Bridge struct {
	MQTT    config.MQTT // URL is not config.Off
	Device  string      // the clock's name
	Program string      // version of this program
	MAC     string      // of the host, to be announced; "" if there is none
	Host    string      // six hexadecimal digits that tell this host from others; "" if nobody knows

	// Dial opens connections to the broker; nil is the network, by MQTT.URL. Broker
	// says for people where it leads.
	Dial   func(context.Context) (net.Conn, error)
	Broker string
}

// newBridge returns what connects the clock to its broker; nil if there is none.
func (d *device) newBridge(fw Config, s *spell) *bridging {
	c := fw.Bridge
	if c == nil {
		return nil
	}
	to := mqttbridge.Config{
		MQTT: c.MQTT, Device: c.Device, ID: c.id(d.storedID()), MAC: c.MAC, Program: c.Program,
		Service: d, Link: d.link, Log: d.log, Dial: c.Dial, Broker: c.Broker, Cut: s.broker.Done(),
		Images: [...]string{clock.GitHub: fw.OTA.GitHub.Image, clock.Cloudflare: fw.OTA.Cloudflare.Image},
	}
	if c.MQTT.DeviceID == "" {
		to.Adopt = func(id string) error { return d.adopt(c.Device, id) }
		if err := to.Adopt(to.ID); err != nil {
			d.log.Error("the clock's id cannot be stored: it may become another one", "event", "settings_unstored", "id", to.ID, "err", err)
		}
	}
	d.link.Set(clock.Link{
		State: clock.LinkDown, Broker: c.Broker, Base: c.MQTT.TopicPrefix + "/" + c.Device, ClientID: to.ID, Since: time.Now(),
	})
	return &bridging{bridge: mqttbridge.New(to), link: d.link, log: d.log}
}

// id returns by what the clock is known: what is configured, else what is stored for a
// clock of this name, else what comes of the host, which is then to be stored, so that
// it stays what it is wherever the store goes.
func (c *Bridge) id(stored string) string {
	switch host := strings.ToUpper(c.Host); {
	case c.MQTT.DeviceID != "":
		return c.MQTT.DeviceID
	case isIDOf(c.Device, stored):
		return stored
	case isIDOf(c.Device, c.Device+"_"+host):
		return c.Device + "_" + host
	}
	sum := sha256.Sum256([]byte(c.Device))
	return fmt.Sprintf("%s_%X", c.Device, sum[:3])
}

// isIDOf reports whether an id is one of a clock with a name.
func isIDOf(device, id string) bool {
	return regexp.MustCompile("^" + regexp.QuoteMeta(device) + "_[0-9A-F]{6}$").MatchString(id)
}

// storedID returns what is stored as id; "" if nothing is.
func (d *device) storedID() (id string) {
	if d.store.Store != nil {
		_ = d.store.View(func(tx *nvs.Tx) error {
			id, _ = nvs.MQTTClientID.Get(tx) // one of another type is replaced
			return nil
		})
	}
	return id
}

// adopt keeps an id. One that is kept already costs no write.
func (d *device) adopt(device, id string) error {
	switch {
	case !isIDOf(device, id):
		return fmt.Errorf("keep id %q: it is none of %s", id, device)
	case d.store.memory, d.storedID() == id:
		return nil
	case d.store.Store == nil:
		return errors.New("keep id: settings cannot be stored")
	}
	if err := d.store.Update(func(tx *nvs.Tx) error { return nvs.MQTTClientID.Put(tx, id) }); err != nil {
		return fmt.Errorf("keep id: %w", err)
	}
	return nil
}

// A bridging keeps a bridge to the broker. That it breaks never ends the firmware: a
// clock without MQTT is still a clock.
type bridging struct {
	// Immutable.
	bridge *mqttbridge.Bridge
	link   *watch.Value[clock.Link]
	log    *slog.Logger
}

func (b *bridging) String() string { return checkMQTT }

// restAfter is how long a bridge that broke is left alone.
const restAfter = time.Minute

// Run runs the bridge until ctx is done, and again each time that it breaks.
func (b *bridging) Run(ctx context.Context) error {
	for {
		g, _ := task.NewGroup(ctx)
		g.Go("bridge", b.bridge.Run)
		err := g.Wait()
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		b.log.Log(ctx, journal.Critical, "MQTT broke, and is begun anew in a minute", "event", "mqtt_failed", "err", err)
		b.link.Update(func(l *clock.Link) { l.State, l.Since, l.Err = clock.LinkDown, time.Now(), err.Error() })
		task.Sleep(ctx, restAfter)
	}
}

// probeMQTT returns the probe of the connection to the broker; nil if none is wanted.
func (d *device) probeMQTT() health.Probe {
	if d.bridge == nil {
		return nil
	}
	return func(ctx context.Context) ([]health.Fault, error) { return nil, d.bridge.bridge.Probe(ctx) }
}

// needsOfMQTT are the checks that have to pass before that of MQTT has a chance.
func needsOfMQTT(c Config) []string {
	if c.Bridge != nil && c.Bridge.Dial != nil {
		return nil // the broker is in this program
	}
	return []string{checkNetwork}
}
