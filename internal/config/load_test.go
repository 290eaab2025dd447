package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOrder holds that defaults < file < environment < flags, and that each
// value knows where it comes from.
func TestOrder(t *testing.T) {
	l, err := Parse("c.yaml", []byte("device: {name: file}\nlog:\n  level: warn\n  format: text\nboard:\n  kind: linux\n"),
		[]string{"WORDCLOCKD_LOG_LEVEL=error", "WORDCLOCKD_BOARD_KIND=linux", "WORDCLOCKD_LOG_LEVEL=debug"},
		Flag{"--board", "board.kind", "sim"}, Flag{"--http", "http.listen", ":80"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, value, origin string }{
		{"device.name", "file", "c.yaml:1"},
		{"log.format", "text", "c.yaml:4"},
		{"log.level", "debug", "WORDCLOCKD_LOG_LEVEL"},
		{"board.kind", "sim", "--board"},
		{"http.listen", ":80", "--http"},
		{"broker.listen", "127.0.0.1:1883", "default"},
		{"ota.sources.github.base", "https://raw.githubusercontent.com/Stani56/Stanis_Clock/main/ota_files", "default"},
	} {
		if got := find(c.key).text(&l.Config); got != c.value || l.Origin(c.key).String() != c.origin {
			t.Errorf("%s = %s of %s, want %s of %s", c.key, got, l.Origin(c.key), c.value, c.origin)
		}
		if got := l.Origin(c.key).IsDefault(); got != (c.origin == "default") {
			t.Errorf("%s: is default = %t", c.key, got)
		}
	}
}

// TestValuesAreTakenAsWritten holds what YAML would make of something else.
func TestValuesAreTakenAsWritten(t *testing.T) {
	for _, c := range []struct{ file, key, want string }{
		{"device: {name: 007}", "device.name", "007"},
		{"device: {name: 1e3}", "device.name", "1e3"},
		{"device: {name: true}", "device.name", "true"},
		{"device:\n  name: 'null'\n", "device.name", "null"},
		{"mqtt: {username: 0x10}", "mqtt.username", "0x10"},
		{"mqtt: {username: \"\"}", "mqtt.username", ""},
		{"mqtt: {username: .inf}", "mqtt.username", ".inf"},
		{"mqtt: {username: no}", "mqtt.username", "no"},
		{"mqtt: {username: 'it''s'}", "mqtt.username", "it's"},
		{"mqtt: {username: \"J\\u00fcrgen\"}", "mqtt.username", "Jürgen"},
		{"mqtt: {username: Jörg # me\n}", "mqtt.username", "Jörg"},
		{"mqtt: {url: off, discovery: off}", "mqtt.url", "off"},
		{"mqtt: {url: mqtts://broker.example:8883}", "mqtt.url", "mqtts://broker.example:8883"},
		{"board: {adc: {address: 0x4A}}", "board.adc.address", "0x4a"},
		{"board: {adc: {address: 73}}", "board.adc.address", "0x49"},
		{"ota: {check_interval: 0}", "ota.check_interval", "0s"},
		{"ota: {check_interval: 90m}", "ota.check_interval", "1h30m"},
		{"ota: {reboot_delay: 0s}", "ota.reboot_delay", "0s"},
		{"ota: {sources: {github: {manifest: 'http://[::1]:8000/x/version.json'}}}", "ota.sources.github.base", "http://[::1]:8000/x"},
		{"ota: {sources: {github: {manifest: 'http://localhost/version.json'}}}", "ota.sources.github.base", "http://localhost"},
		{"ota: {sources: {github: {base: 'https://mirror.example/a/'}}}", "ota.sources.github.base", "https://mirror.example/a"},
		{"ota: {allow_http: true, sources: {github: {image: 'http://a/b'}}}", "ota.sources.github.image", "http://a/b"},
		{"time: {ntp_servers: []}", "time.ntp_servers", ""},
		{"time:\n  ntp_servers:\n  - 'a:123'\n  - b\n", "time.ntp_servers", "a:123,b"},
		{"http: {listen: '[::1]:0'}", "http.listen", "[::1]:0"},
		{"", "log.level", "info"},
		{"# nothing\n", "log.level", "info"},
		{"---\n", "log.level", "info"},
		{"{}", "log.level", "info"},
		{"---\nlog: {level: warn}\n...\n", "log.level", "warn"},
		{"\ufefflog:\r\n  level: warn\r\n", "log.level", "warn"},
		{"log:\t{level: warn}\t# quiet\n", "log.level", "warn"},
	} {
		l, err := Parse("c.yaml", []byte(c.file), nil)
		if err != nil {
			t.Errorf("%q: %v", c.file, err)
		} else if got := find(c.key).text(&l.Config); got != c.want {
			t.Errorf("%q: %s = %q, want %q", c.file, c.key, got, c.want)
		}
	}
}

func TestPaths(t *testing.T) {
	const file = "mqtt: {username: u, password_file: pw, ca_file: ca.pem}\nchimes: {folder: /srv/chimes}\n"
	for _, c := range []struct {
		name    string
		environ []string
		want    []string // password, CA, token
	}{
		{"beside the file", nil, []string{"/etc/clock/pw", "/etc/clock/ca.pem", ""}},
		{"credentials", []string{"CREDENTIALS_DIRECTORY=/run/credentials/x", "WORDCLOCKD_HTTP_TOKEN_FILE=tok"},
			[]string{"/run/credentials/x/pw", "/etc/clock/ca.pem", "/run/credentials/x/tok"}},
		{"of the environment", []string{"WORDCLOCKD_HTTP_TOKEN_FILE=tok", "WORDCLOCKD_MQTT_CA_FILE=../ca"},
			[]string{"/etc/clock/pw", "../ca", "tok"}},
	} {
		l, err := Parse("/etc/clock/c.yaml", []byte(file), c.environ)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := []string{l.MQTT.PasswordFile, l.MQTT.CAFile, l.HTTP.TokenFile}; !slices.Equal(got, c.want) || l.Chimes.Folder != "/srv/chimes" {
			t.Errorf("%s: paths %q and %s, want %q", c.name, got, l.Chimes.Folder, c.want)
		}
	}
}

func TestPathTooLong(t *testing.T) {
	dir := "/" + strings.Repeat("d", 4000)
	_, err := Parse(dir+"/c.yaml", []byte("chimes: {folder: "+strings.Repeat("x", 200)+"}\n"), nil)
	if want := "path below \"" + dir + "\": want the path of a folder"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestDefaultFile(t *testing.T) {
	for _, c := range []struct {
		name, environ string
		uid           int
		want          string
	}{
		{"systemd", "CONFIGURATION_DIRECTORY=/etc/wc:/etc/other HOME=/root", 0, "/etc/wc/config.yaml"},
		{"root", "HOME=/root XDG_CONFIG_HOME=/x", 0, "/etc/wordclockd/config.yaml"},
		{"user", "HOME=/home/me", 1000, "/home/me/.config/wordclockd/config.yaml"},
		{"user with XDG", "HOME=/home/me XDG_CONFIG_HOME=/x", 1000, "/x/wordclockd/config.yaml"},
		{"relative XDG", "HOME=/home/me XDG_CONFIG_HOME=x", 1000, "/home/me/.config/wordclockd/config.yaml"},
		{"homeless", "", 1000, ""},
	} {
		getenv := func(name string) string { return lookup(strings.Fields(c.environ), name) }
		if got := DefaultFile(getenv, c.uid); got != c.want {
			t.Errorf("%s: file %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	write(t, file, "log: {level: warn}\nchimes: {folder: sounds}\n", 0o644)
	write(t, filepath.Join(dir, "large"), strings.Repeat("#", 1<<20+1), 0o644)
	write(t, filepath.Join(dir, "full"), strings.Repeat("#", 1<<20), 0o644)

	l, err := Load(Input{File: file})
	if err != nil || l.File != file || l.Origin("log.level").String() != file+":1" || l.Chimes.Folder != filepath.Join(dir, "sounds") {
		t.Errorf("loaded %+v, error %v", l, err)
	}
	t.Chdir(dir)
	l, err = Load(Input{File: "config.yaml"})
	if err != nil || l.Origin("log.level").String() != "config.yaml:1" || !filepath.IsAbs(l.Chimes.Folder) {
		t.Errorf("loaded %+v, error %v", l, err)
	}
	for _, c := range []struct {
		file     string
		optional bool
		want     string // of the error; "" is none
	}{
		{"", false, ""},
		{"missing", true, ""},
		{"config.yaml/below", true, ""},
		{"full", false, ""},
		{"missing", false, "open missing: no such file or directory"},
		{"large", false, "read large: it is larger than 1 MiB"},
		{".", true, "read .: is a directory"},
	} {
		l, err := Load(Input{File: c.file, Optional: c.optional})
		if c.want == "" && (err != nil || (l.File == "") != (c.file != "full")) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: file %+v, error %v, want %s", c.file, l, err, c.want)
		}
	}
}

func write(t *testing.T, name, contents string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(contents), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// TestHugeFilesAreQuick holds that what is refused is refused soon: nothing
// takes time or memory by the square.
func TestHugeFilesAreQuick(t *testing.T) {
	const size = maxFile / 8
	for _, s := range []string{"[", "{", "- ", "? ", "a: ", ":", "&a ", "*", "!", "'", "\"", "|\n", "a:\n", "#\n", "\n", "%", "<<: ", "{a: "} {
		begin := time.Now()
		_, err := Parse("c.yaml", []byte(strings.Repeat(s, size/len(s))), nil)
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("much of %q: %v", s, d)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("much of %q: error of %d bytes", s, len(err.Error()))
		}
	}
}
