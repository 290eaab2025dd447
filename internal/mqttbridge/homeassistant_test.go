package mqttbridge

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A homeAssistant is a model of Home Assistant's discovery and its registry of entities,
// by the rules of its MQTT integration, and of the broker before it.
//
// A message makes an entity known by platform and discovery id, which is made of node
// and object of its topic, or of the device's topic and the component. The registry
// keeps name, room and history by platform and unique_id. An empty message removes both;
// migrate_discovery removes the former alone.
type homeAssistant struct {
	t        *testing.T
	broker   map[string]message
	known    map[string]string // discovery hash to key of the registry
	registry map[string]int    // platform and unique_id to the number of the entry
	devices  map[string]bool   // identifiers
	entry    int
}

func newHomeAssistant(t *testing.T) *homeAssistant {
	return &homeAssistant{t, map[string]message{}, map[string]string{}, map[string]int{}, map[string]bool{}, 0}
}

var discoveryTopic = regexp.MustCompile(`^homeassistant/(\w+)/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config$`)

// receive takes a message from the clock.
func (h *homeAssistant) receive(m message) {
	h.t.Helper()
	parts := discoveryTopic.FindStringSubmatch(m.topic)
	if parts == nil {
		h.t.Fatalf("illegal topic %s", m.topic)
	}
	if m.retain {
		h.broker[m.topic] = m
		if len(m.payload) == 0 {
			delete(h.broker, m.topic)
		}
	}
	var c map[string]any
	if len(m.payload) > 0 {
		if err := json.Unmarshal(m.payload, &c); err != nil {
			h.t.Fatalf("%s: %v", m.topic, err)
		}
	}
	platform, node, object := parts[1], parts[2], parts[3]
	if platform == "device" {
		h.device(object, c)
		return
	}
	h.component(platform, strings.TrimSpace(node+" "+object), c)
}

// device takes a device message.
func (h *homeAssistant) device(object string, c map[string]any) {
	h.t.Helper()
	if c == nil {
		for _, hash := range slices.Sorted(maps.Keys(h.known)) {
			if platform, id, _ := strings.Cut(hash, " "); strings.HasPrefix(id, object+" ") {
				h.component(platform, id, nil)
			}
		}
		return
	}
	for key := range c {
		if !slices.Contains([]string{"dev", "o", "cmps", "avty", "avty_mode", "cmd_t", "qos"}, key) {
			h.t.Errorf("device message: unknown key %s, all of it is refused", key)
		}
	}
	for id, each := range c["cmps"].(map[string]any) {
		component := inheriting(c, spelledOut(each.(map[string]any)))
		platform := component["p"].(string)
		component["device"] = map[string]any{"identifiers": c["dev"].(map[string]any)["ids"]}
		h.component(platform, object+" "+id, component)
	}
}

// component takes the configuration of one entity.
func (h *homeAssistant) component(platform, id string, c map[string]any) {
	h.t.Helper()
	hash := platform + " " + id
	key, known := h.known[hash]
	switch {
	case c == nil && known:
		delete(h.known, hash)
		delete(h.registry, key)
	case c["migrate_discovery"] == true:
		delete(h.known, hash)
	case c != nil && !known:
		key = platform + " " + c["unique_id"].(string)
		for _, other := range h.known {
			if other == key {
				h.t.Errorf("%s: %s is in use", hash, key) // "does not generate unique IDs"
				return
			}
		}
		h.known[hash] = key
		if _, ok := h.registry[key]; !ok {
			h.entry++
			h.registry[key] = h.entry
		}
		for _, i := range c["device"].(map[string]any)["identifiers"].([]any) {
			h.devices[i.(string)] = true
		}
	}
}

// entries returns the registry as it is.
func (h *homeAssistant) entries() map[string]int { return maps.Clone(h.registry) }

// retained returns what the broker has, as it would deliver it.
func (h *homeAssistant) retained() []message {
	return slices.SortedFunc(maps.Values(h.broker), func(a, b message) int { return cmp.Compare(a.topic, b.topic) })
}

// settled checks that there is one device with this clock's entities, each of them at
// work, and that the broker has nothing but its message.
func (h *homeAssistant) settled(t *testing.T, v view) {
	t.Helper()
	want := map[string]bool{}
	for _, e := range announced(v) {
		want[e.config.Platform+" "+e.unique(v.names)] = true
	}
	for key := range h.registry {
		if !want[key] {
			t.Errorf("%s is left behind", key)
		}
	}
	for hash, key := range h.known {
		delete(want, key)
		if _, id, _ := strings.Cut(hash, " "); !strings.HasPrefix(id, v.id+" ") {
			t.Errorf("%s is still known by %s", key, hash)
		}
	}
	for key := range want {
		t.Errorf("%s is not there", key)
	}
	if len(h.devices) != 1 || !h.devices[v.id] {
		t.Errorf("devices %v", h.devices)
	}
	if got := topicsOf(h.retained()); !slices.Equal(got, []string{deviceTopic(v.names)}) {
		t.Errorf("the broker has %v", got)
	}
}

// TestRemove holds that "off" takes all entities away.
func TestRemove(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", virtual)
	h := newHomeAssistant(t)
	h.receive(discovery(v))
	h.settled(t, v)
	h.receive(retraction(v.names))
	if len(h.known)+len(h.registry)+len(h.broker) != 0 {
		t.Errorf("left: %v %v %v", h.known, h.registry, topicsOf(h.retained()))
	}
}
