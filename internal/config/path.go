package config

import (
	"cmp"
	"fmt"
	"path/filepath"
)

// A path is whether a value names a file, and what kind of.
type path uint8

const (
	none path = iota
	plain
	secret  // as ReadSecret reads it
	private // a key, PEM
	folder
	executable
)

func (p path) isSecret() bool { return p == secret || p == private }

// file takes paths that name a p, and nothing.
func file(p path) kind[string] {
	what := "a file"
	if p == folder {
		what = "a folder"
	}
	k := printable("the path of "+what+", or nothing", 4096)
	k.path = p
	return k
}

// program takes paths that are the same from everywhere, and nothing.
var program = func() kind[string] {
	k := matching("nothing, or the absolute path of a program", `^(/[^\x00-\x1f\x7f]{1,999})?$`)
	k.path = executable
	return k
}()

// place makes the paths of a configuration those that the system takes. A
// relative one of the file begins at the file. One of a secret begins where
// systemd puts credentials, if it does.
func (l *Loaded) place(credentials string) (errs []error) {
	for i := range keys {
		k := &keys[i]
		name := k.text(&l.Config)
		if k.path == none || name == "" || filepath.IsAbs(name) {
			continue
		}
		dir := ""
		if l.Origin(k.name).File != "" {
			dir = l.text.dir
		}
		if k.path.isSecret() {
			dir = cmp.Or(credentials, dir)
		}
		if err := k.set(&l.Config, filepath.Join(dir, name)); err != nil {
			errs = append(errs, l.fault(k.name, fmt.Errorf("path below %q: %w", dir, err)))
		}
	}
	return errs
}
