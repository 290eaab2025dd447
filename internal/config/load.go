package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"syscall"
)

// Input is what a configuration is read from.
type Input struct {
	File     string   // "" is none
	Optional bool     // the file may be absent
	Environ  []string // as os.Environ gives it
	Flags    []Flag
}

// A Flag is a key's value on the command line.
type Flag struct {
	Name       string // as it was typed: --board
	Key, Value string
}

// Loaded is a configuration that knows where it comes from.
type Loaded struct {
	Config
	File string // that was read; "" is none

	text *text
	said map[string]setting // by key
}

// Origin returns where the value of a key comes from.
func (l *Loaded) Origin(key string) Origin { return l.said[key].Origin }

// Load reads a file, which [Parse] is given.
func Load(in Input) (*Loaded, error) {
	if in.File == "" {
		return load(newText("", nil), in)
	}
	data, err := readFile(in.File)
	if in.Optional && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return load(newText("", nil), in)
	}
	if err != nil {
		return nil, err
	}
	t := newText(in.File, data)
	if t.dir, err = filepath.Abs(t.dir); err != nil {
		return nil, fmt.Errorf("find folder of %s: %w", in.File, err)
	}
	return load(t, in)
}

// Parse returns the configuration of a file's contents, an environment and
// flags. Its error joins one [Error] for each thing that is wrong.
func Parse(file string, data []byte, environ []string, flags ...Flag) (*Loaded, error) {
	return load(newText(file, data), Input{Environ: environ, Flags: flags})
}

func load(t *text, in Input) (*Loaded, error) {
	l := &Loaded{File: t.name, text: t, said: map[string]setting{}}
	for _, k := range keys {
		if err := k.set(&l.Config, k.initial); err != nil {
			return nil, fmt.Errorf("default of %s: %w", k.name, err)
		}
	}
	var r reading
	t.read(&r)
	r.environ(in.Environ)
	r.flags(in.Flags)
	for _, s := range r.settings {
		if err := s.key.set(&l.Config, s.value); err != nil {
			r.errs = append(r.errs, s.fault(err))
		}
		l.said[s.key.name] = s
	}
	if len(r.errs) == 0 {
		r.errs = l.finish(in.Environ)
	}
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, byPlace)
		return nil, errors.Join(r.errs...)
	}
	return l, nil
}

// finish does what takes all values.
func (l *Loaded) finish(environ []string) (errs []error) {
	for _, r := range rules {
		if err := r.ask(&l.Config); err != nil {
			errs = append(errs, l.fault(r.key, err))
		}
	}
	l.derive()
	return append(errs, l.place(lookup(environ, "CREDENTIALS_DIRECTORY"))...)
}

// fault returns an error about the value of a key, wherever that comes from.
func (l *Loaded) fault(key string, err error) *Error {
	if s, ok := l.said[key]; ok {
		return s.fault(err)
	}
	return &Error{Key: key, Err: err, at: "key " + key}
}

// byPlace orders errors as a reader of the file meets them; others come last.
func byPlace(a, b error) int {
	place := func(err error) Origin {
		if e, ok := errors.AsType[*Error](err); ok && e.File != "" {
			return e.Origin
		}
		return Origin{Line: math.MaxInt}
	}
	p, q := place(a), place(b)
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}
