package mqttbridge

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
)

// A key is one value in a payload. Those in objects within it have dotted names.
type key struct {
	name  string
	field string // of clock.Fields, which says what it takes; "" is none
	takes string // what it holds, or takes, if there is no field
	doc   string // "" is that of the field
}

// idKey is in every request.
const idKey = "id"

// edits returns what an object asks for whose values are those of fields.
func edits(o object, keys []key) ([]clock.Edit, error) {
	return appendEdits(nil, "", o, keys)
}

func appendEdits(list []clock.Edit, prefix string, o object, keys []key) ([]clock.Edit, error) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		path := prefix + name
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == path })
		inner, isObject := o[name].(object)
		var err error
		switch {
		case at >= 0 && keys[at].field != "":
			list = append(list, clock.Edit{Key: keys[at].field, Value: o[name]})
		case at >= 0: // its own reader has seen it
		case isObject && hasPrefix(keys, path+"."):
			list, err = appendEdits(list, path+".", inner, keys)
		default:
			err = unknownKey(path, keys)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// A parlance is how a payload calls settings.
type parlance struct {
	object object
	keys   []key // it may have
}

// name returns the payload's name of a field: the one that it has, if there are several;
// the field's own if there is none.
func (p parlance) name(field string) string {
	name := field
	for _, k := range p.keys {
		if k.field != field || field == "" {
			continue
		}
		if _, sent := p.object[k.name]; sent {
			return k.name
		}
		if name == field {
			name = k.name
		}
	}
	return name
}

// error returns an error of clock.Service.Change that names what is at fault as the
// payload does.
func (p parlance) error(err error) error {
	if wrong, ok := errors.AsType[*clock.InvalidError](err); ok {
		return &clock.InvalidError{Key: p.name(wrong.Key), Text: wrong.Text}
	}
	return err
}

func hasPrefix(keys []key, prefix string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.name, prefix) })
}

// unknownKey names the nearest key if one is near, else all there are.
func unknownKey(name string, keys []key) error {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return unknown(name, "key", names)
}

func unknown(name, what string, names []string) error {
	name = printable(name)
	text := fmt.Sprintf("no such %s, there are %s", what, strings.Join(names, ", "))
	if near := nearest(name, names); near != "" {
		text = fmt.Sprintf("no such %s, the nearest is %s", what, near)
	} else if len(names) == 0 {
		text = fmt.Sprintf("no such %s, there is none", what)
	}
	return &clock.InvalidError{Key: name, Text: text}
}

// nearest returns the name that takes the fewest edits to get to, if they are few.
func nearest(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	near := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(config.Edits(name, a), config.Edits(name, b)) })
	if config.Edits(name, near) > max(1, len(near)/4) {
		return ""
	}
	return near
}
