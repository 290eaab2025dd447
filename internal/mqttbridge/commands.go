package mqttbridge

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"wordclockd/internal/clock"
)

// A command is what topic command takes, as text or as JSON.
type command struct {
	name    string
	aliases []string // of older documents
	doc     string   // "" is that of the clock.Command

	// An argument that follows in plain text: "set_time 14:30".
	blank string // what is between
	param string // its key; "" takes none
	shape string // of the argument, for people

	does  string            // a clock.Command; "" is none
	args  map[string]string // that it always has
	sets  []clock.Edit      // settings
	keys  []key             // of parameters, beside those of what it does
	needs clock.Capability  // beside that of what it does

	errand // run nil does or sets
}

// spec returns the spec of what a command does; nil if that is no clock.Command.
func (c *command) spec() *clock.Spec {
	if c.does == "" {
		return nil
	}
	spec, _ := clock.SpecOf(c.does)
	return spec
}

// params returns the keys of the parameters.
func (c *command) params() []key {
	keys := slices.Clone(c.keys)
	if spec := c.spec(); spec != nil {
		for _, p := range spec.Params {
			if _, fixed := c.args[p.Name]; !fixed && !p.Local && !hasPrefix(keys, p.Name) {
				keys = append(keys, key{name: p.Name, takes: takesOf(p), doc: p.Doc})
			}
		}
	}
	return keys
}

func takesOf(p clock.Param) string {
	switch p.Kind {
	case clock.Bool:
		return "boolean"
	case clock.Choice:
		return "`" + strings.Join(p.Options, "`, `") + "`"
	}
	return "text"
}

var unknownCommand = errand{tokens: tokens{failed: []string{"unknown_command"}, invalid: "unknown_command"}}

// readCommand reads a payload on topic command: text, exactly, or JSON.
func readCommand(t *topic, p []byte) (*request, errand, error) {
	r := &request{name: t.path}
	if err := fits(p); err != nil {
		return r, unknownCommand, err
	}
	text := string(p)
	var params object
	var err error
	if strings.HasPrefix(text, "{") {
		r.isJSON = true
		if text, params, err = r.unwrap(p); err != nil {
			return r, unknownCommand, err
		}
	}
	if r.command, r.object, err = commandOf(text); err != nil {
		r.name = printable(text)
		return r, unknownCommand, err
	}
	r.name = r.command.name
	if r.command.run == nil {
		r.command = r.command.completed()
	}
	return r, r.command.errand, r.complete(params)
}

// unwrap reads the JSON form of a command.
func (r *request) unwrap(p []byte) (name string, params object, err error) {
	o, err := parse(p)
	if err != nil {
		return "", nil, err
	}
	r.id = scalar(o[idKey])
	for k := range o {
		if k != idKey && k != "command" && k != "parameters" {
			return "", nil, unknown(k, "key", []string{"command", "parameters", idKey})
		}
	}
	name, ok := o["command"].(string)
	if !ok {
		return "", nil, &clock.InvalidError{Key: "command", Text: "want the name of a command"}
	}
	params, ok = o["parameters"].(object)
	if _, there := o["parameters"]; there && !ok {
		return "", nil, &clock.InvalidError{Key: "parameters", Text: "want a JSON object"}
	}
	return name, params, nil
}

// scalar returns an id as it is echoed; nil if it is none.
func scalar(v any) json.RawMessage {
	const most = 64
	switch v.(type) {
	case string, bool, json.Number:
		if p := compact(v); len(p) <= most {
			return p
		}
	}
	return nil
}

// commandOf returns the command that a text stands for, and the argument in it.
func commandOf(text string) (*command, object, error) {
	var names []string
	for i := range commands {
		c := &commands[i]
		if c.name == text || slices.Contains(c.aliases, text) {
			return c, object{}, nil
		}
		if arg, ok := strings.CutPrefix(text, c.name+c.blank); ok && c.param != "" {
			return c, object{c.param: value(arg)}, nil
		}
		names = append(names, c.name)
	}
	if near := nearest(printable(text), names); near != "" {
		return nil, nil, &clock.InvalidError{Key: printable(text), Text: "no such command, the nearest is " + near}
	}
	return nil, nil, &clock.InvalidError{Key: printable(text), Text: "no such command: docs/mqtt.md lists all"}
}

// value returns an argument of plain text as JSON would have it.
func value(arg string) any {
	if arg != "" && len(arg) < 10 && strings.IndexFunc(arg, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsDigit(r) }) < 0 {
		return json.Number(strings.TrimLeft(arg[:len(arg)-1], "0") + arg[len(arg)-1:])
	}
	return arg
}

// complete takes the parameters in.
func (r *request) complete(params object) error {
	for name, v := range params {
		if _, twice := r.object[name]; twice {
			return &clock.InvalidError{Key: name, Text: "is named twice"}
		}
		r.object[name] = v
	}
	if _, err := edits(r.object, append(r.command.params(), r.command.locals()...)); err != nil {
		return err
	}
	var err error
	r.args, err = arguments(r.command, r.object)
	return err
}

// locals are the keys of parameters that arguments refuses.
func (c *command) locals() (keys []key) {
	if spec := c.spec(); spec != nil {
		for _, p := range spec.Params {
			if p.Local {
				keys = append(keys, key{name: p.Name})
			}
		}
	}
	return keys
}

// arguments returns the arguments of the clock.Command that parameters stand for.
func arguments(c *command, o object) (map[string]string, error) {
	args := maps.Clone(c.args)
	spec := c.spec()
	if spec == nil {
		return args, nil
	}
	if args == nil {
		args = map[string]string{}
	}
	for _, p := range spec.Params {
		v, ok := o[p.Name]
		if !ok {
			continue
		}
		if p.Local {
			return nil, &clock.InvalidError{Key: p.Name, Text: "is taken only on the clock's own host"}
		}
		var err error
		if args[p.Name], err = argument(p, v); err != nil {
			return nil, err
		}
	}
	return args, nil
}

func argument(p clock.Param, v any) (string, error) {
	switch x := v.(type) {
	case bool:
		if p.Kind == clock.Bool {
			return string(compact(x)), nil
		}
	case string:
		if p.Kind != clock.Bool {
			return x, nil
		}
	}
	want := "text"
	if p.Kind == clock.Bool {
		want = "true or false"
	}
	return "", wants(p.Name, v, want)
}

// completed returns the command with what it does by itself.
func (c *command) completed() *command {
	whole := *c
	whole.run = carryOut
	return &whole
}

// carryOut does what a command does, or sets what it sets.
func carryOut(d *desk, ctx context.Context, r *request) done {
	c := r.command
	if c.does == "" {
		note, err := d.alter(ctx, c.sets, false, parlance{})
		x := c.finished(err)
		x.note = note
		return x
	}
	answer, err := d.service.Do(ctx, clock.Command{Name: c.does, Args: r.args})
	x := c.finished(err)
	x.answer = answer
	return x
}

// errMissing is of a parameter that has to be there.
func errMissing(name, want string) error {
	return &clock.InvalidError{Key: name, Text: "is missing: want " + want}
}
