package control

import (
	"context"
	"encoding/json"
	"net/http"

	"wordclockd/internal/clock"
)

// MQTT is the connection to the broker.
type MQTT struct {
	State    string   `json:"state"`               // off, connecting or connected
	Broker   string   `json:"broker,omitempty"`    // host:port, or where the embedded one listens
	Base     string   `json:"base,omitempty"`      // of the clock's topics
	ClientID string   `json:"client_id,omitempty"` // and identifier in Home Assistant
	Since    string   `json:"since,omitempty"`     // of the state
	Tries    uint32   `json:"tries"`               // to connect, since it was connected last
	Losses   uint32   `json:"losses"`              // of a connection, since the start
	Error    string   `json:"error,omitempty"`     // why there is none, or was none before
	Refused  []string `json:"refused"`             // topics that the broker keeps from the clock
	Twin     bool     `json:"twin"`                // another client seems to have the id
}

func newMQTT(l clock.Link) MQTT {
	return MQTT{
		State: l.State.String(), Broker: l.Broker, Base: l.Base, ClientID: l.ClientID, Since: stamp(l.Since),
		Tries: l.Tries, Losses: l.Losses, Error: l.Err, Refused: append([]string{}, l.Refused...), Twin: l.Twin,
	}
}

// Discovery is what Home Assistant is told of the clock.
type Discovery struct {
	Topic   string          `json:"topic"`
	Payload json.RawMessage `json:"payload"`
}

// Discovery returns what Home Assistant is told of the clock, connected or not.
func (c *Client) Discovery(ctx context.Context) (d Discovery, err error) {
	return d, c.call(ctx, http.MethodGet, "/v1/discovery", nil, &d)
}
