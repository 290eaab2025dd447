package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// YAML returns the configuration as a file that gives the same one. With origins
// a comment behind each value says where it comes from.
func (l *Loaded) YAML(origins bool) string {
	const most = 56 // a longer line does not move the comments of the others
	width := 0
	for _, k := range keys {
		if n := utf8.RuneCountInString(k.line(&l.Config)); n <= most {
			width = max(width, n)
		}
	}
	var b strings.Builder
	above := ""
	for _, k := range keys {
		b.WriteString(headings(above, k.name))
		above = k.name
		line := k.line(&l.Config)
		if origins {
			line = fmt.Sprintf("%-*s  # %s", width, line, visible(l.Origin(k.name).String()))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// headings returns the lines between a key and the next, which open sections.
func headings(above, name string) (lines string) {
	for i, r := range name {
		if r == '.' && !strings.HasPrefix(above, name[:i+1]) {
			lines += indent(name[:i]) + last(name[:i]) + ":\n"
		}
	}
	return lines
}

func indent(name string) string { return strings.Repeat("  ", strings.Count(name, ".")) }

// line returns a key and its value as a line of YAML.
func (k *key) line(c *Config) string {
	text := k.text(c)
	switch k.form {
	case word:
		text = quote(text)
	case list:
		var items []string
		for _, item := range k.items(c) {
			items = append(items, quote(item))
		}
		text = "[" + strings.Join(items, ", ") + "]"
	}
	return indent(k.name) + last(k.name) + ": " + text
}

// items returns the values of a list.
func (k *key) items(c *Config) []string {
	return strings.FieldsFunc(k.text(c), func(r rune) bool { return r == ',' })
}

var (
	unquoted = regexp.MustCompile(`^([A-Za-z/]([A-Za-z0-9_./:-]*[A-Za-z0-9_./-])?|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`)
	reserved = regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n)$`) // somewhere
)

// quote returns a text as YAML takes it for a string.
func quote(s string) string {
	if unquoted.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// visible returns s on one line.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// A Value is that of a key, and where it comes from.
type Value struct {
	Value  any    `json:"value"` // a string, an int, a bool, or strings
	Origin string `json:"origin"`
}

// Values returns those of all keys.
func (l *Loaded) Values() map[string]Value {
	all := map[string]Value{}
	for _, k := range keys {
		all[k.name] = Value{k.json(&l.Config), l.Origin(k.name).String()}
	}
	return all
}

// json returns a value as JSON has it.
func (k *key) json(c *Config) any {
	text := k.text(c)
	switch k.form {
	case bare:
		if n, err := strconv.ParseInt(text, 0, 64); err == nil {
			return n
		}
		return text == "true"
	case list:
		return append([]string{}, k.items(c)...)
	}
	return text
}
