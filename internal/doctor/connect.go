package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"wordclockd/internal/config"
	"wordclockd/internal/ota"
)

// step is how long one question to a server may take.
const step = 4 * time.Second

// reach connects to the server of a file by the steps that a request takes.
// Each server is asked once.
func (x *source) reach(ctx context.Context, w Web, c config.OTA, rt *http.Transport, servers map[string]error, name string) error {
	u, err := x.http.URL(name)
	if err == nil {
		err = ota.Permit(c, u)
	}
	if err != nil {
		x.add(Fault, name, "correct the URLs below ota.sources."+x.topic, "%s", detail(err))
		return err
	}
	if err, ok := servers[hostPort(u)]; ok {
		return err
	}
	if proxy := w.proxy(u); proxy != nil {
		x.add(Note, "proxy", "if this is not wanted: unset HTTPS_PROXY for the clock, or name the host in NO_PROXY",
			"requests to %s go by way of %s", u.Host, proxy.Host)
		servers[hostPort(u)] = nil // names, connections and certificates are the proxy's affair
		return nil
	}
	err = x.connect(ctx, w, rt, u)
	servers[hostPort(u)] = err
	return err
}

func (w Web) proxy(u *url.URL) *url.URL {
	if w.Proxy == nil {
		return nil
	}
	p, err := w.Proxy(&http.Request{URL: u})
	if err != nil {
		return nil // the request will say so
	}
	return p
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// connect resolves a name, connects and shakes hands.
func (x *source) connect(ctx context.Context, w Web, rt *http.Transport, u *url.URL) error {
	if err := x.resolve(ctx, w, u.Hostname()); err != nil {
		return err
	}
	ctx, cancel := within(ctx, step)
	defer cancel()
	conn, err := w.Dial(ctx, "tcp", hostPort(u))
	if err != nil {
		x.add(Fault, "connection", "check router and firewall: curl -I "+shown(u), "nobody answers at %s: %v", hostPort(u), innermost(err))
		return err
	}
	defer conn.Close()
	if u.Scheme != "https" {
		x.add(Note, "connection", "", "%s answers, without encryption", hostPort(u))
		return nil
	}
	return x.shake(ctx, conn, rt.TLSClientConfig, u)
}

func (x *source) resolve(ctx context.Context, w Web, host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	ctx, cancel := within(ctx, step)
	defer cancel()
	addrs, err := w.Lookup(ctx, host)
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		x.add(OK, "name", "", "%s is %s", host, list(addrs, netip.Addr.String))
	case ok && dns.IsNotFound:
		x.add(Fault, "name", fmt.Sprintf("check the URLs below ota.sources.%s, and whether the source was given up; compare: resolvectl query %s", x.topic, host),
			"there is no host of the name %s", host)
	default:
		x.add(Fault, "name", fmt.Sprintf("check the network of this host and its DNS server: resolvectl query %s, cat /etc/resolv.conf", host),
			"the name %s cannot be looked up: %v", host, innermost(err))
		err = &net.DNSError{Err: innermost(err).Error(), Name: host}
	}
	return err
}

// shake makes the TLS handshake and judges the certificates by itself: package
// tls would not show those that it refuses. Nothing is sent over the
// connection.
func (x *source) shake(ctx context.Context, conn net.Conn, c *tls.Config, u *url.URL) error {
	host := u.Hostname()
	c = c.Clone()
	c.ServerName, c.InsecureSkipVerify = host, true
	t := tls.Client(conn, c)
	if err := t.HandshakeContext(ctx); err != nil {
		x.add(Fault, "TLS", "a clock wants TLS 1.2 or newer; if the source is a public one, a firewall or proxy is in between: curl -vI https://"+u.Host,
			"the handshake with %s does not succeed: %v", host, innermost(err))
		return err
	}
	return x.certificate(t.ConnectionState(), c.RootCAs, host)
}

// shown returns an address without what may be secret in it.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// innermost returns the part of an error that a person needs, without the
// addresses that stand around it.
func innermost(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
