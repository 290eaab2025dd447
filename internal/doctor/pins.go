package doctor

import (
	"io/fs"

	"wordclockd/internal/config"
)

// pins looks for what the configured pins need: a GPIO chip that the user may
// use.
func (h Host) pins(b config.Board) []Finding {
	s := section{topic: "pins"}
	wired := 0
	for _, pin := range [...]string{b.ResetPin, b.ButtonPin, b.Lamps.Net, b.Lamps.Time} {
		if pin != "" {
			wired++
		}
	}
	if wired == 0 {
		return nil
	}
	chips, err := fs.Glob(h.Root, "dev/gpiochip*")
	if err != nil || len(chips) == 0 {
		s.add(Fault, "/dev/gpiochip*", "use a kernel with GPIO character devices (5.10 or later), or leave the pins of board empty",
			"%d pins are configured, but this host has no GPIO chip", wired)
		return s.findings
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
			return s.findings
		}
	}
	s.add(Fault, "/dev/gpiochip*", remedy, "%s", why)
	return s.findings
}
