package firmware

import (
	"context"
	"log/slog"
	"time"

	"periph.io/x/conn/v3/gpio"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/watch"
)

// A glow is what a status lamp does.
type glow uint8

const (
	unlit  glow = iota
	blinks      // half a second lit, half a second dark (firmware: 500 ms)
	shines
)

// blink is how long a lamp that blinks is lit, or dark.
const blink = 500 * time.Millisecond

// at returns whether a lamp is lit, so long after it began to blink.
func (g glow) at(since time.Duration) gpio.Level {
	return gpio.Level(g == shines || g == blinks && since/blink%2 == 0)
}

// netGlow is what the lamp of the network shows: whether there is one, and a broker if
// one is wanted.
func netGlow(network bool, link clock.LinkState) glow {
	switch {
	case !network:
		return unlit
	case link == clock.LinkDown:
		return blinks
	}
	return shines
}

// timeGlow is what the lamp of the time shows: whether it is known for sure. Who believes
// nobody but the RTC has nothing surer to wait for; who asks servers may hear of the time
// as long as there is a network.
func timeGlow(q clock.Quality, rtcAlone, asks, network bool) glow {
	switch {
	case q == clock.Synced, q == clock.RTC && rtcAlone:
		return shines
	case q == clock.Unknown && !(asks && network):
		return unlit
	}
	return blinks
}

// lamps owns the two status lamps.
type lamps struct {
	// Immutable.
	network        *watch.Value[bool]
	link           *watch.Value[clock.Link]
	time           *watch.Value[clock.Time]
	rtcAlone, asks bool
	log            *slog.Logger

	net, clock lamp // owned by Run
}

// newLamps returns those of a board; nil if it has none.
func (d *device) newLamps(c Config, b hal.Board) *lamps {
	if b.NetLamp == nil && b.TimeLamp == nil {
		return nil
	}
	return &lamps{
		network: d.reach.value, link: d.link, time: d.time, log: d.log,
		rtcAlone: c.Time.Source == "rtc", asks: d.servers,
		net: lamp{name: "network", pin: b.NetLamp}, clock: lamp{name: "time", pin: b.TimeLamp},
	}
}

func (l *lamps) String() string { return "lamps" }

// Run shows how network and time are until ctx is done, and darkens the lamps then,
// unless the firmware is started again at once.
func (l *lamps) Run(ctx context.Context) error {
	defer func() {
		if !goesOn(context.Cause(ctx)) {
			l.net.out(gpio.Low, l.log)
			l.clock.out(gpio.Low, l.log)
		}
	}()
	for {
		network, newNetwork := l.network.Watch()
		link, newLink := l.link.Watch()
		believed, newTime := l.time.Watch()
		now := time.Now()
		next := l.net.show(netGlow(network, link.State), now, l.log)
		next = sooner(next, l.clock.show(timeGlow(believed.Quality, l.rtcAlone, l.asks, network), now, l.log))
		var due <-chan time.Time
		if next > 0 {
			due = time.After(next)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-newNetwork:
		case <-newLink:
		case <-newTime:
		case <-due:
		}
	}
}

// sooner returns the smaller of two durations, of which 0 is never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// A lamp is one of them, and what it does.
type lamp struct {
	name string
	pin  gpio.PinOut // nil is not wired

	glow   glow
	since  time.Time
	level  gpio.Level
	set    bool // the pin has that level
	failed bool // the log was told
}

// lampPause is how long a lamp that cannot be set is left alone.
const lampPause = 5 * time.Second

// show has the lamp glow, and returns in how long it has to be shown again; 0 is never.
func (l *lamp) show(g glow, now time.Time, log *slog.Logger) time.Duration {
	if l.pin == nil {
		return 0
	}
	if g != l.glow {
		l.glow, l.since = g, now
	}
	passed := now.Sub(l.since)
	l.out(g.at(passed), log)
	switch {
	case !l.set:
		return lampPause
	case g == blinks:
		return blink - passed%blink
	}
	return 0
}

// out sets the pin if it is not as it should be.
func (l *lamp) out(level gpio.Level, log *slog.Logger) {
	if l.pin == nil || l.set && l.level == level {
		return
	}
	err := l.pin.Out(level)
	l.set, l.level = err == nil, level
	if err != nil && !l.failed {
		log.Warn("status lamp cannot be set: check its pin", "event", "lamp_failed", "lamp", l.name, "err", err)
	}
	l.failed = err != nil
}
