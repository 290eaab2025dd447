package mqttbridge

import (
	"slices"

	"wordclockd/internal/clock"
)

// A topic is what is published, or taken, under a path.
type topic struct {
	path   string // below names.base
	qos    byte
	retain bool
	needs  clock.Capability // without it, it has no effect, or never changes
	doc    string
	when   string // it is published
	keys   []key  // of the JSON object
	text   string // what it is besides, or instead of, JSON
	sample string // a payload

	state *state  // what is published by itself; nil if that is not a state
	take  *taking // what is taken; nil if it is published
}

// A state is how a topic is kept true.
type state struct {
	payload func(view) []byte // nil: there is none yet
	news    func(old, now view) bool
	urgent  bool // each change is published at once
	steps   bool // each step of an update is a message of its own
	period  bool // it is published each minute, changed or not
}

// A taking is how a topic is read.
type taking struct {
	read func(*topic, []byte) (*request, errand, error)
	errand
	words []word
}

// topics lists all topics, states in the order in which they are published.
var topics = slices.Concat(states, replies, settables)

// topicOf returns the topic with a path; nil if there is none.
func topicOf(path string) *topic {
	for i := range topics {
		if topics[i].path == path {
			return &topics[i]
		}
	}
	return nil
}

// on returns a message on a topic.
func (n names) on(t *topic, payload []byte) message {
	return message{n.base + "/" + t.path, payload, t.qos, t.retain}
}

// Paths that are named more than once.
const (
	commandPath  = "command"
	sensorStatus = "sensors/status"
	configStatus = "brightness/config/status"
	nightStatus  = "night/status"
	chimesStatus = "chimes/status"
	chimesVolume = "chimes/volume"
	lastSync     = "ntp/last_sync"
	faceState    = "face/state"
	healthPath   = "health"
	logStats     = "error_log/stats"
	logResponse  = "error_log/response"
	otaVersion   = "ota/version"
	otaProgress  = "ota/progress"
	sourceStatus = "ota/source/status"
)
