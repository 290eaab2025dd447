package doctor

import (
	"context"
	"errors"
	"time"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/bh1750"
	"wordclockd/internal/hal/ds3231"
)

// beat is long enough for a running RTC to count on.
const beat = 1100 * time.Millisecond

// drift is how far the RTC may be from a host whose clock is right. The chip
// gains or loses a minute a year (datasheet 19-5170, ±2 ppm).
const drift = 5 * time.Second

// firstYear is the first that can be right: the program is no older.
const firstYear = 2024

// clock looks at the RTC.
func (x *patient) clock(ctx context.Context) {
	a, ok := x.answers[hal.RTCAddr]
	if !ok {
		x.add(Fault, rtc, remedyWires, "the RTC does not answer at 0x68: without network the clock will not know the time")
		return
	}
	if row, ok := x.allCalled(); ok {
		x.add(Note, rtc, "start the clock once, it stops that; then look again",
			"the RTC cannot be told from row %d, which was reset and answers LED All-Call at the same address", row)
		return
	}
	level := Warning
	if x.leds {
		level = Fault // what the kernel writes to its RTC, drivers that were reset take for them
	}
	if !x.asked(a, "RTC", level) {
		return
	}
	first, err := ds3231.New(x.wire).Time()
	if err != nil {
		x.noTime(err)
		return
	}
	select {
	case <-time.After(beat):
	case <-ctx.Done():
	}
	now, err := ds3231.New(x.wire).Time()
	switch {
	case err != nil:
		x.noTime(err)
	case !now.After(first):
		x.add(Fault, rtc, "replace the chip", "the RTC stands still at %s", text(now))
	default:
		x.judge(now)
	}
}

const (
	rtc    = "RTC"
	setRTC = "let the clock run while this host's clock is synchronised (see timedatectl): it sets the RTC"
)

// allCalled returns a row that answers LED All-Call, if there is one.
func (x *patient) allCalled() (row int, ok bool) {
	for row, addr := range hal.LEDAddrs {
		if a, ok := x.answers[Addr(addr)]; !ok || a.Driver != "" || a.Hung {
			continue
		}
		if mode, err := x.register(addr, regMode1); err == nil && mode&allCall != 0 {
			return row, true
		}
	}
	return 0, false
}

// noTime says why the RTC has no time to give.
func (x *patient) noTime(err error) {
	_, nonsense := errors.AsType[*ds3231.RegisterError](err)
	switch {
	case errors.Is(err, ds3231.ErrStopped):
		x.add(Fault, rtc, "put in a new CR2032; then "+setRTC, "the RTC lost its time: it was never set, or its battery is flat")
	case nonsense:
		x.add(Fault, rtc, setRTC, "the RTC holds no time: %v", err)
	default:
		x.add(Fault, rtc, remedyWires, "the RTC is there, but cannot be read: %v", errors.Unwrap(err))
	}
}

// judge compares the RTC's time with the host's.
func (x *patient) judge(at time.Time) {
	off := time.Until(at).Round(time.Second)
	synced, err := x.host.Synced()
	switch {
	case at.Year() < firstYear:
		x.add(Fault, rtc, setRTC, "the RTC says %s, so it was never set", text(at))
	case (!synced || err != nil) && off.Abs() > drift:
		x.add(Note, rtc, "connect the host to a network with NTP (timedatectl set-ntp true), then look again",
			"the RTC says %s, %s from the host's clock, which is not synchronised either; one of them is wrong", text(at), off.Abs())
	case off.Abs() > drift:
		x.add(Warning, rtc, setRTC,
			"the RTC says %s, %s wrong: the clock would go wrong by this much without network", text(at), off.Abs())
	default:
		x.add(OK, rtc, "", "runs, and says %s", text(at))
	}
}

func text(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// light looks at the light sensor.
func (x *patient) light() {
	const name = "light sensor"
	a, ok := x.answers[hal.LightAddr]
	if !ok {
		remedy := remedyWires
		if _, high := x.answers[0x5C]; high {
			remedy = "somebody answers at 0x5C: connect the pin ADDR to ground"
		}
		x.add(Warning, name, remedy, "the BH1750 does not answer at 0x23: brightness cannot follow the room")
		return
	}
	if !x.asked(a, "BH1750", Warning) {
		return
	}
	switch lux, err := bh1750.New(x.wire, hal.LightAddr).Lux(); {
	case err != nil:
		x.add(Fault, name, remedyWires, "the BH1750 is there, but cannot be read: %v", errors.Unwrap(err))
	case lux == 0:
		x.add(OK, name, "", "answers; 0 lx, so the room is dark or no clock has started it yet")
	default:
		x.add(OK, name, "", "answers; %.0f lx", float64(lux))
	}
}
