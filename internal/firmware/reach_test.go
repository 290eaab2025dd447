package firmware

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/hal/sim"
)

// A host is a /proc whose network comes and goes.
type host struct{ up atomic.Bool }

func (h *host) Open(name string) (fs.File, error) {
	if name != "net/route" || !h.up.Load() {
		return ampleMemory.Open(name)
	}
	return fstest.MapFS{name: {Data: []byte("Iface\teth0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")}}.Open(name)
}

// TestReach: whether there is a way out is to be seen ten seconds later, where one is
// needed.
func TestReach(t *testing.T) {
	for _, needed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			proc := new(host)
			d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
			d.synced.Store(true)
			d.run(t, func(c *Config) {
				if c.Proc = proc; needed {
					c.OTA.GitHub.Manifest = "https://one.test/version.json"
				}
			})
			for _, up := range []bool{false, true, false} {
				proc.up.Store(up)
				time.Sleep(routeEvery + time.Second)
				synctest.Wait()
				if s, _ := d.service.Watch(); s.Network != (up || !needed) {
					t.Errorf("needed %t, a route %t: network %t", needed, up, s.Network)
				}
			}
		})
	}
}

// TestNetworkCheck: a connection to the broker is as good as one to a source of
// firmware; a broker in this program is not in the network.
func TestNetworkCheck(t *testing.T) {
	const source, embedded = "https://one.test/version.json", config.Embedded
	for _, c := range []struct {
		name, source, broker, reachable string
		route                           bool
		want                            clock.CheckState // of the network
		needs                           bool             // MQTT needs it
	}{
		{"a source", source, "mqtts://broker.test", "one.test:443", true, clock.Passed, true},
		{"the broker", source, "mqtts://broker.test", "broker.test:8883", true, clock.Passed, true},
		{"neither", source, "mqtts://broker.test", "", true, clock.Failing, true},
		{"no route", source, "mqtts://broker.test", "broker.test:8883", false, clock.Failing, true},
		{"the broker of this host", "", "mqtt://127.0.0.1", "127.0.0.1:1883", false, clock.Passed, true},
		{"the embedded broker", source, embedded, "", true, clock.Failing, false},
		{"the embedded broker alone", "", embedded, "", false, clock.Absent, false},
	} {
		proc := new(host)
		proc.up.Store(c.route)
		f := Config{
			Proc: proc, OTA: config.OTA{Cloudflare: config.Source{Manifest: c.source}}, Bridge: new(hub).bridge(t),
			DialOTA: func(_ context.Context, _, addr string) (net.Conn, error) {
				if addr != c.reachable {
					return nil, errors.New("refused")
				}
				here, there := net.Pipe()
				return here, there.Close()
			},
		}
		if f.Bridge.MQTT.URL = c.broker; c.broker != embedded {
			f.Bridge.Dial = nil
		}
		got, probe := clock.Absent, probeNetwork(f)
		if probe != nil {
			got = clock.Passed
			if _, err := probe(t.Context()); err != nil {
				got = clock.Failing
			}
		}
		if needs := len(needsOfMQTT(f)) > 0; got != c.want || needs != c.needs {
			t.Errorf("%s: network %s, needed by MQTT %t; want %s, %t", c.name, got, needs, c.want, c.needs)
		}
	}
}
