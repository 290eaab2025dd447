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
		"what befalls transactions on the bus leds or sensors: nack, stuck, flip, brownout, slow or sda", simFault},
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
