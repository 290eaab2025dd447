package machine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wordclockd/internal/hal/sim"
)

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
			n, err = whole(value, 7)
			f.Addr = uint16(n)
		case "byte":
			n, err = whole(value, 16)
			f.Byte = int(n)
		case "mask":
			n, err = whole(value, 8)
			f.Mask = byte(n)
		case "times":
			n, err = whole(value, 20)
			f.Times = int(n)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
			if err != nil || f.Delay < 0 || f.Delay > time.Minute {
				err = errors.New("want a duration such as 5ms, up to 1m")
			}
		case "whole":
			f.Whole, err = truth(value)
		case "firm":
			f.Firm, err = truth(value)
		default:
			err = errors.New("want addr, byte, mask, delay, times, whole or firm")
		}
		if err != nil {
			return sim.Fault{}, fmt.Errorf("%s: %w", arg, err)
		}
	}
	return f, nil
}

// whole parses a number of so many bits.
func whole(text string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("want 0 to %d", 1<<bits-1)
	}
	return n, nil
}

func truth(text string) (bool, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, errors.New("want true or false")
	}
	return b, nil
}
