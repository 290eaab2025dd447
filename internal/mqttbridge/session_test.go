package mqttbridge

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

const (
	homeTopics = "home/Clock_Stani_1/"
	presence   = homeTopics + "availability"
	discovered = "homeassistant/device/Clock_Stani_1_5A1E74/config"
)

// TestOrderAtConnect holds what another client sees: Home Assistant knows the clock and
// all its states before the clock is there.
func TestOrderAtConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.peer("watcher")
		r.up()
		synctest.Wait()
		var topics []string
		for _, m := range p.seen() {
			topic, _, _ := strings.Cut(m, "=")
			topics = append(topics, topic)
		}
		at := func(topic string) int { return slices.Index(topics, topic) }
		online := at(presence)
		if at(discovered) != 0 || online < 1 || at(ourTopic("status")) < online {
			t.Errorf("order %q", topics)
		}
		for topic := range r.retained() {
			if at(topic) < 0 || at(topic) > online {
				t.Errorf("%s is not before availability: %q", topic, topics)
			}
		}
		if n := len(topics) - online; n > 4 { // what changes as the clock is connected
			t.Errorf("%d messages behind it: %q", n, topics[online:])
		}
	})
}

// TestOffline holds that the last word is the clock's, and the broker's if it can say none.
func TestOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.sees(presence, "online")
		begin := time.Now()
		if err := r.bridgeRuns.end(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > 1500*time.Millisecond {
			t.Errorf("stopping took %v", d)
		}
		r.sees(presence, "offline")
		if s := r.link.Get().State; s != clock.LinkDown {
			t.Errorf("link is %v", s)
		}
	})
}

func TestStopOfHalfOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.wires.last().freeze()
		begin := time.Now()
		if err := r.bridgeRuns.end(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > 1500*time.Millisecond {
			t.Errorf("stopping took %v", d)
		}
		time.Sleep(2 * time.Minute) // of the broker's patience
		r.sees(presence, "offline")
	})
}

// TestStopWhileConnecting holds that nothing keeps the clock from stopping.
func TestStopWhileConnecting(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		dial  func(*rig)
	}{
		{"dialling", time.Second, func(r *rig) {
			r.wires.dial = func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}},
		{"no answer", time.Second, func(r *rig) { r.wires.dial = new(stub).dialer(r) }},
		{"waiting", time.Second, func(r *rig) { r.wires.fail(syscall.ECONNREFUSED) }},
		{"looking for the old clock", oldQuietNow / 2, func(*rig) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := prepare(t)
				c.dial(r)
				r.startBridge()
				time.Sleep(c.after)
				begin := time.Now()
				if err := r.bridgeRuns.end(); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(begin); d > 1500*time.Millisecond {
					t.Errorf("stopping took %v", d)
				}
			})
		})
	}
}

// TestLoss holds that the broker says it when the clock is cut off, and that the clock is
// back, with all that has changed meanwhile.
func TestLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.peer("watcher")
		first := r.up()
		time.Sleep(10 * time.Minute)
		r.wires.last().cut()
		l := r.down()
		synctest.Wait()
		if got := p.saw(presence); got[len(got)-1] != "offline" {
			t.Errorf("presence was %q", got)
		}
		if l.Losses != 1 || !strings.Contains(l.Err, "reset by peer") || l.Since.Equal(first.Since) || l.Twin {
			t.Errorf("link %+v", l)
		}
		r.change(func(s *clock.Settings) { s.Global = 99 })
		begin := time.Now()
		l = r.up()
		if d := time.Since(begin); d < 2*time.Second || d > 4*time.Second {
			t.Errorf("back after %v", d)
		}
		if l.Err != "" || l.Tries != 0 || l.Losses != 1 {
			t.Errorf("link %+v", l)
		}
		r.sees(presence, "online")
		r.sees(ourTopic("brightness/status"), levelsAre(60, 99, false, false))
		if got, want := r.log.Events(), []string{"broker_up", "mqtt_up", "mqtt_lost", "mqtt_up"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// TestAllAfterLoss holds that two seconds after the connection is up again every state is
// what it is, whatever has changed meanwhile.
func TestAllAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.clock.status.Update(func(s *clock.Status) { s.Has = profiles[2].has })
		r.startBridge()
		r.up()
		for i, now := range moments() {
			time.Sleep(5 * time.Minute)
			r.wires.last().cut()
			r.down()
			r.clock.status.Update(func(s *clock.Status) {
				v := view{Status: *s}
				now.set(&v)
				*s = v.Status
			})
			r.change(func(s *clock.Settings) {
				s.Style, s.Source, s.Off = face.Style(i%2), clock.Sources[i%2], i%3 == 0
				s.Transition.Duration, s.Global = time.Duration(200+100*i)*time.Millisecond, clock.Level(100+i)
			})
			r.up()
			time.Sleep(2 * time.Second)
			r.seesAll(now.name)
		}
	})
}

// states returns what a peer reads of all that the clock retains, but for its presence.
func (r *rig) states() map[string]string {
	s := r.clock.status.Get()
	v := view{r.bridge.naming(), s, s.Link.Since} // what goes by the minute is as it was then
	v.id = s.Link.ClientID
	all := map[string]string{}
	for _, m := range append(newPublisher(newTeller(s)).all(v), discovery(v)) {
		if m.retain {
			all[m.topic] = string(m.payload[:min(len(m.payload), maxPayload+1)])
		}
	}
	return all
}

// seesAll fails the test unless the broker has retained what the clock is, and nothing
// else of it.
func (r *rig) seesAll(name string) {
	r.t.Helper()
	want := r.states()
	want[presence] = "online"
	if diff := cmp.Diff(want, r.retained()); diff != "" {
		r.t.Errorf("%s: what is retained is not what the clock is (-want +got)\n%s", name, diff)
	}
}

// TestBrokerDown holds that the clock waits for a broker for ever, says so now and then,
// and is there soon after the broker.
func TestBrokerDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.wires.fail(syscall.ECONNREFUSED)
		r.startBridge()
		time.Sleep(150 * time.Minute)
		if n := r.count("mqtt_failed"); n != 3 {
			t.Errorf("logged %d times, want once, and again each hour", n)
		}
		if l := r.link.Get(); l.State != clock.LinkDown || l.Tries < 300 || !strings.Contains(l.Err, "start the broker") {
			t.Errorf("link %+v", l)
		}
		r.wires.fail(nil)
		begin := time.Now()
		r.up()
		if d := time.Since(begin); d > 32*time.Second {
			t.Errorf("connected after %v", d)
		}
	})
}

// TestBrokerRestarted holds that one which has forgotten all is told all.
func TestBrokerRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		want := r.retained()
		time.Sleep(5 * time.Minute)
		r.brokerRuns.end()
		r.down()
		r.broker = r.another()
		r.wires.dial = r.broker.Dial
		r.startBroker()
		r.up()
		time.Sleep(2 * time.Second)
		got := r.retained()
		for topic := range want {
			if got[topic] == "" {
				t.Errorf("%s is gone", topic)
			}
		}
	})
}

// TestHalfOpen holds that a connection on which nothing comes is noticed.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		time.Sleep(90 * time.Second)
		r.wires.last().freeze()
		begin := time.Now()
		for r.link.Get().State == clock.LinkUp && time.Since(begin) < 5*time.Minute {
			time.Sleep(time.Second)
		}
		if d := time.Since(begin); d > 75*time.Second {
			t.Errorf("noticed after %v", d)
		}
		r.up()
		time.Sleep(3 * time.Minute) // the broker gives up the old connection, whose will is void
		r.sees(presence, "online")
	})
}

// TestUnacknowledged holds that a broker that takes all and acknowledges nothing is left.
func TestUnacknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true, mute: true}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		l := r.until("lost", func(l clock.Link) bool { return l.Losses > 0 })
		if !strings.Contains(l.Err, "acknowledged") {
			t.Errorf("link %+v", l)
		}
		if d := time.Since(s.begun); d > ackLimit+2*time.Second {
			t.Errorf("noticed after %v", d)
		}
	})
}

// TestSlow holds that a connection that takes its time is one.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		r.wires.delay(700 * time.Millisecond)
		r.startBridge()
		r.up()
		r.change(func(s *clock.Settings) { s.Global = 99 })
		time.Sleep(5 * time.Second)
		r.sees(ourTopic("brightness/status"), levelsAre(60, 99, false, false))
		time.Sleep(10 * time.Minute)
		if l := r.link.Get(); l.Losses != 0 {
			t.Errorf("link %+v", l)
		}
	})
}

// TestTwin holds that two clocks of one id do not throw each other out by the second, and
// that people are told.
func TestTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		other := run(t, func(ctx context.Context) error { // an old clock, which comes back after 5 s
			for ctx.Err() == nil {
				s, err := open(ctx, r.broker.Dial, letter{id: "Clock_Stani_1_5A1E74", will: message{topic: "x", payload: []byte("y")}})
				if err != nil {
					continue
				}
				select {
				case <-s.gone:
				case <-ctx.Done():
				}
				s.leave()
				task.Sleep(ctx, 5*time.Second)
			}
			return nil
		})
		r.until("twin", func(l clock.Link) bool { return l.Twin })
		synctest.Wait()
		r.logged("mqtt_twin")
		before := r.wires.opened()
		time.Sleep(10 * time.Minute)
		if n := r.wires.opened() - before; n > 20 {
			t.Errorf("%d connections in ten minutes", n)
		}
		if n := r.count("mqtt_twin"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		other.end()
		r.up()
		r.sees(presence, "online")
		time.Sleep(twinGone + time.Minute)
		if l := r.link.Get(); l.Twin || l.State != clock.LinkUp {
			t.Errorf("link %+v", l)
		}
	})
}

// TestCuts has the connection cut again and again, in the long run for a day, while settings
// change: no state is lost.
func TestCuts(t *testing.T) {
	pause := 4 * time.Minute // between two cuts
	if len(proof.Seeds(t, 1)) > 1 {
		pause = time.Hour
	}
	begin := time.Now()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		for i := range 24 {
			time.Sleep(pause - time.Duration(i)*time.Second)
			r.wires.last().cut()
			r.change(func(s *clock.Settings) { s.Global = clock.Level(100 + i) })
			r.down()
			r.change(func(s *clock.Settings) { s.Individual = clock.Level(10 + i) })
			r.up()
			time.Sleep(2 * time.Second)
			r.sees(ourTopic("brightness/status"), levelsAre(10+i, 100+i, false, false))
			r.sees(presence, "online")
		}
		if l := r.link.Get(); l.Losses != 24 || l.Twin {
			t.Errorf("link %+v", l)
		}
	})
	proof.Row(t, begin, "MQTT: connection cut, settings changed meanwhile", fmt.Sprintf("24 cuts in %v", 24*pause))
}
