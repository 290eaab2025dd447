package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var listen = kind[string]{
	want: "an address HOST:PORT to listen on, such as 127.0.0.1:8080",
	parse: func(s string) (string, error) {
		host, port, err := net.SplitHostPort(s)
		return fit(s, err == nil && (host == "" || isHost(host)) && isPort(port, 0))
	},
	text:   same,
	schema: map[string]any{"type": "string", "pattern": `:[0-9]{1,5}$`},
}

// servers takes up to most hosts or host:port.
func servers(most int) kind[[]string] {
	return kind[[]string]{
		want: fmt.Sprintf("up to %d servers HOST or HOST:PORT", most),
		parse: func(s string) ([]string, error) {
			if s == "" {
				return nil, nil
			}
			hosts := strings.Split(s, ",")
			for i, h := range hosts {
				if i == most {
					return nil, &itemError{i, fmt.Errorf("want up to %d servers", most)}
				}
				if !isServer(h) {
					return nil, &itemError{i, errors.New("want a server HOST or HOST:PORT, such as pool.ntp.org")}
				}
			}
			return hosts, nil
		},
		text:   func(hosts []string) string { return strings.Join(hosts, ",") },
		schema: map[string]any{"type": "array", "maxItems": most, "items": map[string]any{"type": "string", "minLength": 1}},
		form:   list,
	}
}

// An itemError is about one item of a list.
type itemError struct {
	index int
	error
}

func isServer(s string) bool {
	if host, port, err := net.SplitHostPort(s); err == nil {
		return isHost(host) && isPort(port, 1)
	}
	return isHost(s)
}

var hostName = regexp.MustCompile(`^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)*[A-Za-z0-9_-]{0,62}[A-Za-z_][A-Za-z0-9_-]{0,62}\.?$`)

// isHost takes IP addresses and names; a name does not end in a number, else it
// were a misspelt address.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && hostName.MatchString(s)
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least && strconv.FormatUint(n, 10) == s
}

// errUser does not quote what it found, as every error about a URL.
var errUser = errors.New("want no user and no password in a URL, it is shown to everybody")

// parseURL takes an absolute URL with a host and no user, query or fragment.
func parseURL(s string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil:
		return nil, errUser
	case err != nil || !slices.Contains(schemes, u.Scheme) || !isHost(u.Hostname()):
		return nil, errWant
	case strings.ContainsAny(s, "?#") || u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return nil, errWant
	case u.Port() != "" && !isPort(u.Port(), 1):
		return nil, errWant
	}
	return u, nil
}

// brokerURL takes where a broker is, and the two words that stand for one.
var brokerURL = kind[string]{
	want: "embedded, off, or a URL mqtts://HOST[:PORT]; mqtt, tcp, ssl and tls are schemes, too",
	parse: func(s string) (string, error) {
		if s == Embedded || s == Off {
			return s, nil
		}
		u, err := parseURL(s, "mqtt", "mqtts", "tcp", "ssl", "tls")
		if err != nil {
			return "", err
		}
		return fit(s, u.Path == "" || u.Path == "/")
	},
	text:   same,
	schema: map[string]any{"type": "string", "pattern": `^(embedded|off|(mqtts?|tcp|ssl|tls)://[^@?#]+)$`},
}

// webURL takes where a file is.
var webURL = kind[string]{
	want: "a URL https://HOST/PATH, without user, ? and #",
	parse: func(s string) (string, error) {
		u, err := parseURL(s, "http", "https")
		if err != nil {
			return "", err
		}
		return fit(s, strings.Trim(u.Path, "/") != "")
	},
	text:   same,
	schema: map[string]any{"type": "string", "pattern": `^https?://[^@?#]+$`},
}

// webFolder takes where files are, or nothing.
var webFolder = kind[string]{
	want: "nothing, or a URL https://HOST[/PATH], without user, ? and #",
	parse: func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		_, err := parseURL(s, "http", "https")
		return strings.TrimRight(s, "/"), err
	},
	text:   same,
	schema: map[string]any{"type": "string", "pattern": `^(https?://[^@?#]+)?$`},
}

// staysHere reports whether nobody else reaches what listens on an address.
func staysHere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopback(&url.URL{Host: net.JoinHostPort(host, "0")})
}

// isLoopback reports whether a URL does not leave this machine.
func isLoopback(u *url.URL) bool {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return a.IsLoopback()
	}
	return u.Hostname() == "localhost"
}
