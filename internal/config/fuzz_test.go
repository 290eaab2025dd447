package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse holds that no file makes Parse panic; that an error names a place of
// the file; and that what Parse takes, show prints so that it is the same again.
func FuzzParse(f *testing.F) {
	for _, m := range mistakes {
		f.Add(m.file)
	}
	f.Add(defaults(f).YAML(true))
	f.Add("device:\n  name: \"007\"\nmqtt: {url: off, username: 'ü\"\\ #'}\ntime: {ntp_servers: []}\nota: {check_interval: 0}\n")
	f.Fuzz(func(t *testing.T, file string) {
		l, err := Parse("c.yaml", []byte(file), nil)
		if err != nil {
			lines := strings.Count(file, "\n") + 1
			if e, ok := errors.AsType[*Error](err); !ok || l != nil || e.Line < 1 || e.Line > lines || e.Column < 1 {
				t.Fatalf("configuration %v, error %#v", l, err)
			}
			return
		}
		parsesAgain(t, l)
	})
}

// FuzzShow holds that what the environment may say, show prints so that it is the
// same again.
func FuzzShow(f *testing.F) {
	for _, s := range []string{"", "off", "007", "~", " a ", "a: b", "a #b", "'", "\"", "\\", "ü", "- a", "a//b", "..", "24h", "a,b", "[::1]:1", "a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, k := range keys {
			if k.form != bare {
				if l, err := Parse("", nil, []string{Variable(k.name) + "=" + value}); err == nil {
					parsesAgain(t, l)
				}
			}
		}
	})
}

func parsesAgain(t *testing.T, l *Loaded) {
	t.Helper()
	for _, origins := range []bool{false, true} {
		again, err := Parse("c.yaml", []byte(l.YAML(origins)), nil)
		if err != nil || !equal(again.Config, l.Config) {
			t.Fatalf("error %v\n%s", err, l.YAML(origins))
		}
	}
}

func defaults(t testing.TB) *Loaded {
	t.Helper()
	l, err := Parse("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
