package ota

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

// TestSockets has each class of failure once more, over TCP of this host. What
// time it takes is for the bubbles to say; here it only has to end.
func TestSockets(t *testing.T) {
	for _, f := range failings {
		if f.memory {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			faulty, other := inTurn(f.site, offers("2.12.0"))
			w := sockets(t, faulty, other)
			w.limit, w.grace = time.Minute, time.Minute
			if f.silent {
				w.grace = 500 * time.Millisecond
			}
			l := look{Check: w.Check(t.Context(), Request{Current: "2.11.3"})}
			l.served(t, clock.Cloudflare, "2.12.0")
			l.failed(t, clock.GitHub, f)
		})
	}
}

// inTurn lets the second site answer only when the first was asked, so that
// nothing depends on how fast the host is.
func inTurn(first, second site) (site, site) {
	var once sync.Once
	asked := make(chan struct{})
	reached := func() { once.Do(func() { close(asked) }) }
	h, bare, certs := first.handler, first.bare, first.tls
	first.handler = func(w http.ResponseWriter, r *http.Request) { reached(); h(w, r) }
	if bare != nil {
		first.bare = func(c net.Conn) { reached(); bare(c) }
	}
	first.tls = func(c *tls.Config) {
		if certs != nil {
			certs(c)
		} else if first.cert == nil {
			return // it comes to a request
		}
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { reached(); return nil, nil }
	}
	answer := second.handler
	second.handler = func(w http.ResponseWriter, r *http.Request) { <-asked; answer(w, r) }
	return first, second
}

// TestSocketsRefused: nobody listens.
func TestSocketsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	w := sockets(t, offers("2.12.0"), offers("2.12.0"))
	w.c.OTA.Cloudflare.Manifest = "https://" + addr + "/version.json"
	look := look{Check: w.Check(t.Context(), Request{Preferred: clock.Cloudflare})}
	look.served(t, clock.GitHub, "2.12.0")
	look.failed(t, clock.Cloudflare, failing{cause: Refused, detail: "connection refused"})
}

// TestSocketsWell: both are well, and asked once.
func TestSocketsWell(t *testing.T) {
	w := sockets(t, offers("2.12.0"), offers("2.12.0"))
	look := look{Check: w.Check(t.Context(), Request{})}
	look.served(t, clock.GitHub, "2.12.0")
	look.warned(t)
	for _, s := range clock.Sources {
		w.requested(t, s, 1)
	}
}
