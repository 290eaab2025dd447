package machine

import (
	"fmt"
	"time"

	"wordclockd/internal/hal/sim"
)

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
