package firmware

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/hal/sim"
)

func TestGlow(t *testing.T) {
	for _, c := range []struct {
		network bool
		link    clock.LinkState
		want    glow
	}{
		{false, clock.LinkOff, unlit}, {false, clock.LinkDown, unlit}, {false, clock.LinkUp, unlit},
		{true, clock.LinkOff, shines}, {true, clock.LinkDown, blinks}, {true, clock.LinkUp, shines},
	} {
		if got := netGlow(c.network, c.link); got != c.want {
			t.Errorf("network %t, link %s: %d, want %d", c.network, c.link, got, c.want)
		}
	}
	for _, c := range []struct {
		q                       clock.Quality
		rtcAlone, asks, network bool
		want                    glow
	}{
		{clock.Synced, false, true, true, shines},
		{clock.Synced, false, false, false, shines},
		{clock.Holdover, false, true, false, blinks},
		{clock.RTC, false, true, true, blinks},
		{clock.RTC, true, false, true, shines},
		{clock.Holdover, true, false, true, blinks},
		{clock.Unknown, false, true, true, blinks},
		{clock.Unknown, false, true, false, unlit},
		{clock.Unknown, false, false, true, unlit},
		{clock.Unknown, true, false, true, unlit},
	} {
		if got := timeGlow(c.q, c.rtcAlone, c.asks, c.network); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	for ms, want := range map[time.Duration]bool{0: true, 499: true, 500: false, 999: false, 1000: true, 1500: false} {
		if got := blinks.at(ms * time.Millisecond); bool(got) != want {
			t.Errorf("%d ms: lit %t", ms, got)
		}
	}
}

// pattern is what a lamp does in the next two seconds, looked at each 250 ms from a
// moment between two of its changes on.
func pattern(l *sim.Lamp) string {
	var b strings.Builder
	for range 8 {
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		b.WriteByte("-*"[map[bool]int{true: 1}[l.Lit()]])
	}
	return b.String()
}

// isBlinking reports whether a pattern is that of a lamp that blinks.
func isBlinking(p string) bool {
	return strings.Contains("**--**--**--", p) && len(p) == 8
}

// wants fails unless the lamps do that: ' ' dark, '*' lit, '~' blinking.
func (d *clockwork) wants(t *testing.T, when, lamps string) {
	t.Helper()
	for i, l := range []*sim.Lamp{d.board.Lamps.Net, d.board.Lamps.Time} {
		p := pattern(l)
		fine := map[byte]bool{' ': p == "--------", '*': p == "********", '~': isBlinking(p)}
		if !fine[lamps[i]] {
			t.Errorf("%s: %s is %s, want %q", when, l, p, lamps[i])
		}
	}
}

// TestLamps: the lamps over the life of a clock, as a person sees them.
func TestLamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(quarterToThree))
		proc, h := new(host), newHub(t)
		h.out = true
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.board.RTC.PowerLoss()
		d.board.NTP.SetFault(sim.Down)
		d.run(t, func(c *Config) {
			c.Proc, c.Bridge = proc, h.bridge(t)
			c.OTA.GitHub.Manifest = "https://one.test/version.json"
			c.Time = config.Time{Source: "auto", NTPServers: []string{"ntp.test"}}
			c.DialNTP = d.board.NTP.Dial
		})
		for _, c := range []struct {
			when, lamps string
			come        func()
		}{
			{"no network, no time", "  ", func() {}},
			{"a network", "~~", func() { proc.up.Store(true) }},
			{"the broker", "*~", func() { h.plug(true) }},
			{"time servers", "**", func() { d.board.NTP.SetFault(sim.Up); d.asks(t) }},
			{"the broker is lost", "~*", func() { h.plug(false) }},
			{"the network is lost", " *", func() { proc.up.Store(false) }},
			{"and comes back", "**", func() { proc.up.Store(true); h.plug(true) }},
		} {
			c.come()
			time.Sleep(time.Minute + 100*time.Millisecond)
			d.wants(t, c.when, c.lamps)
		}
		d.stop()
		d.wants(t, "the end", "  ")
	})
}

// asks has the clock ask its time servers.
func (d *clockwork) asks(t *testing.T) {
	t.Helper()
	if _, err := d.service.Do(t.Context(), clock.Command{Name: clock.ForceNTPSync}); err != nil {
		t.Error(err)
	}
}

// TestLampsEnd: a restart leaves the lamps as they are, a stop darkens them.
func TestLampsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		d.wants(t, "synced, no broker", "**")
		before := len(d.board.Lamps.Net.Changes()) + len(d.board.Lamps.Time.Changes())
		if _, err := d.service.Do(t.Context(), clock.Command{Name: clock.Restart}); err != nil {
			t.Fatal(err)
		}
		d.wants(t, "after a restart", "**")
		if n := len(d.board.Lamps.Net.Changes()) + len(d.board.Lamps.Time.Changes()); n != before {
			t.Errorf("the lamps changed %d times at the restart", n-before)
		}
		d.stop()
		if d.board.Lamps.Net.Lit() || d.board.Lamps.Time.Lit() {
			t.Error("lit after the end")
		}
	})
}

// TestLampFails: a lamp that cannot be set is told of once, and set when it can be.
func TestLampFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.board.Lamps.Time.Fail(errors.New("gone")) })
		time.Sleep(time.Minute)
		d.logged(t, "time_known", "lamp_failed")
		d.board.Lamps.Time.Fail(nil)
		time.Sleep(lampPause)
		d.wants(t, "healed", "**")
	})
}
