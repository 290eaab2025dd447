package mqttbridge

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/broker/brokertest"
	"wordclockd/internal/clock"
)

// meetAt returns a real broker as a place where clock and Home Assistant meet.
func meetAt(b *brokertest.Mosquitto) exchange {
	return exchange{
		join: func(c *Config) { c.MQTT, c.Dial, c.Broker = b.MQTT(brokertest.Clock), nil, "" },
		wires: &wires{dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+b.Port)
		}},
		dial: New(Config{MQTT: b.MQTT(brokertest.Home)}).dial,
		home: letter{username: brokertest.Home, password: brokertest.Password},
		hard: letter{username: brokertest.Clock, password: brokertest.Password},
		most: 1 << 20,
		stop: b.Stop, start: b.Start,
	}
}

// start returns a rig whose bridge meets others at an exchange.
func (x exchange) rig(t *testing.T, more ...func(*Config)) *rig {
	t.Helper()
	r := prepare(t)
	r.startBridge(append([]func(*Config){x.join}, more...)...)
	return r
}

// TestMosquitto is the suite over TLS, with passwords and the ACL of docs/mosquitto, and
// what such a broker has of its own.
func TestMosquitto(t *testing.T) {
	b := brokertest.Start(t, "../../docs", nil)
	x := meetAt(b)
	t.Run("suite", func(t *testing.T) { suite(t, x) })
	t.Run("password", func(t *testing.T) {
		wrong := filepath.Join(t.TempDir(), "wrong")
		if err := os.WriteFile(wrong, []byte("wrong"), 0o600); err != nil {
			t.Fatal(err)
		}
		x.fails(t, "mqtt.password_file", "password", func(c *Config) { c.MQTT.PasswordFile = wrong })
	})
	t.Run("authority", func(t *testing.T) {
		x.fails(t, "mqtt.ca_file", "certificate_untrusted", func(c *Config) { c.MQTT.CAFile = "" })
	})
	t.Run("name", func(t *testing.T) {
		x.fails(t, "a name that the broker's certificate is for", "certificate_name", func(c *Config) { c.MQTT.URL = "mqtts://127.0.0.1:" + b.Port })
	})
	t.Run("inspect", func(t *testing.T) {
		r := x.rig(t)
		r.up()
		x.inspected(t, b, false)
		if err := r.bridgeRuns.end(); err != nil {
			t.Fatal(err)
		}
		x.inspected(t, b, true)
	})
}

// TestACL: mosquitto says nothing of what it does not let through. The clock goes on, and
// who inspects the broker sees it.
func TestACL(t *testing.T) {
	b := brokertest.Start(t, "../../docs", func(acl string) string {
		return strings.Replace(acl, "pattern readwrite home/%u/#", "pattern deny home/%u/light/state\npattern deny home/%u/transition/set\npattern readwrite home/%u/#", 1)
	})
	x := meetAt(b)
	r := x.rig(t)
	r.up()
	h := x.peer(t, x.home, "homeassistant")
	h.until(t, "home/Clock_Stani_1/availability=online")
	h.until(t, "home/Clock_Stani_1/brightness/status=")
	x.inspected(t, b, false, "home/Clock_Stani_1/light/state")
	if got := h.saw("home/Clock_Stani_1/light/state"); len(got) > 0 {
		t.Errorf("light/state came: %q", got)
	}
	if err := r.bridgeRuns.end(); err != nil {
		t.Fatal(err)
	}
	x.inspected(t, b, true, "home/Clock_Stani_1/light/state", "home/Clock_Stani_1/transition/set")
}

// inspected fails the test unless a stranger with the clock's password finds these topics
// at fault, and no others.
func (x exchange) inspected(t *testing.T, b *brokertest.Mosquitto, alone bool, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := Inspect(ctx, Config{MQTT: b.MQTT(brokertest.Clock), Device: "Clock_Stani_1", ID: "Clock_Stani_1_5A1E74"}, alone)
	if err != nil {
		t.Fatal(err)
	}
	if found.TLS == nil || len(found.Refused) > 0 {
		t.Errorf("TLS %v, refused %q", found.TLS, found.Refused)
	}
	if got := slices.Concat(found.Missing, found.Silent, found.Deaf); !slices.Equal(got, want) {
		t.Errorf("missing %q, silent %q, deaf %q; want %q", found.Missing, found.Silent, found.Deaf, want)
	}
}

// fails fails the test unless a bridge that is configured so does not come through.
func (x exchange) fails(t *testing.T, says, cause string, more func(*Config)) {
	t.Helper()
	r := x.rig(t, more)
	l := r.until("failed", func(l clock.Link) bool { return l.Err != "" })
	if !strings.Contains(l.Err, says) {
		t.Errorf("error %q, want in it %q", l.Err, says)
	}
	if log := r.log.String(); !strings.Contains(log, cause) || strings.Contains(log, brokertest.Password) {
		t.Errorf("log, which should have cause %s and no password\n%s", cause, log)
	}
}
