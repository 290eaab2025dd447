package firmware

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// loopback runs a broker on loopback for the rest of the benchmark, and returns how to
// reach it.
func loopback(b *testing.B) func(context.Context) (net.Conn, error) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	g, _ := task.NewGroup(context.Background())
	g.Go("broker", broker.New(broker.Config{Listeners: []net.Listener{l}, Log: new(proof.Log).Logger()}).Run)
	b.Cleanup(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			b.Error(err)
		}
	})
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

// BenchmarkCommandToLEDs is from a command on the wire to changed LEDs, over TCP of this
// host: the time at which a client begins to send until the chips are off, or on again.
// The baseline is a message that comes back from the same broker to the same client.
func BenchmarkCommandToLEDs(b *testing.B) {
	const samples = 100 // set topics have a rate, of ten a second
	dial := loopback(b)
	m := meetAt(b, lookOn(b, dial), func(c *Config) { c.Zone, c.Bridge = time.UTC, bridgeTo(b, dial) })
	var leds, echo []time.Duration
	for b.Loop() {
		for i := range samples {
			before := m.board.Lit()
			leds = append(leds, timed(func() {
				m.ha.client.Publish(m.ha.base+"light/set", 1, false, []string{`{"state":"OFF"}`, `{"state":"ON"}`}[i%2])
				for m.board.Lit() == before {
					runtime.Gosched()
				}
			}))
			mark := m.ha.mark()
			echo = append(echo, timed(func() {
				m.ha.say("echo", fmt.Sprint(i))
				m.ha.await(mark, "echo", fmt.Sprint(i))
			}))
			time.Sleep(110 * time.Millisecond)
		}
	}
	p99 := percentile(leds, 0.99)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p99.Seconds()*1000, "p99-ms")
	b.ReportMetric(median(leds).Seconds()*1000, "median-ms")
	b.ReportMetric(float64(median(leds))/float64(median(echo)), "x-round-trip")
	if limit := 100 * time.Millisecond; p99 > limit {
		b.Logf("over the limit: %s from a command to the LEDs in one of a hundred, want %s at most", p99, limit)
	}
}

// percentile returns the least value that so large a part does not exceed.
func percentile(all []time.Duration, part float64) time.Duration {
	slices.Sort(all)
	return all[int(math.Ceil(float64(len(all))*part))-1]
}

// BenchmarkInstallByMQTT is from the install command of the update entity, through
// ota_complete and the restart, until the new image is there at the broker, over TCP and
// HTTP of this host, with the short delays that a test would configure; and on to the
// verdict. Either time the clock is examined, and that its RTC advances takes a second or
// two. The baseline fetches the same image and no more.
func BenchmarkInstallByMQTT(b *testing.B) {
	dial := loopback(b)
	p := new(publisher)
	s := httptest.NewServer(p)
	b.Cleanup(s.Close)
	var there, verdict, fetch time.Duration
	n := 0
	for b.Loop() {
		n++
		ha := lookOn(b, dial)
		c := newInstalling(b, p, s.URL, dial)
		ha.await(0, "status", "connected_secure")
		begin := time.Now()
		ha.say("command", clock.StartOTA)
		complete := ha.await(0, "status", "ota_complete")
		ha.await(ha.await(complete, "availability", "offline"), "availability", "online")
		there += time.Since(begin)
		ha.await(complete, "status", "ota_validated")
		verdict += time.Since(begin)
		fetch += timed(func() { discard(b, s.URL+"/wordclock.bin") })
		c.stop()
		ha.client.Disconnect(100)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(there.Seconds()/float64(n), "s/update")
	b.ReportMetric(verdict.Seconds()/float64(n), "s/verdict")
	b.ReportMetric(float64(there)/float64(fetch), "x-plain-fetch")
	if limit := 3 * time.Second; there/time.Duration(n) > limit {
		b.Logf("over the limit: %s from the install command to the new image, want %s at most", there/time.Duration(n), limit)
	}
}

// newInstalling is a clock with an older image than p offers at url.
func newInstalling(b *testing.B, p *publisher, url string, dial func(context.Context) (net.Conn, error)) *clockwork {
	b.Helper()
	next := flash.Build{Desc: flash.Desc{Version: "1.2.4", Project: "wordclock"}, Size: 1_300_000}
	p.offers(b, "1.2.4", next)
	l, dev := newFlash(b, good)
	at := config.Source{Manifest: url + "/version.json", Image: url + "/wordclock.bin"}
	d := &clockwork{board: sim.NewBoard(), zone: time.UTC, loader: l}
	d.synced.Store(true)
	d.run(b, func(c *Config) {
		c.Flash = &Flash{Device: dev, Table: flash.Intended()}
		c.OTA = config.OTA{GitHub: at, Cloudflare: at, CompareSources: true, Stall: 5 * time.Second, Deadline: time.Minute}
		c.Health = config.Health{Attempts: 3, Interval: 100 * time.Millisecond}
		c.Bridge = bridgeTo(b, dial)
	})
	return d
}

func discard(b *testing.B, url string) {
	b.Helper()
	r, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		b.Fatal(err)
	}
}
