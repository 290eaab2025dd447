package config

import (
	"errors"
	"fmt"
	"os"
)

// Check opens the files and folders that the configuration names. An error is
// an [Error] for each that cannot be read. Warnings are of the same kind, about
// secrets that everybody on this machine can read.
func (l *Loaded) Check() (warnings []error, err error) {
	var errs []error
	for _, k := range keys {
		name := k.text(&l.Config)
		if k.path == none || name == "" {
			continue
		}
		if err := k.path.check(name); err != nil {
			errs = append(errs, l.fault(k.name, err))
		} else if k.path.isSecret() && isPublic(name) {
			warnings = append(warnings, l.fault(k.name, fmt.Errorf("everybody can read %s: chmod o= %[1]s", name)))
		}
	}
	return warnings, errors.Join(errs...)
}

func (p path) check(name string) error {
	switch p {
	case folder:
		_, err := os.ReadDir(name)
		return err
	case secret:
		_, err := ReadSecret(name)
		return err
	case executable:
		return checkProgram(name)
	}
	f, err := openRegular(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkProgram says why a file cannot be run, as far as that can be seen.
func checkProgram(name string) error {
	info, err := os.Stat(name)
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0) {
		err = fmt.Errorf("%s is no program: chmod +x %[1]s", name)
	}
	return err
}

func isPublic(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().Perm()&0o004 != 0
}
