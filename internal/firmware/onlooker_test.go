package firmware

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// An onlooker is another client of the broker: it sees all that is published, as Home
// Assistant does, and speaks.
type onlooker struct {
	t      testing.TB
	client mqtt.Client
	base   string

	mu      sync.Mutex
	latest  map[string]seen // by topic
	all     []seen
	changed chan struct{}
}

// A seen is a message that came.
type seen struct {
	topic, payload string
	retained       bool
}

// lookOn connects an onlooker for the rest of the test.
func lookOn(t testing.TB, dial func(context.Context) (net.Conn, error), set ...func(*mqtt.ClientOptions)) *onlooker {
	t.Helper()
	return lookOnAs(t, "onlooker", dial, set...)
}

// lookOnAs is lookOn with a client id.
func lookOnAs(t testing.TB, id string, dial func(context.Context) (net.Conn, error), set ...func(*mqtt.ClientOptions)) *onlooker {
	t.Helper()
	o := &onlooker{t: t, base: "home/Clock_Stani_1/", latest: map[string]seen{}, changed: make(chan struct{})}
	opts := mqtt.NewClientOptions().AddBroker("tcp://broker").SetClientID(id).SetAutoReconnect(false).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return dial(t.Context()) }).
		SetDefaultPublishHandler(o.take)
	for _, f := range set {
		f(opts)
	}
	o.client = mqtt.NewClient(opts)
	o.done(o.client.Connect())
	t.Cleanup(func() { o.client.Disconnect(250) })
	o.done(o.client.SubscribeMultiple(map[string]byte{"home/#": 1, "homeassistant/#": 1}, nil))
	return o
}

func (o *onlooker) done(token mqtt.Token) {
	o.t.Helper()
	if !token.WaitTimeout(time.Minute) || token.Error() != nil {
		o.t.Fatal("onlooker: ", token.Error())
	}
}

func (o *onlooker) take(_ mqtt.Client, m mqtt.Message) {
	s := seen{m.Topic(), string(m.Payload()), m.Retained()}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latest[s.topic] = s
	o.all = append(o.all, s)
	close(o.changed)
	o.changed = make(chan struct{})
}

// say publishes to one of the clock's topics.
func (o *onlooker) say(path, payload string) {
	o.t.Helper()
	o.done(o.client.Publish(o.base+path, 1, false, payload))
}

// keep has the broker keep a message.
func (o *onlooker) keep(topic, payload string) {
	o.t.Helper()
	o.done(o.client.Publish(topic, 1, true, payload))
}

// state returns what was published last on a topic of the clock.
func (o *onlooker) state(path string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.latest[o.base+path].payload
}

// since returns what came after the first n messages on a topic of the clock.
func (o *onlooker) since(n int, path string) (payloads []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all[n:] {
		if s.topic == o.base+path {
			payloads = append(payloads, s.payload)
		}
	}
	return payloads
}

// mark is how much came.
func (o *onlooker) mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

// await waits until a payload of a topic has a part, of the messages after mark, and
// returns the mark behind it.
func (o *onlooker) await(mark int, path, part string) (behind int) {
	o.t.Helper()
	o.until(fmt.Sprintf("%s with %s", path, part), func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for i, s := range o.all[mark:] {
			if s.topic == o.base+path && strings.Contains(s.payload, part) {
				behind = mark + i + 1
				return true
			}
		}
		return false
	})
	return behind
}

// until waits for what comes with messages.
func (o *onlooker) until(what string, ok func() bool) {
	o.t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		o.mu.Lock()
		changed := o.changed
		o.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-limit:
			o.t.Fatalf("waited in vain for %s; there is\n%s", what, o)
		}
	}
}

// String shows the latest of each topic of the clock.
func (o *onlooker) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	for _, s := range o.all[max(0, len(o.all)-40):] {
		fmt.Fprintf(&b, "%s %.200s\n", s.topic, s.payload)
	}
	return b.String()
}
