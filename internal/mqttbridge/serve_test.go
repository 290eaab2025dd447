package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// leftover is what an old clock has left in discovery.
func leftover(id, suffix string) string {
	return fmt.Sprintf(`{"name":"Z","unique_id":"%s_%s","~":"home/Clock_Stani_1","state_topic":"~/wifi","device":{"identifiers":["%[1]s"]}}`, id, suffix)
}

const (
	leftTopic = "homeassistant/sensor/esp32_wordclock/wifi_status/config"
	adopted   = "homeassistant/device/Clock_Stani_1_0000AA/config"
)

// TestAdopt holds that a clock that finds its predecessor goes on under its id, brings its
// entities over, and leaves nothing of it.
func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		p := r.peer("old")
		p.keep(leftTopic, leftover("Clock_Stani_1_0000AA", "wifi"))
		p.seen()
		var kept []string
		r.startBridge(func(c *Config) { c.Adopt = func(id string) error { kept = append(kept, id); return nil } })
		l := r.up()
		if l.ClientID != "Clock_Stani_1_0000AA" || !slices.Equal(kept, []string{l.ClientID}) {
			t.Errorf("link %+v, kept %q", l, kept)
		}
		synctest.Wait()
		if d := p.at(adopted).Sub(p.at(leftTopic)); d < unloading {
			t.Errorf("Home Assistant has %v to give up the old entity", d)
		}
		all := r.retained()
		if all[leftTopic] != "" || all[discovered] != "" || all[adopted] == "" {
			t.Errorf("retained %q", all)
		}
		if got, want := p.saw(leftTopic), []string{`{"migrate_discovery":true}`, ""}; !slices.Equal(got, want) {
			t.Errorf("%s was %q, want %q", leftTopic, got, want)
		}
		r.logged("mqtt_adopted")
		r.logged("mqtt_migrated")
		r.wires.last().cut() // the next connection does not look again
		r.down()
		for r.wires.opened() < 3 {
			time.Sleep(time.Millisecond)
		}
		begin := time.Now()
		r.up()
		if d := time.Since(begin); d > 100*time.Millisecond {
			t.Errorf("connecting took %v", d)
		}
	})
}

// TestFirstLook holds that looking for an old clock, of which there is none, takes less time
// at a broker in this process than at one that is far away.
func TestFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		begin := time.Now()
		r.startBridge()
		r.up()
		if d := time.Since(begin); d > 200*time.Millisecond {
			t.Errorf("connecting took %v", d)
		}
	})
}

// TestEventsSurvive holds that an event is told though the connection was lost as it came.
func TestEventsSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.clock.status.Update(func(s *clock.Status) { s.Image.State = clock.OnTrial })
		r.startBridge()
		p := r.peer("watcher")
		r.up()
		time.Sleep(time.Second) // all is said and acknowledged
		r.wires.last().freeze()
		r.clock.status.Update(func(s *clock.Status) { s.Image.State = clock.Validated })
		r.down()
		r.up()
		time.Sleep(2 * time.Second)
		told := 0
		for _, token := range p.saw(ourTopic("status")) {
			if token == "ota_validated" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times: %q", told, p.saw(ourTopic("status")))
		}
	})
}

// TestDialPanics holds that what goes wrong in a dialer is the bridge's, not the process's.
func TestDialPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		g, _ := task.NewGroup(t.Context())
		g.Go("bridge", New(Config{
			MQTT: config.MQTT{URL: config.Embedded}, Service: r.clock, Link: r.link, Log: r.log.Logger(),
			Dial: func(context.Context) (net.Conn, error) { panic("no such wire") },
		}).Run)
		if _, ok := errors.AsType[*task.Panic](g.Wait()); !ok {
			t.Error("it did not end by its panic")
		}
	})
}

// TestNotAdopted holds that who has an id of his own keeps it, and so does one that nobody
// can remember.
func TestNotAdopted(t *testing.T) {
	for name, more := range map[string]func(*Config){
		"configured": func(c *Config) {
			c.MQTT.DeviceID, c.Adopt = "x", func(string) error { panic("adopted") }
		},
		"nobody keeps it": func(*Config) {},
		"cannot be kept":  func(c *Config) { c.Adopt = func(string) error { return errors.New("no store") } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := prepare(t)
				r.peer("old").keep(leftTopic, leftover("Clock_Stani_1_0000AA", "wifi"))
				r.startBridge(more)
				if l := r.up(); l.ClientID != "Clock_Stani_1_5A1E74" {
					t.Errorf("link %+v", l)
				}
				if got := r.retained()[discovered]; got == "" {
					t.Error("no discovery")
				}
			})
		})
	}
}

// TestDiscoveryOff holds that a clock that was announced once is so no more, and that
// nothing else is said there.
func TestDiscoveryOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		p := r.peer("watcher")
		p.keep(discovered, "{}")
		p.keep(leftTopic, leftover("Clock_Stani_1_5A1E74", "wifi"))
		p.seen()
		r.startBridge(func(c *Config) { c.MQTT.Discovery = config.Off })
		r.up()
		p.send("homeassistant/status", "online")
		time.Sleep(10 * time.Second)
		var said []string
		for _, m := range p.seen() {
			if strings.HasPrefix(m, "homeassistant/") {
				said = append(said, m)
			}
		}
		if want := []string{discovered + "=", "homeassistant/status=online"}; !slices.Equal(said[len(said)-2:], want) {
			t.Errorf("said %q, want %q", said, want)
		}
		if r.retained()[leftTopic] == "" {
			t.Error("it touched the old clock's messages")
		}
	})
}

// TestBirth holds that a Home Assistant that has started is told all, once, within seconds,
// and that an old birth is not one.
func TestBirth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		p := r.peer("homeassistant")
		p.keep("homeassistant/status", "online")
		r.startBridge()
		r.up()
		time.Sleep(10 * time.Second)
		first := len(p.saw(ourTopic("brightness/status")))
		p.seen()
		p.send("homeassistant/status", "offline")
		p.send("homeassistant/status", "online")
		p.send("homeassistant/status", "online")
		time.Sleep(birthSpread + time.Second)
		if a, b := len(p.saw(discovered)), len(p.saw(ourTopic("brightness/status"))); first != 1 || a != 1 || b != 1 {
			t.Errorf("states %d times, then discovery %d, states %d times; want each once", first, a, b)
		}
		p.send("homeassistant/status", "online")
		time.Sleep(birthSpread + time.Second)
		if n := len(p.saw(discovered)); n != 2 {
			t.Errorf("announced %d times, want once more", n)
		}
	})
}

func ourTopic(path string) string { return homeTopics + path }

// TestPresence holds that nobody else says that the clock is gone while it is not.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.peer("somebody").keep(presence, "offline")
		time.Sleep(time.Second)
		r.sees(presence, "online")
	})
}

func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.wires.fail(syscall.ECONNREFUSED)
		r.startBridge()
		time.Sleep(time.Second)
		probe := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return r.bridge.Probe(ctx)
		}
		if err := probe(); err == nil || !strings.Contains(err.Error(), "start the broker") {
			t.Errorf("without a broker: %v", err)
		}
		r.wires.fail(nil)
		r.up()
		time.Sleep(time.Second)
		if err := probe(); err != nil {
			t.Errorf("with a broker: %v", err)
		}
		r.wires.last().freeze()
		if err := probe(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a half-open connection: %v", err)
		}
	})
}

// TestRefused holds that a topic that may not be read is told of, and that the others work.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true, refuse: ourTopic("command"), then: func(c net.Conn) {
			publication(ourTopic("brightness/set"), []byte(`{"global":99}`), 1, false).Write(c)
		}}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		if l := r.up(); !slices.Equal(l.Refused, []string{ourTopic("command")}) {
			t.Errorf("link %+v", l)
		}
		time.Sleep(time.Second)
		if got := r.clock.status.Get().Settings.Global; got != 99 {
			t.Errorf("brightness is %d", got)
		}
		r.wires.last().cut()
		r.down()
		r.up()
		if n := r.count("mqtt_refused"); n != 1 {
			t.Errorf("logged %d times", n)
		}
	})
}

// TestHungUpEarly holds that a broker that never lets the clock announce itself is not
// taken for another clock of its id, and that what helps is said once.
func TestHungUpEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true}
		s.raw = func(c net.Conn) {
			for {
				p, err := packets.ReadPacket(c)
				if err != nil {
					return
				}
				if _, ok := p.(*packets.PublishPacket); ok || s.answer(p).Write(c) != nil {
					return
				}
			}
		}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		r.until("lost twice", func(l clock.Link) bool { return l.Losses == 2 })
		if l := r.link.Get(); l.Err != "the broker closed the connection" {
			t.Errorf("link %+v", l)
		}
		time.Sleep(10 * time.Minute)
		if l := r.link.Get(); l.Twin || !strings.Contains(l.Err, "its log tells why: its ACL") {
			t.Errorf("link %+v", l)
		}
		r.logged("mqtt_lost")
		if n := r.count("mqtt_twin"); n != 0 {
			t.Errorf("taken for a twin %d times", n)
		}
		if n := strings.Count(r.log.String(), "level=WARN"); n != 3 {
			t.Errorf("%d warnings\n%s", n, &r.log)
		}
		r.wires.dial = r.broker.Dial
		if l := r.up(); l.Err != "" {
			t.Errorf("link %+v", l)
		}
	})
}

// TestCut holds that an image that was made to lose its broker has lost it for good.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan struct{})
		r := newRig(t, func(c *Config) { c.Cut = cut })
		r.up()
		close(cut)
		r.down()
		time.Sleep(10 * time.Minute)
		if l := r.link.Get(); l.State != clock.LinkDown || !strings.Contains(l.Err, "no-mqtt") || r.wires.opened() != 1 {
			t.Errorf("link %+v, %d connections", l, r.wires.opened())
		}
		r.sees(presence, "offline")
	})
}

// TestRestartWithoutBroker holds that what was answered is done, though the connection
// ends before it is.
func TestRestartWithoutBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		p := r.peer("homeassistant")
		p.send(ourTopic("command"), "restart")
		time.Sleep(100 * time.Millisecond)
		r.wires.last().cut()
		time.Sleep(2 * time.Second)
		if got := r.clock.done(); !slices.Equal(got, []string{clock.Restart}) {
			t.Errorf("it did %q", got)
		}
	})
}

// TestRetainedGarbage holds that what lies on the topics of the clock does it no harm: of
// commands nothing is obeyed, of states the clock's own is what stays.
func TestRetainedGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		p := r.peer("vandal")
		for i, topic := range everyTopic(r) {
			p.keep(topic, []string{"restart", "\xff\xfe{", strings.Repeat("[", 4000), `{"global":99}`, "online"}[i%5])
		}
		before := r.clock.status.Get().Settings
		r.startBridge()
		r.up()
		time.Sleep(2 * time.Second)
		if got := r.clock.done(); len(got) != 0 || r.clock.status.Get().Settings != before {
			t.Errorf("it did %q", got)
		}
		r.wires.last().cut()
		time.Sleep(time.Minute)
		r.up()
		if n, want := r.count("mqtt_ignored"), len(newDesk(r.bridge.naming(), r.clock, r.bridge.c.Log, newLimits()).filters()); n != want {
			t.Errorf("%d topics were logged, want %d", n, want)
		}
		r.sees(presence, "online")
		r.sees(ourTopic("brightness/status"), levelsAre(60, 180, false, false))
	})
}

// everyTopic returns all topics that a clock takes or keeps.
func everyTopic(r *rig) (all []string) {
	for _, t := range topics {
		all = append(all, ourTopic(t.path))
	}
	return append(all, discovered, presence)
}

// TestFlood holds that a storm of commands costs no connection, no state, and not the
// obedience to who comes after it.
func TestFlood(t *testing.T) {
	rounds, each := 20, 40 // of 100 ms
	if len(proof.Seeds(t, 1)) > 1 {
		rounds, each = 100, 1000
	}
	begin := time.Now()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		p := r.peer("storm")
		for range rounds {
			for range each {
				p.s.client.Publish(ourTopic("command"), 0, false, "status")
			}
			time.Sleep(100 * time.Millisecond)
		}
		r.change(func(s *clock.Settings) { s.Global = 99 })
		time.Sleep(30 * time.Second)
		r.sees(ourTopic("brightness/status"), levelsAre(60, 99, false, false))
		p.send(ourTopic("brightness/set"), `{"global":101}`)
		time.Sleep(2 * time.Second)
		r.sees(ourTopic("brightness/status"), levelsAre(60, 101, false, true))
		if l := r.link.Get(); l.Losses != 0 {
			t.Errorf("link %+v", l)
		}
		if n := r.count("mqtt_flood"); n > 1 {
			t.Errorf("logged %d times within a minute", n)
		}
	})
	proof.Row(t, begin, "MQTT: storm of commands", fmt.Sprintf("%d commands, %d a second", rounds*each, 10*each))
}

// TestInboxOverflows holds that what cannot be read is dropped, the oldest first, counted,
// and told once.
func TestInboxOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true}
		s.then = func(c net.Conn) {
			s.lag.Store(int64(time.Second)) // the first answer is under way, when the others come
			for range 10 * inboxSize {
				if publication(ourTopic("command"), []byte("status"), 0, false).Write(c) != nil {
					return
				}
			}
			if publication(ourTopic("brightness/set"), []byte(`{"global":77}`), 0, false).Write(c) != nil {
				return
			}
			s.lag.Store(0)
		}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		r.up()
		time.Sleep(5 * time.Minute)
		if n := r.count("mqtt_flood"); n != 1 || r.link.Get().Losses != 0 {
			t.Errorf("logged %d times, link %+v", n, r.link.Get())
		}
		if got := r.clock.status.Get().Settings.Global; got != 77 {
			t.Errorf("the last word was 77, and the level is %d", got)
		}
	})
}

// TestHugePayload holds that what is too long is answered, and costs no connection.
func TestHugePayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true, then: func(c net.Conn) {
			publication(ourTopic("command"), []byte(strings.Repeat("x", 1<<20)), 1, false).Write(c)
			publication(ourTopic("brightness/set"), []byte(`{"global":99}`), 1, false).Write(c)
		}}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		r.up()
		time.Sleep(time.Second)
		if got := r.clock.status.Get().Settings.Global; got != 99 || r.link.Get().Losses != 0 {
			t.Errorf("brightness is %d, link %+v", got, r.link.Get())
		}
		if got := s.saw(ourTopic("result")); len(got) != 2 || !strings.Contains(got[0], `"ok":false`) || !strings.Contains(got[1], `"ok":true`) {
			t.Errorf("results %q", got)
		}
	})
}

// TestSlowJobs holds that what takes long keeps nobody from what does not, that only so
// much of it is done at once, and that all is over when the connection is.
func TestSlowJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.clock.mu.Lock()
		r.clock.answer = func(ctx context.Context, c clock.Command) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r.clock.mu.Unlock()
		p := r.peer("impatient")
		for range maxSlow + 2 {
			p.send(ourTopic("command"), `{"command":"ota_check_update"}`)
			time.Sleep(20 * time.Second) // of the limit for heavy ones
		}
		p.send(ourTopic("brightness/set"), `{"global":99}`)
		time.Sleep(2 * time.Second)
		r.sees(ourTopic("brightness/status"), levelsAre(60, 99, false, true))
		if n := len(r.clock.done()); n != maxSlow {
			t.Errorf("%d at once", n)
		}
		busy := 0
		for _, a := range p.saw(ourTopic("result")) {
			if strings.Contains(a, "busy") {
				busy++
			}
		}
		if busy != 2 {
			t.Errorf("%d are told to wait: %q", busy, p.saw(ourTopic("result")))
		}
		begin := time.Now()
		if err := r.bridgeRuns.end(); err != nil || time.Since(begin) > 1500*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		r.sees(presence, "offline")
	})
}
