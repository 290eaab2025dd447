package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

func newRun() *cobra.Command {
	var chosen func() []config.Flag
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the clock",
		Long: `Run the clock until it is told to stop, by SIGINT, SIGTERM or SIGHUP; then the
LEDs go dark, and that is exit status 0. Without any configuration it is a virtual clock, on simulated chips.

On a terminal the front of the clock is drawn as it is lit, with the log above.
Elsewhere there is the log alone, on standard error: as text if that is a
terminal, else as JSON. NO_COLOR takes the colour away.

Flash, settings and journal are kept in the state directory, of which a clock is the
only user. The first start makes a flash with this program in its first slot.

The clock speaks MQTT, and Home Assistant finds it. Unless mqtt.url names another
broker, it brings one along, on 127.0.0.1:1883 or the next port that is free.

Firmware that crashes or hangs is started again, on trial the one before it. If it
cannot be ended, the process is replaced; under systemd it ends, to be started anew.

Whatever can be configured is listed by "wordclockd config show"; each key,
such as board.leds_bus, is an environment variable too: WORDCLOCKD_BOARD_LEDS_BUS.`,
		Example:     "  wordclockd run\n  wordclockd run --mqtt off\n  WORDCLOCKD_BOARD_SENSORS_BUS=1 wordclockd run --board linux",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning, exitNothingBootable, exitWatchdog),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd, chosen()...)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				c.Log.Format = "json"
			}
			return runError(cmd.Context(), run(cmd.Context(), stateOf(cmd), c))
		},
	}
	chosen = choices(cmd, "what to run on", "the MQTT broker")
	return cmd
}

// runError gives an error of a clock its exit code. If the process has to end for
// the clock to go on, it is replaced by a new one, unless systemd does that.
func runError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("run clock: %w", err)
	_, isStuck := errors.AsType[*boot.StuckError](err)
	_, busy := errors.AsType[*machine.BusyError](err)
	_, damaged := errors.AsType[*machine.FlashError](err)
	_, nothing := errors.AsType[*boot.NothingError](err)
	switch {
	case busy:
		return codeError{exitRunning, fmt.Errorf("%w: stop it, or name another directory by --state", err)}
	case damaged:
		return codeError{exitNothingBootable, fmt.Errorf("%w: restore the file, or begin anew by \"wordclockd flash init --force\"", err)}
	case nothing && errors.As(err, new(*flash.ForeignError)):
		return codeError{exitNothingBootable, fmt.Errorf("%w: put an image there that is signed by a trusted key: \"wordclockd image sign\", \"wordclockd flash write\"", err)}
	case nothing:
		return codeError{exitNothingBootable, fmt.Errorf("%w: put an image there by \"wordclockd flash write\", or begin anew by \"wordclockd flash init --force\"", err)}
	case isStuck && (supervised() || ctx.Err() != nil): // it was told to stop meanwhile
		return codeError{exitWatchdog, err}
	case isStuck:
		report(err)
		return codeError{exitWatchdog, replace()}
	}
	return err
}

// supervised reports whether systemd starts the process anew when it ends.
func supervised() bool {
	return os.Getenv("NOTIFY_SOCKET") != "" || os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid())
}

// replace replaces the process by a new one of the same program; it only returns if
// that fails. A program that was updated meanwhile has another file by that name, and
// one that was removed is still there as what runs.
func replace() error {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	err = errors.Join(err, syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	return fmt.Errorf("run clock: replace process: %w", err)
}

// run runs the clock, with a front end that suits where it is started.
func run(ctx context.Context, state machine.State, c *config.Loaded) error {
	signal.Ignore(syscall.SIGPIPE) // nobody reads the log: no reason to go dark
	mc := machine.Config{
		Config: c.Config, State: state, Desc: self, Built: built(),
		BrokerMoves: c.Origin("broker.listen").IsDefault(),
	}
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
