package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// valid judges a value by as much of JSON Schema as the schema uses; anything
// else in it is an error.
func valid(schema map[string]any, v any) error {
	if want, ok := schema["type"]; ok && want != typeOf(v) {
		return fmt.Errorf("%v: is no %v", v, want)
	}
	for name, want := range schema {
		fine := true
		switch name {
		case "$schema", "title", "description", "default", "type", "properties":
		case "additionalProperties":
			for key, value := range v.(map[string]any) {
				p, ok := schema["properties"].(map[string]any)[key].(map[string]any)
				if !ok {
					return fmt.Errorf("%s: no property", key)
				}
				if err := valid(p, value); err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
			}
		case "const":
			fine = v == want
		case "enum":
			fine = slices.Contains(want.([]any), v)
		case "pattern":
			fine = regexp.MustCompile(want.(string)).MatchString(v.(string))
		case "minimum":
			fine = v.(float64) >= want.(float64)
		case "maximum":
			fine = v.(float64) <= want.(float64)
		case "minLength":
			fine = float64(len(v.(string))) >= want.(float64)
		case "maxLength":
			fine = float64(len(v.(string))) <= want.(float64)
		case "maxItems":
			fine = float64(len(v.([]any))) <= want.(float64)
		case "items":
			for _, item := range v.([]any) {
				if err := valid(want.(map[string]any), item); err != nil {
					return err
				}
			}
		case "anyOf":
			fine = slices.ContainsFunc(want.([]any), func(s any) bool { return valid(s.(map[string]any), v) == nil })
		default:
			return fmt.Errorf("%s: not known to this test", name)
		}
		if !fine {
			return fmt.Errorf("%v: %s is not %v", v, name, want)
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "integer"
	}
	return "null"
}

// tree returns the configuration as a document that a schema is about.
func tree(l *Loaded) map[string]any {
	root := map[string]any{}
	for name, v := range l.Values() {
		at := root
		path := strings.Split(name, ".")
		for _, section := range path[:len(path)-1] {
			if at[section] == nil {
				at[section] = map[string]any{}
			}
			at = at[section].(map[string]any)
		}
		at[last(name)] = v.Value
	}
	return root
}

// overJSON returns v as another program gets it.
func overJSON(t *testing.T, v any) (out map[string]any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchema(t *testing.T) {
	schema := overJSON(t, Schema())
	for _, c := range []struct {
		name, file string
	}{
		{"defaults", ""},
		{"others", "ota: {check_interval: 0, stall: 1m30s, sources: {github: {base: 'https://a/b'}}}\ndevice: {name: 007}\nmqtt: {url: 'tls://a:1', discovery: off}\ntime: {ntp_servers: []}\n"},
	} {
		l, err := Parse("c.yaml", []byte(c.file), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(schema, overJSON(t, tree(l))); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, bad := range []string{
		`{"lgo": {}}`, `{"log": {"levle": "info"}}`, `{"log": {"level": "loud"}}`, `{"log": "info"}`, `{"log": {"level": null}}`,
		`{"ota": {"check_interval": 24}}`, `{"ota": {"stall": "5"}}`, `{"ota": {"auto_install": "true"}}`,
		`{"health": {"attempts": 11}}`, `{"board": {"adc": {"address": 0}}}`, `{"time": {"ntp_servers": "a"}}`,
		`{"mqtt": {"url": "mqtt://a:b@c"}}`, `{"device": {"name": "a b"}}`,
	} {
		var v map[string]any
		if err := json.Unmarshal([]byte(bad), &v); err != nil {
			t.Fatal(err)
		}
		if valid(schema, v) == nil {
			t.Errorf("%s: valid", bad)
		}
		if _, err := Parse("c.yaml", []byte(bad), nil); err == nil {
			t.Errorf("%s: parsed", bad)
		}
	}
}

// TestSchemaNamesEveryKey holds that each is described, with its default.
func TestSchemaNamesEveryKey(t *testing.T) {
	for _, k := range keys {
		at := overJSON(t, Schema())
		for section := range strings.SplitSeq(k.name, ".") {
			at, _ = at["properties"].(map[string]any)[section].(map[string]any)
		}
		if _, ok := at["default"]; !ok || at["description"] != k.doc || at["type"] == nil && at["anyOf"] == nil {
			t.Errorf("%s: schema %v", k.name, at)
		}
	}
}
