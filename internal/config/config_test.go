package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

// whole is every default of the requirements.
func whole() Config {
	const (
		gh = "https://raw.githubusercontent.com/Stani56/Stanis_Clock/main/ota_files"
		cf = "https://pub-3ef23ec5bae14629b323217785443321.r2.dev"
	)
	return Config{
		Device: Device{Name: "Clock_Stani_1"},
		Board:  Board{Kind: Sim, LEDsBus: 1, SensorsBus: 3, ADC: ADC{Address: 0x48}},
		Button: Button{"reset_wifi", 5 * time.Second},
		Time:   Time{Source: "auto", NTPServers: []string{"pool.ntp.org", "time.google.com"}},
		MQTT:   MQTT{URL: Embedded, Reconnect: 30 * time.Second, Discovery: "device", DiscoveryPrefix: "homeassistant", TopicPrefix: "home"},
		Broker: Broker{"127.0.0.1:1883"},
		HTTP:   HTTP{Listen: "127.0.0.1:8080"},
		OTA: OTA{
			GitHub:         Source{gh + "/version.json", gh + "/wordclock.bin", gh},
			Cloudflare:     Source{cf + "/version.json", cf + "/wordclock.bin", cf},
			CompareSources: true,
			CheckInterval:  24 * time.Hour,
			Stall:          5 * time.Second, Deadline: 10 * time.Minute, RebootDelay: 3 * time.Second,
		},
		Health: Health{30 * time.Second, 3, 30 * time.Second},
		Log:    Log{slog.LevelInfo, "auto"},
	}
}

// equal compares zones by their names.
func equal(a, b Config) bool {
	if a.Device.Zone.String() != b.Device.Zone.String() {
		return false
	}
	a.Device.Zone, b.Device.Zone = nil, nil
	return reflect.DeepEqual(a, b)
}

func TestDefaults(t *testing.T) {
	c, err := Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := whole()
	want.Device.Zone, _ = time.LoadLocation("Europe/Vienna")
	if !equal(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestEnvironment(t *testing.T) {
	c, err := Read([]string{
		"PATH=/bin", "WORDCLOCKD_PEERS=require", "WORDCLOCKDX=1",
		"WORDCLOCKD_DEVICE_TIMEZONE=America/St_Johns",
		"WORDCLOCKD_BOARD_KIND=linux", "WORDCLOCKD_BOARD_LEDS_BUS=0", "WORDCLOCKD_BOARD_SENSORS_BUS=22",
		"WORDCLOCKD_TIME_NTP_SERVERS=a,[::1]:123,10.0.0.1",
		"WORDCLOCKD_LOG_LEVEL=debug", "WORDCLOCKD_LOG_FORMAT=json",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := whole()
	want.Device.Zone, _ = time.LoadLocation("America/St_Johns")
	want.Board.Kind, want.Board.LEDsBus, want.Board.SensorsBus = Linux, 0, 22
	want.Time.NTPServers = []string{"a", "[::1]:123", "10.0.0.1"}
	want.Log = Log{slog.LevelDebug, "json"}
	if !equal(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestBadVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"DEVICE_TIMEZONE=Europe/Wien": `="Europe/Wien": want a time zone such as Europe/Vienna`,
		"DEVICE_TIMEZONE=Local":       `="Local": want a time zone such as Europe/Vienna`,
		"DEVICE_TIMEZONE=":            `="": want a time zone such as Europe/Vienna`,
		"BOARD_KIND=arduino":          `="arduino": want sim or linux`,
		"BOARD_LEDS_BUS=-1":           `="-1": want the number N of a /dev/i2c-N`,
		"BOARD_LEDS_BUS=/dev/i2c-1":   `="/dev/i2c-1": want the number N of a /dev/i2c-N`,
		"BOARD_LEDS_BUS=0x1":          `="0x1": want the number N of a /dev/i2c-N`,
		"BOARD_SENSORS_BUS=99999":     `="99999": want the number N of a /dev/i2c-N`,
		"LOG_LEVEL=loud":              `="loud": want debug, info, warn or error`,
		"LOG_LEVEL=info+1":            `="info+1": want debug, info, warn or error`,
		"LOG_FORMAT=xml":              `="xml": want auto or text or json`,
		"TIME_NTP_SERVERS=a,,b":       `="a,,b": want a server HOST or HOST:PORT, such as pool.ntp.org`,
		"OTA_CHECK_INTERVAL=24":       `="24": a duration needs a unit, such as 24h`,
		"BOARD_LED_BUS=1":             `: no such key, the nearest is WORDCLOCKD_BOARD_LEDS_BUS`,
		"BORD_KIND=linux":             `: no such key, the nearest is WORDCLOCKD_BOARD_KIND`,
		"BOARD=linux":                 `: no such key, the nearest is WORDCLOCKD_BOARD_KIND`,
		"MQTT_DEVICE_ID=Clock_5a1e74": `="Clock_5a1e74": want nothing, or a name and six hex digits such as Clock_Stani_1_5A1E74`,
		"MQTT_PASWORD=x":              `: no such key, the nearest is WORDCLOCKD_MQTT_PASSWORD`,
		"MQTT_PASSWORD=x":             `: want mqtt.username with it`,
		"MQTT_PASSWORD=":              `: it is empty, want the secret in its first line`,
		"BROKER_LISTEN=:1883":         `=":1883": want mqtt.username and mqtt.password_file: whoever reaches the broker could command the clock`,
		"LOG_LEVLE=info":              `: no such key, the nearest is WORDCLOCKD_LOG_LEVEL`,
	} {
		name, _, _ := strings.Cut(variable, "=")
		want = "WORDCLOCKD_" + name + want
		if _, err := Read([]string{"WORDCLOCKD_" + variable}); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", variable, err, want)
		}
	}
}

func TestSet(t *testing.T) {
	c, err := Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct{ key, value, want string }{
		{"board.kind", "linux", ""},
		{"ota.sources.github.manifest", "https://a/b/c.json", ""},
		{"board.kind", "arduino", "want sim or linux"},
		{"bord.kind", "sim", "key bord.kind: no such key, the nearest is board.kind"},
		{"ota.sources.cloudflare.manifest", "http://a/b", "ota.sources.cloudflare.manifest: want https, or ota.allow_http: true"},
	} {
		if err := c.Set(s.key, s.value); s.want != strings.TrimPrefix(fmt.Sprint(err), "<nil>") {
			t.Errorf("set %s to %s: error %v, want %s", s.key, s.value, err, s.want)
		}
	}
	want := whole()
	want.Device.Zone = c.Device.Zone
	want.Board.Kind = Linux
	want.OTA.GitHub.Manifest, want.OTA.GitHub.Base = "https://a/b/c.json", "https://a/b"
	if !equal(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// TestVariablesAreOneToOne holds that a variable means one key.
func TestVariablesAreOneToOne(t *testing.T) {
	seen := map[string]string{}
	for _, k := range keys {
		if other, ok := seen[Variable(k.name)]; ok {
			t.Errorf("%s is %s and %s", Variable(k.name), other, k.name)
		}
		seen[Variable(k.name)] = k.name
	}
	for _, v := range noKeys {
		if k, ok := seen[v]; ok {
			t.Errorf("%s is %s and for tests", v, k)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"bus", "buses", 2}} {
		if got := Edits(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestButtonCommands: a button gives what needs to be told nothing.
func TestButtonCommands(t *testing.T) {
	var want []string
	for _, c := range clock.Commands {
		if len(c.Params) == 0 {
			want = append(want, c.Name)
		}
	}
	if !slices.Equal(commands, want) {
		t.Errorf("commands are %q, want %q", commands, want)
	}
}
