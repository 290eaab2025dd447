package mqttbridge

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// An exchange is a broker where a clock and Home Assistant meet.
type exchange struct {
	join  func(*Config) // how the clock gets there
	wires *wires        // by which it does in the suite
	dial  dialer        // how others do
	home  letter        // Home Assistant's
	hard  letter        // of who has the clock's password
	most  int           // bytes of a message that it hands on
	stop  func()
	start func()
}

// TestExchange is the suite at the broker that the clock brings along.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := prepare(t)
		x := exchange{
			join:  func(c *Config) { c.MQTT.Reconnect = 100 * time.Millisecond },
			wires: inside.wires,
			dial:  inside.broker.Dial,
			most:  128 << 10,
			stop:  func() { _ = inside.brokerRuns.end() },
			start: inside.startBroker,
		}
		suite(t, x)
	})
}

// peer connects one more client, which sees all that it may.
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
	}, "#"); err != nil {
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

// twin is a client of a clock's id that comes back each time that it is thrown out.
func (x exchange) twin(t *testing.T, id string) *running {
	return run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			l := x.hard
			l.id, l.will = id, message{topic: "home/Clock_Stani_1/doctor", payload: []byte("gone"), qos: 1}
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
