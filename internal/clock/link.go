package clock

import (
	"fmt"
	"time"
)

// A LinkState is how far the connection to the broker is.
type LinkState uint8

const (
	LinkOff  LinkState = iota // none is wanted
	LinkDown                  // there is none; another try follows
	LinkUp                    // subscribed, and all states are out
)

var linkStates = [...]string{LinkOff: "off", LinkDown: "connecting", LinkUp: "connected"}

func (s LinkState) String() string {
	if int(s) >= len(linkStates) {
		return fmt.Sprintf("LinkState(%d)", uint8(s))
	}
	return linkStates[s]
}

// Link is the connection to the MQTT broker.
type Link struct {
	State    LinkState
	Broker   string    // for people: host:port, or where the embedded one listens
	Base     string    // of the clock's topics: "home/Clock_Stani_1"
	ClientID string    // and identifier of the device in Home Assistant
	Since    time.Time // of State, by the host's clock
	Tries    uint32    // to connect, since State was LinkUp last
	Losses   uint32    // of a connection, since the start
	Err      string    // why there is no connection, or was none before; "" if there is nothing to say
	Refused  []string  // topics that the broker does not let the clock read, or write if it says so
	Twin     bool      // another client seems to use ClientID
}
