// Package config is what the clock is told before it runs: wiring and addresses.
//
// Defaults are overridden by the environment: the key board.leds_bus is the
// variable WORDCLOCKD_BOARD_LEDS_BUS.
package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on hosts without zoneinfo too
)

// Board kinds.
const (
	Sim   = "sim"   // chip models in memory
	Linux = "linux" // /dev/i2c-N
)

// Config is the whole configuration, checked.
type Config struct {
	Device Device
	Board  Board
	Log    Log
}

// Device is how the clock presents itself.
type Device struct {
	Zone *time.Location // key timezone
}

// Board is what the clock runs on.
type Board struct {
	Kind       string // Sim or Linux
	LEDsBus    int    // N of /dev/i2c-N
	SensorsBus int    // may be the same
}

// Log is how the program reports.
type Log struct {
	Level  slog.Level
	Format string // auto, text or json
}

// keys has everything that can be configured: its name and default, and how a
// text becomes a value.
var keys = []struct {
	name, value string
	set         func(*Config, string) error
}{
	{"device.timezone", "Europe/Vienna", func(c *Config, s string) (err error) {
		if c.Device.Zone, err = time.LoadLocation(s); err != nil || s == "" || s == "Local" {
			return fmt.Errorf("want a time zone such as Europe/Vienna")
		}
		return nil
	}},
	{"board.kind", Sim, oneOf(func(c *Config) *string { return &c.Board.Kind }, Sim, Linux)},
	{"board.leds_bus", "1", bus(func(c *Config) *int { return &c.Board.LEDsBus })},
	{"board.sensors_bus", "3", bus(func(c *Config) *int { return &c.Board.SensorsBus })},
	{"log.level", "info", func(c *Config, s string) error {
		if err := c.Log.Level.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("want debug, info, warn or error")
		}
		return nil
	}},
	{"log.format", "auto", oneOf(func(c *Config) *string { return &c.Log.Format }, "auto", "text", "json")},
}

func oneOf(field func(*Config) *string, values ...string) func(*Config, string) error {
	return func(c *Config, s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("want %s", strings.Join(values, " or "))
		}
		*field(c) = s
		return nil
	}
}

func bus(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, s string) error {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return fmt.Errorf("want the number N of a /dev/i2c-N")
		}
		*field(c) = int(n)
		return nil
	}
}

// Set gives a key a value, as a flag does. An error says what the key takes.
func (c *Config) Set(name, value string) error {
	for _, k := range keys {
		if k.name == name {
			return k.set(c, value)
		}
	}
	return fmt.Errorf("key %s: there is none", name)
}

const prefix = "WORDCLOCKD_"

// Read returns the configuration from an environment as os.Environ gives it.
// An error names the variable and what it takes.
func Read(environ []string) (Config, error) {
	var c Config
	for _, k := range keys {
		if err := k.set(&c, k.value); err != nil {
			return Config{}, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if err := c.setVariable(name, value); err != nil {
			return Config{}, fmt.Errorf("%s=%q: %w", name, value, err)
		}
	}
	return c, nil
}

// forTests are variables of this name that the tests read.
var forTests = []string{prefix + "PEERS", prefix + "KERNEL", prefix + "SOAK_SEED", prefix + "SOAK_N"}

// setVariable sets the key that a variable of the environment stands for. One
// of ours that is no key is an error, not a default.
func (c *Config) setVariable(name, value string) error {
	for _, k := range keys {
		if name == Variable(k.name) {
			return k.set(c, value)
		}
	}
	if strings.HasPrefix(name, prefix) && !slices.Contains(forTests, name) {
		return fmt.Errorf("no such key, the nearest is %s", nearest(name))
	}
	return nil
}

// Variable returns the environment variable of a key.
func Variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// nearest returns the variable that takes the fewest edits to get to.
func nearest(name string) string {
	var names []string
	for _, k := range keys {
		names = append(names, Variable(k.name))
	}
	return slices.MinFunc(names, func(a, b string) int { return cmp.Compare(edits(name, a), edits(name, b)) })
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
