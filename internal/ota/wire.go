package ota

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"wordclockd/internal/config"
)

// A Dial connects to host:port. It must give up when ctx is done.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// NewTransport returns a transport of its own for asking sources: TLS 1.2 or
// newer, verified by the system's roots and those in the configured file, by
// way of the proxy that the environment names. Without dial it uses the
// network. It reads the file; its error has a cause.
func NewTransport(c config.OTA, dial Dial) (*http.Transport, error) {
	roots, err := roots(c.CAFile)
	if err != nil {
		return nil, fault(TLSUntrusted, err)
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            orNetwork(dial),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    patience,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxManifest,
	}, nil
}

// patience is how long a connection may take to come about. It is more than
// any check takes, so that who asks decides, and says, when it was too long.
const patience = 15 * time.Second

func orNetwork(d Dial) Dial {
	if d == nil {
		return (&net.Dialer{Timeout: patience}).DialContext
	}
	return d
}

// roots returns nil, which means the system's, if there is no file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	p, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ota.ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without roots is what the file may be for
	}
	if !pool.AppendCertsFromPEM(p) {
		return nil, fmt.Errorf("read ota.ca_file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// MaxRedirects is how many are followed.
const MaxRedirects = 5

// Redirects returns the policy of redirects, for [http.Client]: at most
// MaxRedirects, none to where [Permit] forbids it, and without telling where
// they come from, in which there may be secrets.
func Redirects(c config.OTA) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		if len(via) > MaxRedirects {
			return fault(RedirectLoop, fmt.Errorf("more than %d redirects, the last to %s", MaxRedirects, shown(r.URL)))
		}
		r.Header.Del("Referer")
		return Permit(c, r.URL)
	}
}

// Permit returns an error of cause [RedirectInsecure] for an address that is
// not encrypted, unless it is on this host or the configuration allows it.
func Permit(c config.OTA, u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && (c.AllowHTTP || loopback(u.Hostname())) {
		return nil
	}
	return fault(RedirectInsecure, fmt.Errorf("%s is not encrypted: use https, or set ota.allow_http", shown(u)))
}

// loopback tells by the name alone: what a resolver says is not to be trusted.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// maxShown is how much of an address is shown.
const maxShown = 200

// shown returns an address without what may be secret in it.
func shown(u *url.URL) string {
	text := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	if len(text) > maxShown {
		return text[:maxShown] + "…"
	}
	return text
}

// within returns a dial whose attempts and connections end when life does. A
// transport would otherwise go on with what a request that was given up has
// begun.
func within(life context.Context, dial Dial) Dial {
	dial = orNetwork(dial)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		c, err := dial(ctx, network, addr)
		if err == nil {
			context.AfterFunc(life, func() { c.Close() })
		}
		return c, err
	}
}
