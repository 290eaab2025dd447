package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/config"
)

// TestInspect: who inspects a broker finds what the clock has there, and leaves all as it
// was, whether the clock is there or not, and whether one knows of it or not.
func TestInspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		c := Config{MQTT: r.bridge.c.MQTT, Device: r.bridge.c.Device, ID: r.bridge.c.ID, Dial: r.wires.open, Broker: "in memory"}
		for _, look := range []struct{ told, is bool }{{false, false}, {true, false}, {true, true}} {
			if look.is {
				if err := r.bridgeRuns.end(); err != nil {
					t.Fatal(err)
				}
			}
			before, watcher := r.retained(), r.peer("watcher")
			synctest.Wait()
			watcher.seen()
			found, err := Inspect(t.Context(), c, look.told)
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Refused)+len(found.Missing)+len(found.Silent)+len(found.Deaf) > 0 || found.Broker != "in memory" || found.TLS != nil || found.Alone != look.is {
				t.Errorf("%+v: %+v", look, found)
			}
			if string(found.Kept["home/Clock_Stani_1/ota/source/status"]) != before["home/Clock_Stani_1/ota/source/status"] {
				t.Errorf("%+v: kept %q", look, found.Kept)
			}
			if diff := cmp.Diff(before, r.retained()); diff != "" {
				t.Errorf("%+v: what is retained changed (-was +is)\n%s", look, diff)
			}
			synctest.Wait()
			topics := map[string]bool{}
			for _, m := range watcher.all {
				topics[m.topic] = true
			}
			if got := slices.Collect(maps.Keys(topics)); !look.is && !cmp.Equal(got, []string{"home/Clock_Stani_1/doctor"}) {
				t.Errorf("beside a clock that runs it published to %q", got)
			}
			watcher.s.leave()
		}
	})
}

// TestInspectMissing finds what a broker lost.
func TestInspectMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.peer("thief").keep("home/Clock_Stani_1/wifi", "")
		c := Config{MQTT: r.bridge.c.MQTT, Device: r.bridge.c.Device, ID: r.bridge.c.ID, Dial: r.wires.open}
		found, err := Inspect(t.Context(), c, false)
		if err != nil || !cmp.Equal(found.Missing, []string{"home/Clock_Stani_1/wifi"}) {
			t.Errorf("missing %q, error %v", found.Missing, err)
		}
	})
}

// TestInspectCut: some brokers hang up on who publishes where he may not. That is the
// ACL's doing; where commands are it is no fault at all.
func TestInspectCut(t *testing.T) {
	for _, c := range []struct{ topic, cause string }{{"home/a/doctor", "acl"}, {"home/a/command", ""}} {
		synctest.Test(t, func(t *testing.T) {
			var s stub
			s.welcome, s.raw = true, func(conn net.Conn) {
				for {
					p, err := packets.ReadPacket(conn)
					if err != nil {
						return
					}
					if m, ok := p.(*packets.PublishPacket); ok {
						if m.TopicName == c.topic {
							return
						}
						_ = m.Write(conn)
					}
					if a := s.answer(p); a != nil {
						_ = a.Write(conn)
					}
				}
			}
			found, err := Inspect(t.Context(), Config{MQTT: config.MQTT{URL: "mqtt://broker.example", TopicPrefix: "home"}, Device: "a", ID: "a", Dial: s.dialer(prepare(t))}, true)
			e, _ := errors.AsType[*ReachError](err)
			if c.cause == "" && err == nil && len(found.Deaf) == 0 {
				return
			}
			if e == nil || e.Cause != c.cause || e.Remedy == "" {
				t.Errorf("%s: error %v, %+v", c.topic, err, found)
			}
		})
	}
}

// TestInspectLate says that nobody answers, and for how long that was waited for.
func TestInspectLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, fmt.Errorf("not done after a second: %w", context.DeadlineExceeded))
		defer cancel()
		s := stub{raw: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }}
		_, err := Inspect(ctx, Config{MQTT: config.MQTT{URL: "mqtt://broker.example", TopicPrefix: "home"}, Device: "a", ID: "a", Dial: s.dialer(prepare(t))}, true)
		if e, ok := errors.AsType[*ReachError](err); !ok || e.Cause != "timeout" || !strings.HasPrefix(e.Error(), "no answer: not done after a second") {
			t.Errorf("error %v", err)
		}
	})
}

// TestInspectNobody says why there is no broker, and what to do.
func TestInspectNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.wires.fail(syscall.ECONNREFUSED)
		_, err := Inspect(t.Context(), Config{MQTT: config.MQTT{URL: "mqtt://broker.example", TopicPrefix: "home"}, Device: "a", ID: "a", Dial: r.wires.open}, true)
		e, ok := errors.AsType[*ReachError](err)
		if !ok || e.Cause != "refused" || e.Remedy == "" || e.Error() != "connection refused" {
			t.Errorf("error %#v", err)
		}
	})
}
