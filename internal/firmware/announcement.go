package firmware

import (
	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/mqttbridge"
)

// Announcement returns what Home Assistant is told of a clock on a board before it has
// ever run; stored is the id that is kept for it, "" if none is. topic is "" if Home
// Assistant is told nothing.
func Announcement(c Bridge, b hal.Board, s clock.Status, stored string) (topic string, payload []byte) {
	s.Has = capabilities(b)
	return mqttbridge.Discovery(mqttbridge.Config{MQTT: c.MQTT, Device: c.Device, ID: c.id(stored), MAC: c.MAC, Program: c.Program}, s)
}
