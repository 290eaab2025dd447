package config

import (
	"fmt"
	"slices"
	"strings"
)

// A text is a configuration file as it was read.
type text struct {
	name  string // as errors give it; "" is no file
	dir   string // where relative paths in it begin
	lines []string
}

// fault returns an error about a place of the file, which is moved into the
// file if it lies outside.
func (t *text) fault(line, column int, key string, err error) *Error {
	line = min(max(line, 1), len(t.lines))
	column = min(max(column, 1), len([]rune(t.lines[line-1]))+1)
	at := fmt.Sprintf("%s:%d:%d", t.name, line, column)
	if key != "" {
		at += ": key " + key
	}
	return &Error{
		Origin:  Origin{File: t.name, Line: line, Column: column},
		Key:     key,
		Err:     err,
		at:      at,
		excerpt: t.excerpt(line, column),
	}
}

// excerpt returns a line of the file, without its indentation and without
// secrets, and a mark below the column; there is none below what is left out.
func (t *text) excerpt(line, column int) string {
	const most = 72
	full := []rune(t.lines[line-1])
	seen := []rune(hide(t.lines[line-1]))
	start := len(full) - len([]rune(strings.TrimLeft(string(full), " \t")))
	start = max(min(start, column-1), column-most/2, 0)
	told := 0 // how many characters are as in the file
	for told < min(len(full), len(seen)) && full[told] == seen[told] {
		told++
	}
	number := fmt.Sprintf("%3d | ", line)
	shown := seen[min(start, len(seen)):]
	shown = slices.Clone(shown[:min(len(shown), most)])
	for i, r := range shown {
		if r < ' ' {
			shown[i] = ' '
		}
	}
	out := number + strings.TrimRight(string(shown), " ")
	if column-1 > told {
		return out
	}
	return out + "\n" + strings.Repeat(" ", len(number)+column-1-start) + "^"
}
