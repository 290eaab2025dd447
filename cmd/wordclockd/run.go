package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/machine"
)

func newRun() *cobra.Command {
	var board string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the clock",
		Long: `Run the clock until it is told to stop, by SIGINT, SIGTERM or SIGHUP; then the
LEDs go dark, and that is exit status 0. Without any configuration it is a virtual clock, on simulated chips.

On a terminal the front of the clock is drawn as it is lit, with the log above.
Elsewhere there is the log alone, as JSON on standard error.

CONFIGURATION
  WORDCLOCKD_BOARD_KIND         sim or linux (sim); --board overrides it
  WORDCLOCKD_BOARD_LEDS_BUS     N of the LED drivers' /dev/i2c-N (1)
  WORDCLOCKD_BOARD_SENSORS_BUS  N of the RTC's; may be the same (3)
  WORDCLOCKD_DEVICE_TIMEZONE    where the clock hangs (Europe/Vienna)
  WORDCLOCKD_LOG_LEVEL          debug, info, warn or error (info)
  WORDCLOCKD_LOG_FORMAT         text, json or auto (auto)
  NO_COLOR                      no colour on the terminal`,
		Example: "  wordclockd run\n  WORDCLOCKD_BOARD_SENSORS_BUS=1 wordclockd run --board linux",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig()
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("board") {
				if err := c.Set("board.kind", board); err != nil {
					return usageError{fmt.Errorf("run --board %q: %w", board, err)}
				}
			}
			if wantsJSON(cmd) {
				c.Log.Format = "json"
			}
			signal.Ignore(syscall.SIGPIPE) // nobody reads the log: no reason to go dark
			if err := newMachine(c).Run(cmd.Context()); err != nil {
				return fmt.Errorf("run clock: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&board, "board", config.Sim, "what to run on: sim or linux")
	return cmd
}

// newMachine returns the clock with a front end that suits where it runs.
func newMachine(c config.Config) *machine.Machine {
	mc := machine.Config{Config: c, Desc: self}
	if c.Log.Format == "json" || !isTerminal(os.Stdout) {
		mc.Log = newLog(os.Stderr, c.Log, isTerminal(os.Stderr), paints(os.Stderr))
		mc.Front = logFaces(mc.Log)
		return machine.New(mc)
	}
	s := &screen{out: os.Stdout, color: paints(os.Stdout), lit: says}
	mc.Front = s.Run
	mc.Log = newLog(os.Stderr, c.Log, false, false)
	if isTerminal(os.Stderr) {
		mc.Log = newLog(s, c.Log, true, s.color)
	}
	m := machine.New(mc)
	if chips := m.Sim(); chips != nil {
		s.lit = func(clock.Status) face.Mask { return sees(chips.Lit()) }
	}
	return m
}

// says returns which LEDs the display believes to be lit.
func says(s clock.Status) face.Mask {
	m := s.Face.Phrase.Mask()
	for _, row := range s.Face.Dark {
		m[row] = 0
	}
	return m
}

// sees returns which LEDs are lit, if only faintly.
func sees(lit [face.Rows][face.Cols]uint8) (m face.Mask) {
	for row := range lit {
		for col, level := range lit[row] {
			if level > 0 {
				m[row] |= 1 << col
			}
		}
	}
	return m
}

// readConfig returns the configuration of this environment.
func readConfig() (config.Config, error) {
	c, err := config.Read(os.Environ())
	if err != nil {
		return config.Config{}, usageError{fmt.Errorf("read configuration: %w", err)}
	}
	return c, nil
}
