package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A walk goes through the mappings of a file.
type walk struct {
	*text
	*reading
	seen map[string]int // the lines of keys and sections
}

// read adds what the file says.
func (t *text) read(r *reading) {
	root, err := t.root()
	if err != nil {
		r.errs = append(r.errs, err)
	}
	if root != nil {
		w := walk{text: t, reading: r, seen: map[string]int{}}
		w.mapping("", root)
	}
}

func (w *walk) fail(tk *token.Token, key string, err error) {
	w.errs = append(w.errs, w.faultAt(tk, key, err))
}

// mapping walks a section, or the file if that is "".
func (w *walk) mapping(section string, m *ast.MappingNode) {
	for _, v := range m.Values {
		tk := v.Key.GetToken()
		name := clip(tk.Value)
		if section != "" {
			name = section + "." + name
		}
		if line, ok := w.seen[name]; ok {
			w.fail(tk, name, fmt.Errorf("it is in line %d already", line))
			continue
		}
		w.seen[name] = tk.Position.Line
		switch k := find(name); {
		case strings.ContainsRune(tk.Value, '.'):
			w.fail(tk, name, errors.New("want one key below the other, such as log: {level: info}"))
		case k != nil:
			w.value(k, tk, v.Value)
		case slices.Contains(sections(), name):
			w.section(name, tk, v.Value)
		default:
			w.fail(tk, name, unknown(name, v.Value))
		}
	}
}

// clip returns a name that is no longer than ours are.
func clip(name string) string {
	const most = 40
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}

// unknown says what name was probably meant to be.
func unknown(name string, value ast.Node) error {
	if _, ok := value.(*ast.MappingNode); ok {
		return fmt.Errorf("no such section, the nearest is %s", nearest(name, sections()))
	}
	return noKey(nearest(name, names()))
}

func (w *walk) section(name string, tk *token.Token, value ast.Node) {
	switch m := value.(type) {
	case *ast.MappingNode:
		w.mapping(name, m)
	case *ast.NullNode:
		w.fail(tk, name, errors.New("nothing below it: add keys, or remove it"))
	default:
		i := slices.IndexFunc(keys, func(k key) bool { return strings.HasPrefix(k.name, name+".") })
		w.fail(value.GetToken(), name, fmt.Errorf("want keys below it, such as %s", last(keys[i].name)))
	}
}

// value takes the value of a key; tk is the key's name.
func (w *walk) value(k *key, tk *token.Token, value ast.Node) {
	at := value.GetToken()
	if _, ok := value.(*ast.NullNode); ok {
		w.fail(tk, k.name, fmt.Errorf("no value: want %s", k.want))
		return
	}
	_, isScalar := value.(ast.ScalarNode)
	items, isList := value.(*ast.SequenceNode)
	switch {
	case k.form == list && isList:
		w.list(k, items)
		return
	case k.form == list:
		w.fail(at, k.name, fmt.Errorf("want a list, such as [%s]", strings.ReplaceAll(k.initial, ",", ", ")))
		return
	case !isScalar:
		w.fail(at, k.name, fmt.Errorf("want %s", k.want))
		return
	case k.form == bare && isQuoted(at):
		w.fail(at, k.name, fmt.Errorf("want %s, without quotes", k.want))
		return
	}
	w.take(k, at, at.Value, func(error) *token.Token { return at })
}

// list takes the values of a key that has several.
func (w *walk) list(k *key, items *ast.SequenceNode) {
	var texts []string
	for _, item := range items.Values {
		_, isScalar := item.(ast.ScalarNode)
		_, isNull := item.(*ast.NullNode)
		tk := item.GetToken()
		if !isScalar || isNull || tk.Value == "" || strings.ContainsRune(tk.Value, ',') {
			w.fail(tk, k.name, errors.New("want a list of single values"))
			return
		}
		texts = append(texts, tk.Value)
	}
	w.take(k, items.Start, strings.Join(texts, ","), func(err error) *token.Token {
		if e, ok := errors.AsType[*itemError](err); ok {
			return items.Values[e.index].GetToken()
		}
		return items.Start
	})
}

// take adds a value as it was written: a name 007 is no number 7.
func (w *walk) take(k *key, tk *token.Token, value string, where func(error) *token.Token) {
	w.settings = append(w.settings, setting{
		Origin: w.faultAt(tk, k.name, nil).Origin,
		key:    k,
		value:  value,
		fault:  func(err error) *Error { return w.faultAt(where(err), k.name, err) },
	})
}

func isQuoted(tk *token.Token) bool {
	return tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType
}
