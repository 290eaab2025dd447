package config

import "strings"

// Schema returns the JSON Schema, draft 2020-12, of a configuration file. What it
// refuses is an error to [Parse] too; not the other way round.
func Schema() map[string]any {
	var c Config
	root := object()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "wordclockd"
	for _, k := range keys {
		s := map[string]any{"description": k.doc}
		for name, v := range k.schema {
			s[name] = v
		}
		if k.set(&c, k.initial) == nil {
			s["default"] = k.json(&c)
		}
		at := root
		path := strings.Split(k.name, ".")
		for _, section := range path[:len(path)-1] {
			at = within(at, section)
		}
		properties(at)[last(k.name)] = s
	}
	return root
}

func object() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}}
}

func properties(object map[string]any) map[string]any {
	return object["properties"].(map[string]any)
}

// within returns the schema of a section, which is made if need be.
func within(at map[string]any, section string) map[string]any {
	p := properties(at)
	if p[section] == nil {
		p[section] = object()
	}
	return p[section].(map[string]any)
}
