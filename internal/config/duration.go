package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// unitless matches a duration that lacks its unit.
var unitless = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// duration takes least to most; unit is what a number alone probably means.
func duration(least, most time.Duration, unit string) kind[time.Duration] {
	return kind[time.Duration]{
		want: fmt.Sprintf("a duration from %s to %s (units ms, s, m, h)", short(least), short(most)),
		parse: func(s string) (time.Duration, error) {
			d, err := time.ParseDuration(s)
			if err != nil && unitless.MatchString(s) && len(s) < 20 {
				return 0, fmt.Errorf("a duration needs a unit, such as %s%s", s, unit)
			}
			return fit(d, err == nil && least <= d && d <= most)
		},
		text:   short,
		schema: map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`},
	}
}

// orNever takes what k does, or 0.
func orNever(k kind[time.Duration]) kind[time.Duration] {
	parse := k.parse
	k.want = "0 for never, or " + k.want
	k.parse = func(s string) (time.Duration, error) {
		if d, err := time.ParseDuration(s); err == nil && d == 0 {
			return 0, nil
		}
		d, err := parse(s)
		if errors.Is(err, errWant) {
			return 0, errWant
		}
		return d, err
	}
	k.schema = map[string]any{"anyOf": []any{map[string]any{"const": 0}, k.schema}}
	return k
}

// short returns a duration as a person writes it: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
