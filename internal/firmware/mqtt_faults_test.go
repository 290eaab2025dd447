package firmware

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// A lazy wire takes and gives nothing for a while, and does not say so, or is slow.
type lazy struct {
	net.Conn
	stuck *atomic.Bool
	slow  *atomic.Int64 // what a write takes
}

func (l lazy) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.stuck.Load() {
		return 0, errStuck(l.Conn)
	}
	return n, err
}

func (l lazy) Write(p []byte) (int, error) {
	if l.stuck.Load() {
		return len(p), nil
	}
	time.Sleep(time.Duration(l.slow.Load()))
	return l.Conn.Write(p)
}

// errStuck waits until the other end gives up.
func errStuck(c net.Conn) error {
	var p [1]byte
	for {
		if _, err := c.Read(p[:]); err != nil {
			return err
		}
	}
}

// TestFaceWithoutBroker: whatever becomes of the broker, the face is right in each
// minute, and what was changed meanwhile is published within 2 s of the connection being
// up again.
func TestFaceWithoutBroker(t *testing.T) {
	var stuck atomic.Bool
	var slow atomic.Int64
	synctest.Test(t, func(t *testing.T) {
		d, h := startBridged(t, nil, nil)
		d.stop()
		h.plug(false)
		d.run(t, func(c *Config) {
			c.Bridge = bridgeTo(t, func(ctx context.Context) (net.Conn, error) {
				conn, err := h.dial(ctx)
				return lazy{conn, &stuck, &slow}, err
			})
		})
		synctest.Wait()
		for n, fault := range []struct {
			name       string
			begin, end func()
		}{
			{"down at the start", func() {}, func() { h.plug(true) }},
			{"cut", func() { h.plug(false) }, func() { h.plug(true) }},
			{"slow", func() { slow.Store(int64(3 * time.Second)) }, func() { slow.Store(0) }},
			{"half open", func() { stuck.Store(true) }, func() { stuck.Store(false) }},
			{"kicked by a twin", func() { h.twin(t) }, func() {}},
			{"retained garbage", func() { h.plug(false); time.Sleep(time.Second); h.litter() }, func() { h.plug(true) }},
		} {
			fault.begin()
			level := clock.Level(20 + n)
			if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error {
				return clock.Apply(s, []clock.Edit{{Key: "brightness.global", Value: int(level)}})
			}); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(time.Minute)
				d.sees(t, says(time.Now().In(d.zone)))
			}
			fault.end()
			eventually(t, fault.name+": connected again", func() bool { s, _ := d.service.Watch(); return s.Link.State == clock.LinkUp })
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got, want := h.state("brightness/status"), fmt.Sprintf(`{"individual":60,"global":%d,"individual_manual":false,"global_manual":true,`, level); !strings.HasPrefix(got, want) {
				t.Errorf("%s: published is %s, want %s", fault.name, got, want)
			}
			d.sees(t, says(time.Now().In(d.zone)))
		}
		if s, _ := d.service.Watch(); s.Boot != 1 {
			t.Errorf("start %d: the firmware was started again", s.Boot)
		}
	})
}

// twin is another client with the clock's id, that goes away again.
func (h *hub) twin(t testing.TB) {
	o := lookOnAs(t, "Clock_Stani_1_5A1E74", h.broker.Dial)
	time.Sleep(time.Second)
	o.client.Disconnect(100)
}

// litter leaves garbage on every topic of the clock, retained.
func (h *hub) litter() {
	h.onlooker.mu.Lock()
	topics := []string{"command", "light/set", "brightness/set", "brightness/config/set", "brightness/config/reset", "transition/set", "ota/source/set", "error_log/clear"}
	for topic := range h.latest {
		if path, ok := strings.CutPrefix(topic, h.base); ok {
			topics = append(topics, path)
		}
	}
	h.onlooker.mu.Unlock()
	for _, path := range topics {
		h.keep(h.base+path, `{"state":"OFF","global":7,`+"\xff")
	}
	h.keep(h.base+"command", "restart")
	h.keep("homeassistant/status", "online")
	h.keep("homeassistant/sensor/esp32_wordclock/wifi_status/config", "{]")
}
