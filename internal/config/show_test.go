package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestYAML(t *testing.T) {
	l, err := Parse("c.yaml", []byte("device: {name: 007}\nmqtt:\n  url: off\n  username: 'a \"b'\n"), []string{"WORDCLOCKD_TIME_NTP_SERVERS=a,b:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"device:\n  name: \"007\"                      # c.yaml:1\n  timezone: Europe/Vienna          # default\n",
		"\n  lamps:\n    net: \"\"                        # default\n    time: \"\" ",
		"\n    address: 0x48   ",
		"\n  ntp_servers: [a, b:1]            # WORDCLOCKD_TIME_NTP_SERVERS\nmqtt:\n  url: \"off\"  ",
		"\n  username: \"a \\\"b\"  ",
		"\nota:\n  sources:\n    github:\n      manifest: https://raw.githubusercontent.com/Stani56/Stanis_Clock/main/ota_files/version.json  # default\n",
		"\n    cloudflare:\n      manifest: ",
		"\n  check_interval: 24h  ",
	} {
		if got := l.YAML(true); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
	if got := l.YAML(false); strings.Contains(got, "#") || strings.Contains(got, " \n") {
		t.Errorf("without origins\n%s", got)
	}
}

// TestStrangeFileName holds that a name does not get out of its comment.
func TestStrangeFileName(t *testing.T) {
	l, err := Parse("c\nlog: .yaml", []byte("log: {level: warn}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.YAML(true); !strings.Contains(got, "level: warn                                   # c?log: .yaml:1\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestValues(t *testing.T) {
	l, err := Parse("c.yaml", []byte("log:\n  level: warn\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(l.Values())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"log.level":{"value":"warn","origin":"c.yaml:2"}`,
		`"ota.check_interval":{"value":"24h","origin":"default"}`,
		`"board.adc.address":{"value":72,"origin":"default"}`,
		`"ota.auto_install":{"value":false,"origin":"default"}`,
		`"time.ntp_servers":{"value":["pool.ntp.org","time.google.com"],"origin":"default"}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("got %s, want in it %s", b, want)
		}
	}
}
