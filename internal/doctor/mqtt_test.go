package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
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

func TestMQTTWords(t *testing.T) {
	github, cloudflare := clock.GitHub, clock.Cloudflare
	up := &control.MQTT{State: "connected", Broker: "b:1", ClientID: "Clock_000001", Since: "2026-11-28T06:00:00Z"}
	for _, c := range []struct {
		name string
		link *control.MQTT
		p    Preference
		edit func(*mqttbridge.Config)
		want []string
	}{
		{"well", up, Preference{Running: &github}, nil, []string{
			"ok clock: is connected to b:1 as Clock_000001 since 2026-11-28T06:00:00Z",
			"ok broker: broker.example:1883 lets user clock in", "note TLS: nothing is encrypted, the password is not either",
			"ok subscriptions: the broker takes all of them; one without an ACL for subscriptions, such as mosquitto, may keep back messages all the same",
			"ok publishing: what is published below the clock's topics comes back", "ok source: the broker has github, as the clock"}},
		{"another source", up, Preference{Running: &cloudflare}, nil, []string{
			"ok clock: ", "ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ",
			"warning source: the broker has github, but the clock prefers cloudflare"}},
		{"states missing", up, Preference{}, func(c *mqttbridge.Config) { c.ID = "Clock_000002" }, []string{
			"ok clock: ", "ok broker: ", "note TLS: ", "ok subscriptions: ", "ok publishing: ",
			"fault states: the broker has nothing on homeassistant/device/Clock_000002/config: it says nothing, and does not let the clock publish there", "ok source: "}},
		{"twin, refused, down", &control.MQTT{State: "connecting", Broker: "b:1", ClientID: "x", Since: "s", Error: "EOF", Twin: true, Refused: []string{"a/command"}},
			Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
				"fault clock: is not connected to b:1 since s: EOF", "fault clock: another client seems to be x too: the broker throws out one for the other",
				"fault clock: may not read a/command"}},
		{"off", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Off }, []string{"note broker: mqtt.url is off: the clock speaks with none"}},
		{"embedded", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.URL = config.Embedded }, []string{
			"note broker: the clock brings its own along, which is there while it runs"}},
		{"nobody there", nil, Preference{}, func(c *mqttbridge.Config) {
			c.Dial = func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		}, []string{"fault connection: broker.example:1883: connection refused"}},
		{"no password", nil, Preference{}, func(c *mqttbridge.Config) { c.MQTT.PasswordFile = "/nowhere/pw" }, []string{
			"fault files: broker.example:1883: read mqtt.password_file: stat /nowhere/pw: no such file or directory"}},
		{"hangs", nil, Preference{}, func(c *mqttbridge.Config) {
			c.Dial = func(context.Context) (net.Conn, error) {
				here, _ := broker.Pipe() // nobody answers
				return here, nil
			}
		}, []string{"fault connection: broker.example:1883: "}},
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
