package mqttbridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// errCut is what an image fails with that was made to.
var errCut = errors.New("the image was made to go wrong: no-mqtt")

// A fileError is that a file of the configuration is of no use.
type fileError struct {
	key string
	err error
}

func (e *fileError) Error() string { return fmt.Sprintf("read %s: %v", e.key, e.err) }
func (e *fileError) Unwrap() error { return e.err }

// A trouble is why there is no connection, for people: what is wrong, and what helps.
type trouble struct {
	cause string // a word: troubles of one cause are one
	text  string
}

// remedies are asked in order.
var remedies = []struct {
	cause string
	is    func(error) bool
	help  string
}{
	{"cut", is(errCut), ""},
	{"file", as[*fileError], "correct the configuration"},
	{"name", as[*net.DNSError], "check the host of mqtt.url, and the name server of this host"},
	{"refused", is(syscall.ECONNREFUSED), "nothing listens there: start the broker, or check the port of mqtt.url"},
	{"unreachable", isUnreachable, "check the network, and the address in mqtt.url"},
	{"certificate_name", as[x509.HostnameError], "mqtt.url needs a name that the broker's certificate is for"},
	{"certificate_expired", isExpired, "check this host's clock, or renew the broker's certificate"},
	{"certificate_untrusted", as[x509.UnknownAuthorityError], "name the file of the authority that signed the broker's certificate in mqtt.ca_file"},
	{"certificate", as[*tls.CertificateVerificationError], "the broker needs another certificate"},
	{"no_tls", as[tls.RecordHeaderError], "the broker does not speak TLS on this port: mqtt.url starts with mqtt://, or its port is 8883"},
	{"client_certificate", isAlert, "the broker does not take what the clock shows: check mqtt.cert_file and mqtt.key_file"},
	{"password", is(packets.ErrorRefusedBadUsernameOrPassword), "check mqtt.username and mqtt.password_file"},
	{"not_authorised", is(packets.ErrorRefusedNotAuthorised), "check mqtt.username and mqtt.password_file, and what the broker lets that user do"},
	{"id", is(packets.ErrorRefusedIDRejected), "the broker does not take the client id: set mqtt.device_id"},
	{"protocol", is(packets.ErrorRefusedBadProtocolVersion), "the broker has to speak MQTT 3.1.1"},
	{"unavailable", is(packets.ErrorRefusedServerUnavailable), "the broker takes no more clients, it says"},
	{"packet", is(errPacket), "what answers there does not speak MQTT 3.1.1"},
	{"timeout", isTimeout, "check the network, a firewall, and the port of mqtt.url"},
	{"hung_up", isHungUp, "on a port for TLS mqtt.url starts with mqtts://"},
}

// troubleOf returns why a connection did not come about.
func troubleOf(err error) trouble {
	text := plain(err)
	for _, r := range remedies {
		if !r.is(err) {
			continue
		}
		if r.help != "" {
			text += "; " + r.help
		}
		return trouble{r.cause, text}
	}
	return trouble{"other", text}
}

// plain returns the text of an error in words of ours, where those of the client say
// little, and without what it puts before others.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), packets.ErrorNetworkError.Error()+" : ")
	switch {
	case errors.Is(err, io.EOF):
		return "the broker closed the connection"
	case strings.HasPrefix(text, "pingresp"):
		return "the broker does not answer any more"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker does not let the clock in"
	}
	return text
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isUnreachable(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

func isExpired(err error) bool {
	e, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && e.Reason == x509.Expired
}

// isAlert reports whether the broker ended TLS. The alert is of a type that crypto/tls
// has for itself.
func isAlert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && e.Timeout()
}

// isHungUp reports whether the other end closed the connection.
func isHungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
