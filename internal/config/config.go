// Package config is what the clock is told before it runs: wiring and addresses.
//
// Defaults are overridden by a YAML file, that by the environment, and that by
// flags: the key board.leds_bus is the variable WORDCLOCKD_BOARD_LEDS_BUS. All
// that can be configured stands in one table, keys; what reads, prints and
// describes it is made from that.
//
// # Strictness
//
// What nobody asked for is never taken in silence: a key that does not exist, a
// value that does not fit, anything of YAML but mappings, lists and plain values
// is an [Error] that says where it stands and what would be right. All errors
// are found at once, and with an error there is no configuration.
//
// Errors and whatever else is printed hold no secrets: those are in files of
// their own, and what looks like one in the wrong place is left out.
package config

import (
	"fmt"
	"strings"
	_ "time/tzdata" // zones are known on hosts without zoneinfo too
)

// Board kinds.
const (
	Sim   = "sim"   // chip models in memory
	Linux = "linux" // /dev/i2c-N
)

// Values of MQTT.URL that are no URL.
const (
	Embedded = "embedded" // the broker that the clock brings along
	Off      = "off"
)

// Read returns the configuration of an environment, as os.Environ gives it, and
// of no file. An error names the variable and what it takes.
func Read(environ []string) (Config, error) {
	l, err := Parse("", nil, environ)
	if err != nil {
		return Config{}, err
	}
	return l.Config, nil
}

// Set gives a key a value, as a flag does; or it returns an error that says
// what the key takes, and c is as it was.
func (c *Config) Set(name, value string) error {
	k := find(name)
	if k == nil {
		return fmt.Errorf("key %s: %w", name, noKey(nearest(name, names())))
	}
	next := *c
	next.OTA.GitHub.forget()
	next.OTA.Cloudflare.forget()
	if err := k.set(&next, value); err != nil {
		return err
	}
	for _, r := range rules {
		if err := r.ask(&next); err != nil {
			return fmt.Errorf("%s: %w", r.key, err)
		}
	}
	next.derive()
	*c = next
	return nil
}

const prefix = "WORDCLOCKD_"

// Variable returns the environment variable of a key.
func Variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// noKeys are variables of such a name that the tests read.
var noKeys = []string{prefix + "PEERS", prefix + "KERNEL", prefix + "ESPTOOL", prefix + "SOAK_SEED", prefix + "SOAK_N"}
