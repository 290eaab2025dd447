package doctor

import (
	"context"
	"slices"

	"wordclockd/internal/config"
)

// Hardware looks at the buses that b names, and at the chips on them.
func Hardware(ctx context.Context, h Host, b config.Board) []Finding {
	board := section{topic: "board"}
	if b.Kind == config.Sim {
		board.add(Note, "kind", "for real chips: board.kind: linux, or --board linux",
			"the board is simulated, so there is no hardware to look at")
		return board.findings
	}
	if m := h.model(); m != "" {
		board.add(OK, "host", "", "%s", m)
	} else {
		board.add(OK, "host", "", "no device tree, so not a Raspberry Pi")
	}
	h.aboutBuses(&board, b)
	board.findings = append(board.findings, h.pins(b)...)

	ports := portsOf(b)
	looks := make([]look[[]Finding], len(ports))
	for i, p := range ports {
		looks[i] = look[[]Finding]{
			run:  func(ctx context.Context) []Finding { return h.port(ctx, p) },
			late: []Finding{{Fault, topic(p.bus), "/dev/" + topic(p.bus), leftBehind, remedyHang}},
		}
	}
	results, err := examine(ctx, looks)
	if err != nil {
		board.add(Fault, "doctor", remedyBug, "%v", err)
	}
	return slices.Concat(board.findings, slices.Concat(results...))
}

// aboutBuses says what the choice of buses means.
func (h Host) aboutBuses(s *section, b config.Board) {
	if b.LEDsBus == b.SensorsBus {
		s.add(Note, "buses", "works; to be rid of it, put RTC and light sensor on a bus of their own and name that in board.sensors_bus",
			"LED drivers and RTC share %s, where 0x68 is the RTC and, of each driver that was reset, LED All-Call too; a running clock keeps them apart", topic(b.LEDsBus))
	} else {
		s.add(OK, "buses", "", "LED drivers on %s, RTC and light sensor on %s", topic(b.LEDsBus), topic(b.SensorsBus))
	}
	if h.Running {
		s.add(Note, "daemon", "for a look without it: stop the clock first",
			"a clock is running and uses the same chips; reading beside it does no harm, but a chip may just be in the middle of something")
	}
}

// A port is a bus and what should be on it.
type port struct {
	bus           int
	leds, sensors bool
	adc           Addr // 0 is none
}

// portsOf returns the buses that a board uses, each once.
func portsOf(b config.Board) (ports []*port) {
	on := func(bus int) *port {
		for _, p := range ports {
			if p.bus == bus {
				return p
			}
		}
		ports = append(ports, &port{bus: bus})
		return ports[len(ports)-1]
	}
	on(b.LEDsBus).leds = true
	on(b.SensorsBus).sensors = true
	if b.ADC.Bus != 0 {
		on(b.ADC.Bus).adc = Addr(b.ADC.Address)
	}
	return ports
}
