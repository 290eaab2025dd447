package firmware

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/mqttbridge"
	"wordclockd/internal/nvs"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A hub is a broker in memory, a cable to it, and a client that hears everything.
type hub struct {
	broker *broker.Broker
	*onlooker

	mu    sync.Mutex
	out   bool       // the clock's cable
	wires []net.Conn // that the clock has on it
}

// newHub returns one for the rest of the test, in a bubble.
func newHub(t testing.TB) *hub {
	t.Helper()
	b := openBroker(t)
	return &hub{broker: b, onlooker: lookOn(t, b.Dial)}
}

// last returns what was said last on a topic of the clock.
func (h *hub) last(path string) string {
	synctest.Wait()
	return h.state(path)
}

// heard returns what was said on a topic of the clock, in order.
func (h *hub) heard(path string) []string {
	synctest.Wait()
	return h.since(0, path)
}

// dial opens a connection to the broker, unless the cable is out.
func (h *hub) dial(ctx context.Context) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.out {
		return nil, errors.New("the cable is out")
	}
	c, err := h.broker.Dial(ctx)
	if err == nil {
		h.wires = append(h.wires, c)
	}
	return c, err
}

// plug puts the cable in or takes it out.
func (h *hub) plug(in bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.out = !in; h.out {
		for _, c := range h.wires {
			c.Close()
		}
		h.wires = nil
	}
}

// bridge is how a clock gets there.
func (h *hub) bridge(t testing.TB) *Bridge { return bridgeTo(t, h.dial) }

// startBridged runs the firmware with a broker, for the rest of the test.
func startBridged(t *testing.T, prepare func(*clockwork), change func(*Config)) (*clockwork, *hub) {
	t.Helper()
	time.Sleep(time.Until(quarterToThree))
	d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
	d.synced.Store(true)
	if prepare != nil {
		prepare(d)
	}
	h := newHub(t)
	d.run(t, func(c *Config) {
		c.Bridge = h.bridge(t)
		if change != nil {
			change(c)
		}
	})
	time.Sleep(5 * time.Second)
	synctest.Wait()
	return d, h
}

// TestBridged: the clock is there, does what it is told, and is gone when it ends.
func TestBridged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := startBridged(t, func(d *clockwork) { d.store = filepath.Join(t.TempDir(), "nvs.db") }, nil)
		if got := h.last("availability"); got != "online" {
			t.Fatalf("availability %q\n%s", got, &d.log)
		}
		s, _ := d.service.Watch()
		if l := s.Link; l.State != clock.LinkUp || l.ClientID != "Clock_Stani_1_5A1E74" || l.Base != "home/Clock_Stani_1" || l.Broker != "memory" {
			t.Errorf("%+v", l)
		}
		h.say("brightness/set", `{"global":33}`)
		time.Sleep(time.Second)
		if got := h.last("brightness/status"); got != `{"individual":60,"global":33,"individual_manual":false,"global_manual":true,"individual_by":"knob","global_by":"manual"}` {
			t.Errorf("brightness %s", got)
		}
		h.say("light/set", `{"state":"OFF"}`)
		time.Sleep(frame)
		d.sees(t, face.Phrase{})
		if answer, err := d.service.Do(t.Context(), clock.Command{Name: "health_check"}); err != nil || stateOf(answer.(clock.Health), "mqtt") != clock.Passed {
			t.Errorf("%+v, %v", answer, err)
		}
		h.say("command", "restart")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Boot != 2 || s.Link.State != clock.LinkUp {
			t.Errorf("%+v", s)
		}
		if got := strings.Join(slices.Compact(h.heard("availability")), " "); got != "online offline online" {
			t.Errorf("availability %s", got)
		}
		d.sees(t, face.Phrase{})
		begin := time.Now()
		d.stop()
		if took := time.Since(begin); h.last("availability") != "offline" || took > stopLimit {
			t.Errorf("%s after %s", h.last("availability"), took)
		}
	})
}

// stateOf returns how a check went.
func stateOf(h clock.Health, check string) clock.CheckState {
	for _, c := range h.Checks {
		if c.Name == check {
			return c.State
		}
	}
	return ""
}

// TestID: a clock is known by the same id for ever.
func TestID(t *testing.T) {
	for _, c := range []struct {
		name, configured, stored, host string
		want, kept                     string
	}{
		{"of this host", "", "", "0a1b2c", "Clock_Stani_1_0A1B2C", "Clock_Stani_1_0A1B2C"},
		{"of a host that nobody knows", "", "", "", "Clock_Stani_1_372714", "Clock_Stani_1_372714"},
		{"of a host that makes no sense", "", "", "0a1b2", "Clock_Stani_1_372714", "Clock_Stani_1_372714"},
		{"of the old clock", "", "Clock_Stani_1_5A1E74", "0a1b2c", "Clock_Stani_1_5A1E74", "Clock_Stani_1_5A1E74"},
		{"stored for another clock", "", "Clock_Stani_2_5A1E74", "0a1b2c", "Clock_Stani_1_0A1B2C", "Clock_Stani_1_0A1B2C"},
		{"stored by somebody else", "", "ESP32_LED_5A1E74", "0a1b2c", "Clock_Stani_1_0A1B2C", "Clock_Stani_1_0A1B2C"},
		{"configured", "Clock_Stani_1_FFFFFF", "Clock_Stani_1_5A1E74", "0a1b2c", "Clock_Stani_1_FFFFFF", "Clock_Stani_1_5A1E74"},
		{"configured, and nothing stored", "Clock_Stani_1_FFFFFF", "", "0a1b2c", "Clock_Stani_1_FFFFFF", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "nvs.db")
			if c.stored != "" {
				with(t, path, func(tx *nvs.Tx) error { return nvs.MQTTClientID.Put(tx, c.stored) })
			}
			b := new(hub).bridge(t)
			b.Host, b.MQTT.DeviceID = c.host, c.configured
			for range 2 {
				store := openStore(path)
				d := build(Config{Board: sim.NewBoard().Board, Log: new(clockwork).log.Logger(), Bridge: b, Proc: ampleMemory,
					Synced: func() (bool, error) { return true, nil }}, boot.Info{}, &asks{}, store)
				if got := d.link.Get().ClientID; got != c.want {
					t.Errorf("is %s, want %s", got, c.want)
				}
				if c.kept != "" {
					unwritten(t, path, func() error { return d.adopt(b.Device, c.kept) })
				}
				store.close(d.log)
				b.Host = "FFFFFF" // it moves to another one
				if c.kept == "" {
					break
				}
			}
			with(t, path, func(tx *nvs.Tx) error {
				if got, err := nvs.MQTTClientID.Get(tx); got != c.kept || err != nil {
					t.Errorf("stored is %q, %v, want %q", got, err, c.kept)
				}
				return nil
			})
		})
	}
}

// unwritten fails the test if f writes to a file, or does not do what it is to do.
func unwritten(t *testing.T, path string, f func() error) {
	t.Helper()
	before, err1 := os.ReadFile(path)
	err := f()
	after, err2 := os.ReadFile(path)
	if err := errors.Join(err1, err, err2); err != nil || !bytes.Equal(before, after) {
		t.Errorf("written: %t, %v", !bytes.Equal(before, after), err)
	}
}

// What an old clock has left in Home Assistant's discovery.
const (
	oldWiFi       = "homeassistant/sensor/esp32_wordclock/wifi_status/config"
	oldWiFiConfig = `{"~":"home/Clock_Stani_1","name":"WiFi Status","unique_id":"Clock_Stani_1_5A1E74_wifi","state_topic":"~/wifi","device":{"identifiers":["Clock_Stani_1_5A1E74"],"name":"Word Clock Clock Stani 1"}}`
)

// TestAdopt: the id of an old clock whose entities are in Home Assistant is taken over,
// and kept; one of another clock is not.
func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		d, h := startBridged(t, func(d *clockwork) { d.store = path }, func(c *Config) {
			c.Bridge.Host = "0a1b2c"
			c.Bridge.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("not yet") }
		})
		d.stop()
		h.keep(oldWiFi, oldWiFiConfig)
		d.run(t, func(c *Config) { c.Bridge = h.bridge(t); c.Bridge.Host = "0a1b2c" })
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Link.State != clock.LinkUp || s.Link.ClientID != "Clock_Stani_1_5A1E74" {
			t.Errorf("%+v\n%s", s.Link, &d.log)
		}
		d.stop()
		with(t, path, func(tx *nvs.Tx) error {
			if got, err := nvs.MQTTClientID.Get(tx); got != "Clock_Stani_1_5A1E74" || err != nil {
				t.Errorf("stored is %q, %v", got, err)
			}
			return nil
		})
		device := d.service.(*device)
		if err := device.adopt("Clock_Stani_1", "Clock_Stani_2_5A1E74"); err == nil {
			t.Error("is another clock now")
		}
	})
}

// TestNoBroker: without one the clock is right, says so, and is healthy but for that.
func TestNoBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := startBridged(t, nil, nil)
		h.plug(false)
		time.Sleep(3 * time.Minute)
		d.sees(t, says(time.Now().UTC()))
		if s, _ := d.service.Watch(); s.Link.State != clock.LinkDown || !strings.Contains(s.Link.Err, "the cable is out") || s.Boot != 1 {
			t.Errorf("%+v", s.Link)
		}
		answer, err := d.service.Do(t.Context(), clock.Command{Name: "health_check"})
		if x, _ := answer.(clock.Health); err != nil || stateOf(x, "mqtt") != clock.Failing || stateOf(x, "leds") != clock.Passed {
			t.Errorf("%+v, %v", answer, err)
		}
		h.plug(true)
		time.Sleep(35 * time.Second)
		if s, _ := d.service.Watch(); s.Link.State != clock.LinkUp {
			t.Errorf("%+v", s.Link)
		}
	})
}

// TestImageWithoutMQTT is rolled back, as what was reached before is not any more, and
// the broker hears of it.
func TestImageWithoutMQTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		d.stop()
		h := newHub(t)
		d.bridge = h.bridge(t)
		d.powerOn()
		time.Sleep(5 * time.Second)
		d.offers(t, "1.2.4", faulty(t, "no-mqtt@10s"))
		d.begins()
		time.Sleep(examined + 3*time.Minute)
		d.came(clock.RolledBack, "1.2.3", "check_failed")
		time.Sleep(10 * time.Second)
		if got := h.last("availability"); got != "online" {
			t.Errorf("availability %s", got)
		}
		if got := strings.Join(h.heard("status"), " "); !strings.Contains(got, "ota_complete") || !strings.Contains(got, `"ota_rolled_back","from":"1.2.4","to":"1.2.3","reason":"check_failed"`) {
			t.Errorf("status %s", got)
		}
		good := faulty(t)
		good.Version = "1.2.5"
		d.offers(t, "1.2.5", good)
		d.begins()
		time.Sleep(examined + time.Minute)
		d.came(clock.Confirmed, "1.2.5", "")
		if got := strings.Join(h.heard("status"), " "); !strings.Contains(got, "ota_validated") {
			t.Errorf("status %s", got)
		}
	})
}

// A fragile service breaks who asks it, for a while. Its image is one that was gone back to.
type fragile struct {
	clock.Service
	broken atomic.Bool
}

func (f *fragile) Watch() (clock.Status, <-chan struct{}) {
	if f.broken.Load() {
		panic("broken")
	}
	s, changed := f.Service.Watch()
	s.Image.Rollback = &clock.Rollback{From: "1.2.4", To: "1.2.3", Reason: "crashed", News: true}
	return s, changed
}

// TestMQTTBreaks: whatever happens in it, nothing else ends, and it is begun anew, as the
// device that it was, and without telling anything again.
func TestMQTTBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		h := newHub(t)
		service, link := &fragile{Service: d.service}, new(watch.Value[clock.Link])
		service.broken.Store(true)
		c := h.bridge(t)
		c.Host = "0a1b2c"
		b := &bridging{log: d.log.Logger(), link: link, bridge: mqttbridge.New(mqttbridge.Config{
			MQTT: c.MQTT, Device: c.Device, ID: c.id(""), Service: service, Link: link, Log: d.log.Logger(), Dial: h.dial,
			Adopt: func(string) error { return nil },
		})}
		h.keep(oldWiFi, oldWiFiConfig)
		g, _ := task.NewGroup(t.Context())
		g.Go("mqtt", b.Run)
		for range 3 {
			time.Sleep(restAfter)
			if l := link.Get(); l.State != clock.LinkDown || !strings.Contains(l.Err, "panic: broken") {
				t.Errorf("%+v", l)
			}
		}
		for range 2 {
			service.broken.Store(false)
			time.Sleep(2 * restAfter)
			if l := link.Get(); l.State != clock.LinkUp || l.ClientID != "Clock_Stani_1_5A1E74" || h.last("availability") != "online" {
				t.Errorf("%+v, %s", l, h.last("availability"))
			}
			service.broken.Store(true)
			time.Sleep(restAfter + time.Second) // the next heartbeat
			if l := link.Get(); !strings.Contains(l.Err, "panic: broken") {
				t.Errorf("%+v", l)
			}
		}
		service.broken.Store(false)
		time.Sleep(2 * restAfter)
		if n := strings.Count(strings.Join(h.heard("status"), " "), "ota_rolled_back"); n != 1 {
			t.Errorf("the rollback is told %d times", n)
		}
		g.Stop(nil)
		if err := g.Wait(); err != nil || h.last("availability") != "offline" {
			t.Errorf("%v, %s", err, h.last("availability"))
		}
	})
}
