package main

import (
	"log/slog"
	"maps"
	"slices"
	"strings"

	"wordclockd/internal/config"
)

// later has the begin of keys that are checked, and of which this version of the
// clock makes no use yet.
var later = []string{"http."}

// warnUnused logs what somebody configured in vain.
func warnUnused(log *slog.Logger, c *config.Loaded) {
	if keys := unused(c); len(keys) > 0 {
		log.Warn("this version makes no use of some of the configuration", "event", "config_unused", "keys", strings.Join(keys, " "))
	}
}

func unused(c *config.Loaded) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(c.Values())) {
		if !c.Origin(key).IsDefault() && slices.ContainsFunc(later, func(begin string) bool { return strings.HasPrefix(key, begin) }) {
			keys = append(keys, key)
		}
	}
	return keys
}
