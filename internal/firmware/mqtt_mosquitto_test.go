package firmware

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"wordclockd/internal/broker/brokertest"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
)

// meetAtMosquitto lets a whole clock and Home Assistant meet at a real broker, with TLS,
// passwords and the ACL of docs/mosquitto.
func meetAtMosquitto(t *testing.T, change func(*Config)) *meeting {
	t.Helper()
	m := brokertest.Start(t, "../../docs", nil)
	return meetAt(t, lookOnAt(t, m), func(c *Config) {
		c.Bridge.MQTT, c.Bridge.Broker = m.MQTT(brokertest.Clock), ""
		c.Zone = time.UTC
		if change != nil {
			change(c)
		}
	})
}

// lookOnAt is Home Assistant at a mosquitto.
func lookOnAt(t *testing.T, m *brokertest.Mosquitto) *onlooker {
	t.Helper()
	c := m.MQTT(brokertest.Home)
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(c.CAFile); err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s: %v", c.CAFile, err)
	}
	d := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	return lookOn(t, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", "127.0.0.1:"+m.Port) },
		func(o *mqtt.ClientOptions) { o.SetUsername(brokertest.Home).SetPassword(brokertest.Password) })
}

// TestConversationAtMosquitto is the conversation at a real broker.
func TestConversationAtMosquitto(t *testing.T) {
	t.Parallel()
	meetAtMosquitto(t, nil).talk(t)
}

// TestInstallAtMosquitto: an update and a rollback by Home Assistant, at a real broker
// and over real HTTP.
func TestInstallAtMosquitto(t *testing.T) {
	t.Parallel()
	p := new(publisher)
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	at := config.Source{Manifest: s.URL + "/version.json", Image: s.URL + "/wordclock.bin"}
	l, dev := newFlash(t, good)
	m := brokertest.Start(t, "../../docs", nil)
	ha := lookOnAt(t, m)
	d := &clockwork{board: sim.NewBoard(), zone: time.UTC, loader: l, store: filepath.Join(t.TempDir(), "nvs.db")}
	d.synced.Store(true)
	d.run(t, func(c *Config) {
		c.Flash = &Flash{Device: dev, Table: flash.Intended()}
		c.OTA = config.OTA{GitHub: at, Cloudflare: at, CompareSources: true, Stall: 5 * time.Second, Deadline: time.Minute}
		c.Health = config.Health{Attempts: 3, Interval: 100 * time.Millisecond}
		c.Bridge = bridgeTo(t, nil)
		c.Bridge.MQTT, c.Bridge.Broker = m.MQTT(brokertest.Clock), ""
	})
	ha.await(0, "status", "connected_secure")
	p.offers(t, "1.2.4", faulty(t))
	installs(t, ha, "1.2.3", "1.2.4", `"build_date":"","build_time":""`)
	bad := faulty(t, "crash@1s")
	bad.Version = "1.2.5"
	p.offers(t, "1.2.5", bad)
	mark := ha.mark()
	ha.say("command", "ota_start_update")
	ha.await(mark, "events", `{"event_type":"ota_rolled_back","from":"1.2.5","to":"1.2.4","reason":"crashed"`)
}
