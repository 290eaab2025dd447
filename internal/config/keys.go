package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// A key is one thing that can be configured.
type key struct {
	name    string // section.name
	initial string // the default
	doc     string
	want    string
	schema  map[string]any
	form    form
	path    path

	set  func(*Config, string) error // an error says what is wanted, and changes nothing
	text func(*Config) string        // as set takes it
}

// keys has everything that can be configured, in the order of documents.
var keys = []key{
	entry("device.name", "Clock_Stani_1", "What the clock is called: in MQTT topics and in ids of Home Assistant.", name, func(c *Config) *string { return &c.Device.Name }),
	entry("device.timezone", "Europe/Vienna", "Where the clock hangs.", zone, func(c *Config) **time.Location { return &c.Device.Zone }),

	entry("board.kind", Sim, "Simulated chips, or those of this machine.", oneOf(Sim, Linux), func(c *Config) *string { return &c.Board.Kind }),
	entry("board.leds_bus", "1", "I²C bus of the ten LED drivers.", i2cBus(), func(c *Config) *int { return &c.Board.LEDsBus }),
	entry("board.sensors_bus", "3", "I²C bus of RTC and light sensor; may be that of the LEDs.", i2cBus(), func(c *Config) *int { return &c.Board.SensorsBus }),
	entry("board.reset_pin", "", "The LED drivers' shared reset, active low; empty is not wired.", pin, func(c *Config) *string { return &c.Board.ResetPin }),
	entry("board.button_pin", "", "The button; empty is not wired.", pin, func(c *Config) *string { return &c.Board.ButtonPin }),
	entry("board.lamps.net", "", "The lamp that tells of the network; empty is not wired.", pin, func(c *Config) *string { return &c.Board.Lamps.Net }),
	entry("board.lamps.time", "", "The lamp that tells of the time; empty is not wired.", pin, func(c *Config) *string { return &c.Board.Lamps.Time }),
	entry("board.adc.bus", "0", "I²C bus of the potentiometer's ADS1115; 0 is not wired.", i2cBus(), func(c *Config) *int { return &c.Board.ADC.Bus }),
	entry("board.adc.address", "0x48", "Address of the ADS1115.", i2cAddress, func(c *Config) *uint16 { return &c.Board.ADC.Address }),
	entry("board.adc.channel", "0", "Input of the ADS1115 that the potentiometer hangs on.", number(0, 3), func(c *Config) *int { return &c.Board.ADC.Channel }),

	entry("button.command", "reset_wifi", "What the button does when it was held down, and is released.", command, func(c *Config) *string { return &c.Button.Command }),
	entry("button.hold", "5s", "For so long it has to be held down; shorter does nothing.", duration(200*time.Millisecond, time.Minute, "s"), func(c *Config) *time.Duration { return &c.Button.Hold }),

	entry("hooks.reset_wifi", "", "The program that makes the operating system forget the network, for the command `reset_wifi`.", program, func(c *Config) *string { return &c.Hooks.ResetWiFi }),

	entry("time.source", "auto", "What to believe: auto is the first that can be trusted.", oneOf("auto", "host", "ntp", "rtc"), func(c *Config) *string { return &c.Time.Source }),
	entry("time.ntp_servers", "pool.ntp.org,time.google.com", "Whom to ask for the time.", servers(8), func(c *Config) *[]string { return &c.Time.NTPServers }),

	entry("mqtt.url", Embedded, "The broker: the one that the clock brings along, none, or one in the network.", brokerURL, func(c *Config) *string { return &c.MQTT.URL }),
	entry("mqtt.username", "", "Empty is none.", printable("up to 256 printable characters", 256), func(c *Config) *string { return &c.MQTT.Username }),
	entry("mqtt.password_file", "", "Holds the password and nothing else.", file(secret), func(c *Config) *string { return &c.MQTT.PasswordFile }),
	entry("mqtt.ca_file", "", "Certificates, PEM, to trust beside the system's.", file(plain), func(c *Config) *string { return &c.MQTT.CAFile }),
	entry("mqtt.cert_file", "", "The clock's own certificate, PEM.", file(plain), func(c *Config) *string { return &c.MQTT.CertFile }),
	entry("mqtt.key_file", "", "The key of the clock's certificate, PEM.", file(private), func(c *Config) *string { return &c.MQTT.KeyFile }),
	entry("mqtt.reconnect", "30s", "Longest pause between two tries to connect.", duration(100*time.Millisecond, time.Hour, "s"), func(c *Config) *time.Duration { return &c.MQTT.Reconnect }),
	entry("mqtt.discovery", "device", "How Home Assistant finds the clock.", oneOf("device", Off), func(c *Config) *string { return &c.MQTT.Discovery }),
	entry("mqtt.discovery_prefix", "homeassistant", "Topics of Home Assistant's discovery begin with it.", topic, func(c *Config) *string { return &c.MQTT.DiscoveryPrefix }),
	entry("mqtt.topic_prefix", "home", "Topics of the clock begin with it, and go on with its name.", topic, func(c *Config) *string { return &c.MQTT.TopicPrefix }),
	entry("mqtt.device_id", "", "Id in Home Assistant, if it is not to be found by itself.", deviceID, func(c *Config) *string { return &c.MQTT.DeviceID }),

	entry("broker.listen", "127.0.0.1:1883", "Where the embedded broker listens.", listen, func(c *Config) *string { return &c.Broker.Listen }),

	entry("http.listen", "127.0.0.1:8080", "Where the web page is.", listen, func(c *Config) *string { return &c.HTTP.Listen }),
	entry("http.token_file", "", "Holds the token that the page asks for, and nothing else; empty is none.", file(secret), func(c *Config) *string { return &c.HTTP.TokenFile }),

	entry("ota.sources.github.manifest", github+"version.json", "Tells of the newest firmware.", webURL, func(c *Config) *string { return &c.OTA.GitHub.Manifest }),
	entry("ota.sources.github.image", github+"wordclock.bin", "The newest firmware.", webURL, func(c *Config) *string { return &c.OTA.GitHub.Image }),
	entry("ota.sources.github.base", "", "What targets/ is in; by default the manifest's folder.", webFolder, func(c *Config) *string { return &c.OTA.GitHub.Base }),
	entry("ota.sources.cloudflare.manifest", cloudflare+"version.json", "Tells of the newest firmware.", webURL, func(c *Config) *string { return &c.OTA.Cloudflare.Manifest }),
	entry("ota.sources.cloudflare.image", cloudflare+"wordclock.bin", "The newest firmware.", webURL, func(c *Config) *string { return &c.OTA.Cloudflare.Image }),
	entry("ota.sources.cloudflare.base", "", "What targets/ is in; by default the manifest's folder.", webFolder, func(c *Config) *string { return &c.OTA.Cloudflare.Base }),
	entry("ota.compare_sources", "true", "Ask the other source, too, and warn if it differs.", boolean, func(c *Config) *bool { return &c.OTA.CompareSources }),
	entry("ota.check_interval", "24h", "How often to look for firmware, give or take a tenth.", orNever(duration(time.Minute, 8760*time.Hour, "h")), func(c *Config) *time.Duration { return &c.OTA.CheckInterval }),
	entry("ota.auto_install", "false", "Install what a check has found, if its manifest has a sha256.", boolean, func(c *Config) *bool { return &c.OTA.AutoInstall }),
	entry("ota.allow_unhashed", "false", "Take manifests without sha256.", boolean, func(c *Config) *bool { return &c.OTA.AllowUnhashed }),
	entry("ota.allow_http", "false", "Take http from other hosts than this one.", boolean, func(c *Config) *bool { return &c.OTA.AllowHTTP }),
	entry("ota.ca_file", "", "Certificates, PEM, to trust beside the system's.", file(plain), func(c *Config) *string { return &c.OTA.CAFile }),
	entry("ota.stall", "5s", "A source that is silent for so long is left.", duration(100*time.Millisecond, 5*time.Minute, "s"), func(c *Config) *time.Duration { return &c.OTA.Stall }),
	entry("ota.deadline", "10m", "A download that takes longer has failed.", duration(time.Second, 24*time.Hour, "m"), func(c *Config) *time.Duration { return &c.OTA.Deadline }),
	entry("ota.reboot_delay", "3s", "From an installed update to the restart.", duration(0, time.Hour, "s"), func(c *Config) *time.Duration { return &c.OTA.RebootDelay }),

	entry("health.settle", "30s", "From the start of new firmware to its first examination.", duration(0, time.Hour, "s"), func(c *Config) *time.Duration { return &c.Health.Settle }),
	entry("health.attempts", "3", "After so many that failed the old firmware comes back.", number(1, 10), func(c *Config) *int { return &c.Health.Attempts }),
	entry("health.interval", "30s", "From one examination to the next.", duration(100*time.Millisecond, time.Hour, "s"), func(c *Config) *time.Duration { return &c.Health.Interval }),

	entry("chimes.folder", "", "Sounds; empty is none.", file(folder), func(c *Config) *string { return &c.Chimes.Folder }),

	entry("log.level", "info", "What is less grave is not logged.", level, func(c *Config) *slog.Level { return &c.Log.Level }),
	entry("log.format", "auto", "auto is text on a terminal, else JSON.", oneOf("auto", "text", "json"), func(c *Config) *string { return &c.Log.Format }),
}

// Where the two sources are.
const (
	github     = "https://raw.githubusercontent.com/Stani56/Stanis_Clock/main/ota_files/"
	cloudflare = "https://pub-3ef23ec5bae14629b323217785443321.r2.dev/"
)

var (
	name     = matching("1 to 31 letters, digits, _ or -", `^[A-Za-z0-9_-]{1,31}$`)
	pin      = matching("nothing, or a pin by the kernel's name such as GPIO17", `^([A-Za-z0-9][A-Za-z0-9_./:-]{0,63})?$`)
	deviceID = matching("nothing, or a name and six hex digits such as Clock_Stani_1_5A1E74", `^([A-Za-z0-9_-]{1,31}_[0-9A-F]{6})?$`)

	topic = matching("a topic without wildcards such as home", `^[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,7}$`)
)

// entry joins what a key is called, what its values are, and where in a Config
// they go.
func entry[T any](name, initial, doc string, k kind[T], at func(*Config) *T) key {
	return key{
		name: name, initial: initial, doc: doc,
		want: k.want, schema: k.schema, form: k.form, path: k.path,
		set: func(c *Config, s string) error {
			v, err := k.parse(s)
			if errors.Is(err, errWant) {
				return fmt.Errorf("want %s", k.want)
			}
			if err == nil {
				*at(c) = v
			}
			return err
		},
		text: func(c *Config) string { return k.text(*at(c)) },
	}
}

// find returns nil if there is no such key.
func find(name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

// names returns those of all keys.
func names() (all []string) {
	for _, k := range keys {
		all = append(all, k.name)
	}
	return all
}

// sections returns those of all keys; one that is in another is named with it.
func sections() (all []string) {
	for _, k := range keys {
		for i, r := range k.name {
			if r == '.' && (len(all) == 0 || !strings.HasPrefix(all[len(all)-1]+".", k.name[:i+1])) {
				all = append(all, k.name[:i])
			}
		}
	}
	return all
}
