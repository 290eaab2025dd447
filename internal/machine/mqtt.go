package machine

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/firmware"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// connect returns how the firmware gets to its broker, nil if it is to have none, and
// the broker of the house, nil if it is another one.
func (m *Machine) connect() (*firmware.Bridge, *broker.Broker, error) {
	if m.c.MQTT.URL == config.Off {
		return nil, nil, nil
	}
	b := m.bridge()
	if m.c.MQTT.URL != config.Embedded {
		return b, nil, nil
	}
	own, err := m.openBroker()
	if err != nil {
		return nil, nil, err
	}
	b.Dial, b.Broker = own.Dial, own.where
	return b, own.Broker, nil
}

// bridge returns how the clock presents itself to a broker.
func (m *Machine) bridge() *firmware.Bridge {
	b := &firmware.Bridge{MQTT: m.c.MQTT, Device: m.c.Device.Name, Program: m.c.Desc.Version}
	if mac := hostMAC(); mac != nil {
		b.Host = hostID(mac)
		if m.sim == nil { // a simulated clock is no part of the host
			b.MAC = upper(mac)
		}
	}
	return b
}

// An embedded broker knows where it listens.
type embedded struct {
	*broker.Broker
	where string
}

// openBroker makes the broker that the house brings along. Like the clock, it listens
// nowhere without a state directory.
func (m *Machine) openBroker() (*embedded, error) {
	secret, err := m.c.MQTT.Secret()
	if err != nil {
		return nil, fmt.Errorf("read the password of mqtt.username: %w", err)
	}
	c := broker.Config{Username: m.c.MQTT.Username, Password: secret, Log: m.c.Log}
	where := "embedded"
	if m.c.State != "" {
		l, err := listenFrom(m.c.Broker.Listen, m.c.BrokerMoves)
		if err != nil {
			return nil, err
		}
		where = l.Addr().String() + " (embedded)"
		if m.c.BrokerMoves && l.Addr().String() != m.c.Broker.Listen {
			m.c.Log.Warn("somebody else has the port of the embedded broker, which listens elsewhere", "event", "broker_elsewhere",
				"wanted", m.c.Broker.Listen, "addr", l.Addr().String())
		}
		c.Listeners = append(c.Listeners, l)
	}
	return &embedded{broker.New(c), where}, nil
}

// ports is how many are tried, one after the other.
const ports = 100

// listenFrom listens on an address. If that is in use and moves says so, it does on the
// next port that is free.
func listenFrom(addr string, moves bool) (net.Listener, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen for MQTT: %w", err)
	}
	first, _ := strconv.Atoi(text)
	for port := first; port <= min(first+ports-1, 65535); port++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if !errors.Is(err, syscall.EADDRINUSE) {
			return l, explainListen(addr, err)
		}
		if !moves {
			return nil, &brokerBusyError{addr, text}
		}
	}
	return nil, fmt.Errorf("listen for MQTT: %s and the %d ports above it are in use: name another by broker.listen", addr, ports-1)
}

func explainListen(addr string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen for MQTT: %s may not be used: name a port above 1023 by broker.listen", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen for MQTT: %s is no address of this host: correct broker.listen", addr)
	}
	return fmt.Errorf("listen for MQTT: %w", err)
}

// A brokerBusyError says that somebody else has the port that was configured.
type brokerBusyError struct{ addr, port string }

func (e *brokerBusyError) Error() string {
	return fmt.Sprintf("listen for MQTT: %s is in use: end what has it (ss -ltnp 'sport = :%s'), connect to it by mqtt.url, or name another by broker.listen", e.addr, e.port)
}

// Discovery returns what Home Assistant is told of the clock while it does not run;
// stored is the id that its settings hold, "" if they hold none.
func (m *Machine) Discovery(stored string) (control.Discovery, error) {
	if m.c.MQTT.URL == config.Off {
		return control.Discovery{}, errMQTTOff
	}
	board := sim.NewBoard().Board
	if m.sim == nil {
		board = hal.Board{LEDs: board.LEDs, Sensors: board.Sensors} // what linux.Open makes of a sound one
	}
	topic, payload := firmware.Announcement(*m.bridge(), board, clock.Status{Board: m.c.Board.Kind, Version: m.c.Desc.Version}, stored)
	return discovery(topic, payload)
}

var (
	errMQTTOff      = &control.Error{Code: "mqtt_off", Text: "mqtt.url is off: nothing is published"}
	errDiscoveryOff = &control.Error{Code: "discovery_off", Text: "mqtt.discovery is off: nothing is published"}
)

func discovery(topic string, payload []byte) (control.Discovery, error) {
	if topic == "" {
		return control.Discovery{}, errDiscoveryOff
	}
	return control.Discovery{Topic: topic, Payload: payload}, nil
}
