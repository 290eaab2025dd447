package doctor

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/ota"
)

// soon is how long before its end a certificate that was not renewed is worth a
// warning. Public ones are renewed a month before.
const soon = 14 * 24 * time.Hour

// certificate judges the certificates of a connection as package tls would.
func (x *source) certificate(s tls.ConnectionState, roots *x509.CertPool, host string) error {
	leaf := s.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: between})
	if err != nil {
		x.distrust(err, leaf, host)
		return err
	}
	x.valid(s, "whoever runs the source has to renew it")
	return nil
}

// valid describes the certificate of a connection that is trusted; renew is what to do
// about one that is about to end.
func (s *section) valid(t tls.ConnectionState, renew string) {
	leaf := t.PeerCertificates[0]
	level, remedy, left := OK, "", time.Until(leaf.NotAfter)
	if left < soon {
		level, remedy = Warning, renew
	}
	s.add(level, "TLS", remedy, "%s; %s by %s, until %s, %d days from now", tls.VersionName(t.Version),
		owner(leaf), issuer(leaf), leaf.NotAfter.UTC().Format(time.DateOnly), left/(24*time.Hour))
}

// distrust says why a certificate is refused.
func (x *source) distrust(err error, leaf *x509.Certificate, host string) {
	now := time.Now()
	const clockFirst = "set this host's clock first, it is behind: timedatectl set-ntp true"
	switch cause := ota.CauseOf(err); {
	case now.Before(leaf.NotBefore):
		x.add(Fault, "TLS", clockFirst, "by this host's clock it is %s, but the certificate of %s begins only at %s",
			text(now), host, text(leaf.NotBefore))
	case now.After(leaf.NotAfter):
		x.add(Fault, "TLS", "if this host's clock is right, whoever runs the source has to renew it; else: timedatectl set-ntp true",
			"the certificate of %s ended at %s, and by this host's clock it is %s", host, text(leaf.NotAfter), text(now))
	case cause == ota.TLSExpired:
		x.add(Fault, "TLS", "check this host's clock: timedatectl; else whoever runs the source has to renew its certificates",
			"a certificate above that of %s is not valid at %s: %v", host, text(now), err)
	case cause == ota.TLSName:
		x.add(Fault, "TLS", "check the URLs below ota.sources."+x.topic+"; a hotel's or company's network that wants a login does this too",
			"the certificate is for %s, not for %s", names(leaf), host)
	case cause == ota.TLSUntrusted && !isSystemRoots(err):
		x.add(Fault, "TLS", "if a company's proxy or a virus scanner looks into TLS, put its root certificate into ota.ca_file; else: sudo apt install ca-certificates",
			"%s shows a certificate by %s, whom this host does not know", host, issuer(leaf))
	default:
		x.add(Fault, "TLS", "sudo apt install ca-certificates", "the certificate of %s cannot be checked: %v", host, err)
	}
}

func isSystemRoots(err error) bool {
	_, ok := errors.AsType[x509.SystemRootsError](err)
	return ok
}

func owner(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return names(c)
}

func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return cmp.Or(strings.Join(all, ", "), "no host")
}

func issuer(c *x509.Certificate) string {
	return strings.Join(append(c.Issuer.Organization, c.Issuer.CommonName), " ")
}
