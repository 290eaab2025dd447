package config

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A form is how a value is written in YAML.
type form uint8

const (
	word form = iota // a string; quotes are optional
	bare             // a number, true or false; never in quotes
	list             // of strings; separated by commas elsewhere
)

// A kind is what the values of a key are: how texts become values and back.
type kind[T any] struct {
	want   string                  // what it takes, for errors and documents
	parse  func(string) (T, error) // errWant unless it knows better; nothing secret
	text   func(T) string          // as parse takes it
	schema map[string]any
	form   form
	path   path
}

// errWant is replaced by what the kind wants.
var errWant = errors.New("other than wanted")

func fit[T any](v T, fits bool) (T, error) {
	if !fits {
		return v, errWant
	}
	return v, nil
}

func same(s string) string { return s }

func oneOf(values ...string) kind[string] {
	return kind[string]{
		want:   strings.Join(values, " or "),
		parse:  func(s string) (string, error) { return fit(s, slices.Contains(values, s)) },
		text:   same,
		schema: map[string]any{"type": "string", "enum": values},
	}
}

// matching takes what a regular expression does.
func matching(want, expr string) kind[string] {
	re := regexp.MustCompile(expr)
	return kind[string]{
		want:   want,
		parse:  func(s string) (string, error) { return fit(s, re.MatchString(s)) },
		text:   same,
		schema: map[string]any{"type": "string", "pattern": expr},
	}
}

// printable takes up to most bytes that a terminal can show.
func printable(want string, most int) kind[string] {
	return kind[string]{
		want: want,
		parse: func(s string) (string, error) {
			odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
			return fit(s, len(s) <= most && !strings.ContainsFunc(s, odd))
		},
		text:   same,
		schema: map[string]any{"type": "string", "maxLength": most},
	}
}

// commands are those that a button can give: that need to be told nothing. A test holds
// them against clock.Commands.
var commands = []string{
	"restart", "force_ntp_sync", "ota_cancel_update", "ota_confirm", "ota_rollback", "health_check", "reset_wifi",
	"refresh_sensors", "test_transitions_start", "test_transitions_stop", "tlc_hardware_reset", "test_audio", "test_audio_file", "list_chime_files",
}

var command = kind[string]{
	want:   "nothing, or the name of a command without arguments: " + strings.Join(commands, ", "),
	parse:  func(s string) (string, error) { return fit(s, s == "" || slices.Contains(commands, s)) },
	text:   same,
	schema: map[string]any{"type": "string", "enum": append([]string{""}, commands...)},
}

var boolean = kind[bool]{
	want:   "true or false",
	parse:  func(s string) (bool, error) { return fit(s == "true", s == "true" || s == "false") },
	text:   strconv.FormatBool,
	schema: map[string]any{"type": "boolean"},
	form:   bare,
}

// number takes decimal numbers in their one spelling.
func number(least, most int) kind[int] {
	return kind[int]{
		want: fmt.Sprintf("a number from %d to %d", least, most),
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			return fit(n, err == nil && least <= n && n <= most && strconv.Itoa(n) == s)
		},
		text:   strconv.Itoa,
		schema: map[string]any{"type": "integer", "minimum": least, "maximum": most},
		form:   bare,
	}
}

func i2cBus() kind[int] {
	k := number(0, 65535)
	k.want = "the number N of a /dev/i2c-N"
	return k
}

// oneSpelling matches what strconv, YAML and a person take for the same number.
var oneSpelling = regexp.MustCompile(`^(0x[0-9A-Fa-f]+|[1-9][0-9]*)$`)

var i2cAddress = kind[uint16]{
	want: "an address from 0x48 to 0x4b",
	parse: func(s string) (uint16, error) {
		n, err := strconv.ParseUint(s, 0, 16)
		return fit(uint16(n), err == nil && 0x48 <= n && n <= 0x4B && oneSpelling.MatchString(s))
	},
	text:   func(n uint16) string { return fmt.Sprintf("%#x", n) },
	schema: map[string]any{"type": "integer", "minimum": 0x48, "maximum": 0x4B},
	form:   bare,
}

var zone = kind[*time.Location]{
	want: "a time zone such as Europe/Vienna",
	parse: func(s string) (*time.Location, error) {
		z, err := time.LoadLocation(s)
		return fit(z, err == nil && s != "" && s != "Local")
	},
	text:   (*time.Location).String,
	schema: map[string]any{"type": "string", "minLength": 1},
}

var levels = []string{"debug", "info", "warn", "error"}

var level = kind[slog.Level]{
	want: "debug, info, warn or error",
	parse: func(s string) (l slog.Level, err error) {
		err = l.UnmarshalText([]byte(s))
		return fit(l, err == nil && slices.Contains(levels, s))
	},
	text:   func(l slog.Level) string { return strings.ToLower(l.String()) },
	schema: map[string]any{"type": "string", "enum": levels},
}
