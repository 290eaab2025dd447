package mqttbridge

import (
	"encoding/json"
	"strings"
)

// A deviceMessage is how Home Assistant hears of the clock. Most of its keys are short,
// and so are those that many components have: either form is valid in all versions that
// know device messages, which are those from 2024.11 on.
type deviceMessage struct {
	Device           device               `json:"dev"`
	Origin           origin               `json:"o"`
	Availability     []availability       `json:"avty"`
	AvailabilityMode string               `json:"avty_mode"`
	CommandTopic     string               `json:"cmd_t"` // of components that have none of their own
	QoS              byte                 `json:"qos"`
	Components       map[string]component `json:"cmps"`
}

type device struct {
	Identifiers  []string    `json:"ids"`
	Connections  [][2]string `json:"cns,omitempty"`
	Name         string      `json:"name"`
	Manufacturer string      `json:"mf"`
	Model        string      `json:"mdl"`
	Software     string      `json:"sw,omitempty"`
	Hardware     string      `json:"hw,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw,omitempty"`
}

// An availability is a topic that says whether something is there. Its payloads are
// online and offline, which is what Home Assistant takes for granted.
type availability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template,omitempty"`
}

// discovery returns the device message of Home Assistant's discovery, for what this
// clock has and can. It has no topic if nothing is announced.
func discovery(v view) message {
	if v.prefix == "" {
		return message{}
	}
	d := deviceMessage{
		Device:           theDevice(v),
		Origin:           origin{Name: "wordclockd", Version: v.program},
		Availability:     []availability{present(v.names)},
		AvailabilityMode: "all",
		CommandTopic:     v.base + "/" + configTopic + "/set", // which most of them send to
		QoS:              1,
		Components:       map[string]component{},
	}
	for _, e := range announced(v) {
		c := e.component(v.names)
		if c.CommandTopic == d.CommandTopic {
			c.CommandTopic = ""
		}
		d.Components[e.id] = c
	}
	return message{topic: deviceTopic(v.names), payload: d.marshal(), qos: 1, retain: true}
}

func present(n names) availability { return availability{Topic: n.base + "/availability"} }

// sizeLimit is how long a device message may be: brokers and bridges for small machines
// refuse longer ones.
const sizeLimit = 32 << 10

// marshal returns the message as it is published. While that is too long, as it may be of
// a clock that has everything and a long name, it goes without wishes for entity ids, which
// Home Assistant makes of the names then, and after that without icons.
func (d deviceMessage) marshal() []byte {
	payload := mustMarshal(d)
	for _, drop := range []func(*component){
		func(c *component) { c.EntityID = "" },
		func(c *component) { c.Icon = "" },
	} {
		if len(payload) < sizeLimit {
			break
		}
		for id, c := range d.Components {
			drop(&c)
			d.Components[id] = c
		}
		payload = mustMarshal(d)
	}
	return payload
}

func mustMarshal(d deviceMessage) []byte {
	payload, err := json.Marshal(d)
	if err != nil {
		panic(err) // a bug of ours: there is nothing in it but texts and numbers
	}
	return payload
}

// retraction returns what takes the device out of Home Assistant. n.prefix is where it
// was announced.
func retraction(n names) message {
	return message{topic: deviceTopic(n), qos: 1, retain: true}
}

func deviceTopic(n names) string { return n.prefix + "/device/" + n.id + "/config" }

// theDevice returns what Home Assistant shows on the device's page. Identifier and name
// are the old clock's. There is no configuration_url: nobody knows the host's name as a
// browser needs it.
func theDevice(v view) device {
	d := device{
		Identifiers:  []string{v.id},
		Name:         deviceName(v.device),
		Manufacturer: "Custom Build",
		Model:        "German word clock",
		Software:     v.Version,
		Hardware:     hardware(v.Board),
	}
	if v.mac != "" {
		d.Connections = [][2]string{{"mac", v.mac}}
	}
	return d
}

// hardware names a kind of board for people.
func hardware(kind string) string {
	switch kind {
	case "sim":
		return "simulated"
	case "linux":
		return "Linux board"
	}
	return kind
}

func deviceName(device string) string { return "Word Clock " + strings.ReplaceAll(device, "_", " ") }

// slug returns what Home Assistant makes of an ASCII name in an entity id.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	}), "_")
}
