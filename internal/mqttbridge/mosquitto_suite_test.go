package mqttbridge

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"wordclockd/internal/clock"
)

// An exchange is a broker where a clock and Home Assistant meet.
type exchange struct {
	join  func(*Config) // how the clock gets there
	dial  dialer        // how others do
	home  letter        // Home Assistant's
	hard  letter        // of who has the clock's password
	stop  func()
	start func()
}

// suite is what a clock does at any broker.
func suite(t *testing.T, x exchange) {
	const base = "home/Clock_Stani_1/"
	r := x.rig(t)
	h := x.peer(t, x.home, "homeassistant")
	r.up()
	for _, want := range []string{
		base + "availability=online", base + "brightness/status={", base + "light/state={", base + "ota/version={",
		base + "status=connected_secure", "homeassistant/device/Clock_Stani_1_5A1E74/config={",
	} {
		h.until(t, want)
	}

	h.send(base+"brightness/set", `{"global":99}`)
	h.until(t, base+"brightness/status={\"individual\":60,\"global\":99}")
	h.send(base+"command", `{"command":"restart","id":"x"}`)
	h.until(t, base+`result={"id":"x","command":"restart","ok":true`)
	h.send(base+"brightness/set", `{"global":999}`)
	h.until(t, base+`result={"id":null,"command":"brightness/set","ok":false`)

	x.stop()
	r.down()
	r.change(func(s *clock.Settings) { s.Global = 111 })
	x.start()
	h = x.peer(t, x.home, "homeassistant")
	h.until(t, base+"brightness/status={\"individual\":60,\"global\":111}")
	h.until(t, base+"availability=online")
	r.up()

	twin := x.twin(t)
	r.until("twin", func(l clock.Link) bool { return l.Twin })
	if err := twin.end(); err != nil {
		t.Fatal(err)
	}
	r.logged("mqtt_twin")
	r.up()

	h.forget()
	if err := r.bridgeRuns.end(); err != nil {
		t.Fatal(err)
	}
	h.until(t, base+"availability=offline")
}

// TestExchange is the suite at the broker that the clock brings along.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := prepare(t)
		x := exchange{
			join:  func(c *Config) { c.Dial, c.MQTT.Reconnect = inside.wires.open, 100*time.Millisecond },
			dial:  inside.wires.open,
			stop:  func() { _ = inside.brokerRuns.end() },
			start: inside.startBroker,
		}
		suite(t, x)
	})
}

// peer connects one more client, which sees what is below home and homeassistant.
func (x exchange) peer(t *testing.T, l letter, id string) *peer {
	t.Helper()
	l.id, l.will = id, message{topic: "peer/gone", payload: []byte(id), qos: 1}
	s, err := open(t.Context(), x.dial, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	p := &peer{t: t, s: s}
	if _, err := s.subscribe(t.Context(), func(_ mqtt.Client, m mqtt.Message) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = append(p.all, received(m))
	}, "home/#", "homeassistant/#"); err != nil {
		t.Fatal(err)
	}
	return p
}

// until returns when a message has come that begins like that, "topic=payload".
func (p *peer) until(t *testing.T, want string) {
	t.Helper()
	await(t, want, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.all, func(m message) bool { return strings.HasPrefix(m.topic+"="+string(m.payload), want) })
	})
}

func (p *peer) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = nil
}

// await returns when something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// twin is a client of the clock's id that comes back each time that it is thrown out.
func (x exchange) twin(t *testing.T) *running {
	return run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			l := x.hard
			l.id, l.will = "Clock_Stani_1_5A1E74", message{topic: "home/Clock_Stani_1/doctor", payload: []byte("gone"), qos: 1}
			s, err := open(ctx, x.dial, l)
			if err != nil {
				continue
			}
			select {
			case <-s.gone:
			case <-ctx.Done():
			}
			s.leave()
		}
		return nil
	})
}
