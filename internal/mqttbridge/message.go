package mqttbridge

import (
	"time"

	"wordclockd/internal/clock"
)

// A message is what goes over the wire.
type message struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool // to be kept by the broker; of one that was received: it was kept
}

// names is what topics and ids are made of.
type names struct {
	device  string // Clock_Stani_1
	id      string // Clock_Stani_1_5A1E74
	base    string // home/Clock_Stani_1
	prefix  string // homeassistant; "" if nothing is announced there
	mac     string // "" if there is none to tell
	program string // version of this program

	images [len(clock.Sources)]string // where each source has its image, as configured
}

// A view is one moment of the clock, as payloads are made of it.
type view struct {
	names
	clock.Status
	now time.Time // by the host's clock
}
