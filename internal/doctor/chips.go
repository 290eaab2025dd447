package doctor

import (
	"context"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal"
)

const remedyWires = "check its supply, its wires and its address"

// A patient is an open bus, and who answered on it.
type patient struct {
	section
	*port
	host    Host
	wire    i2c.Bus
	answers map[Addr]Answer
}

// port looks at one bus and the chips on it.
func (h Host) port(ctx context.Context, p *port) []Finding {
	x := patient{section: section{topic: topic(p.bus)}, port: p, host: h, answers: map[Addr]Answer{}}
	node := h.node(p.bus)
	x.findings = append(x.findings, node)
	if node.Level == Fault {
		return x.findings
	}
	bus, err := h.Open(p.bus)
	if err != nil {
		x.add(Fault, "/dev/"+x.topic, fmt.Sprintf("a service or container has to be given the device (DeviceAllow=/dev/%[1]s rw, --device /dev/%[1]s); else see what dmesg says of it", x.topic), "%v", err)
		return x.findings
	}
	defer bus.Close()
	x.wire = hal.NewWire(bus)
	answers, err := sweep(ctx, x.wire, h.owners(p.bus))
	for _, a := range answers {
		x.answers[a.Addr] = a
	}
	if err != nil {
		x.unfinished(err)
	} else {
		x.chips(ctx)
	}
	return x.findings
}

// unfinished says why not every address was asked.
func (x *patient) unfinished(err error) {
	switch {
	case errors.Is(err, ErrHangs):
		x.add(Fault, "bus", remedyHang, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		x.add(Fault, "bus", remedyHang, "the bus is too slow: %v", err)
	default:
		x.add(Fault, "bus", "use an adapter that can do plain I²C", "%v", err)
	}
}

// chips looks at the chips that should be on the bus, and names those that
// should not.
func (x *patient) chips(ctx context.Context) {
	if n := x.ledsHere(); !x.leds && n > len(hal.LEDAddrs)/2 {
		x.add(Fault, "LED drivers", fmt.Sprintf("set board.leds_bus to %d, and board.sensors_bus to that of the RTC", x.bus),
			"%d of them answer here, but the configuration looks for them elsewhere", n)
		return
	}
	known := map[Addr]bool{}
	if x.leds {
		for _, a := range hal.LEDAddrs {
			known[Addr(a)] = true
		}
		known[hal.RTCAddr] = true // All-Call of those that were reset
		x.rows()
	}
	if x.sensors {
		known[hal.RTCAddr], known[hal.LightAddr] = true, true
		x.clock(ctx)
		x.light()
	}
	if x.adc != 0 {
		known[x.adc] = true
		if a, ok := x.answers[x.adc]; !ok {
			x.add(Warning, x.adc.String(), remedyWires, "the ADS1115 of the potentiometer does not answer")
		} else if x.asked(a, "ADS1115", Warning) {
			x.add(OK, x.adc.String(), "", "answers, as the ADS1115 of the potentiometer should")
		}
	}
	for addr := Addr(firstAddr); addr <= lastAddr; addr++ {
		if a, ok := x.answers[addr]; ok && !known[addr] && a.Driver == "" {
			x.stranger(a)
		}
	}
}

// ledsHere counts the addresses of LED drivers at which somebody is.
func (x *patient) ledsHere() (n int) {
	for _, addr := range hal.LEDAddrs {
		if _, ok := x.answers[Addr(addr)]; ok {
			n++
		}
	}
	return n
}

func (x *patient) stranger(a Answer) {
	what := "a chip that the clock does not use"
	if a.Chip != "" {
		what += ", perhaps: " + a.Chip
	}
	if a.Hung {
		x.add(Fault, a.Addr.String(), "disconnect the chip", "%s, holds the bus when it is addressed", what)
		return
	}
	x.add(Note, a.Addr.String(), "", "%s", what)
}

// asked reports whether a chip can be asked further; if not, it says why.
func (x *patient) asked(a Answer, chip string, l Level) bool {
	switch {
	case a.Driver != "":
		x.add(l, a.Addr.String(), release(x.bus, a.Addr, a.Driver),
			"the kernel's driver %s owns the %s: the clock can use it all the same, but both may change it behind the other's back", a.Driver, chip)
	case a.Hung:
		x.add(Fault, a.Addr.String(), "replace or disconnect the chip", "the %s holds the bus when it is addressed, and makes all others wait", chip)
	default:
		return true
	}
	return false
}
