package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

func TestOTAHealthy(t *testing.T) {
	in2026(t, func(t *testing.T) {
		w := newWorld(t)
		want(t, lines(w.ota(Preference{}), OK), `
ok preference source: nothing is stored, so github, the default; no clock is running
ok github name: raw.example is 192.0.2.7
ok github TLS: TLS 1.3; raw.example by House Root, until 2026-08-14, 60 days from now
ok github manifest: version 2.11.3 of 2026-06-01T10:00:00Z, image of 1000 bytes, sha256 23e6ada3, answered in 0 ms
ok github image: project wordclock, version v2.11.3, built Jun  1 2026 11:35:41, 1000 bytes
ok cloudflare name: r2.example is 192.0.2.7
ok cloudflare TLS: TLS 1.3; r2.example by House Root, until 2026-08-14, 60 days from now
ok cloudflare manifest: version 2.11.3 of 2026-06-01T10:00:00Z, image of 1000 bytes, sha256 23e6ada3, answered in 0 ms
ok cloudflare image: project wordclock, version v2.11.3, built Jun  1 2026 11:35:41, 1000 bytes
ok sources difference: both offer the same image, 2.11.3
`)
	})
}

func both(w *world, f func(*server)) { f(w.GitHub); f(w.Cloud) }

// TestOTA has one trouble each.
func TestOTA(t *testing.T) {
	github, cloudflare := clock.GitHub, clock.Cloudflare
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		p     Preference
		want  string
	}{
		{"no such host", func(w *world) {
			w.config.GitHub.Manifest = "https://typo.example/version.json"
			w.config.GitHub.Image = "https://typo.example/wordclock.bin"
		}, Preference{}, `
fault github name: there is no host of the name typo.example
  check the URLs below ota.sources.github, and whether the source was given up; compare: resolvectl query typo.example
note diagnosis no failover happens: it does: github fails (dns), so cloudflare serves
`},
		{"no network", func(w *world) {
			both(w, func(s *server) { s.noName = &net.DNSError{Err: "server misbehaving", Name: s.name, IsTemporary: true} })
		}, Preference{}, `
fault github name: the name raw.example cannot be looked up: lookup raw.example: server misbehaving
  check the network of this host and its DNS server: resolvectl query raw.example, cat /etc/resolv.conf
fault cloudflare name: the name r2.example cannot be looked up: lookup r2.example: server misbehaving
  check the network of this host and its DNS server: resolvectl query r2.example, cat /etc/resolv.conf
fault diagnosis no failover happens: there is nothing to fail over to: github fails (dns), and so does cloudflare (dns)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"no DNS server", func(w *world) { both(w, func(s *server) { s.noName = context.DeadlineExceeded }) }, Preference{}, `
fault github name: the name raw.example cannot be looked up: no answer in time
  check the network of this host and its DNS server: resolvectl query raw.example, cat /etc/resolv.conf
fault cloudflare name: the name r2.example cannot be looked up: no answer in time
  check the network of this host and its DNS server: resolvectl query r2.example, cat /etc/resolv.conf
fault diagnosis no failover happens: there is nothing to fail over to: github fails (dns), and so does cloudflare (dns)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"refused", func(w *world) { w.GitHub.dead = errors.New("connect: connection refused") }, Preference{}, `
fault github connection: nobody answers at raw.example:443: connect: connection refused
  check router and firewall: curl -I https://raw.example/version.json
note diagnosis no failover happens: it does: github fails (refused), so cloudflare serves
`},
		{"packets vanish", func(w *world) { both(w, func(s *server) { s.dead = context.DeadlineExceeded }) }, Preference{}, `
fault github connection: nobody answers at raw.example:443: no answer in time
  check router and firewall: curl -I https://raw.example/version.json
fault cloudflare connection: nobody answers at r2.example:443: no answer in time
  check router and firewall: curl -I https://r2.example/version.json
fault diagnosis no failover happens: there is nothing to fail over to: github fails (timeout), and so does cloudflare (timeout)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"deaf", func(w *world) { both(w, func(s *server) { s.deaf = true }) }, Preference{}, `
fault github TLS: the handshake with raw.example does not succeed: no answer in time
  a clock wants TLS 1.2 or newer; if the source is a public one, a firewall or proxy is in between: curl -vI https://raw.example
fault cloudflare TLS: the handshake with r2.example does not succeed: no answer in time
  a clock wants TLS 1.2 or newer; if the source is a public one, a firewall or proxy is in between: curl -vI https://r2.example
fault diagnosis no failover happens: there is nothing to fail over to: github fails (timeout), and so does cloudflare (timeout)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"everything is slow", func(w *world) { both(w, func(s *server) { s.hangs = time.Minute }) }, Preference{}, `
fault github manifest: timeout: not done after 4s, still waiting for the answer
  the server or the way to it is slow or dead; try curl -v https://raw.example/version.json
fault github image: timeout: not done after 4s, still waiting for the answer
  the server or the way to it is slow or dead; try curl -v https://raw.example/wordclock.bin
fault cloudflare manifest: timeout: not done after 4s, still waiting for the answer
  the server or the way to it is slow or dead; try curl -v https://r2.example/version.json
fault cloudflare image: timeout: not done after 4s, still waiting for the answer
  the server or the way to it is slow or dead; try curl -v https://r2.example/wordclock.bin
fault diagnosis no failover happens: there is nothing to fail over to: github fails (timeout), and so does cloudflare (timeout)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"old TLS", func(w *world) { w.GitHub.version = tls.VersionTLS11 }, Preference{}, `
fault github TLS: the handshake with raw.example does not succeed: tls: protocol version not supported
  a clock wants TLS 1.2 or newer; if the source is a public one, a firewall or proxy is in between: curl -vI https://raw.example
note diagnosis no failover happens: it does: github fails (tls_untrusted), so cloudflare serves
`},
		{"expired", func(w *world) { w.Cloud.template.NotAfter = time.Now().Add(-time.Hour) }, Preference{}, `
fault cloudflare TLS: the certificate of r2.example ended at 2026-06-15 11:37:10 UTC, and by this host's clock it is 2026-06-15 12:37:10 UTC
  if this host's clock is right, whoever runs the source has to renew it; else: timedatectl set-ntp true
warning diagnosis no failover happens: it is not needed, and it would fail: github works, but cloudflare does not (tls_expired)
  mend cloudflare while it is not needed
`},
		{"host's clock is behind", func(w *world) {
			both(w, func(s *server) {
				s.template.NotBefore = time.Now().AddDate(2, 0, 0)
				s.template.NotAfter = time.Now().AddDate(3, 0, 0)
			})
		}, Preference{}, `
fault github TLS: by this host's clock it is 2026-06-15 12:37:10 UTC, but the certificate of raw.example begins only at 2028-06-15 12:37:10 UTC
  set this host's clock first, it is behind: timedatectl set-ntp true
fault cloudflare TLS: by this host's clock it is 2026-06-15 12:37:10 UTC, but the certificate of r2.example begins only at 2028-06-15 12:37:10 UTC
  set this host's clock first, it is behind: timedatectl set-ntp true
fault diagnosis no failover happens: there is nothing to fail over to: github fails (tls_expired), and so does cloudflare (tls_expired)
  this host's clock is the likely cause: timedatectl
`},
		{"soon expired", func(w *world) { w.Cloud.template.NotAfter = time.Now().AddDate(0, 0, 5) }, Preference{}, `
warning cloudflare TLS: TLS 1.3; r2.example by House Root, until 2026-06-20, 5 days from now
  whoever runs the source has to renew it
`},
		{"expired between", func(w *world) {
			w.Cloud.issuer = w.sign(x509.Certificate{
				Subject: pkix.Name{CommonName: "Between"}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(-time.Hour),
			}, w.ca)
		}, Preference{}, `
fault cloudflare TLS: a certificate above that of r2.example is not valid at 2026-06-15 12:37:10 UTC: x509: certificate has expired or is not yet valid: current time 2026-06-15T12:37:10Z is after 2026-06-15T11:37:10Z
  check this host's clock: timedatectl; else whoever runs the source has to renew its certificates
warning diagnosis no failover happens: it is not needed, and it would fail: github works, but cloudflare does not (tls_expired)
  mend cloudflare while it is not needed
`},
		{"other name", func(w *world) { w.Cloud.template.DNSNames = []string{"login.hotel.example", "www.hotel.example"} }, Preference{}, `
fault cloudflare TLS: the certificate is for login.hotel.example, www.hotel.example, not for r2.example
  check the URLs below ota.sources.cloudflare; a hotel's or company's network that wants a login does this too
warning diagnosis no failover happens: it is not needed, and it would fail: github works, but cloudflare does not (tls_name)
  mend cloudflare while it is not needed
`},
		{"untrusted", func(w *world) { w.config.CAFile = "" }, Preference{}, `
fault github TLS: raw.example shows a certificate by House Root, whom this host does not know
  if a company's proxy or a virus scanner looks into TLS, put its root certificate into ota.ca_file; else: sudo apt install ca-certificates
fault cloudflare TLS: r2.example shows a certificate by House Root, whom this host does not know
  if a company's proxy or a virus scanner looks into TLS, put its root certificate into ota.ca_file; else: sudo apt install ca-certificates
fault diagnosis no failover happens: there is nothing to fail over to: github fails (tls_untrusted), and so does cloudflare (tls_untrusted)
  something on the way looks into TLS, or this host has no root certificates: see above
`},
		{"both 404", func(w *world) { both(w, func(s *server) { s.files = nil }) }, Preference{}, `
fault github manifest: http_status: https://raw.example/version.json: 404 Not Found
  curl -I https://raw.example/version.json; check path, branch and bucket, that the repository is public, and that the file was published
fault github image: http_status: https://raw.example/wordclock.bin: 404 Not Found
  curl -I https://raw.example/wordclock.bin; check path, branch and bucket, that the repository is public, and that the file was published
fault cloudflare manifest: http_status: https://r2.example/version.json: 404 Not Found
  curl -I https://r2.example/version.json; check path, branch and bucket, that the repository is public, and that the file was published
fault cloudflare image: http_status: https://r2.example/wordclock.bin: 404 Not Found
  curl -I https://r2.example/wordclock.bin; check path, branch and bucket, that the repository is public, and that the file was published
fault diagnosis both sources answer 404: both servers are there, and neither has the manifest: the addresses are wrong, or nothing is published
  open both addresses in a browser, or: curl -I https://raw.example/version.json, curl -I https://r2.example/version.json. GitHub: is the repository public, the branch still main, the account not suspended? Cloudflare: is the bucket's public address switched on? If the files moved: ota.sources of the configuration
fault diagnosis no failover happens: there is nothing to fail over to: github fails (http_status 404), and so does cloudflare (http_status 404)
  mend one of them, as said above
`},
		{"statuses", func(w *world) {
			w.GitHub.files["/version.json"] = "429"
			w.GitHub.files["/wordclock.bin"] = "403"
			w.Cloud.files["/version.json"] = "503"
		}, Preference{Running: &cloudflare}, `
fault github manifest: http_status: https://raw.example/version.json: 429 Too Many Requests
  too many requests came from this network; wait an hour
fault github image: http_status: https://raw.example/wordclock.bin: 403 Forbidden
  curl -I https://raw.example/wordclock.bin; check that the file is public, and that nobody in between asks for a login
fault cloudflare manifest: http_status: https://r2.example/version.json: 503 Service Unavailable
  trouble of the source itself; wait, the other one serves meanwhile
fault diagnosis no failover happens: there is nothing to fail over to: cloudflare fails (http_status 503), and so does github (http_status 429)
  mend one of them, as said above
`},
		{"a web page", func(w *world) { w.GitHub.files["/version.json"] = "<!DOCTYPE html>" }, Preference{}, `
fault github manifest: manifest_invalid: version.json line 1, column 1: an HTML page, not a manifest
  publish version.json anew; look at it with curl https://raw.example/version.json
note diagnosis no failover happens: it does: github fails (manifest_invalid), so cloudflare serves
`},
		{"no hash, too large", func(w *world) {
			w.GitHub.files["/version.json"] = `{"version":"2.11.3","build_date":"x","size_bytes":1000}`
			w.Cloud.files["/version.json"] = strings.Repeat(" ", 65<<10)
		}, Preference{}, `
fault github manifest: missing_hash: read version.json: it has no sha256, so the image could not be checked: publish one
  publish version.json anew; look at it with curl https://raw.example/version.json
fault cloudflare manifest: manifest_too_large: read version.json: it has more than 65536 bytes
  publish version.json anew; look at it with curl https://r2.example/version.json
fault diagnosis no failover happens: there is nothing to fail over to: github fails (missing_hash), and so does cloudflare (manifest_too_large)
  mend one of them, as said above
`},
		{"no hash, and that is allowed", func(w *world) {
			w.config.AllowUnhashed = true
			w.GitHub.files["/version.json"] = `{"version":"2.11.3","build_date":"x","size_bytes":1000}`
		}, Preference{}, `
warning sources difference: github and cloudflare have different images of 2.11.3 (sha256 not given and 23e6ada3), that of github counts
  publish the same release to both
note diagnosis no failover happens: it is for sources that fail: github has a valid manifest (2.11.3), so that decides, whatever cloudflare has (2.11.3)
  publish to both, or prefer the other: wordclockd ota source cloudflare
`},
		{"redirects", func(w *world) {
			w.GitHub.files["/version.json"] = "https://raw.example/v2/version.json"
			w.GitHub.files["/v2/version.json"] = w.Cloud.files["/version.json"]
			w.Cloud.files["/version.json"] = "https://r2.example/version.json"
		}, Preference{}, `
note github version.json: was redirected from https://raw.example/version.json to https://raw.example/v2/version.json
fault cloudflare manifest: redirect_loop: more than 5 redirects, the last to https://r2.example/version.json
  enter the address where it ends below ota.sources.cloudflare; curl -IL https://r2.example/version.json
warning diagnosis no failover happens: it is not needed, and it would fail: github works, but cloudflare does not (redirect_loop)
  mend cloudflare while it is not needed
`},
		{"not encrypted", func(w *world) { w.config.Cloudflare.Image = "http://r2.example/wordclock.bin" }, Preference{}, `
fault cloudflare wordclock.bin: http://r2.example/wordclock.bin is not encrypted: use https, or set ota.allow_http
  correct the URLs below ota.sources.cloudflare
`},
		{"lying manifest", func(w *world) { both(w, func(s *server) { s.publish("2.11.3", "v2.11.2-3-gabcdef0") }) }, Preference{}, `
warning github image: project wordclock, version v2.11.2-3-gabcdef0, built Jun  1 2026 11:35:41, 1000 bytes; but the manifest says 2.11.3: once installed it would be offered again and again
  build the image from a clean checkout of the tag, and publish it anew
warning cloudflare image: project wordclock, version v2.11.2-3-gabcdef0, built Jun  1 2026 11:35:41, 1000 bytes; but the manifest says 2.11.3: once installed it would be offered again and again
  build the image from a clean checkout of the tag, and publish it anew
`},
		{"old manifest", func(w *world) { w.Cloud.publish("2.11.2", "v2.11.3") }, Preference{Stored: &cloudflare}, `
warning cloudflare image: project wordclock, version v2.11.3, built Jun  1 2026 11:35:41, 1000 bytes; but the manifest says 2.11.2, which is older
  publish the manifest of this image
warning sources difference: github has 2.11.3, newer than 2.11.2 of cloudflare, which counts
  publish the same release to both
note diagnosis no failover happens: it is for sources that fail: cloudflare has a valid manifest (2.11.2), so that decides, whatever github has (2.11.3)
  publish to both, or prefer the other: wordclockd ota source github
`},
		{"half a release", func(w *world) { w.Cloud.files["/wordclock.bin"] += "more" }, Preference{}, `
fault cloudflare image: project wordclock, version v2.11.3, built Jun  1 2026 11:35:41, 1004 bytes; but the manifest says 1000 bytes: the two are of different releases
  publish manifest and image together; until then this source cannot serve the update
`},
		{"wrong project", func(w *world) {
			w.Cloud.files["/version.json"] = strings.Replace(w.Cloud.files["/version.json"], "{", `{"project":"toaster",`, 1)
		}, Preference{}, `
fault cloudflare image: project wordclock, version v2.11.3, built Jun  1 2026 11:35:41, 1000 bytes; but the manifest says project toaster
  publish the image of the right project
`},
		{"no image", func(w *world) {
			both(w, func(s *server) { s.files["/wordclock.bin"] = "<html>" + strings.Repeat(" ", 1000) })
		}, Preference{}, `
fault github image: what lies at https://raw.example/wordclock.bin is no image for this clock: read image: offset 0x0: begins with 0x3c, want 0xe9: not an application image
  publish the image anew
fault cloudflare image: what lies at https://r2.example/wordclock.bin is no image for this clock: read image: offset 0x0: begins with 0x3c, want 0xe9: not an application image
  publish the image anew
fault diagnosis no failover happens: both have a manifest, and neither has its image
  publish the image anew
`},
		{"a stub of an image", func(w *world) { w.Cloud.files["/wordclock.bin"] = "\xE9" }, Preference{}, `
fault cloudflare image: truncated: ends within the first 288 bytes: unexpected EOF
  publish wordclock.bin anew; look at it with curl https://r2.example/wordclock.bin
`},
		{"no ranges", func(w *world) { w.Cloud.noRanges = true }, Preference{}, `
warning cloudflare image: the server sends all or nothing: a download that breaks off starts over
  use a server that knows Range requests
`},
		{"stale copy", func(w *world) { w.Cloud.publish("2.11.2", "v2.11.2") }, Preference{Stored: &cloudflare, Running: &cloudflare}, `
warning sources difference: github has 2.11.3, newer than 2.11.2 of cloudflare, which counts
  publish the same release to both
note diagnosis no failover happens: it is for sources that fail: cloudflare has a valid manifest (2.11.2), so that decides, whatever github has (2.11.3)
  publish to both, or prefer the other: wordclockd ota source github
`},
		{"other image of the same version", func(w *world) {
			img := image("v2.11.3") + "more"
			w.Cloud.files["/wordclock.bin"] = img
			w.Cloud.files["/version.json"] = manifest("2.11.3", img)
		}, Preference{Stored: &github, Running: &github}, `
warning sources difference: github and cloudflare have different images of 2.11.3 (sha256 23e6ada3 and 5607deeb), that of github counts
  publish the same release to both
note diagnosis no failover happens: it is for sources that fail: github has a valid manifest (2.11.3), so that decides, whatever cloudflare has (2.11.3)
  publish to both, or prefer the other: wordclockd ota source cloudflare
`},
		{"no comparison", func(w *world) { w.config.CompareSources = false }, Preference{}, `
note sources comparison: is off (ota.compare_sources): a check asks cloudflare only when github has failed or was silent for 2 s
`},
		{"stored is not running", func(w *world) {}, Preference{Stored: &cloudflare, Running: &github}, `
fault preference source: cloudflare is stored, but the running clock prefers github
  restart the clock; if that does not help, it uses another state directory than this command: compare --state and $STATE_DIRECTORY
warning diagnosis the source does not change: cloudflare is stored, but the running clock prefers github: it was stored for another clock, or behind the back of this one
  restart the clock, then: wordclockd ota source
`},
		{"nobody knows", func(w *world) {}, Preference{Note: "settings cannot be read: open nvs.db: permission denied"}, `
note preference source: settings cannot be read: open nvs.db: permission denied
`},
		{"one source twice", func(w *world) { w.config.Cloudflare = w.config.GitHub }, Preference{}, `
warning diagnosis the source does not change: it does, but both names stand for https://raw.example/version.json
  set ota.sources.github.manifest and ota.sources.cloudflare.manifest to two places
warning diagnosis no failover happens: both sources are on one host: when it is down, both are
  keep the second source with somebody else: ota.sources of the configuration
`},
		{"by proxy", func(w *world) {
			w.Web.Proxy = proxy
			w.Web.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}
			}
		}, Preference{}, `
note github proxy: requests to raw.example go by way of proxy.example:3128
  if this is not wanted: unset HTTPS_PROXY for the clock, or name the host in NO_PROXY
fault github manifest: refused: proxyconnect tcp: dial tcp: connect: connection refused
  curl -v https://raw.example/version.json
fault github image: refused: proxyconnect tcp: dial tcp: connect: connection refused
  curl -v https://raw.example/wordclock.bin
note cloudflare proxy: requests to r2.example go by way of proxy.example:3128
  if this is not wanted: unset HTTPS_PROXY for the clock, or name the host in NO_PROXY
fault cloudflare manifest: refused: proxyconnect tcp: dial tcp: connect: connection refused
  curl -v https://r2.example/version.json
fault cloudflare image: refused: proxyconnect tcp: dial tcp: connect: connection refused
  curl -v https://r2.example/wordclock.bin
fault diagnosis no failover happens: there is nothing to fail over to: github fails (refused), and so does cloudflare (refused)
  the network of this host is the likely cause: ping 1.1.1.1, resolvectl status
`},
		{"two servers of one source", func(w *world) {
			w.config.GitHub.Image = "https://r2.example/wordclock.bin"
			w.Cloud.dead = errors.New("connect: connection refused")
		}, Preference{}, `
fault github connection: nobody answers at r2.example:443: connect: connection refused
  check router and firewall: curl -I https://r2.example/wordclock.bin
fault cloudflare connection: nobody answers at r2.example:443: connect: connection refused
  check router and firewall: curl -I https://r2.example/version.json
warning diagnosis no failover happens: it is not needed, and it would fail: github works, but cloudflare does not (refused)
  mend cloudflare while it is not needed
`},
		{"without encryption", func(w *world) {
			w.config.AllowHTTP = true
			w.config.GitHub.Manifest, w.config.GitHub.Image = "http://raw.example/version.json", "http://raw.example/wordclock.bin"
			w.GitHub.plain = true
		}, Preference{}, `
note github connection: raw.example:80 answers, without encryption
`},
		{"an address instead of a name", func(w *world) {
			w.config.GitHub.Manifest, w.config.GitHub.Image = "https://192.0.2.1/version.json", "https://192.0.2.1:8443/wordclock.bin"
			w.GitHub.name = "192.0.2.1"
			w.GitHub.template = x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 2)}}
		}, Preference{}, `
fault github TLS: the certificate is for 192.0.2.2, not for 192.0.2.1
  check the URLs below ota.sources.github; a hotel's or company's network that wants a login does this too
fault github TLS: the certificate is for 192.0.2.2, not for 192.0.2.1
  check the URLs below ota.sources.github; a hotel's or company's network that wants a login does this too
note diagnosis no failover happens: it does: github fails (tls_name), so cloudflare serves
`},
		{"no file of roots", func(w *world) { w.config.CAFile = "/nowhere/ca.pem" }, Preference{}, `
fault sources ota.ca_file: read ota.ca_file: open /nowhere/ca.pem: no such file or directory
  correct ota.ca_file, or leave it empty
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in2026(t, func(t *testing.T) {
				w := newWorld(t)
				c.spoil(w)
				want(t, lines(w.ota(c.p), Note), c.want)
			})
		})
	}
}
