package doctor

import (
	"fmt"
	"net/http"
	"net/url"

	"wordclockd/internal/config"
	"wordclockd/internal/ota"
)

// What people complain of; docs/troubleshooting.md has a section for each.
const (
	doesNotChange = "the source does not change"
	both404       = "both sources answer 404"
	noFailover    = "no failover happens"
)

// complaints explains what people complain of, where its reason was seen.
func complaints(c config.OTA, sources []source, p Preference) []Finding {
	s := section{topic: "diagnosis"}
	first, second := sources[p.effective()], sources[p.effective().Other()]
	s.aboutChange(c, p)
	s.about404(sources)
	s.aboutFailover(c, first, second)
	return s.findings
}

func (s *section) aboutChange(c config.OTA, p Preference) {
	switch {
	case p.Stored != nil && p.Running != nil && *p.Stored != *p.Running:
		s.add(Warning, doesNotChange, "restart the clock, then: wordclockd ota source",
			"%s is stored, but the running clock prefers %s: it was stored for another clock, or behind the back of this one", *p.Stored, *p.Running)
	case c.GitHub.Manifest == c.Cloudflare.Manifest:
		s.add(Warning, doesNotChange, "set ota.sources.github.manifest and ota.sources.cloudflare.manifest to two places",
			"it does, but both names stand for %s", c.GitHub.Manifest)
	}
}

func (s *section) about404(sources []source) {
	for _, x := range sources {
		if e := x.answer.Err; e == nil || e.Status != http.StatusNotFound {
			return
		}
	}
	urls := list(sources, func(x source) string { return "curl -I " + x.url(ota.ManifestName) })
	s.add(Fault, both404, "open both addresses in a browser, or: "+urls+
		". GitHub: is the repository public, the branch still main, the account not suspended? Cloudflare: is the bucket's public address switched on? If the files moved: ota.sources of the configuration",
		"both servers are there, and neither has the manifest: the addresses are wrong, or nothing is published")
}

// aboutFailover: first is preferred.
func (s *section) aboutFailover(c config.OTA, first, second source) {
	a, b := first.answer, second.answer
	switch {
	case sameHost(c):
		s.add(Warning, noFailover, "keep the second source with somebody else: ota.sources of the configuration",
			"both sources are on one host: when it is down, both are")
	case a.Err != nil && b.Err != nil:
		s.add(Fault, noFailover, together(a.Err.Cause, b.Err.Cause),
			"there is nothing to fail over to: %s fails (%s), and so does %s (%s)", first.name, why(a.Err), second.name, why(b.Err))
	case a.Err != nil:
		s.add(Note, noFailover, "", "it does: %s fails (%s), so %s serves", first.name, why(a.Err), second.name)
	case b.Err != nil:
		s.add(Warning, noFailover, "mend "+second.name.String()+" while it is not needed",
			"it is not needed, and it would fail: %s works, but %s does not (%s)", first.name, second.name, why(b.Err))
	case first.image != nil && second.image != nil:
		s.add(Fault, noFailover, "publish the image anew", "both have a manifest, and neither has its image")
	case differ(a.Manifest, b.Manifest):
		s.add(Note, noFailover, "publish to both, or prefer the other: wordclockd ota source "+second.name.String(),
			"it is for sources that fail: %s has a valid manifest (%s), so that decides, whatever %s has (%s)",
			first.name, a.Manifest.Version, second.name, b.Manifest.Version)
	}
}

// why is the cause of an error, with the status if there was one.
func why(e *ota.Error) string {
	if e.Cause == ota.HTTPStatus {
		return fmt.Sprint(e.Cause, " ", e.Status)
	}
	return e.Cause.String()
}

// together says what to mend when both sources fail.
func together(a, b ota.Cause) string {
	switch {
	case a == b && (a == ota.DNS || a == ota.Refused || a == ota.Timeout):
		return "the network of this host is the likely cause: ping 1.1.1.1, resolvectl status"
	case a == b && a == ota.TLSUntrusted:
		return "something on the way looks into TLS, or this host has no root certificates: see above"
	case a == b && a == ota.TLSExpired:
		return "this host's clock is the likely cause: timedatectl"
	}
	return "mend one of them, as said above"
}

func differ(a, b ota.Manifest) bool { return a.Version != b.Version || a.SHA256 != b.SHA256 }

func sameHost(c config.OTA) bool {
	a, errA := url.Parse(c.GitHub.Manifest)
	b, errB := url.Parse(c.Cloudflare.Manifest)
	return errA == nil && errB == nil && a.Host == b.Host
}
