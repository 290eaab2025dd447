package ota

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// A value is what a key of a manifest stands for.
type value interface {
	parse(token any) error  // of package json, numbers as json.Number
	append(p []byte) []byte // as JSON; nothing if it is not given
}

// A text has no control characters but those in allow, and is not empty.
type text struct {
	p     *string
	allow string
}

// lines are allowed in what is written for people.
const lines = "\n\t"

func (t text) parse(token any) error {
	s, ok := token.(string)
	if !ok {
		return wrong(token, "a string")
	}
	for _, r := range s {
		if unicode.IsControl(r) && !strings.ContainsRune(t.allow, r) {
			return fmt.Errorf("control character %U in the text", r)
		}
	}
	*t.p = s
	return nil
}

// append escapes all that is not printable ASCII, beyond U+FFFF as a pair.
func (t text) append(p []byte) []byte {
	if *t.p == "" {
		return p
	}
	p = append(p, '"')
	for _, r := range *t.p {
		switch {
		case r == '"' || r == '\\':
			p = append(p, '\\', byte(r))
		case r >= ' ' && r <= '~':
			p = append(p, byte(r))
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				p = fmt.Appendf(p, "\\u%04x", u)
			}
		}
	}
	return append(p, '"')
}

// A version is strict.
type version struct{ p *string }

func (v version) parse(token any) error {
	s, ok := token.(string)
	if !ok {
		return wrong(token, "a string")
	}
	s, err := parseVersion(s)
	if err != nil {
		return err
	}
	*v.p = s
	return nil
}

func (v version) append(p []byte) []byte { return text{v.p, ""}.append(p) }

// A digest is a SHA-256 in hex.
type digest struct{ p *string }

func (d digest) parse(token any) error {
	s, ok := token.(string)
	if !ok {
		return wrong(token, "a string")
	}
	if b, err := hex.DecodeString(s); err != nil || len(b) != 32 {
		return errors.New("want 64 hexadecimal digits")
	}
	s = strings.ToLower(s)
	if *d.p != "" && *d.p != s {
		return fmt.Errorf("%s differs from %s, which was given before", s, *d.p)
	}
	*d.p = s
	return nil
}

func (d digest) append(p []byte) []byte { return text{d.p, ""}.append(p) }

// A number is an integer in a range.
type number struct {
	p        *int64
	min, max int64
}

func (n number) parse(token any) error {
	s, ok := token.(json.Number)
	if !ok {
		return wrong(token, "an integer")
	}
	i, err := strconv.ParseInt(s.String(), 10, 64)
	if err != nil || i < n.min || i > n.max {
		return fmt.Errorf("%.40s: want an integer from %d to %d", s, n.min, n.max)
	}
	if *n.p != 0 && *n.p != i {
		return fmt.Errorf("%d differs from %d, which was given before", i, *n.p)
	}
	*n.p = i
	return nil
}

func (n number) append(p []byte) []byte {
	if *n.p == 0 {
		return p
	}
	return strconv.AppendInt(p, *n.p, 10)
}

// A flag is true or false.
type flag struct{ p *bool }

func (f flag) parse(token any) error {
	b, ok := token.(bool)
	if !ok {
		return wrong(token, "true or false")
	}
	*f.p = b
	return nil
}

func (f flag) append(p []byte) []byte {
	if !*f.p {
		return p
	}
	return strconv.AppendBool(p, true)
}

// wrong says what a token is instead of what was wanted.
func wrong(token any, want string) error {
	got := "null"
	switch t := token.(type) {
	case string:
		got = "a string"
	case json.Number:
		got = "a number"
	case bool:
		got = "true or false"
	case json.Delim:
		got = "an object"
		if t == '[' {
			got = "an array"
		}
	}
	return fmt.Errorf("%s: want %s", got, want)
}
