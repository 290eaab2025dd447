package mqttbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wordclockd/internal/clock"
)

// oldNode is what all old clocks call themselves in topics of discovery: two of them
// overwrite each other's messages, so a message says only by its payload whose it is.
const oldNode = "esp32_wordclock"

// oldStation is the end of an old clock's id: three bytes of its station address.
var oldStation = regexp.MustCompile("^[0-9A-F]{6}$")

// oldFilter is what to subscribe to in order to find the old clock's messages; the
// broker has them retained.
func oldFilter(n names) string { return n.prefix + "/+/" + oldNode + "/+/config" }

// Bounds of what is believed to be of an old clock, which had 55 messages of up to
// 1380 bytes.
const (
	oldMessages = 64
	oldPayload  = 4096
)

// An old clock is what it left in Home Assistant's discovery.
type old struct {
	id     string   // that its entities are known by
	topics []string // of its messages that are there

	found []oldMessage // of all clocks of this name
}

type oldMessage struct{ topic, platform, id, unique string }

// add takes a retained message in that may be of the old clock of this name. If there
// were several, the one that most is there of counts, and among equals the first by id.
func (o *old) add(n names, m message) {
	found, ok := parseOld(n, m)
	if !ok || len(o.found) == oldMessages || slices.ContainsFunc(o.found, func(f oldMessage) bool { return f.topic == m.topic }) {
		return
	}
	o.found = append(o.found, found)
	topics := map[string][]string{}
	for _, f := range o.found {
		topics[f.id] = append(topics[f.id], f.topic)
	}
	for id, t := range topics {
		if best := topics[o.id]; len(t) > len(best) || len(t) == len(best) && id < o.id {
			o.id = id
		}
	}
	o.topics = topics[o.id]
}

// parseOld returns what a message says of itself; ok is false if it is not of an old
// clock of this name, or no sense can be made of it.
func parseOld(n names, m message) (f oldMessage, ok bool) {
	platform, ok := oldPlatform(n, m.topic)
	if !ok || !m.retain || len(m.payload) > oldPayload {
		return f, false
	}
	var c struct {
		UniqueID string `json:"unique_id"`
		Device   struct {
			Identifiers []string `json:"identifiers"`
		} `json:"device"`
	}
	if json.Unmarshal(m.payload, &c) != nil || len(c.Device.Identifiers) != 1 {
		return f, false
	}
	id := c.Device.Identifiers[0]
	station, ours := strings.CutPrefix(id, n.device+"_")
	if !ours || !oldStation.MatchString(station) || !strings.HasPrefix(c.UniqueID, id+"_") {
		return f, false
	}
	return oldMessage{m.topic, platform, id, c.UniqueID}, true
}

// oldPlatform returns what kind of entity a topic of oldFilter is of.
func oldPlatform(n names, topic string) (platform string, ok bool) {
	rest, ok := strings.CutPrefix(topic, n.prefix+"/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 || parts[1] != oldNode || parts[3] != "config" {
		return "", false
	}
	return parts[0], true
}

// moving returns what is published before the device message, so that Home Assistant
// keeps what it knows of each entity, and removed what is published after it.
//
// An entity that goes on under its unique_id is unloaded first and its topic cleared
// last; Home Assistant keeps its name, room and history meanwhile. One that does not is
// removed first, lest it stay there for good. The request to unload is not retained: a
// clock that is cut off in between finds the old messages again, and starts over.
//
// Nothing is touched unless v.id is the old clock's: who configured another id runs
// another clock of the same name.
func (o *old) moving(v view) (moving, removed []message) {
	if o.id == "" || o.id != v.id {
		return nil, nil
	}
	stays := map[[2]string]bool{}
	for _, e := range announced(v) {
		stays[[2]string{e.config.Platform, e.unique(v.names)}] = true
	}
	for _, f := range o.found {
		switch {
		case f.id != o.id:
		case stays[[2]string{f.platform, f.unique}]:
			moving = append(moving, message{topic: f.topic, payload: []byte(`{"migrate_discovery":true}`), qos: 1})
			removed = append(removed, cleared(f.topic))
		default:
			moving = append(moving, cleared(f.topic))
		}
	}
	for _, topic := range olderTopics(v.names) {
		removed = append(removed, cleared(topic))
	}
	return moving, removed
}

func cleared(topic string) message { return message{topic: topic, qos: 1, retain: true} }

// olderTopics are those that the old clock cleared at each connect, as its predecessors
// had used them. Three more were below oldNode; they are cleared if they are there.
func olderTopics(n names) (topics []string) {
	number := func(format string, a ...any) {
		topics = append(topics, n.prefix+"/number/"+n.id+"_"+fmt.Sprintf(format, a...)+"/config")
	}
	for _, zone := range clock.ZoneNames {
		for _, end := range []string{"min_lux", "max_lux", "min_brightness", "max_brightness"} {
			number("light_%s_%s", zone, end)
		}
		number("zone_brightness_%s", zone)
	}
	for i := range clock.Zones - 1 {
		number("threshold_%d", i)
	}
	for _, group := range []string{"Brightness", "Threshold", "Animation"} {
		for i := 1; i <= 5; i++ {
			number("%s_%d", group, i)
		}
	}
	return append(topics, n.prefix+"/select/"+n.id+"_pot_curve_brightness/config")
}
