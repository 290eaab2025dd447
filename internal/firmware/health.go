package firmware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/health"
	"wordclockd/internal/nvs"
)

// newMonitor returns what examines the clock, and judges the image if that is on
// trial.
func (d *device) newMonitor(c Config, in boot.Info, s *spell) *health.Monitor {
	h := health.Config{Checks: d.checks(c, s), Times: c.Health, Value: d.found, Log: d.log}
	if in.Trial {
		h.Trial = &health.Trial{Known: d.knownBad(in.Digest), Confirm: d.confirm, Reject: d.reject}
	}
	return health.New(h)
}

// Names of checks that are not probed here alone.
const (
	checkNetwork = "network"
	checkMQTT    = "mqtt"
)

// checks are those of the clock, in the order of their needs. Limits are beyond what a
// bus that hangs, or a worn out card, takes.
func (d *device) checks(c Config, s *spell) []health.Check {
	return []health.Check{
		{Name: checkNetwork, Grace: 5 * time.Second, Limit: 10 * time.Second, Probe: probeNetwork(c), Absent: "neither a source of firmware nor a broker is configured"},
		{Name: checkMQTT, Needs: needsOfMQTT(c), Grace: time.Minute, Limit: 10 * time.Second, Probe: s.spoil(flash.NoMQTT, d.probeMQTT()), Absent: "no broker is wanted: mqtt.url is off"},
		{Name: "rtc", Limit: 10 * time.Second, Probe: d.probeRTC(c), Absent: "there is no sensor bus"},
		{Name: "leds", Limit: 10 * time.Second, Probe: d.probeLEDs},
		{Name: "memory", Limit: 5 * time.Second, Probe: s.spoil(flash.BadMemory, memory(c).Probe)},
		{Name: "settings", Limit: 15 * time.Second, Probe: d.probeSettings(), Absent: "they are not to be kept"},
	}
}

// network is what the clock wants of the network: the sources of firmware, and the
// broker.
func network(c Config) health.Network {
	n := health.Network{Proc: proc(c), Dial: c.DialOTA, Proxy: http.ProxyFromEnvironment}
	if n.Dial == nil {
		n.Dial = new(net.Dialer).DialContext
	}
	wanted := []string{c.OTA.GitHub.Manifest, c.OTA.Cloudflare.Manifest}
	if b := c.Bridge; b != nil && b.Dial == nil {
		wanted = append(wanted, b.MQTT.URL)
	}
	for _, s := range wanted {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			n.URLs = append(n.URLs, u)
		}
	}
	return n
}

// probeNetwork returns the probe of the network; nil if nothing in it is wanted.
func probeNetwork(c Config) health.Probe {
	if n := network(c); len(n.URLs) > 0 {
		return n.Probe
	}
	return nil
}

func memory(c Config) health.Memory {
	return health.Memory{Proc: proc(c), Least: health.LeastMemory, Most: health.MostMemory}
}

func proc(c Config) fs.FS {
	if c.Proc != nil {
		return c.Proc
	}
	return os.DirFS("/proc")
}

func (d *device) probeRTC(c Config) health.Probe {
	if c.Board.Sensors == nil {
		return nil
	}
	return func(ctx context.Context) ([]health.Fault, error) { return nil, d.keeper.Examine(ctx) }
}

// probeLEDs has one item for each row.
func (d *device) probeLEDs(ctx context.Context) (faults []health.Fault, err error) {
	wrong, err := d.display.Examine(ctx)
	for row, why := range wrong {
		if why != nil {
			faults = append(faults, health.Fault{Item: fmt.Sprintf("row %d", row), Text: why.Error()})
		}
	}
	return faults, err
}

func (d *device) probeSettings() health.Probe {
	if d.store.memory {
		return nil
	}
	return func(context.Context) ([]health.Fault, error) { return nil, d.tryStore() }
}

// tryStore writes a key, reads it again, and deletes it, each durably.
func (d *device) tryStore() error {
	if d.store.Store == nil {
		return errors.New("they cannot be stored: check the state directory")
	}
	want := uint64(time.Now().UnixNano())
	if err := d.store.Update(func(tx *nvs.Tx) error { return nvs.Probe.Put(tx, want) }); err != nil {
		return err
	}
	var got uint64
	err := d.store.View(func(tx *nvs.Tx) (err error) { got, err = nvs.Probe.Get(tx); return err })
	if err == nil && got != want {
		err = fmt.Errorf("what was stored as %d reads back as %d", want, got)
	}
	return errors.Join(err, d.store.Update(func(tx *nvs.Tx) error { return tx.Delete(nvs.Probe.Namespace, nvs.Probe.Name) }))
}

// doHealth examines the clock.
func (d *device) doHealth(ctx context.Context, _ map[string]string) (any, error) {
	h, err := d.health.Examine(ctx)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// failing examines the clock, and returns what does not work: it will not count against
// an image that is to be tried.
func (d *device) failing(ctx context.Context) (health.Known, error) {
	failing, err := d.health.Failing(ctx)
	if err != nil {
		return nil, fmt.Errorf("examine the clock: %w", err)
	}
	if len(failing) > 0 {
		d.log.Warn("what does not work before the update will not count against it", "event", "health_known_bad", "failed", failing.String())
	}
	return failing, nil
}
