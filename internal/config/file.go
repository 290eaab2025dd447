package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// DefaultFile returns the file that is read if none is named; it may be absent.
// It is in the first folder that systemd names, else in root's or the user's
// own. It is "" for a user without one.
func DefaultFile(getenv func(string) string, uid int) string {
	const file = "config.yaml"
	dirs, _, _ := strings.Cut(getenv("CONFIGURATION_DIRECTORY"), ":")
	xdg := getenv("XDG_CONFIG_HOME")
	home := getenv("HOME")
	switch {
	case dirs != "":
		return filepath.Join(dirs, file)
	case uid == 0:
		return filepath.Join("/etc/wordclockd", file)
	case filepath.IsAbs(xdg): // its specification has others ignored
		return filepath.Join(xdg, "wordclockd", file)
	case filepath.IsAbs(home):
		return filepath.Join(home, ".config/wordclockd", file)
	}
	return ""
}

// readFile returns the contents of a configuration file.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read %s: it is larger than 1 MiB, that is no configuration", name)
	}
	return data, nil
}
