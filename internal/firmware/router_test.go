package firmware

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/hal/sim"
)

// TestRouterAbsent: a clock that starts while the router is off shows the time of its RTC at
// once, and joins the network by itself when that is there.
func TestRouterAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 6, 15, 12, 30, 5, 0, time.UTC)
		time.Sleep(time.Until(at))
		proc, h := new(host), newHub(t)
		d := &clockwork{board: sim.NewBoard(), zone: vienna(t)}
		d.run(t, func(c *Config) {
			c.Proc = proc
			c.Time = config.Time{Source: "auto", NTPServers: []string{"a.test"}}
			c.OTA.GitHub.Manifest = "https://one.test/version.json"
			c.DialOTA = func(context.Context, string, string) (net.Conn, error) { return nil, errNoWay }
			c.DialNTP = func(local, remote string) (net.Conn, error) {
				if !proc.up.Load() {
					return nil, errNoWay
				}
				return d.board.NTP.Dial(local, remote)
			}
			c.Bridge = bridgeTo(t, func(ctx context.Context) (net.Conn, error) {
				if !proc.up.Load() {
					return nil, errNoWay
				}
				return h.dial(ctx)
			})
		})
		time.Sleep(1100 * time.Millisecond)
		d.sees(t, wall(time.Now()))
		d.keeps(t, at, at.Add(10*time.Minute), 0)
		if s, _ := d.service.Watch(); s.Time.Quality != clock.RTC || s.Network || s.Link.State == clock.LinkUp {
			t.Errorf("%s, network %t, %s", s.Time.Quality, s.Network, s.Link.State)
		}
		proc.up.Store(true)
		time.Sleep(routeEvery + time.Second)
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Time.Quality != clock.Synced || !s.Network {
			t.Errorf("%s, network %t\n%s", s.Time.Quality, s.Network, &d.log)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Link.State != clock.LinkUp || h.last("availability") != "online" || h.last("ntp") != "synced" {
			t.Errorf("%s, %s, %s", s.Link.State, h.last("availability"), h.last("ntp"))
		}
		for _, event := range []string{"network_lost", "network_back"} {
			if n := len(slices.DeleteFunc(d.log.Events(), func(e string) bool { return e != event })); n != 1 {
				t.Errorf("%s: %d times\n%s", event, n, &d.log)
			}
		}
		s, _ := d.service.Watch()
		if n := s.Journal.Stats.ByOrigin[clock.OriginWiFi]; n != 2 {
			t.Errorf("%d entries on the network in the journal", n)
		}
	})
}

var errNoWay = errors.New("network is unreachable")
