package mqttbridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
)

// A mosquitto is a real broker with the example configuration of docs/mosquitto: TLS,
// passwords, ACL. It ends with the test.
type mosquitto struct {
	t    *testing.T
	dir  string
	port string
	cmd  *exec.Cmd
	log  *os.File
}

// Users of a mosquitto, and their password.
const (
	clockUser = "Clock_Stani_1"
	homeUser  = "homeassistant"
	sesame    = "sesame, open"
)

// newMosquitto starts one, with its ACL edited.
func newMosquitto(t *testing.T, edit func(acl string) string) *mosquitto {
	t.Helper()
	for _, program := range []string{"mosquitto", "mosquitto_passwd"} {
		if _, err := exec.LookPath(program); err != nil {
			proof.Missing(t, "no "+program+": apt-get install mosquitto")
		}
	}
	b := &mosquitto{t: t, dir: t.TempDir(), port: freePort(t)}
	certify(t, b.dir)
	acl := read(t, "../../docs/mosquitto/acl")
	b.write("acl", edit(acl))
	conf := strings.NewReplacer(
		"/etc/mosquitto", b.dir, "/var/lib/mosquitto", b.dir, "listener 8883", "listener "+b.port+" 127.0.0.1",
	).Replace(read(t, "../../docs/mosquitto/mosquitto.conf"))
	b.write("conf", conf+"\nuser root\nlog_dest stderr\nautosave_interval 0\n")
	b.write("password", sesame)
	b.write("passwd", "")
	for _, user := range []string{clockUser, homeUser} {
		if out, err := exec.Command("mosquitto_passwd", "-b", b.dir+"/passwd", user, sesame).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
		}
	}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func read(t *testing.T, name string) string {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func (b *mosquitto) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start returns when it takes connections.
func (b *mosquitto) start() {
	b.t.Helper()
	var err error
	if b.log, err = os.OpenFile(b.dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command("mosquitto", "-c", b.dir+"/conf")
	b.cmd.Stderr = b.log
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("mosquitto %d on port %s", b.cmd.Process.Pid, b.port)
	await(b.t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+b.port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (b *mosquitto) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	_ = b.cmd.Wait()
	_ = b.log.Close()
	if b.t.Failed() {
		b.t.Logf("%s", read(b.t, b.dir+"/log"))
	}
}

// mqtt is how a user of it is configured.
func (b *mosquitto) mqtt(user string) config.MQTT {
	return config.MQTT{
		URL: "mqtts://localhost:" + b.port, Username: user, PasswordFile: b.dir + "/password", CAFile: b.dir + "/certs/ca.crt",
		Reconnect: 100 * time.Millisecond, Discovery: "device", DiscoveryPrefix: "homeassistant", TopicPrefix: "home",
	}
}

// exchange returns it as a place where clock and Home Assistant meet.
func (b *mosquitto) exchange() exchange {
	return exchange{
		join: func(c *Config) { c.MQTT, c.Dial, c.Broker = b.mqtt(clockUser), nil, "" },
		dial: New(Config{MQTT: b.mqtt(homeUser)}).dial,
		home: letter{username: homeUser, password: sesame},
		hard: letter{username: clockUser, password: sesame},
		stop: b.stop, start: b.start,
	}
}

// certify makes an authority, and a certificate of this host, in dir/certs.
func certify(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir+"/certs", 0o700); err != nil {
		t.Fatal(err)
	}
	sign := func(name string, c, by *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by, key = c, own
		}
		der, err := x509.CreateCertificate(rand.Reader, c, by, &own.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(own)
		if err != nil {
			t.Fatal(err)
		}
		for suffix, block := range map[string]*pem.Block{
			"crt": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private},
		} {
			if err := os.WriteFile(fmt.Sprintf("%s/certs/%s.%s", dir, name, suffix), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made, own
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(30*24*time.Hour)
	ca, key := sign("ca", &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	sign("server", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "broker"}, NotBefore: from, NotAfter: to,
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, key)
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
	b := newMosquitto(t, func(acl string) string { return acl })
	x := b.exchange()
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
		x.fails(t, "a name that the broker's certificate is for", "certificate_name", func(c *Config) { c.MQTT.URL = "mqtts://127.0.0.1:" + b.port })
	})
	t.Run("inspect", func(t *testing.T) {
		r := x.rig(t)
		r.up()
		x.inspected(t, b, false, nil, nil)
		if err := r.bridgeRuns.end(); err != nil {
			t.Fatal(err)
		}
		x.inspected(t, b, true, nil, nil)
	})
}

// TestACL: mosquitto says nothing of what it does not let through. The clock goes on, and
// who inspects the broker sees it.
func TestACL(t *testing.T) {
	b := newMosquitto(t, func(acl string) string {
		return strings.Replace(acl, "pattern readwrite home/%u/#", "pattern deny home/%u/light/state\npattern readwrite home/%u/#", 1)
	})
	x := b.exchange()
	r := x.rig(t)
	r.up()
	h := x.peer(t, x.home, "homeassistant")
	h.until(t, "home/Clock_Stani_1/availability=online")
	h.until(t, "home/Clock_Stani_1/brightness/status=")
	x.inspected(t, b, false, []string{"home/Clock_Stani_1/light/state"}, nil)
	if got := h.saw("home/Clock_Stani_1/light/state"); len(got) > 0 {
		t.Errorf("light/state came: %q", got)
	}
}

// inspected fails the test unless a stranger with the clock's password finds that.
func (x exchange) inspected(t *testing.T, b *mosquitto, alone bool, missing, silent []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := Inspect(ctx, Config{MQTT: b.mqtt(clockUser), Device: "Clock_Stani_1", ID: "Clock_Stani_1_5A1E74"}, alone)
	if err != nil {
		t.Fatal(err)
	}
	if found.TLS == nil || len(found.Refused) > 0 {
		t.Errorf("TLS %v, refused %q", found.TLS, found.Refused)
	}
	if fmt.Sprint(found.Missing, found.Silent) != fmt.Sprint(missing, silent) {
		t.Errorf("missing %q, silent %q; want %q, %q", found.Missing, found.Silent, missing, silent)
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
	if log := r.log.String(); !strings.Contains(log, cause) || strings.Contains(log, sesame) {
		t.Errorf("log, which should have cause %s and no password\n%s", cause, log)
	}
}
