package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/mqttbridge"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A quietClock is a clock.Service that never changes.
type quietClock struct{ clock.Service }

// Watch implements clock.Service.
func (quietClock) Watch() (clock.Status, <-chan struct{}) {
	return clock.Status{Settings: clock.DefaultSettings()}, nil
}

// meet runs a broker that knows a clock, and returns how that got there.
func meet(t *testing.T) mqttbridge.Config {
	log := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Config{Log: log})
	c := mqttbridge.Config{
		MQTT:   config.MQTT{URL: "mqtt://broker.example", Username: "clock", Discovery: "device", DiscoveryPrefix: "homeassistant", TopicPrefix: "home"},
		Device: "Clock", ID: "Clock_000001", Dial: b.Dial, Service: quietClock{}, Link: new(watch.Value[clock.Link]), Log: log,
	}
	g, _ := task.NewGroup(context.Background())
	g.Go("broker", b.Run)
	bridge, _ := task.NewGroup(context.Background())
	bridge.Go("bridge", mqttbridge.New(c).Run)
	t.Cleanup(func() {
		for _, g := range []*task.Group{bridge, g} {
			g.Stop(nil)
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
	for l, changed := c.Link.Watch(); l.State != clock.LinkUp; l, changed = c.Link.Watch() {
		<-changed
	}
	return c
}

// A touchy connection ends when something is published that is for the doctor alone.
type touchy struct {
	net.Conn
	over atomic.Bool
}

// Write implements net.Conn.
func (c *touchy) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	const publish = 0x32 // MQTT 3.1.1, 3.3.1: once at least
	if p[0] == publish && bytes.Contains(p, []byte("home/Clock/doctor")) {
		c.over.Store(true)
		c.Close()
	}
	return n, err
}

// Read implements net.Conn.
func (c *touchy) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.over.Load() {
		return 0, io.EOF
	}
	return n, err
}

// TestTopicWords says what an ACL does not let through.
func TestTopicWords(t *testing.T) {
	for _, c := range []struct {
		found mqttbridge.Inspection
		want  string
	}{
		{mqttbridge.Inspection{Alone: true}, "ok subscriptions: the broker takes all of them, ok publishing: what is published below the clock's topics comes back"},
		{mqttbridge.Inspection{Alone: true, Refused: []string{"a"}, Deaf: []string{"b"}}, "fault subscriptions: the broker refuses a, ok publishing: "},
		{mqttbridge.Inspection{Alone: true, Deaf: []string{"a", "b"}}, "fault subscriptions: what others publish on a b does not arrive, unlike what they do on other topics, ok publishing: "},
		{mqttbridge.Inspection{Alone: true, Silent: []string{"a", "b", "c", "d", "e"}},
			"ok subscriptions: the broker takes all of them, fault publishing: what is published on a b c d and 1 more does not come back: it may not be written, or not be read"},
	} {
		var s section
		s.aboutTopics(&c.found)
		var got []string
		for _, f := range s.findings {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Level, f.Subject, f.Text))
		}
		if text := strings.Join(got, ", "); !strings.HasPrefix(text, c.want) {
			t.Errorf("%+v:\n%s\nwant\n%s", c.found, text, c.want)
		}
	}
}

func TestMQTTWords(t *testing.T) {
	github, cloudflare := clock.GitHub, clock.Cloudflare
	up := &control.MQTT{State: "connected", Broker: "broker.example:1883", ClientID: "Clock_000001", Since: "2026-11-28T06:00:00Z"}
	for _, c := range []struct {
		name string
		link *control.MQTT
		p    Preference
		edit func(*mqttbridge.Config)
		want []string
	}{
		{"well", up, Preference{Running: &github}, nil, []string{
			"ok clock: is connected to broker.example:1883 as Clock_000001 since 2026-11-28T06:00:00Z",
			"ok broker: broker.example:1883 lets user clock in", "note TLS: nothing is encrypted, the password is not either",
			"ok subscriptions: the broker takes all of them; whether its ACL keeps back what others publish there can be seen while no clock runs",
			"ok publishing: what is published below the clock's topics comes back", "ok source: the broker has github, as the clock"}},
		{"another source", up, Preference{Running: &cloudflare}, nil, []string{
			"ok clock: ", "ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ",
			"warning source: the broker has github, but the clock prefers cloudflare"}},
		{"states missing", up, Preference{}, func(c *mqttbridge.Config) { c.ID = "Clock_000002" }, []string{
			"ok clock: ", "ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ",
			"fault states: the broker has nothing on homeassistant/device/Clock_000002/config: it says nothing, and does not let the clock publish there", "ok source: "}},
		{"twin, refused, down", &control.MQTT{State: "connecting", Broker: "b:1 (embedded)", ClientID: "x", Since: "s", Error: "EOF", Twin: true, Refused: []string{"a/command"}},
			Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
				"fault clock: is not connected to b:1 (embedded) since s: EOF", "fault clock: another client seems to be x too: the broker throws out one for the other",
				"fault clock: may not read a/command", "ok broker: b:1 lets user clock in", "note TLS: ", "ok subscriptions: ", "ok publishing: ", "ok source: "}},
		{"embedded, on this host", &control.MQTT{State: "connected", Broker: "127.0.0.1:1 (embedded)"},
			Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
				"ok clock: ", "ok broker: 127.0.0.1:1 lets user clock in", "ok subscriptions: ", "ok publishing: ", "ok source: "}},
		{"configured otherwise", &control.MQTT{State: "connected", Broker: "b:1"}, Preference{}, nil, []string{
			"warning configuration: the broker of the clock that runs is b:1, but here it is broker.example:1883", "ok clock: ",
			"ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ", "ok source: "}},
		{"configured as embedded", &control.MQTT{State: "connected", Broker: "b:1"}, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
			"warning configuration: the broker of the clock that runs is b:1, but here it is embedded", "ok clock: "}},
		{"the clock has none", &control.MQTT{State: "off"}, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
			"warning configuration: the broker of the clock that runs is none, but here it is embedded"}},
		{"just started", &control.MQTT{State: "connecting", Broker: "broker.example:1883", Since: "s"}, Preference{}, nil, []string{
			"note clock: is about to connect to broker.example:1883, since s", "ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ", "ok source: "}},
		{"one trouble", &control.MQTT{State: "connecting", Broker: "broker.example:1883", Since: "s", Error: "connection refused; start it"}, Preference{}, func(c *mqttbridge.Config) {
			c.Dial = func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		}, []string{"note clock: is not connected to broker.example:1883 since s", "fault connection: broker.example:1883: connection refused"}},
		{"elsewhere", nil, Preference{Stored: &cloudflare}, nil, []string{
			"ok broker: ", "note TLS: ", "note clock: one is there as Clock, though none runs on this state",
			"ok subscriptions: the broker takes all of them; whether ", "ok publishing: ", "note source: the broker has github; what the clock prefers is known where it runs"}},
		{"does not say", &control.MQTT{}, Preference{Note: "which source is preferred cannot be known: it hangs"}, nil, []string{
			"note clock: cannot be asked for its connection", "ok broker: ", "note TLS: ",
			"ok subscriptions: the broker takes all of them; whether ", "ok publishing: ", "note source: the broker has github; which source is preferred cannot be known: it hangs"}},
		{"off", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Off }, []string{"note broker: mqtt.url is off: the clock speaks with none"}},
		{"embedded", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
			"note broker: the clock brings its own along, which is there while it runs"}},
		{"nobody there", nil, Preference{}, func(c *mqttbridge.Config) {
			c.Dial = func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		}, []string{"fault connection: broker.example:1883: connection refused"}},
		{"hangs up", nil, Preference{}, func(c *mqttbridge.Config) {
			dial := c.Dial
			c.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				return &touchy{Conn: conn}, err
			}
		}, []string{"fault publishing: broker.example:1883: the broker hangs up on who publishes on home/Clock/doctor"}},
		{"no password", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.PasswordFile = "/nowhere/pw" }, []string{
			"fault files: broker.example:1883: read mqtt.password_file: stat /nowhere/pw: no such file or directory"}},
		{"hangs", nil, Preference{}, func(c *mqttbridge.Config) {
			c.Dial = func(context.Context) (net.Conn, error) {
				here, _ := broker.Pipe() // nobody answers
				return here, nil
			}
		}, []string{"fault connection: broker.example:1883: no answer: not done after 9s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := meet(t)
				if c.edit != nil {
					c.edit(&at)
				}
				findings := MQTT(t.Context(), at, c.link, c.p)
				for i, f := range findings {
					got := fmt.Sprintf("%s %s: %s", f.Level, f.Subject, f.Text)
					if i >= len(c.want) || !strings.HasPrefix(got, c.want[i]) {
						t.Errorf("finding %d: %s\nwant %q", i, got, c.want)
						break
					}
					if (f.Level >= Warning) != (f.Remedy != "") && f.Level != Note || f.Topic != "mqtt" {
						t.Errorf("%s: topic %s, remedy %q", got, f.Topic, f.Remedy)
					}
				}
				if len(findings) != len(c.want) {
					t.Errorf("%d findings, want %d: %+v", len(findings), len(c.want), findings)
				}
			})
		})
	}
}
