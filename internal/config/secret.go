package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is the largest secret, with its newline.
const maxSecret = 4096

// ReadSecret returns what a file of a configuration holds, without the newline
// that it may end with. Errors do not quote it. It is not empty.
func ReadSecret(path string) (string, error) {
	f, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if err := checkSecret(s); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("read %s: %w", path, errLarge)
	}
	return s, nil
}

var errLarge = fmt.Errorf("it is larger than %d bytes, want the secret alone", maxSecret)

func checkSecret(s string) error {
	switch {
	case len(s) > maxSecret:
		return errLarge
	case s == "":
		return errors.New("it is empty, want the secret in its first line")
	case strings.ContainsAny(s, "\n\r\x00"):
		return errors.New("it has several lines, want the secret alone")
	}
	return nil
}

// openRegular opens a file that is on a disk: others can block for ever.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: it is no regular file", path)
	}
	return os.Open(path)
}

// password is the one thing that can be told by the environment alone: it has no
// place in a file, and nothing prints it.
var password = key{name: "mqtt.password", set: func(c *Config, s string) error {
	if err := checkSecret(s); err != nil {
		return err
	}
	c.MQTT.password = &s
	return nil
}}

// Secret returns the password for the broker, "" if there is none.
func (m MQTT) Secret() (string, error) {
	switch {
	case m.PasswordFile != "":
		return ReadSecret(m.PasswordFile)
	case m.password != nil:
		return *m.password, nil
	}
	return "", nil
}
