package ota

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A FormatError says what is wrong with a manifest, and where.
type FormatError struct {
	Offset       int // in bytes
	Line, Column int // from 1 on; Column in characters
	Err          error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s line %d, column %d: %v", ManifestName, e.Line, e.Column, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

func formatError(p []byte, off int, err error) *FormatError {
	before := p[:min(max(off, 0), len(p))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return &FormatError{off, bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[line:]) + 1, err}
}

// maxDepth is how deep what is ignored may be nested.
const maxDepth = 16

// A pair is a key of an object, where it stands, and the first token of what
// it stands for: of objects and arrays the bracket.
type pair struct {
	key   string
	off   int
	token any
}

// readObject returns what stands in a JSON text that is one object.
func readObject(p []byte) ([]pair, error) {
	if err := hint(p); err != nil {
		return nil, formatError(p, 0, err)
	}
	if i := invalidUTF8(p); i >= 0 {
		return nil, formatError(p, i, errors.New("not UTF-8"))
	}
	var all json.RawMessage
	if err := json.Unmarshal(p, &all); err != nil {
		return nil, formatError(p, offset(err, len(p)), err)
	}
	r := reader{p, json.NewDecoder(bytes.NewReader(p))}
	r.dec.UseNumber()
	if _, _, err := r.token(); err != nil { // the brace, says hint
		return nil, err
	}
	return r.object(1)
}

// offset returns where in a text of n bytes package json stumbled.
func offset(err error, n int) int {
	e, ok := errors.AsType[*json.SyntaxError](err)
	if !ok || strings.HasPrefix(e.Error(), "unexpected end") {
		return n
	}
	return int(e.Offset) - 1
}

// hint returns an error for what is seen at first sight not to be a manifest.
func hint(p []byte) error {
	begin := bytes.TrimLeft(p, " \t\r\n")
	switch {
	case len(begin) == 0:
		return errors.New("empty")
	case begin[0] == '{':
		return nil
	case begin[0] == '<':
		return errors.New("an HTML page, not a manifest")
	case bytes.HasPrefix(p, []byte("\xEF\xBB\xBF")):
		return errors.New("begins with a byte order mark: save it as UTF-8 without one")
	case bytes.HasPrefix(p, []byte{0x1F, 0x8B}):
		return errors.New("compressed: want plain JSON")
	}
	line, _, _ := bytes.Cut(begin, []byte("\n"))
	return fmt.Errorf("%.40q is not a JSON object", line)
}

// invalidUTF8 returns where p is not UTF-8, -1 if it is.
func invalidUTF8(p []byte) int {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// A reader goes through a text that package json found to be valid, and finds
// what that lets pass.
type reader struct {
	p   []byte
	dec *json.Decoder
}

// token returns the next token and where it stands.
func (r reader) token() (any, int, error) {
	off := int(r.dec.InputOffset())
	off += len(r.p[off:]) - len(bytes.TrimLeft(r.p[off:], " \t\r\n,:"))
	t, err := r.dec.Token()
	if err != nil {
		return nil, 0, formatError(r.p, off, err)
	}
	if s, ok := t.(string); ok && strings.ContainsRune(s, utf8.RuneError) {
		// Half a surrogate pair becomes this too.
		return nil, 0, formatError(r.p, off, errors.New("U+FFFD in a string: the text was damaged before it came here"))
	}
	return t, off, nil
}

// object reads what follows an opening brace.
func (r reader) object(depth int) ([]pair, error) {
	var pairs []pair
	seen := make(map[string]string)
	for r.dec.More() {
		key, off, err := r.token()
		if err != nil {
			return nil, err
		}
		k := key.(string)
		if first, ok := seen[fold(k)]; ok {
			return nil, formatError(r.p, off, twice(first, k))
		}
		seen[fold(k)] = k
		t, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{k, off, t})
	}
	_, _, err := r.token()
	return pairs, err
}

func twice(first, second string) error {
	if first == second {
		return fmt.Errorf("key %q is there twice", first)
	}
	return fmt.Errorf("keys %q and %q differ in case only, which old clocks ignore", first, second)
}

// value reads all of a value and returns its first token.
func (r reader) value(depth int) (any, error) {
	t, off, err := r.token()
	if err != nil {
		return nil, err
	}
	if _, ok := t.(json.Delim); ok && depth == maxDepth {
		return nil, formatError(r.p, off, fmt.Errorf("nested deeper than %d levels", maxDepth))
	}
	switch t {
	case json.Delim('{'):
		_, err = r.object(depth + 1)
	case json.Delim('['):
		for err == nil && r.dec.More() {
			_, err = r.value(depth + 1)
		}
		if err == nil {
			_, _, err = r.token()
		}
	}
	return t, err
}

// fold returns what all spellings of a key that differ in case only have in
// common.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }
