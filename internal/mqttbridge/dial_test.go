package mqttbridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/watch"
)

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]endpoint{
		"mqtt://broker.test":      {"broker.test", "broker.test:1883", false},
		"tcp://broker.test:11883": {"broker.test", "broker.test:11883", false},
		"mqtts://broker.test":     {"broker.test", "broker.test:8883", true},
		"ssl://[fe80::1]:8884":    {"fe80::1", "[fe80::1]:8884", true},
		"tls://192.168.1.2":       {"192.168.1.2", "192.168.1.2:8883", true},
	} {
		if got, err := endpointOf(url); err != nil || got != want {
			t.Errorf("%s: %+v, error %v, want %+v", url, got, err, want)
		}
	}
}

// A port is where a broker listens in memory.
type port struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPort() *port { return &port{calls: make(chan net.Conn), closed: make(chan struct{})} }

func (p *port) dial(ctx context.Context) (net.Conn, error) {
	here, there := broker.Pipe()
	select {
	case p.calls <- there:
		return here, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *port) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *port) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8883} }

// An authority issues certificates that are valid at present.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{key: newKey(t), dir: t.TempDir()}
	c := template("authority of the test")
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, c, c, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func (a *authority) issue(t *testing.T, c *x509.Certificate) tls.Certificate {
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// file returns the name of a file with the certificate.
func (a *authority) file(t *testing.T) string {
	return write(t, filepath.Join(a.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// pair writes what a client shows, and returns the names of both files.
func (a *authority) pair(t *testing.T, c *x509.Certificate) (cert, key string) {
	p := a.issue(t, c)
	der, err := x509.MarshalPKCS8PrivateKey(p.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert = write(t, filepath.Join(a.dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate[0]}))
	key = write(t, filepath.Join(a.dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return cert, key
}

func write(t *testing.T, name string, p []byte) string {
	if err := os.WriteFile(name, p, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// behindTLS starts a rig whose broker asks for TLS, and for the password "geheim".
func behindTLS(t *testing.T, a *authority, server *tls.Config, more func(*Config)) *rig {
	p := newPort()
	r := &rig{t: t, clock: newFakeClock(), link: new(watch.Value[clock.Link]), wires: &wires{dial: p.dial}}
	r.broker = broker.New(broker.Config{
		Listeners: []net.Listener{tls.NewListener(p, server)}, Username: "clock", Password: "geheim", Log: r.log.Logger(),
	})
	r.startBroker()
	r.clock.follow(t, r.link)
	r.startBridge(func(c *Config) {
		c.MQTT.URL, c.MQTT.CAFile, c.Broker = "mqtts://broker.test", a.file(t), ""
		c.MQTT.Username, c.MQTT.PasswordFile = "clock", write(t, filepath.Join(a.dir, "password"), []byte("geheim\n"))
		more(c)
	})
	return r
}

func asIs(*Config) {}

// TestTLS holds what is taken and what is not, and what people are told.
func TestTLS(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(*testing.T, *authority, *tls.Config)
		client func(*testing.T, *authority, *Config)
		want   string // of the error; "" is a connection
	}{
		{name: "good"},
		{name: "TLS 1.2", server: func(_ *testing.T, _ *authority, c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{
			name: "TLS 1.1",
			server: func(_ *testing.T, _ *authority, c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			},
			want: "protocol version",
		},
		{
			name: "another name",
			server: func(t *testing.T, a *authority, c *tls.Config) {
				c.Certificates = []tls.Certificate{a.issue(t, template("other.test"))}
			},
			want: "mqtt.url needs a name that the broker's certificate is for",
		},
		{
			name: "expired",
			server: func(t *testing.T, a *authority, c *tls.Config) {
				old := template("broker.test")
				old.NotAfter = time.Now().Add(-time.Minute)
				c.Certificates = []tls.Certificate{a.issue(t, old)}
			},
			want: "check this host's clock, or renew the broker's certificate",
		},
		{
			name: "untrusted",
			server: func(t *testing.T, _ *authority, c *tls.Config) {
				c.Certificates = []tls.Certificate{newAuthority(t).issue(t, template("broker.test"))}
			},
			want: "mqtt.ca_file",
		},
		{
			name:   "client certificate",
			server: func(_ *testing.T, a *authority, c *tls.Config) { askForCertificate(a, c) },
			client: func(t *testing.T, a *authority, c *Config) {
				c.MQTT.CertFile, c.MQTT.KeyFile = a.pair(t, template("clock"))
			},
		},
		{
			name:   "no client certificate",
			server: func(_ *testing.T, a *authority, c *tls.Config) { askForCertificate(a, c) },
			want:   "check mqtt.cert_file and mqtt.key_file",
		},
		{
			name:   "no file of an authority",
			client: func(t *testing.T, a *authority, c *Config) { os.Remove(c.MQTT.CAFile) },
			want:   "read mqtt.ca_file: open ",
		},
		{
			name:   "wrong password",
			client: func(t *testing.T, a *authority, c *Config) { write(t, c.MQTT.PasswordFile, []byte("hunter2")) },
			want:   "check mqtt.username and mqtt.password_file",
		},
		{
			name:   "no password",
			client: func(t *testing.T, a *authority, c *Config) { write(t, c.MQTT.PasswordFile, nil) },
			want:   "it is empty",
		},
		{
			name:   "no TLS",
			client: func(t *testing.T, a *authority, c *Config) { c.MQTT.URL = "mqtt://broker.test:8883" },
			want:   "on a port for TLS mqtt.url starts with mqtts://",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				server := &tls.Config{Certificates: []tls.Certificate{a.issue(t, template("broker.test"))}}
				if c.server != nil {
					c.server(t, a, server)
				}
				r := behindTLS(t, a, server, func(conf *Config) {
					if c.client != nil {
						c.client(t, a, conf)
					}
				})
				if c.want == "" {
					r.up()
					return
				}
				l := r.until("failed", func(l clock.Link) bool { return l.Err != "" })
				if !strings.Contains(l.Err, c.want) || l.State != clock.LinkDown {
					t.Errorf("link %+v, want %q", l, c.want)
				}
				if s := r.log.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "geheim") {
					t.Errorf("the log holds the password\n%s", s)
				}
			})
		})
	}
}

func askForCertificate(a *authority, c *tls.Config) {
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	c.ClientCAs.AddCert(a.cert)
}

// TestCertificateExpires holds that a connection stays when the broker's certificate runs
// out, that the next one is refused, and that a new certificate is taken without a restart.
func TestCertificateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		var mu sync.Mutex
		brief := template("broker.test")
		brief.NotAfter = time.Now().Add(10 * time.Minute)
		cert := a.issue(t, brief)
		r := behindTLS(t, a, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			now := cert
			return &now, nil
		}}, asIs)
		r.up()
		time.Sleep(15 * time.Minute)
		if l := r.link.Get(); l.State != clock.LinkUp || l.Losses != 0 {
			t.Fatalf("link %+v", l)
		}
		r.wires.last().cut()
		r.down()
		l := r.until("refused", func(l clock.Link) bool { return strings.Contains(l.Err, "certificate") })
		if !strings.Contains(l.Err, "expired") {
			t.Errorf("link %+v", l)
		}
		time.Sleep(time.Minute)
		next := newAuthority(t)
		mu.Lock()
		cert = next.issue(t, template("broker.test"))
		mu.Unlock()
		write(t, filepath.Join(a.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: next.cert.Raw}))
		r.up()
	})
}

func TestTroubles(t *testing.T) {
	for _, c := range []struct {
		err  error
		want trouble
	}{
		{
			&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "broker.test", IsNotFound: true}},
			trouble{"name", "dial tcp: lookup broker.test: no such host; check the host of mqtt.url, and the name server of this host"},
		},
		{
			&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			trouble{"refused", "dial tcp: connect: connection refused; nothing listens there: start the broker, or check the port of mqtt.url"},
		},
		{
			&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
			trouble{"unreachable", "dial tcp: connect: no route to host; check the network, and the address in mqtt.url"},
		},
		{
			errors.Join(packets.ErrorNetworkError, context.DeadlineExceeded),
			trouble{"timeout", "network Error\ncontext deadline exceeded; check the network, a firewall, and the port of mqtt.url"},
		},
		{packets.ErrorRefusedIDRejected, trouble{"id", "identifier rejected; the broker does not take the client id: set mqtt.device_id"}},
		{packets.ErrorRefusedNotAuthorised, trouble{"not_authorised", "the broker does not let the clock in; check mqtt.username and mqtt.password_file, and what the broker lets that user do"}},
		{packets.ErrorRefusedServerUnavailable, trouble{"unavailable", "server Unavailable; the broker takes no more clients, it says"}},
		{packets.ErrorRefusedBadProtocolVersion, trouble{"protocol", "unacceptable protocol version; the broker has to speak MQTT 3.1.1"}},
		{io.ErrNoProgress, trouble{"other", "multiple Read calls return no data or error"}},
		{errCut, trouble{"cut", "the image was made to go wrong: no-mqtt"}},
	} {
		if d := cmp.Diff(c.want, troubleOf(c.err), cmp.AllowUnexported(trouble{})); d != "" {
			t.Errorf("%v: (-want +got)\n%s", c.err, d)
		}
	}
}

// TestAnswers holds what the clock makes of what a broker says to it.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		stub *stub
		want string
	}{
		{"bad version", &stub{welcome: true, code: 1}, "has to speak MQTT 3.1.1"},
		{"id rejected", &stub{welcome: true, code: 2}, "set mqtt.device_id"},
		{"unavailable", &stub{welcome: true, code: 3}, "no more clients"},
		{"password", &stub{welcome: true, code: 4}, "check mqtt.username"},
		{"not authorised", &stub{welcome: true, code: 5}, "lets that user do"},
		{"nothing", &stub{}, "no answer within 15s"},
		{"HTTP", &stub{raw: says("HTTP/1.1 400 Bad Request\r\n\r\n")}, "does not speak MQTT 3.1.1"},
		{"hangs up", &stub{raw: says("")}, "mqtts://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := prepare(t)
				r.wires.dial = c.stub.dialer(r)
				r.startBridge()
				l := r.until("failed", func(l clock.Link) bool { return l.Err != "" })
				if !strings.Contains(l.Err, c.want) || l.Losses != 0 {
					t.Errorf("link %+v, want %q", l, c.want)
				}
			})
		})
	}
}

// says returns a broker that says one thing to all.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 1))
		io.WriteString(c, text)
	}
}
