package mqttbridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// A stage is an exchange with a clock, and with Home Assistant.
type stage struct {
	exchange
	t *testing.T
	r *rig
	h *peer
}

// suite is what a clock does at any broker, from its first connection to its end.
func suite(t *testing.T, x exchange) {
	s := &stage{exchange: x, t: t}
	s.arrives()
	born := s.birth()
	s.obeys()
	s.refuses()
	born()
	s.loses()
	s.restarts()
	s.twins()
	s.leaves()
}

// arrives has the clock find garbage on every topic, and what the old clock has left.
func (s *stage) arrives() {
	vandal := s.peer(s.t, s.hard, "vandal")
	for i, topic := range append(everyTopic(nil), adopted) {
		if topic != discovered { // that of a clock of another id, which is let alone
			vandal.keep(topic, []string{"restart", "\xff\xfe{", strings.Repeat("[", 4000), `{"global":99}`, "online"}[i%5])
		}
	}
	s.h = s.peer(s.t, s.home, "homeassistant")
	s.h.keep(leftTopic, leftover("Clock_Stani_1_0000AA", "wifi"))
	s.r = s.rig(s.t, func(c *Config) {
		c.Dial, c.Adopt = s.wires.open, func(string) error { return nil }
	})
	before := s.r.clock.status.Get().Settings
	if l := s.r.up(); l.ClientID != "Clock_Stani_1_0000AA" {
		s.t.Errorf("link %+v", l)
	}
	s.h.until(s.t, ourTopic("status=connected_secure"))
	s.settled("arrived")
	if got := s.h.live(leftTopic); !slices.Equal(got[len(got)-2:], []string{`{"migrate_discovery":true}`, ""}) {
		s.t.Errorf("%s was %q", leftTopic, got)
	}
	if got := s.r.clock.done(); len(got) != 0 || s.r.clock.status.Get().Settings != before {
		s.t.Errorf("it did %q, settings %+v", got, s.r.clock.status.Get().Settings)
	}
	if n, want := s.r.count("mqtt_ignored"), len(s.r.bridge.naming().filters()); n != want {
		s.t.Errorf("%d topics were logged, want %d", n, want)
	}
	s.inOrder()
}

// inOrder fails the test unless all states came before the clock was there.
func (s *stage) inOrder() {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	first := map[string]int{}
	for i, m := range s.h.all {
		if _, ok := first[m.topic]; !ok && !m.retain {
			first[m.topic] = i
		}
	}
	for topic := range s.r.states() {
		if i, ok := first[topic]; !ok || i > first[presence] {
			s.t.Errorf("%s came at %d, presence at %d", topic, i, first[presence])
		}
	}
}

// birth has Home Assistant start, which is told all. The function returned waits for that.
func (s *stage) birth() func() {
	p := s.peer(s.t, s.home, "second")
	s.h.send("homeassistant/status", "online")
	return func() {
		for _, topic := range slices.Sorted(maps.Keys(s.r.states())) {
			await(s.t, topic+" after a birth", func() bool { return len(p.live(topic)) > 0 })
		}
		p.s.leave()
	}
}

// obeys has each topic be taken that can be set, and its states follow.
func (s *stage) obeys() {
	for i := range topics {
		x := &topics[i]
		if x.take == nil {
			continue
		}
		s.h.forget()
		s.h.send(ourTopic(x.path), x.sample)
		if x.path == commandPath {
			s.h.until(s.t, ourTopic(`result={"id":7,"command":"ota_check_update","ok":true`))
			continue
		}
		s.h.until(s.t, ourTopic(fmt.Sprintf(`result={"id":null,"command":%q,"ok":true`, x.path)))
		for _, path := range x.take.echo {
			s.h.until(s.t, ourTopic(path)+"="+s.r.states()[ourTopic(path)])
		}
	}
	s.h.send(ourTopic(commandPath), `{"command":"restart","id":"x"}`)
	s.h.until(s.t, ourTopic(`result={"id":"x","command":"restart","ok":true`))
}

// refuses has senseless requests be answered, and those that are too long or too many.
func (s *stage) refuses() {
	was := s.r.link.Get().Losses
	for _, c := range []struct{ path, payload, want string }{
		{"brightness/set", `{"global":999}`, `"command":"brightness/set","ok":false`},
		{commandPath, `{"command":"no_such_thing","id":1}`, "no such command"},
		{commandPath, "\xff\xfe", `"ok":false`},
		{commandPath, strings.Repeat("x", s.most), "longer than 4096 bytes"},
	} {
		s.h.forget()
		s.h.send(ourTopic(c.path), c.payload)
		s.answered(c.want)
	}
	for range 2 * manyBurst {
		s.h.send(ourTopic(commandPath), "status")
	}
	s.answered("too many")
	if l := s.r.link.Get(); l.Losses != was {
		s.t.Errorf("link %+v", l)
	}
}

func (s *stage) answered(want string) {
	s.t.Helper()
	await(s.t, want, func() bool {
		return slices.ContainsFunc(s.h.live(ourTopic(resultPath)), func(r string) bool { return strings.Contains(r, want) })
	})
}

// loses has the connection be cut: the broker says that the clock is gone, and all is
// right when it is back.
func (s *stage) loses() {
	s.h.forget()
	s.wires.last().cut()
	s.r.down()
	s.h.until(s.t, presence+"=offline")
	s.r.change(func(c *clock.Settings) { c.Global, c.Source = 222, clock.Cloudflare })
	s.r.clock.status.Update(func(c *clock.Status) { c.Sensors.Lux, c.Sync.Host = 45.2, true })
	s.r.up()
	s.settled("after a loss")
}

// restarts has the broker be away for a while.
func (s *stage) restarts() {
	s.stop()
	s.r.down()
	s.r.change(func(c *clock.Settings) { c.Global, c.Off = 111, true })
	s.start()
	s.h = s.peer(s.t, s.home, "homeassistant")
	s.r.up()
	s.settled("after a restart of the broker")
}

// twins has another client throw the clock out, again and again.
func (s *stage) twins() {
	twin := s.twin(s.t, s.r.link.Get().ClientID)
	s.r.until("twin", func(l clock.Link) bool { return l.Twin })
	if err := twin.end(); err != nil {
		s.t.Fatal(err)
	}
	s.r.logged("mqtt_twin")
	s.r.up()
}

// leaves has the clock end.
func (s *stage) leaves() {
	s.h.forget()
	if err := s.r.bridgeRuns.end(); err != nil {
		s.t.Fatal(err)
	}
	s.h.until(s.t, presence+"=offline")
}

// settled returns when who comes now finds at the broker what the clock is.
func (s *stage) settled(when string) {
	s.t.Helper()
	p := s.peer(s.t, s.home, "newcomer")
	defer p.s.leave()
	diff := ""
	defer func() {
		if diff != "" {
			s.t.Errorf("%s: what is retained is not what the clock is (-want +got)\n%s", when, diff)
		}
	}()
	await(s.t, when, func() bool {
		want, got := s.r.states(), map[string]string{}
		want[presence], want[leftTopic] = "online", ""
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.all {
			if _, ok := want[m.topic]; ok {
				got[m.topic] = string(m.payload)
			}
		}
		if _, ok := got[leftTopic]; !ok {
			delete(want, leftTopic) // there is none
		}
		diff = cmp.Diff(want, got)
		return diff == ""
	})
}

// live returns the payloads that came on a topic while the peer was there.
func (p *peer) live(topic string) (payloads []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all {
		if m.topic == topic && !m.retain {
			payloads = append(payloads, string(m.payload))
		}
	}
	return payloads
}
