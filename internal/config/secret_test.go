package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, contents, want, err string }{
		{"plain", "hunter2", "hunter2", ""},
		{"newline", "hunter2\n", "hunter2", ""},
		{"Windows newline", "hunter2\r\n", "hunter2", ""},
		{"spaces count", " hunter2 \n", " hunter2 ", ""},
		{"largest", strings.Repeat("x", 4096), strings.Repeat("x", 4096), ""},
		{"empty", "", "", "it is empty, want the secret in its first line"},
		{"newline alone", "\n", "", "it is empty, want the secret in its first line"},
		{"two lines", "hunter2\nhunter3\n", "", "it has several lines, want the secret alone"},
		{"two newlines", "hunter2\n\n", "", "it has several lines, want the secret alone"},
		{"NUL", "hunter2\x00", "", "it has several lines, want the secret alone"},
		{"too large", strings.Repeat("hunter2", 1000), "", "it is larger than 4096 bytes, want the secret alone"},
	} {
		file := filepath.Join(dir, c.name)
		write(t, file, c.contents, 0o600)
		got, err := ReadSecret(file)
		if got != c.want || (err == nil) != (c.err == "") {
			t.Errorf("%s: %q, error %v, want %q", c.name, got, err, c.want)
		}
		if err != nil && err.Error() != "read "+file+": "+c.err {
			t.Errorf("%s: error %v, want %s", c.name, err, c.err)
		}
	}
}

// TestReadSecretNeverWaits holds that a pipe without a writer is an error.
func TestReadSecretNeverWaits(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		fifo:               "open " + fifo + ": it is no regular file",
		filepath.Dir(fifo): "open " + filepath.Dir(fifo) + ": it is no regular file",
		fifo + "x":         "stat " + fifo + "x: no such file or directory",
	} {
		if _, err := ReadSecret(name); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"pw", "key.pem", "ca.pem"} {
		write(t, filepath.Join(dir, name), "-----BEGIN\n"[:len(name)], 0o600)
	}
	write(t, filepath.Join(dir, "open"), "hunter2", 0o644)
	write(t, filepath.Join(dir, "run"), "#!/bin/sh\n", 0o700)
	if err := os.Mkdir(filepath.Join(dir, "sounds"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		warnings   []string // keys
		faults     []string // keys
	}{
		{"nothing named", "", nil, nil},
		{"all there", "mqtt: {username: u, password_file: pw, ca_file: ca.pem, cert_file: ca.pem, key_file: key.pem}\nota: {ca_file: ca.pem}\nchimes: {folder: sounds}\n", nil, nil},
		{"public secret", "http: {token_file: open}\n", []string{"http.token_file"}, nil},
		{"public certificate", "ota: {ca_file: open}\n", nil, nil},
		{"all missing", "mqtt: {username: u, password_file: x, ca_file: x, cert_file: x, key_file: x}\nhttp: {token_file: x}\nota: {ca_file: x}\nchimes: {folder: x}\n", nil,
			[]string{"mqtt.password_file", "mqtt.ca_file", "mqtt.cert_file", "mqtt.key_file", "http.token_file", "ota.ca_file", "chimes.folder"}},
		{"folder and file", "http: {token_file: sounds}\nota: {ca_file: sounds}\nchimes: {folder: pw}\n", nil,
			[]string{"http.token_file", "ota.ca_file", "chimes.folder"}},
		{"a program", "hooks: {reset_wifi: " + filepath.Join(dir, "run") + "}\n", nil, nil},
		{"no program", "hooks: {reset_wifi: " + filepath.Join(dir, "open") + "}\n", nil, []string{"hooks.reset_wifi"}},
		{"a folder", "hooks: {reset_wifi: " + dir + "}\n", nil, []string{"hooks.reset_wifi"}},
		{"nothing there", "hooks: {reset_wifi: /nowhere/run}\n", nil, []string{"hooks.reset_wifi"}},
	} {
		l, err := Parse(filepath.Join(dir, "c.yaml"), []byte(c.file), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		warnings, err := l.Check()
		if got := faulty(warnings...); !slices.Equal(got, c.warnings) {
			t.Errorf("%s: warnings %v, want %v", c.name, got, c.warnings)
		}
		var all []error
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			all = joined.Unwrap()
		}
		if got := faulty(all...); !slices.Equal(got, c.faults) {
			t.Errorf("%s: faults %v, want %v", c.name, got, c.faults)
		}
	}
}

// faulty returns the keys that errors are about.
func faulty(errs ...error) (names []string) {
	for _, err := range errs {
		if e, ok := errors.AsType[*Error](err); ok {
			names = append(names, e.Key)
		}
	}
	return names
}

func TestCheckSaysWhereAndWhat(t *testing.T) {
	l, err := Parse("/nowhere/c.yaml", []byte("http:\n  token_file: t\n"), []string{"WORDCLOCKD_CHIMES_FOLDER=/nowhere/s"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `/nowhere/c.yaml:2:15: key http.token_file: stat /nowhere/t: no such file or directory
  2 | token_file: t
                  ^
WORDCLOCKD_CHIMES_FOLDER="/nowhere/s": open /nowhere/s: no such file or directory`
	if _, err := l.Check(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestSecretOfBroker holds where the password comes from, and that it is not shown.
func TestSecretOfBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pw")
	write(t, file, "hunter2\n", 0o600)
	const user, variable = "WORDCLOCKD_MQTT_USERNAME=u", "WORDCLOCKD_MQTT_PASSWORD=hunter3"
	for _, c := range []struct {
		name    string
		environ []string
		want    string
		err     string
	}{
		{"none", nil, "", ""},
		{"name alone", []string{user}, "", ""},
		{"file", []string{user, "WORDCLOCKD_MQTT_PASSWORD_FILE=" + file}, "hunter2", ""},
		{"environment", []string{user, variable}, "hunter3", ""},
		{"beyond this host", []string{user, variable, "WORDCLOCKD_BROKER_LISTEN=[::]:1883"}, "hunter3", ""},
		{"both", []string{user, variable, "WORDCLOCKD_MQTT_PASSWORD_FILE=" + file}, "", "WORDCLOCKD_MQTT_PASSWORD: mqtt.password_file is there too: want one of them"},
	} {
		l, err := Parse("", nil, c.environ)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: error %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, err := l.MQTT.Secret(); got != c.want || err != nil {
			t.Errorf("%s: %q, error %v, want %q", c.name, got, err, c.want)
		}
		values, _ := json.Marshal(l.Values())
		if all := fmt.Sprintf("%+v %#v %s %s", l.Config, l.MQTT, l.YAML(true), values); strings.Contains(all, "hunter") {
			t.Errorf("%s: shown: %s", c.name, all)
		}
	}
}

// TestStaysHere holds which addresses only this host reaches.
func TestStaysHere(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1883": true, "127.9.9.9:1": true, "[::1]:1883": true, "localhost:1883": true,
		":1883": false, "0.0.0.0:1883": false, "[::]:1883": false, "192.168.1.2:1883": false, "localhost.example:1883": false,
	} {
		if got := staysHere(address); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}
