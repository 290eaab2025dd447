// Package brokertest is for tests only: a real mosquitto to meet at.
package brokertest

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/config"
	"wordclockd/internal/proof"
	"wordclockd/internal/release"
)

// Users of a Mosquitto, and their password.
const (
	Clock    = "Clock_Stani_1"
	Home     = "homeassistant"
	Password = "sesame, open"
)

// A Mosquitto is a real broker with the example configuration of docs/mosquitto: TLS,
// passwords, ACL.
type Mosquitto struct {
	Port string // of localhost, which its certificate is for

	t   testing.TB
	dir string
	cmd *exec.Cmd
	log *os.File
}

// Start starts one until the test ends, with its ACL edited; edit nil leaves it as it is.
// docs is that folder of this repository.
func Start(t testing.TB, docs string, edit func(acl string) string) *Mosquitto {
	t.Helper()
	for _, program := range []string{"mosquitto", "mosquitto_passwd"} {
		if _, err := exec.LookPath(program); err != nil {
			proof.Missing(t, "no "+program+": apt-get install mosquitto")
		}
	}
	m := &Mosquitto{t: t, dir: t.TempDir(), Port: freePort(t)}
	m.certify()
	acl := m.read(filepath.Join(docs, "mosquitto/acl"))
	if edit != nil {
		acl = edit(acl)
	}
	m.write("acl", acl)
	conf := strings.NewReplacer(
		"/etc/mosquitto/certs", m.dir, "/etc/mosquitto", m.dir, "/var/lib/mosquitto", m.dir, "listener 8883", "listener "+m.Port+" 127.0.0.1",
	).Replace(m.read(filepath.Join(docs, "mosquitto/mosquitto.conf")))
	m.write("conf", conf+"\nuser root\nlog_dest stderr\nautosave_interval 0\n")
	m.write("password", Password)
	m.write("passwd", "")
	for _, user := range []string{Clock, Home} {
		if out, err := exec.Command("mosquitto_passwd", "-b", m.path("passwd"), user, Password).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
		}
	}
	m.Start()
	t.Cleanup(m.Stop)
	return m
}

// Start starts it again. It returns when it takes connections.
func (m *Mosquitto) Start() {
	m.t.Helper()
	var err error
	if m.log, err = os.OpenFile(m.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command("mosquitto", "-c", m.path("conf"))
	m.cmd.Stderr = m.log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+m.Port)
		if err == nil {
			c.Close()
			return
		}
		if time.Since(begin) > time.Minute {
			m.t.Fatalf("mosquitto does not listen\n%s", m.read(m.path("log")))
		}
	}
}

// Stop ends it, by its own process id. Start starts it again.
func (m *Mosquitto) Stop() {
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	_ = m.cmd.Wait()
	_ = m.log.Close()
	if m.t.Failed() {
		m.t.Logf("%s", m.read(m.path("log")))
	}
}

// MQTT is how a user of it is configured.
func (m *Mosquitto) MQTT(user string) config.MQTT {
	return config.MQTT{
		URL: "mqtts://localhost:" + m.Port, Username: user, PasswordFile: m.path("password"), CAFile: m.path("ca.crt"),
		Reconnect: 100 * time.Millisecond, Discovery: "device", DiscoveryPrefix: "homeassistant", TopicPrefix: "home",
	}
}

// certify makes an authority, and a certificate of this host.
func (m *Mosquitto) certify() {
	m.t.Helper()
	c, root, err := release.Certify(time.Now(), "localhost")
	if err != nil {
		m.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("ca.crt", string(root))
	m.write("server.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})))
	m.write("server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

func (m *Mosquitto) path(name string) string { return filepath.Join(m.dir, name) }

func (m *Mosquitto) read(path string) string {
	p, err := os.ReadFile(path)
	if err != nil {
		m.t.Error(err)
	}
	return string(p)
}

func (m *Mosquitto) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
