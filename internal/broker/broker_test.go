package broker

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// A rig is a broker that runs until the test ends.
type rig struct {
	*Broker
	log  proof.Log
	stop func()
}

func start(t *testing.T, c Config) *rig {
	r := new(rig)
	c.Log = r.log.Logger()
	r.Broker = New(c)
	r.run(t)
	return r
}

func (r *rig) run(t *testing.T) {
	g, _ := task.NewGroup(context.Background())
	g.Go("broker", r.Run)
	r.stop = sync.OnceFunc(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.stop)
}

// A client speaks MQTT by the packet.
type client struct {
	t *testing.T
	net.Conn
}

// inside returns a client within the process that is connected.
func (r *rig) inside(t *testing.T, id string) client {
	t.Helper()
	conn, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := client{t, conn}
	if code := c.connect(id, "", ""); code != packets.Accepted {
		t.Fatalf("connecting: %d", code)
	}
	return c
}

// connect returns what the broker says to who connects.
func (c client) connect(id, user, password string) byte {
	c.t.Helper()
	return c.join(id, user, password, true)
}

// join is connect, with a session that stays unless it is clean. Who gets no answer is
// not let in.
func (c client) join(id, user, password string, clean bool) byte {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.Keepalive, p.ClientIdentifier = "MQTT", 4, clean, 60, id
	p.UsernameFlag, p.Username, p.PasswordFlag, p.Password = user != "", user, password != "", []byte(password)
	c.send(p)
	a, ok := c.next().(*packets.ConnackPacket)
	if !ok {
		return packets.ErrNetworkError
	}
	return a.ReturnCode
}

func (c client) send(p packets.ControlPacket) {
	c.t.Helper()
	if err := p.Write(c); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet, nil at the end.
func (c client) next() packets.ControlPacket {
	c.t.Helper()
	p, err := packets.ReadPacket(c)
	if err != nil && err != io.EOF {
		c.t.Fatal(err)
	}
	return p
}

func (c client) publish(topic, payload string, qos byte, retain bool) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.Retain, p.MessageID = topic, []byte(payload), qos, retain, 1
	c.send(p)
	if qos == 0 {
		return
	}
	if _, ok := c.next().(*packets.PubackPacket); !ok {
		c.t.Fatal("no acknowledgement")
	}
}

func (c client) subscribe(filter string) {
	c.t.Helper()
	if code := c.ask(filter); code != 0 {
		c.t.Fatalf("%s: answer %#x", filter, code)
	}
}

// ask subscribes, and returns the broker's answer.
func (c client) ask(filter string) byte {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.Topics, p.Qoss, p.MessageID = []string{filter}, []byte{0}, 2
	c.send(p)
	a, ok := c.next().(*packets.SubackPacket)
	if !ok {
		c.t.Fatal("no answer")
	}
	return a.ReturnCodes[0]
}

// message returns the next message, "topic=payload".
func (c client) message() string {
	c.t.Helper()
	m, ok := c.next().(*packets.PublishPacket)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s=%s", m.TopicName, m.Payload)
}

// TestRetained holds that what is retained is there two days later, and after the broker
// has run anew.
func TestRetained(t *testing.T) {
	if c := capabilities(); c.MaximumMessageExpiryInterval != 0 || c.MaximumClientWritesPending != 256 {
		t.Errorf("capabilities %+v", c)
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.inside(t, "a")
		c.publish("home/a/state", "on", 1, true)
		c.publish("home/a/gone", "on", 1, true)
		c.publish("home/a/gone", "", 1, true)
		c.publish("home/a/event", "now", 1, false)
		for range 3 {
			c := r.inside(t, "b")
			c.subscribe("home/#")
			if got := c.message(); got != "home/a/state=on" {
				t.Errorf("retained %q", got)
			}
			c.publish("home/b", "last", 0, false)
			if got := c.message(); got != "home/b=last" {
				t.Errorf("then %q", got)
			}
			r.stop()
			r.run(t)
		}
	})
}

// TestDialWaits holds that there is no connection before the broker serves, nor after.
func TestDialWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log proof.Log
		r := &rig{Broker: New(Config{Log: log.Logger()})}
		dial := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, err := r.Dial(ctx)
			if err == nil {
				c.Close()
			}
			return err
		}
		if dial() == nil {
			t.Error("connected to nobody")
		}
		done := make(chan error, 1)
		go func() { done <- dial() }()
		time.Sleep(500 * time.Millisecond)
		r.run(t)
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.stop()
		if dial() == nil {
			t.Error("connected to who is gone")
		}
	})
}

// knock returns a connection over the network.
func knock(t *testing.T, l net.Listener) client {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{t, c}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestPassword holds who is let in: from outside who knows it, from inside all.
func TestPassword(t *testing.T) {
	l := listen(t)
	r := start(t, Config{Listeners: []net.Listener{l}, Username: "clock", Password: "geheim"})
	const bad = packets.ErrRefusedNotAuthorised // MQTT 3.1.1 has a code for each, the server has not
	for _, c := range []struct {
		user, password string
		want           byte
	}{
		{"clock", "geheim", packets.Accepted},
		{"clock", "", bad}, {"clock", "Geheim", bad}, {"clock", "geheim ", bad}, {"Clock", "geheim", bad}, {"", "", bad},
	} {
		if got := knock(t, l).connect("x", c.user, c.password); got != c.want {
			t.Errorf("%s, %s: %d, want %d", c.user, c.password, got, c.want)
		}
	}
	r.inside(t, "y")
	r.stop()
	if n := strings.Count(r.log.String(), "broker_client"); n != 1 {
		t.Errorf("%d refusals were logged, want the first\n%s", n, &r.log)
	}
	if strings.Contains(strings.ToLower(r.log.String()), "geheim") {
		t.Errorf("the log holds the password\n%s", &r.log)
	}
	if !strings.Contains(r.log.String(), l.Addr().String()) || !slices.Contains(r.log.Events(), "broker_up") {
		t.Errorf("the log does not say where it listens\n%s", &r.log)
	}
}

func TestNobodyAsked(t *testing.T) {
	l := listen(t)
	start(t, Config{Listeners: []net.Listener{l}})
	if got := knock(t, l).connect("x", "", ""); got != packets.Accepted {
		t.Errorf("without a password: %d", got)
	}
}

// TestStop holds that nothing is left: no listener, no client, whatever it does.
func TestStop(t *testing.T) {
	l := listen(t)
	r := start(t, Config{Listeners: []net.Listener{l}})
	silent, connected := knock(t, l), knock(t, l)
	connected.connect("a", "", "")
	begin := time.Now()
	in := r.inside(t, "b")
	in.subscribe("#")
	r.stop()
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("stopping took %v", d)
	}
	for _, c := range []client{silent, connected, in} {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("a connection is open")
		}
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it listens")
	}
}

// TestSilent holds that who does not say who it is, is shown out.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c, err := r.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		io.Copy(io.Discard, c)
		if d := time.Since(begin); d != helloLimit {
			t.Errorf("after %v", d)
		}
	})
}

// TestSlowReader holds that a client that does not read keeps others waiting for a moment
// only.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		r.inside(t, "deaf").subscribe("#")
		c := r.inside(t, "busy")
		begin := time.Now()
		for range 64 {
			c.publish("home/a", strings.Repeat("x", 16<<10), 1, false)
		}
		if d := time.Since(begin); d > writeLimit+time.Second {
			t.Errorf("publishing took %v", d)
		}
	})
}

// TestLargePacket holds that nobody makes the broker take memory for a claim.
func TestLargePacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.inside(t, "large")
		c.Write([]byte("\x30\xff\xff\xff\x7f"))
		if p := c.next(); p != nil {
			t.Errorf("answer %v", p)
		}
	})
}

// TestBounds holds what a client cannot have the broker keep, and that others are served
// all the same.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.inside(t, "greedy")
		c.publish("home/kept", "first", 1, true)
		for i := range maxRetained + 100 {
			c.publish(fmt.Sprintf("x/%d", i), "x", 0, true)
		}
		c.publish("home/late", "late", 1, true)
		c.publish("home/long", strings.Repeat("x", maxRetainedSize+1), 1, true)
		c.publish("home/kept", "second", 1, true) // which is there already
		c.publish("x/1", "", 1, true)
		c.publish("home/again", "there is room", 1, true)

		in := r.inside(t, "other")
		in.subscribe("home/#")
		got := []string{in.message(), in.message()}
		slices.Sort(got)
		if want := []string{"home/again=there is room", "home/kept=second"}; !slices.Equal(got, want) {
			t.Errorf("retained %q, want %q", got, want)
		}
		in.publish("home/end", "", 0, false)
		if got := in.message(); got != "home/end=" {
			t.Errorf("then %q", got)
		}
		if n := strings.Count(r.log.String(), "not retained"); n != 1 {
			t.Errorf("logged %d times\n%s", n, &r.log)
		}
	})
}

func TestTooManySubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		c := r.inside(t, "greedy")
		for i := range maxSubscriptions {
			c.subscribe(fmt.Sprintf("x/%d", i))
		}
		c.subscribe("x/1") // which it has
		if got := c.ask("y"); got != 0x80 {
			t.Errorf("one more: %#x", got)
		}
		r.inside(t, "other").subscribe("y")
	})
}

// TestSubscribeMeanwhile holds that a client may subscribe while retained messages are
// under way to it that it has not acknowledged, whatever their packet ids.
func TestSubscribeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		a := r.inside(t, "a")
		for i := range 20 {
			a.publish(fmt.Sprintf("home/%d", i), "on", 1, true)
		}
		b := r.inside(t, "b")
		for id := range uint16(20) {
			p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
			p.Topics, p.Qoss, p.MessageID = []string{fmt.Sprintf("home/%d", id), "home/#"}, []byte{1, 1}, id+1
			b.send(p)
		}
		for answers := 0; answers < 20; {
			if s, ok := b.next().(*packets.SubackPacket); ok {
				answers++
				if !slices.Equal(s.ReturnCodes, []byte{1, 1}) {
					t.Errorf("subscription %d: answer %#x", s.MessageID, s.ReturnCodes)
				}
			}
		}
	})
}

// TestTakenOver holds that of two clients with one id only the newer one is there, however
// often that changes.
func TestTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		old := r.inside(t, "twin")
		for n := range 200 {
			next := r.inside(t, "twin")
			for old.next() != nil { // a farewell may come before the end
			}
			old = next
			if n%50 == 0 {
				old.subscribe("x") // it is really there
			}
		}
	})
}

// TestTooManySessions holds that clients that are away, and want to find again what came
// meanwhile, do not fill the broker.
func TestTooManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		stay := func(id string) byte {
			conn, err := r.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			return client{t, conn}.join(id, "", "", false)
		}
		for i := range maxSessions {
			if got := stay(fmt.Sprint("away ", i)); got != packets.Accepted {
				t.Fatalf("session %d: %d", i, got)
			}
			synctest.Wait()
		}
		if got := stay("one more"); got == packets.Accepted {
			t.Error("one more was let in")
		}
		if got := stay("away 3"); got != packets.Accepted {
			t.Errorf("who was there before: %d", got)
		}
	})
}
