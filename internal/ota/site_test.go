package ota

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"time"
)

// offer returns a manifest that is well.
func offer(version string) Manifest {
	return Manifest{
		Version: version, BuildDate: "2025-11-15T10:43:46Z", Size: 1339312,
		SHA256: "b6e64aaa7163af0d76065914eac1f83b55a984ee46d385aa4c51c6ae270052e0",
	}
}

// offers is a source that is well.
func offers(version string) site { return serves(string(AppendManifest(nil, offer(version)))) }

// serves sends any text.
func serves(text string) site {
	return site{handler: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }}
}

// late lets the answer of a site wait.
func (s site) late(d time.Duration) site {
	h := s.handler
	s.handler = func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(d):
			h(w, r)
		}
	}
	return s
}

func status(code int) site {
	return site{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "no manifest", code)
	}}
}

func redirects(to string, times int) site {
	return site{handler: func(w http.ResponseWriter, r *http.Request) {
		n := strings.Count(r.URL.Path, "x")
		if n >= times {
			offers("2.12.0").handler(w, r)
			return
		}
		http.Redirect(w, r, fmt.Sprintf("%s/%s", to, strings.Repeat("x", n+1)), http.StatusFound)
	}}
}

func dials(err error) site {
	return site{dial: func(context.Context) (net.Conn, error) { return nil, err }}
}

// hangs accepts the request and says nothing.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drips sends what can be a manifest, too slowly to end in time.
func drips(w http.ResponseWriter, r *http.Request) {
	for _, b := range AppendManifest(nil, offer("2.12.0")) {
		if _, err := w.Write([]byte{b}); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// pauses sends the begin of a manifest, and nothing more.
func pauses(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, `{"version": "2.12.0",`)
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// zips sends a manifest as nobody asked for it.
func zips(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(AppendManifest(nil, offer("2.12.0")))
	z.Close()
}

// flippedAt is a source whose manifest has byte i inverted; from the end, if i is
// negative.
func flippedAt(i int) site {
	p := AppendManifest(nil, offer("2.12.0"))
	if i < 0 {
		i += len(p)
	}
	p[i] ^= 0xFF
	return serves(string(p))
}

// truncates announces more than it sends.
func truncates(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "400")
	io.WriteString(w, `{"version": "2.12.0",`)
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// floods sends without end, and without a length.
func floods(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, `{"version": "2.12.0", "description": "`)
	for range 1 << 10 {
		if _, err := io.WriteString(w, strings.Repeat("x", 4<<10)); err != nil {
			return
		}
	}
	<-r.Context().Done()
}

// announces too much, and sends nothing.
func announces(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "65537")
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func otherName(a *authority, t *x509.Certificate) tls.Certificate {
	t.DNSNames, t.IPAddresses = []string{"elsewhere.test"}, []net.IP{net.IPv4(192, 0, 2, 7)}
	return a.issue(t)
}

func expired(a *authority, t *x509.Certificate) tls.Certificate {
	t.NotAfter = time.Now().Add(-time.Minute)
	return a.issue(t)
}

func notYet(a *authority, t *x509.Certificate) tls.Certificate {
	t.NotBefore = time.Now().Add(time.Minute)
	return a.issue(t)
}

func untrusted(_ *authority, t *x509.Certificate) tls.Certificate { return newAuthority().issue(t) }

// A failing is a way in which a source can fail.
type failing struct {
	name   string
	site   site
	cause  Cause
	status int
	silent bool   // it is noticed only when time runs out
	detail string // of the message
	memory bool   // cannot be had over sockets without leaving the host
}

// failings are all of them.
var failings = []failing{
	{name: "no such host", cause: DNS, detail: "no such host", memory: true,
		site: dials(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "github.test", IsNotFound: true}})},
	{name: "resolver silent", cause: DNS, silent: true, detail: "looking up the name", memory: true,
		site: site{dial: func(ctx context.Context) (net.Conn, error) {
			httptrace.ContextClientTrace(ctx).DNSStart(httptrace.DNSStartInfo{})
			<-ctx.Done()
			return nil, ctx.Err()
		}}},
	{name: "resolver gave up", cause: DNS, detail: "i/o timeout", memory: true,
		site: dials(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o timeout", Name: "github.test", IsTimeout: true}})},
	{name: "refused", cause: Refused, detail: "connection refused", memory: true,
		site: dials(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})},
	{name: "unreachable", cause: Refused, detail: "network is unreachable", memory: true,
		site: dials(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH})},
	{name: "packets lost", cause: Timeout, silent: true, detail: "connecting", memory: true,
		site: site{dial: func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}},
	{name: "kernel gave up", cause: Timeout, detail: "connection timed out", memory: true,
		site: dials(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ETIMEDOUT})},
	{name: "hangs up at once", cause: Refused, site: site{bare: func(net.Conn) {}}},
	{name: "reset", cause: Refused, detail: "reset by peer", memory: true,
		site: site{bare: func(c net.Conn) { io.ReadFull(c, make([]byte, 1)); c.(*conn).Reset() }}},
	{name: "handshake silent", cause: Timeout, silent: true, detail: "in the TLS handshake",
		site: site{bare: func(c net.Conn) { io.Copy(io.Discard, c) }}},
	{name: "speaks no TLS", cause: TLSUntrusted, detail: "HTTP response to HTTPS client",
		site: site{bare: func(c net.Conn) { c.Read(make([]byte, 4096)); io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }}},
	{name: "speaks TLS 1.1", cause: TLSUntrusted, detail: "protocol version",
		site: site{handler: hangs, tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }}},
	{name: "wrong name", cause: TLSName, detail: "certificate is valid for", site: site{handler: hangs, cert: otherName}},
	{name: "expired", cause: TLSExpired, detail: "is the host's time right?", site: site{handler: hangs, cert: expired}},
	{name: "not yet valid", cause: TLSExpired, detail: "not yet valid", site: site{handler: hangs, cert: notYet}},
	{name: "untrusted", cause: TLSUntrusted, detail: "; ota.ca_file can name more", site: site{handler: hangs, cert: untrusted}},
	{name: "hangs up on the request", cause: Refused, detail: "EOF",
		site: site{handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}},
	{name: "hang", cause: Timeout, silent: true, detail: "waiting for the answer", site: site{handler: hangs}},
	{name: "204", cause: HTTPStatus, status: 204, detail: "204 No Content", site: status(204)},
	{name: "206", cause: HTTPStatus, status: 206, detail: "206 Partial Content", site: site{handler: partial("bytes 0-9/10")}},
	{name: "403", cause: HTTPStatus, status: 403, detail: "403 Forbidden", site: status(403)},
	{name: "404", cause: HTTPStatus, status: 404, detail: "/ota/version.json: 404 Not Found", site: status(404)},
	{name: "416", cause: HTTPStatus, status: 416, detail: "416 Requested Range Not Satisfiable", site: status(416)},
	{name: "429", cause: HTTPStatus, status: 429, detail: "429 Too Many Requests", site: status(429)},
	{name: "500", cause: HTTPStatus, status: 500, detail: "500 Internal Server Error", site: status(500)},
	{name: "999", cause: HTTPStatus, status: 999, detail: "json: 999", site: status(999)},
	{name: "redirect loop", cause: RedirectLoop, status: 302, detail: "more than 5 redirects", site: redirects("", 6)},
	{name: "redirect to http", cause: RedirectInsecure, status: 302, detail: "http://192.0.2.1/x is not encrypted", site: redirects("http://192.0.2.1", 1)},
	{name: "redirect to a file", cause: RedirectInsecure, status: 302, detail: "file:///x is not encrypted", site: redirects("file://", 1)},
	{name: "drip", cause: Stalled, status: 200, silent: true, detail: "reading the answer", site: site{handler: drips}},
	{name: "hang mid-body", cause: Stalled, status: 200, silent: true, detail: "reading the answer", site: site{handler: pauses}},
	{name: "truncated", cause: Truncated, status: 200, detail: "ended after 21 bytes", site: site{handler: truncates}},
	{name: "endless", cause: ManifestTooLarge, status: 200, detail: "more than 65536 bytes", site: site{handler: floods}},
	{name: "too large by its length", cause: ManifestTooLarge, status: 200, detail: "more than 65536 bytes", site: site{handler: announces}},
	{name: "empty", cause: ManifestInvalid, status: 200, detail: "empty", site: serves("")},
	{name: "a page", cause: ManifestInvalid, status: 200, detail: "an HTML page, not a manifest", site: serves("<!DOCTYPE html>\n<html>…</html>")},
	{name: "404 as text", cause: ManifestInvalid, status: 200, detail: `"404: Not Found" is not a JSON object`, site: serves("404: Not Found")},
	{name: "gzip surprise", cause: ManifestInvalid, status: 200, detail: "compressed: want plain JSON", site: site{handler: zips}},
	{name: "flipped brace", cause: ManifestInvalid, status: 200, detail: "is not a JSON object", site: flippedAt(0)},
	{name: "flipped digit", cause: ManifestInvalid, status: 200, detail: "not UTF-8", site: flippedAt(60)},
	{name: "flipped end", cause: ManifestInvalid, status: 200, detail: "not UTF-8", site: flippedAt(-2)},
	{name: "no hash", cause: MissingHash, status: 200, detail: "no sha256",
		site: serves(`{"version": "2.12.0", "build_date": "2026-01-01", "size_bytes": 1}`)},
}
