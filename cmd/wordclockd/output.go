package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"wordclockd/internal/machine"
)

// mayReplace refuses to write to what is there and is no regular file, such as a
// device or a link, and to any of the files that are kept.
func mayReplace(path string, kept ...string) error { return mayWrite("-o", path, kept...) }

// mayWrite is mayReplace for what another flag names.
func mayWrite(flag, path string, kept ...string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return usageError(fmt.Errorf("%s %s: it is there, and no regular file: name another", flag, path))
	}
	for _, name := range kept {
		if other, err := os.Stat(name); err == nil && os.SameFile(info, other) {
			return usageError(fmt.Errorf("%s %s: that is what is read, or belongs to the clock: name another file", flag, path))
		}
	}
	return nil
}

// own are the files of a clock that no output replaces.
func own(s machine.State) []string { return []string{s.Flash(), s.Fuses(), s.Settings()} }
