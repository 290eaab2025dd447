package mqttbridge

import "wordclockd/internal/clock"

// Discovery returns the message by which Home Assistant finds a clock; topic is "" if it
// is not to.
func Discovery(c Config, s clock.Status) (topic string, payload []byte) {
	n := New(c).naming()
	if n.prefix == "" {
		return "", nil
	}
	m := discovery(view{names: n, Status: s})
	return m.topic, m.payload
}
