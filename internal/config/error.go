package config

import (
	"fmt"
	"regexp"
	"strings"
)

// An Origin is where a value comes from. The zero Origin is a default.
type Origin struct {
	File         string // a configuration file
	Line, Column int    // in it, from 1; columns count characters
	Name         string // WORDCLOCKD_X or --flag
}

// IsDefault reports whether nobody has asked for the value.
func (o Origin) IsDefault() bool { return o == Origin{} }

// String returns default, FILE:LINE, WORDCLOCKD_X or --flag.
func (o Origin) String() string {
	switch {
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.Name != "":
		return o.Name
	}
	return "default"
}

// An Error is what is wrong with one value, or with one place of the file.
type Error struct {
	Origin
	Key string // "" if it concerns none
	Err error  // holds no secret

	at      string // as the message begins
	excerpt string // the line of the file with a mark below it, or ""
}

func (e *Error) Unwrap() error { return e.Err }

// Error returns one line for a variable or a flag, and for a place of the file
// an excerpt of it on two more.
func (e *Error) Error() string {
	if e.excerpt == "" {
		return e.at + ": " + e.Err.Error()
	}
	return e.at + ": " + e.Err.Error() + "\n" + e.excerpt
}

// secretKey matches the name, and the colon or equals sign, of what looks like a secret.
var secretKey = regexp.MustCompile(`(?i)(\w*(?:pass|pwd|token|secret|credential)\w*)["']?\s*[:=]\s*`)

// hide returns a line or a value without what may be a secret: what stands
// before an @, as in user:password@host, the query of an address, and the values
// of keys that are called like one.
func hide(s string) string {
	if before, _, ok := strings.Cut(s, "@"); ok {
		start := 0
		for _, mark := range []string{"://", ": "} {
			if i := strings.Index(before, mark); i >= 0 {
				start = i + len(mark)
				break
			}
		}
		s = s[:start] + "…" + s[strings.LastIndexByte(s, '@'):]
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok { // a query is what tokens are in
		if address, _, ok := strings.Cut(rest, "?"); ok {
			s = scheme + "://" + address + "?…"
		}
	}
	for _, m := range secretKey.FindAllStringSubmatchIndex(s, -1) {
		if name := strings.ToLower(s[m[2]:m[3]]); !strings.HasSuffix(name, "_file") && m[1] < len(s) {
			return s[:m[1]] + "…"
		}
	}
	return s
}
