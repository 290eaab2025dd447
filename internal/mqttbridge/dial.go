package mqttbridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"wordclockd/internal/config"
)

// An endpoint is where a URL leads.
type endpoint struct {
	host, addr string
	tls        bool
}

// endpointOf returns where a URL of the configuration leads, which has checked it.
func endpointOf(rawURL string) (endpoint, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return endpoint{}, fmt.Errorf("read mqtt.url: %w", err)
	}
	e := endpoint{host: u.Hostname()}
	port := "1883"
	switch u.Scheme {
	case "mqtts", "ssl", "tls":
		e.tls, port = true, "8883"
	}
	if p := u.Port(); p != "" {
		port = p
	}
	e.addr = net.JoinHostPort(e.host, port)
	return e, nil
}

// dial connects to the broker, and speaks TLS with it if that is wanted.
func (b *Bridge) dial(ctx context.Context) (net.Conn, error) {
	if b.c.MQTT.URL == config.Embedded {
		return b.c.Dial(ctx)
	}
	to, err := endpointOf(b.c.MQTT.URL)
	if err != nil {
		return nil, err
	}
	raw, err := b.reach(ctx, to.addr)
	if err != nil || !to.tls {
		return raw, err
	}
	c, err := encrypt(ctx, raw, b.c.MQTT, to.host)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

func (b *Bridge) reach(ctx context.Context, addr string) (net.Conn, error) {
	if b.c.Dial != nil {
		return b.c.Dial(ctx)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// encrypt speaks TLS on a connection. The files are read each time, so that a renewed
// certificate is used without a restart.
func encrypt(ctx context.Context, raw net.Conn, m config.MQTT, host string) (net.Conn, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	var err error
	if c.RootCAs, err = roots(m.CAFile); err != nil {
		return nil, err
	}
	if m.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(m.CertFile, m.KeyFile)
		if err != nil {
			return nil, &fileError{"mqtt.cert_file and mqtt.key_file", err}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	s := tls.Client(raw, c)
	if err := s.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return &encrypted{s, raw}, nil
}

// An encrypted connection is closed without a farewell, which could have to wait.
type encrypted struct {
	*tls.Conn
	raw net.Conn
}

// Write implements net.Conn. A broker that has hung up may have said why.
func (e *encrypted) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p)
	if isHungUp(err) {
		if _, why := e.Conn.Read(make([]byte, 1)); isAlert(why) {
			err = why
		}
	}
	return n, err
}

// Close implements net.Conn.
func (e *encrypted) Close() error { return e.raw.Close() }

// maxCA bounds a file of certificates. All roots of a system are a fifth of that.
const maxCA = 1 << 20

// roots returns nil, which means the system's, if there is no file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &fileError{"mqtt.ca_file", err}
	}
	defer f.Close()
	p, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, &fileError{"mqtt.ca_file", err}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without roots is what the file may be for
	}
	if !pool.AppendCertsFromPEM(p) {
		return nil, &fileError{"mqtt.ca_file", fmt.Errorf("%s holds no PEM certificate", file)}
	}
	return pool, nil
}
