package main

import (
	"context"
	"errors"
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
Elsewhere there is the log alone, on standard error: as text if that is a
terminal, else as JSON. NO_COLOR takes the colour away.

Settings and journal are kept in the state directory, of which a clock is the only
user. Whatever can be configured is listed by "wordclockd config show"; each key,
such as board.leds_bus, is an environment variable too: WORDCLOCKD_BOARD_LEDS_BUS.`,
		Example:     "  wordclockd run\n  WORDCLOCKD_BOARD_SENSORS_BUS=1 wordclockd run --board linux",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var flags []config.Flag
			if cmd.Flags().Changed("board") {
				flags = append(flags, config.Flag{Name: "--board", Key: "board.kind", Value: board})
			}
			c, err := loadConfig(cmd, flags...)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				c.Log.Format = "json"
			}
			err = run(cmd.Context(), stateOf(cmd), c)
			if _, busy := errors.AsType[*machine.BusyError](err); busy {
				return codeError{exitRunning, fmt.Errorf("run clock: %w: stop it, or name another directory by --state", err)}
			}
			if err != nil {
				return fmt.Errorf("run clock: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&board, "board", config.Sim, "what to run on: sim or linux")
	return cmd
}

// run runs the clock, with a front end that suits where it is started.
func run(ctx context.Context, state machine.State, c *config.Loaded) error {
	signal.Ignore(syscall.SIGPIPE) // nobody reads the log: no reason to go dark
	mc := machine.Config{Config: c.Config, State: state, Desc: self}
	log := openConsole(os.Stderr)
	defer log.close()
	if c.Log.Format == "json" || !isTerminal(os.Stdout) {
		mc.Log = newLog(log, c.Log, isTerminal(os.Stderr), paints(os.Stderr))
		mc.Front = logFaces(mc.Log)
		warnUnused(mc.Log, c)
		return machine.New(mc).Run(ctx)
	}

	front := openConsole(os.Stdout)
	defer front.close()
	if isTerminal(os.Stderr) {
		mc.Log = newLog(front, c.Log, true, paints(os.Stdout))
	} else {
		mc.Log = newLog(log, c.Log, false, false)
	}
	warnUnused(mc.Log, c)
	s := &screen{console: front, terminal: os.Stdout, color: paints(os.Stdout)}
	mc.Front = s.Run
	m := machine.New(mc)
	s.lit = view(m)
	return m.Run(ctx)
}

// view returns how to see which LEDs are lit: those of chip models themselves,
// else what the display believes.
func view(m *machine.Machine) func(clock.Status) face.Mask {
	if chips := m.Sim(); chips != nil {
		return func(clock.Status) face.Mask { return chips.Seen() }
	}
	return says
}

// says returns which LEDs the display believes to be lit.
func says(s clock.Status) face.Mask {
	m := s.Face.Phrase.Mask()
	for _, row := range s.Face.Dark {
		m[row] = 0
	}
	return m
}
