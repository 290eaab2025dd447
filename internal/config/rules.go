package config

import (
	"errors"
	"net/url"
	"strings"
)

// rules has what keys ask of each other, and which of them is to be mended. An
// error says how.
var rules = []struct {
	key string
	ask func(*Config) error
}{
	{"board.button_pin", alone(1)},
	{"board.lamps.net", alone(2)},
	{"board.lamps.time", alone(3)},
	{"time.ntp_servers", func(c *Config) error {
		return unless(c.Time.Source != "ntp" || len(c.Time.NTPServers) > 0, "want a server, as time.source is ntp")
	}},
	{"mqtt.password_file", func(c *Config) error {
		return unless(c.MQTT.PasswordFile == "" || c.MQTT.Username != "", "want mqtt.username with it")
	}},
	{password.name, func(c *Config) error {
		return unless(c.MQTT.password == nil || c.MQTT.Username != "", "want mqtt.username with it")
	}},
	{password.name, func(c *Config) error {
		return unless(c.MQTT.password == nil || c.MQTT.PasswordFile == "", "mqtt.password_file is there too: want one of them")
	}},
	{"broker.listen", func(c *Config) error {
		guarded := c.MQTT.Username != "" && (c.MQTT.PasswordFile != "" || c.MQTT.password != nil)
		return unless(c.MQTT.URL != Embedded || guarded || staysHere(c.Broker.Listen),
			"want mqtt.username and mqtt.password_file: whoever reaches the broker could command the clock")
	}},
	{"mqtt.cert_file", func(c *Config) error {
		return unless(c.MQTT.CertFile == "" || c.MQTT.KeyFile != "", "want mqtt.key_file with it")
	}},
	{"mqtt.key_file", func(c *Config) error {
		return unless(c.MQTT.KeyFile == "" || c.MQTT.CertFile != "", "want mqtt.cert_file with it")
	}},
	{"ota.sources.github.manifest", secure(func(c *Config) string { return c.OTA.GitHub.Manifest })},
	{"ota.sources.github.image", secure(func(c *Config) string { return c.OTA.GitHub.Image })},
	{"ota.sources.github.base", secure(func(c *Config) string { return c.OTA.GitHub.Base })},
	{"ota.sources.cloudflare.manifest", secure(func(c *Config) string { return c.OTA.Cloudflare.Manifest })},
	{"ota.sources.cloudflare.image", secure(func(c *Config) string { return c.OTA.Cloudflare.Image })},
	{"ota.sources.cloudflare.base", secure(func(c *Config) string { return c.OTA.Cloudflare.Base })},
}

func unless(fine bool, problem string) error {
	if fine {
		return nil
	}
	return errors.New(problem)
}

// alone asks that pin n is none of those before it.
func alone(n int) func(*Config) error {
	return func(c *Config) error {
		pins := c.Board.Pins()
		for _, p := range pins[:n] {
			if p.Name != "" && p.Name == pins[n].Name {
				return errors.New("want another pin, as " + p.Key + " is this one")
			}
		}
		return nil
	}
}

// secure asks for https where somebody could listen.
func secure(at func(*Config) string) func(*Config) error {
	return func(c *Config) error {
		u, err := url.Parse(at(c))
		if err != nil || u.Scheme != "http" || c.OTA.AllowHTTP || isLoopback(u) {
			return nil // kinds have seen to the rest
		}
		return errors.New("want https, or ota.allow_http: true")
	}
}

// derive sets what follows from other values unless it is configured.
func (c *Config) derive() {
	for _, s := range []*Source{&c.OTA.GitHub, &c.OTA.Cloudflare} {
		if s.Base == "" {
			s.Base = parent(s.Manifest)
		}
	}
}

// forget undoes derive.
func (s *Source) forget() {
	if s.Base == parent(s.Manifest) {
		s.Base = ""
	}
}

// parent returns the URL of the folder that a file is in.
func parent(file string) string {
	host := strings.Index(file, "://") + len("://")
	if i := strings.LastIndexByte(file, '/'); i > host {
		return strings.TrimRight(file[:i], "/")
	}
	return file
}
