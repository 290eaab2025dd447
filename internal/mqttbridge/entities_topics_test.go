package mqttbridge

import (
	"strings"
	"testing"
)

// TestTopicsAnnounced holds that every topic of an entity is one that the clock publishes
// or takes, as the entity expects.
func TestTopicsAnnounced(t *testing.T) {
	v := profileView("Clock_Stani_1", "linux", profiles[2].has)
	for _, e := range entities(v) {
		c := e.component(v.names)
		for _, full := range []string{c.StateTopic, c.AttributesTopic, c.ImageTopic} {
			if full == "" {
				continue
			}
			at := topicOf(strings.TrimPrefix(full, v.base+"/"))
			switch {
			case at == nil:
				t.Errorf("%s: nothing is published on %s", e.id, full)
			case at.take != nil:
				t.Errorf("%s: %s is for who sends to the clock", e.id, full)
			case (at.state == nil) != (c.Platform == "event"):
				t.Errorf("%s: %s is not said again when Home Assistant starts", e.id, full)
			}
		}
		if c.CommandTopic != "" {
			if at := topicOf(strings.TrimPrefix(c.CommandTopic, v.base+"/")); at == nil || at.take == nil {
				t.Errorf("%s: nobody reads %s", e.id, c.CommandTopic)
			}
		}
	}
}
