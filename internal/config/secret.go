package config

import (
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
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("read %s: it is larger than %d bytes, want the secret alone", path, maxSecret)
	case s == "":
		return "", fmt.Errorf("read %s: it is empty, want the secret in its first line", path)
	case strings.ContainsAny(s, "\n\r\x00"):
		return "", fmt.Errorf("read %s: it has several lines, want the secret alone", path)
	}
	return s, nil
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
