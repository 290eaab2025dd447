package mqttbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"wordclockd/internal/clock"
)

// An object is a JSON object. Values are objects, []any, string, bool, nil, and
// json.Number as it was written.
type object map[string]any

// maxDepth bounds the objects and arrays that are in one another.
const maxDepth = 8

// fits returns an error for what is not looked at any further.
func fits(p []byte) error {
	switch {
	case len(p) > maxPayload:
		return fmt.Errorf("payload: longer than %d bytes", maxPayload)
	case !utf8.Valid(p):
		return errors.New("payload: is not UTF-8")
	}
	return nil
}

// parse reads a payload that is one JSON object, from exactly these bytes, each of its
// keys said once.
func parse(p []byte) (object, error) {
	if err := fits(p); err != nil {
		return nil, err
	}
	var whole json.RawMessage
	if err := json.Unmarshal(p, &whole); err != nil { // the tokens below are laxer
		return nil, fmt.Errorf("payload: is not JSON: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, errors.New("payload: want a JSON object")
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("payload: is not JSON: %w", err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth++; depth > maxDepth {
		return nil, fmt.Errorf("payload: nested deeper than %d", maxDepth)
	}
	var v any
	if open == '[' {
		v, err = parseArray(d, depth)
	} else {
		v, err = parseObject(d, depth)
	}
	if err != nil {
		return nil, err
	}
	_, err = d.Token() // the end
	return v, err
}

func parseArray(d *json.Decoder, depth int) (any, error) {
	a := []any{}
	for d.More() {
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func parseObject(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string)
		if _, twice := o[key]; twice {
			return nil, &clock.InvalidError{Key: printable(key), Text: "is named twice"}
		}
		if o[key], err = parseValue(d, depth); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// compact returns v as JSON without blanks.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // payloads are made of what can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// printable returns the start of a text, fit to be shown.
func printable(s string) string {
	const most = 64
	var b []rune
	for _, r := range s {
		if len(b) == most {
			return string(b) + "…"
		}
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			r = '?'
		}
		b = append(b, r)
	}
	return string(b)
}
