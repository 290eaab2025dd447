package config

import (
	"fmt"
	"slices"
	"strings"
)

// A setting is what a file, a variable or a flag says about a key.
type setting struct {
	Origin
	key   *key
	value string
	fault func(error) *Error // an error about the value
}

// A reading is what the file, the environment and flags say, in this order: a
// later setting of a key counts.
type reading struct {
	settings []setting
	errs     []error
}

// environ adds what an environment says. A variable of ours that is no key is
// an error, not a default; its value is not printed, it may be a password.
func (r *reading) environ(environ []string) {
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(noKeys, name) {
			continue
		}
		o := Origin{Name: name}
		if name == Variable(password.name) {
			r.add(o, &password, value, name)
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return Variable(k.name) == name })
		if i < 0 {
			r.errs = append(r.errs, &Error{Origin: o, Err: noKey(nearestVariable(name)), at: name})
			continue
		}
		r.add(o, &keys[i], value, fmt.Sprintf("%s=%q", name, hide(value)))
	}
}

// flags adds what the command line says.
func (r *reading) flags(flags []Flag) {
	for _, f := range flags {
		o := Origin{Name: f.Name}
		k := find(f.Key)
		if k == nil {
			err := fmt.Errorf("key %s: %w", f.Key, noKey(nearest(f.Key, names())))
			r.errs = append(r.errs, &Error{Origin: o, Err: err, at: f.Name})
			continue
		}
		r.add(o, k, f.Value, fmt.Sprintf("%s %q", f.Name, hide(f.Value)))
	}
}

// add adds a value; its errors begin with what at says.
func (r *reading) add(o Origin, k *key, value, at string) {
	r.settings = append(r.settings, setting{Origin: o, key: k, value: value, fault: func(err error) *Error {
		return &Error{Origin: o, Key: k.name, Err: err, at: at}
	}})
}

// nearestVariable returns the variable that takes the fewest edits to get to.
func nearestVariable(name string) string {
	all := []string{Variable(password.name)}
	for _, k := range keys {
		all = append(all, Variable(k.name))
	}
	return nearest(name, all)
}

// lookup returns the value of a variable, or "".
func lookup(environ []string, name string) string {
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}
