package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"wordclockd/internal/task"
)

// A Network is what the clock wants of the network around it.
type Network struct {
	Proc  fs.FS      // /proc
	URLs  []*url.URL // one of their hosts has to take a connection
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Proxy func(*http.Request) (*url.URL, error) // what URLs are asked by way of; nil is none
}

// reachLimit is how long one host may take to take a connection.
const reachLimit = 4 * time.Second

// Probe fails unless there is a default route, and one of the hosts takes a
// connection; a host that is this one needs no route. All are asked at once, and the
// first that answers is enough. Nothing is sent.
func (n Network) Probe(ctx context.Context) ([]Fault, error) {
	route := n.Route()
	var asked []string
	var errs []error // by host
	for _, u := range n.URLs {
		addr, err := n.address(u)
		if slices.Contains(asked, addr) {
			continue
		}
		if err == nil && !isLoopback(addr) {
			err = route
		}
		asked, errs = append(asked, addr), append(errs, err)
	}
	g, _ := task.NewGroup(ctx)
	for i, addr := range asked {
		if errs[i] != nil {
			continue
		}
		g.Go("connect", func(ctx context.Context) error {
			if errs[i] = n.reach(ctx, addr); errs[i] == nil {
				g.Stop(nil)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		panic(err) // no task fails
	}
	if slices.Contains(errs, nil) {
		return nil, nil
	}
	return nil, joined(errs)
}

// joined is what is wrong, each once.
func joined(errs []error) error {
	var texts []string
	for _, err := range errs {
		if text := err.Error(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return errors.New(strings.Join(texts, "; "))
}

// address returns the host and port that a request for u goes to first.
func (n Network) address(u *url.URL) (string, error) {
	if n.Proxy != nil {
		proxy, err := n.Proxy(&http.Request{URL: u})
		if err != nil {
			return u.Host, fmt.Errorf("find proxy for %s: %w", u.Host, err)
		}
		if proxy != nil {
			u = proxy
		}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80", "socks5": "1080", "socks5h": "1080",
			"mqtt": "1883", "tcp": "1883", "mqtts": "8883", "ssl": "8883", "tls": "8883"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// Beyond reports whether any host is not this one.
func (n Network) Beyond() bool {
	return slices.ContainsFunc(n.URLs, func(u *url.URL) bool {
		addr, err := n.address(u)
		return err != nil || !isLoopback(addr)
	})
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

func (n Network) reach(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	c, err := n.Dial(ctx, "tcp", addr)
	switch {
	case err == nil:
		return c.Close()
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %s", reachLimit)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("connect to %s: %w", addr, err)
}

// Route returns an error if the kernel has no default route.
func (n Network) Route() error {
	v4, err4 := fs.ReadFile(n.Proc, "net/route")
	v6, err6 := fs.ReadFile(n.Proc, "net/ipv6_route")
	switch {
	case hasDefault(v4, isDefault4), hasDefault(v6, isDefault6):
		return nil
	case err4 != nil && err6 != nil:
		return fmt.Errorf("read routes: %w", err4)
	}
	return errors.New("no default route: check cable or Wi-Fi, and whether the router gives addresses")
}

func hasDefault(table []byte, is func([]string) bool) bool {
	for line := range bytes.Lines(table) {
		if is(strings.Fields(string(line))) {
			return true
		}
	}
	return false
}

// Flags of a route (linux/route.h).
const (
	routeUp     = 0x0001
	routeReject = 0x0200
)

// usable reports whether flags in hexadecimal are those of a route that is up.
func usable(flags string) bool {
	n, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && n&(routeUp|routeReject) == routeUp
}

// isDefault4 judges a line of /proc/net/route:
//
//	Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
func isDefault4(f []string) bool {
	return len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" && usable(f[3])
}

// isDefault6 judges a line of /proc/net/ipv6_route:
//
//	destination length source length gateway metric refcnt use flags iface
func isDefault6(f []string) bool {
	return len(f) >= 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && usable(f[8]) && f[9] != "lo"
}
