package machine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal/sim"
)

// A SimVerb is something that can be done to a simulated board.
type SimVerb struct {
	Name, Usage, Doc string
	run              func(b *sim.Board, args []string) (any, error)
}

// SimVerbs lists them.
var SimVerbs = []SimVerb{
	{"lit", "", "which LEDs an eye sees: their levels by row and column, 0 to 255", simLit},
	{"surge", "", "the LED drivers are reset by a dip of their supply", simSurge},
	{"lux", "[LUX]", "the light on the sensor", simLux},
	{"pot", "[PERCENT]", "the position of the knob", simPot},
	{"button", "[press | release | DURATION]", "the button is pressed, let go, or held down for so long; for 200ms if nothing is said", simButton},
	{"lamps", "", "what the two status lamps do", simLamps},
	{"fault", "BUS KIND [addr=0xNN] [byte=N] [mask=0xNN] [delay=D] [times=N] [whole=true] [firm=true] | BUS heal",
		"what befalls transactions on the bus leds or sensors: nack, stuck, flip, brownout or slow", simFault},
	{"ntp", "[up | down | refused | unsynchronised | kiss | garbage | offset D | rate PPM | delay D]", "the time servers", simNTP},
	{"rtc", "[set TIME | offset D | rate PPM | power-loss | detach | attach]", "the battery-backed clock", simRTC},
}

// simulate does to b what a verb says.
func simulate(b *sim.Board, name string, args []string) (any, error) {
	var names []string
	for _, v := range SimVerbs {
		if v.Name == name {
			out, err := v.run(b, args)
			if err != nil {
				return nil, &clock.InvalidError{Text: err.Error()}
			}
			return out, nil
		}
		names = append(names, v.Name)
	}
	return nil, &clock.InvalidError{Key: "sim " + name, Text: "no such thing can be simulated, there are " + strings.Join(names, ", ")}
}

func few(args []string, most int) error {
	if len(args) > most {
		return fmt.Errorf("%d arguments: want %d at most", len(args), most)
	}
	return nil
}

// Lit is what an eye sees.
type Lit struct {
	Levels [10][16]int `json:"levels"`
	Rows   [10]uint16  `json:"rows"` // bit k is column k, as in face --json
}

func simLit(b *sim.Board, args []string) (any, error) {
	var l Lit
	for row, levels := range b.Lit() {
		for col, level := range levels {
			l.Levels[row][col] = int(level)
			if level > 0 {
				l.Rows[row] |= 1 << col
			}
		}
	}
	return l, few(args, 0)
}

func simSurge(b *sim.Board, args []string) (any, error) {
	if err := few(args, 0); err != nil {
		return nil, err
	}
	b.Surge()
	return nil, nil
}

func simLux(b *sim.Board, args []string) (any, error) {
	if err := few(args, 1); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		lux, err := number(args[0], 0, 65535)
		if err != nil {
			return nil, err
		}
		b.Light.SetLux(lux)
	}
	return map[string]float64{"lux": b.Light.Lux()}, nil
}

func simPot(b *sim.Board, args []string) (any, error) {
	if err := few(args, 1); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		percent, err := number(args[0], 0, 100)
		if err != nil {
			return nil, err
		}
		b.Knob.TurnTo(percent / 100)
	}
	sample, err := b.Knob.Read()
	return map[string]any{"raw": sample.Raw, "voltage": sample.V.String()}, err
}

func simButton(b *sim.Board, args []string) (any, error) {
	if err := few(args, 1); err != nil {
		return nil, err
	}
	switch how := strings.Join(args, ""); how {
	case "":
		b.Push.PressFor(200 * time.Millisecond)
	case "press":
		b.Push.Press()
	case "release":
		b.Push.Release()
	default:
		d, err := time.ParseDuration(how)
		if err != nil || d <= 0 || d > time.Hour {
			return nil, fmt.Errorf("%q: want press, release, or a duration such as 6s, up to 1h", how)
		}
		b.Push.PressFor(d)
	}
	return map[string]bool{"pressed": b.Push.Pressed()}, nil
}

func simLamps(b *sim.Board, args []string) (any, error) {
	return map[string]string{"network": glow(b.Lamps.Net), "time": glow(b.Lamps.Time)}, few(args, 0)
}

// glow says what a lamp does: one that changed twice in the last two seconds blinks.
func glow(l *sim.Lamp) string {
	changes := l.Changes()
	switch n := len(changes); {
	case n > 1 && time.Since(changes[n-2].At) < 2*time.Second:
		return "blinks"
	case n > 0 && changes[n-1].Lit:
		return "lit"
	}
	return "dark"
}

func number(text string, least, most float64) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(least <= n && n <= most) {
		return 0, fmt.Errorf("%q: want %g to %g", text, least, most)
	}
	return n, nil
}

func simFault(b *sim.Board, args []string) (any, error) {
	buses := map[string]*sim.Bus{"leds": b.LEDBus, "sensors": b.SensorBus}
	if len(args) < 2 || buses[args[0]] == nil {
		return nil, fmt.Errorf("want leds or sensors, and what befalls it")
	}
	bus := buses[args[0]]
	if args[1] == "heal" {
		bus.Heal()
		return nil, few(args, 2)
	}
	f, err := parseFault(args[1], args[2:])
	if err != nil {
		return nil, err
	}
	bus.Inject(f)
	return nil, nil
}

func parseFault(kind string, args []string) (f sim.Fault, err error) {
	if f.Kind, err = sim.ParseKind(kind); err != nil {
		return sim.Fault{}, err
	}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		var n uint64
		switch key {
		case "addr":
			n, err = strconv.ParseUint(value, 0, 7)
			f.Addr = uint16(n)
		case "byte":
			n, err = strconv.ParseUint(value, 0, 16)
			f.Byte = int(n)
		case "mask":
			n, err = strconv.ParseUint(value, 0, 8)
			f.Mask = byte(n)
		case "times":
			n, err = strconv.ParseUint(value, 0, 20)
			f.Times = int(n)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
			if f.Delay < 0 || f.Delay > time.Minute {
				err = fmt.Errorf("%s: want up to 1m", value)
			}
		case "whole":
			f.Whole, err = strconv.ParseBool(value)
		case "firm":
			f.Firm, err = strconv.ParseBool(value)
		default:
			err = fmt.Errorf("want addr, byte, mask, delay, times, whole or firm")
		}
		if err != nil {
			return sim.Fault{}, fmt.Errorf("%s: %w", arg, err)
		}
	}
	return f, nil
}

// simNTP changes the time servers, and says how they are then.
func simNTP(b *sim.Board, args []string) (any, error) {
	if len(args) > 0 {
		if err := changeNTP(b.NTP, args[0], args[1:]); err != nil {
			return nil, err
		}
	}
	return map[string]any{"state": b.NTP.Fault().String(), "offset": b.NTP.Offset().String(), "asked": b.NTP.Asked()}, nil
}

func changeNTP(s *sim.TimeServer, what string, args []string) error {
	fault, err := sim.ParseServerFault(what)
	if err == nil {
		s.SetFault(fault)
		return few(args, 0)
	}
	if len(args) != 1 || what != "offset" && what != "rate" && what != "delay" {
		return fmt.Errorf("%w, or offset D, rate PPM, delay D", err)
	}
	if what == "rate" {
		ppm, err := number(args[0], -1e6, 1e6)
		if err != nil {
			return err
		}
		s.SetRate(ppm)
		return nil
	}
	d, err := duration(args[0])
	switch {
	case err != nil:
		return err
	case what == "offset":
		s.SetOffset(d)
	case d < 0:
		return fmt.Errorf("%q: want no less than 0s", args[0])
	default:
		s.SetDelay(d/2, d/2)
	}
	return nil
}

// duration parses a duration of up to a year.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d.Abs() > 365*24*time.Hour {
		return 0, fmt.Errorf("%q: want a duration such as 1h or -90s, up to a year", text)
	}
	return d, nil
}

// simRTC changes the RTC, and says what it has then.
func simRTC(b *sim.Board, args []string) (any, error) {
	if len(args) > 0 {
		if err := changeRTC(b, args[0], args[1:]); err != nil {
			return nil, err
		}
	}
	at, ok := b.RTC.Now()
	out := map[string]any{"valid": ok && !b.RTC.Stopped()}
	if ok {
		out["utc"] = at.Format(time.RFC3339)
	}
	return out, nil
}

func changeRTC(b *sim.Board, what string, args []string) error {
	takes := map[string]int{"set": 1, "offset": 1, "rate": 1, "power-loss": 0, "detach": 0, "attach": 0}
	n, ok := takes[what]
	if !ok || n != len(args) {
		return fmt.Errorf("want set TIME, offset D, rate PPM, power-loss, detach or attach")
	}
	switch what {
	case "set":
		at, err := time.Parse(time.RFC3339, args[0])
		if err != nil || at.Year() < 2000 || at.Year() > 2199 {
			return fmt.Errorf("%q: want a time such as 2026-11-24T12:00:00Z, in 2000 to 2199", args[0])
		}
		b.RTC.Set(at)
	case "offset":
		d, err := duration(args[0])
		if err != nil {
			return err
		}
		b.RTC.Set(time.Now().Add(d))
	case "rate":
		ppm, err := number(args[0], -900000, 1e6)
		if err != nil {
			return err
		}
		b.RTC.SetRate(ppm)
	case "power-loss":
		b.RTC.PowerLoss()
	case "detach":
		b.SensorBus.Detach(b.RTC)
	case "attach":
		b.SensorBus.Detach(b.RTC) // never twice
		b.SensorBus.Attach(b.RTC)
	}
	return nil
}
