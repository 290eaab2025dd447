package doctor

import (
	"io/fs"
	"slices"

	"wordclockd/internal/config"
)

// pins looks for what the configured pins need: a GPIO chip that the user may
// use, with lines of their names that nobody else has.
func (h Host) pins(b config.Board) []Finding {
	wired := slices.DeleteFunc(b.Pins(), func(p config.Pin) bool { return p.Name == "" })
	if len(wired) == 0 {
		return nil
	}
	s := section{topic: "pins"}
	if h.gpio(&s, len(wired)) {
		for _, p := range wired {
			h.line(&s, p)
		}
	}
	return s.findings
}

// gpio looks for a GPIO chip, and reports whether there is one to be used.
func (h Host) gpio(s *section, wired int) bool {
	chips, err := fs.Glob(h.Root, "dev/gpiochip*")
	if err != nil || len(chips) == 0 {
		s.add(Fault, "/dev/gpiochip*", "use a kernel with GPIO character devices (5.10 or later), or leave the pins of board empty",
			"%d pins are configured, but this host has no GPIO chip", wired)
		return false
	}
	var why, remedy string
	for _, chip := range chips {
		info, err := fs.Stat(h.Root, chip)
		if err != nil {
			why = err.Error()
			continue
		}
		if why, remedy = h.access(info); why == "" {
			s.add(OK, "/"+chip, "", "is there, and %s may use it", h.User.Name)
			return true
		}
	}
	s.add(Fault, "/dev/gpiochip*", remedy, "%s", why)
	return false
}

// line looks at one pin.
func (h Host) line(s *section, p config.Pin) {
	switch user, err := h.Line(p.Name); {
	case err != nil:
		s.add(Fault, p.Name, "gpioinfo lists the names of all lines: put one of them into "+p.Key, "no GPIO chip has a line of this name: the clock runs without it")
	case user != "" && !h.Running:
		s.add(Warning, p.Name, "free it (a line of config.txt, a service), or put another one into "+p.Key, "is used by %s, so that the clock cannot", user)
	default:
		s.add(OK, p.Name, "", "is there, for %s", p.Key)
	}
}
