package mqttbridge

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeClock is a clock.Service that keeps what it is told.
type fakeClock struct {
	status *watch.Value[clock.Status]

	mu     sync.Mutex
	did    []clock.Command
	answer func(context.Context, clock.Command) (any, error) // of Do; nil is always nil
}

func newFakeClock() *fakeClock {
	return &fakeClock{status: watch.NewValue(clock.Status{
		Boot: 7, Started: time.Now(), Version: "2.12.0", Board: config.Sim, Network: true,
		Has:      []clock.Capability{clock.HasRTC, clock.HasLight, clock.HasKnob, clock.HasReset},
		Settings: clock.DefaultSettings(), Light: lightOf(clock.DefaultSettings()),
	})}
}

// lightOf is how bright a clock is whose sensors do not answer, by day.
func lightOf(s clock.Settings) clock.Light {
	l := clock.Light{Off: s.Off, Individual: s.Individual, Group: s.Global}
	if s.Manual.Individual {
		l.WhyIndividual.By = clock.ByHand
	}
	if s.Manual.Global {
		l.WhyGroup.By = clock.ByHand
	}
	return l
}

// levelsAre is what brightness/status says of such a clock.
func levelsAre(individual, global int, individualManual, globalManual bool) string {
	by := map[bool]string{false: "setting", true: "manual"}
	return fmt.Sprintf(`{"individual":%d,"global":%d,"individual_manual":%t,"global_manual":%t,"individual_by":%q,"global_by":%q}`,
		individual, global, individualManual, globalManual, by[individualManual], by[globalManual])
}

// Watch implements clock.Service.
func (f *fakeClock) Watch() (clock.Status, <-chan struct{}) { return f.status.Watch() }

// Change implements clock.Service.
func (f *fakeClock) Change(_ context.Context, edit func(*clock.Settings) error) (clock.Changed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status.Get()
	next := s.Settings
	if err := edit(&next); err != nil {
		return clock.Changed{}, err
	}
	if err := next.Validate(); err != nil {
		return clock.Changed{}, err
	}
	if next != s.Settings {
		f.status.Update(func(s *clock.Status) {
			if s.Settings = next; s.Light.WhyGroup.By != clock.ByNight { // which stays
				s.Light = lightOf(next)
			}
			s.Revision++
		})
	}
	return clock.Changed{Revision: f.status.Get().Revision, Settings: next}, nil
}

// Do implements clock.Service.
func (f *fakeClock) Do(ctx context.Context, c clock.Command) (any, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.did = append(f.did, c)
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(ctx, c)
}

// done returns the names of the commands that were carried out.
func (f *fakeClock) done() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.did {
		names = append(names, c.Name)
	}
	return names
}

// A rig is a broker and a clock's bridge to it, in memory. It ends with the test.
type rig struct {
	t      testing.TB
	clock  *fakeClock
	link   *watch.Value[clock.Link]
	log    proof.Log
	bridge *Bridge
	broker *broker.Broker
	wires  *wires

	brokerRuns, bridgeRuns *running
}

// newRig returns a rig that runs. Its bridge may be told more before it does.
func newRig(t testing.TB, more ...func(*Config)) *rig {
	t.Helper()
	r := prepare(t)
	r.startBridge(more...)
	return r
}

// prepare returns a rig whose bridge is to be started yet.
func prepare(t testing.TB) *rig {
	r := &rig{t: t, clock: newFakeClock(), link: new(watch.Value[clock.Link])}
	r.broker = r.another()
	r.wires = &wires{dial: r.broker.Dial}
	r.startBroker()
	r.clock.follow(t, r.link)
	return r
}

// another returns a broker that knows nothing.
func (r *rig) another() *broker.Broker { return broker.New(broker.Config{Log: r.log.Logger()}) }

func (r *rig) startBroker() { r.brokerRuns = run(r.t, r.broker.Run) }

func (r *rig) startBridge(more ...func(*Config)) {
	c := Config{
		MQTT: config.MQTT{
			URL: config.Embedded, Reconnect: 30 * time.Second,
			Discovery: "device", DiscoveryPrefix: "homeassistant", TopicPrefix: "home",
		},
		Device: "Clock_Stani_1", ID: "Clock_Stani_1_5A1E74", MAC: "AA:BB:CC:5A:1E:74", Program: "1.0.0",
		Service: r.clock, Link: r.link, Log: r.log.Logger(), Dial: r.wires.open, Broker: "in memory",
	}
	for _, m := range more {
		m(&c)
	}
	r.bridge = New(c)
	r.bridgeRuns = run(r.t, r.bridge.Run)
}

// follow has the clock's status tell of its link.
func (f *fakeClock) follow(t testing.TB, l *watch.Value[clock.Link]) {
	run(t, func(ctx context.Context) error {
		for {
			now, changed := l.Watch()
			f.status.Update(func(s *clock.Status) { s.Link = now })
			select {
			case <-changed:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// until returns when the link is as wanted, or fails the test after a minute.
func (r *rig) until(what string, is func(clock.Link) bool) clock.Link {
	r.t.Helper()
	limit := time.After(time.Minute)
	for {
		l, changed := r.link.Watch()
		if is(l) {
			return l
		}
		select {
		case <-changed:
		case <-limit:
			r.t.Fatalf("%s: not within a minute; link %+v\n%s", what, r.link.Get(), &r.log)
		}
	}
}

// up returns when the bridge is connected.
func (r *rig) up() clock.Link {
	r.t.Helper()
	return r.until("connected", func(l clock.Link) bool { return l.State == clock.LinkUp })
}

// down returns when the bridge has lost its connection.
func (r *rig) down() clock.Link {
	r.t.Helper()
	return r.until("lost", func(l clock.Link) bool { return l.State == clock.LinkDown })
}

// change changes settings.
func (r *rig) change(edit func(*clock.Settings)) {
	r.t.Helper()
	if _, err := r.clock.Change(r.t.Context(), func(s *clock.Settings) error { edit(s); return nil }); err != nil {
		r.t.Fatal(err)
	}
}

// sees fails the test unless the broker has that retained.
func (r *rig) sees(topic, payload string) {
	r.t.Helper()
	if got := r.retained()[topic]; got != payload {
		r.t.Errorf("%s is %q, want %q", topic, got, payload)
	}
}

// A running function is to be ended, or ends with the test.
type running struct {
	g    *task.Group
	once sync.Once
	err  error
}

func run(t testing.TB, f func(context.Context) error) *running {
	g, _ := task.NewGroup(context.Background())
	g.Go("test", f)
	r := &running{g: g}
	t.Cleanup(func() {
		if err := r.end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// end ends it, and returns its error when it has.
func (r *running) end() error {
	r.once.Do(func() {
		r.g.Stop(nil)
		r.err = r.g.Wait()
	})
	return r.err
}

// wires is the network to a broker, with faults.
type wires struct {
	dial dialer

	mu   sync.Mutex
	err  error // of who dials
	all  []*wire
	slow time.Duration // of all that is read
}

func (w *wires) open(ctx context.Context) (net.Conn, error) {
	w.mu.Lock()
	err := w.err
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	x := &wire{Conn: c, of: w, frozen: make(chan struct{}), closed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, x)
	return x, nil
}

// fail has all who dial get err; nil is no fault.
func (w *wires) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// last returns the newest connection.
func (w *wires) last() *wire {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[len(w.all)-1]
}

func (w *wires) opened() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

func (w *wires) delay(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = d
}

// A wire is a connection that can go wrong.
type wire struct {
	net.Conn
	of     *wires
	frozen chan struct{}
	closed chan struct{}
	once   sync.Once
	wasCut atomic.Bool
}

// cut ends the connection as a router does that has lost it.
func (x *wire) cut() {
	x.wasCut.Store(true)
	x.Conn.Close()
}

// freeze makes the connection half-open: nothing arrives any more, and nobody says so.
func (x *wire) freeze() { close(x.frozen) }

func (x *wire) isFrozen() bool {
	select {
	case <-x.frozen:
		return true
	default:
		return false
	}
}

// Read implements net.Conn.
func (x *wire) Read(b []byte) (int, error) {
	n, err := x.Conn.Read(b)
	if x.wasCut.Load() {
		return 0, syscall.ECONNRESET
	}
	if x.isFrozen() {
		<-x.closed
		return 0, net.ErrClosed
	}
	x.of.mu.Lock()
	slow := x.of.slow
	x.of.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-x.closed:
	}
	return n, err
}

// Write implements net.Conn.
func (x *wire) Write(b []byte) (int, error) {
	if x.isFrozen() {
		return len(b), nil
	}
	n, err := x.Conn.Write(b)
	if x.wasCut.Load() {
		return 0, syscall.ECONNRESET
	}
	return n, err
}

// Close implements net.Conn. The far end of a frozen connection hears nothing of it; its
// keepalive will.
func (x *wire) Close() error {
	x.once.Do(func() { close(x.closed) })
	if x.isFrozen() {
		return x.Conn.SetReadDeadline(time.Now())
	}
	return x.Conn.Close()
}

// A peer is another client of the broker, which sees all that is published.
type peer struct {
	t     testing.TB
	s     *session
	hears bool // its own messages, by take

	mu   sync.Mutex
	all  []message
	when map[string]time.Time // the first message of a topic came, since seen
	sent message
	came chan struct{} // closed when sent has come back
}

// peer connects one more client.
func (r *rig) peer(id string) *peer {
	r.t.Helper()
	s, err := open(r.t.Context(), r.broker.Dial, letter{id: id, will: message{topic: "peer/" + id, payload: []byte("gone")}})
	if err != nil {
		r.t.Fatal(err)
	}
	p := &peer{t: r.t, s: s, hears: true, when: map[string]time.Time{}}
	_, err = s.subscribe(r.t.Context(), func(_ mqtt.Client, m mqtt.Message) { p.take(received(m)) }, "#")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(s.leave)
	return p
}

// send publishes.
func (p *peer) send(topic, payload string) {
	p.put(message{topic: topic, payload: []byte(payload), qos: 1})
}

// keep publishes what the broker is to retain.
func (p *peer) keep(topic, payload string) {
	p.put(message{topic: topic, payload: []byte(payload), qos: 1, retain: true})
}

// put publishes, and returns when the broker has handed the message on: it acknowledges it
// before that.
func (p *peer) put(m message) {
	p.t.Helper()
	came := make(chan struct{})
	p.mu.Lock()
	p.sent, p.came = m, came
	p.mu.Unlock()
	if err := p.s.publish(p.t.Context(), m); err != nil {
		p.t.Fatal(err)
	}
	if p.hears {
		<-came
	}
}

// take keeps a message that has come.
func (p *peer) take(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, m)
	if p.when[m.topic].IsZero() {
		p.when[m.topic] = time.Now()
	}
	if p.came != nil && m.topic == p.sent.topic && bytes.Equal(m.payload, p.sent.payload) {
		close(p.came)
		p.came = nil
	}
}

// seen returns what was published since the last time, "topic=payload", retained or not.
func (p *peer) seen() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all {
		all = append(all, fmt.Sprintf("%s=%s", m.topic, m.payload))
	}
	p.all = nil
	clear(p.when)
	return all
}

// at returns when the first message of a topic came since seen was asked.
func (p *peer) at(topic string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.when[topic]
}

// saw returns the payloads that were published to a topic, and forgets nothing.
func (p *peer) saw(topic string) (payloads []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all {
		if m.topic == topic {
			payloads = append(payloads, string(m.payload))
		}
	}
	return payloads
}

// retained returns what the broker has, by topic.
func (r *rig) retained() map[string]string {
	r.t.Helper()
	p := r.peer("retained")
	synctest.Wait()
	p.s.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]string{}
	for _, m := range p.all {
		if m.retain && !strings.HasPrefix(m.topic, "$") {
			all[m.topic] = string(m.payload)
		}
	}
	return all
}

// count returns how often the log has an event.
func (r *rig) count(event string) (n int) {
	for _, e := range r.log.Events() {
		if e == event {
			n++
		}
	}
	return n
}

// logged fails the test unless the log has an event.
func (r *rig) logged(event string) {
	r.t.Helper()
	if !slices.Contains(r.log.Events(), event) {
		r.t.Errorf("no event %s in the log\n%s", event, &r.log)
	}
}
