package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/control"
	"wordclockd/internal/durable"
	"wordclockd/internal/machine"
)

// stateOf returns the state directory that a command is about.
func stateOf(cmd *cobra.Command) machine.State {
	if dir, err := cmd.Flags().GetString("state"); err == nil && dir != "" {
		return machine.State(dir)
	}
	return machine.DefaultState(os.Getenv, os.Getuid())
}

// clientOf returns a client of the clock on the state directory.
func clientOf(cmd *cobra.Command) *control.Client { return control.NewClient(stateOf(cmd).Socket()) }

// How long a clock that does not listen is waited for: it may be about to start, or it
// holds its state directory already.
const (
	unseenLimit   = 500 * time.Millisecond
	startingLimit = 2 * time.Second
)

// reach returns when the clock listens, or an error if it does not.
func reach(cmd *cobra.Command, c *control.Client) error {
	for begin := time.Now(); ; {
		err := c.Reach(cmd.Context())
		if !errors.Is(err, control.ErrNotRunning) {
			return err
		}
		limit := unseenLimit
		if heldBy(cmd) != nil {
			limit = startingLimit
		}
		if time.Since(begin) >= limit {
			return err
		}
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask runs f over the running clock, also if that is just being started, and gives its
// errors their exit codes.
func ask(cmd *cobra.Command, f func(context.Context, *control.Client) error) error {
	client := clientOf(cmd)
	err := reach(cmd, client)
	if err == nil {
		err = f(cmd.Context(), client)
	}
	if err == nil {
		return nil
	}
	code := exitError
	if e, ok := errors.AsType[*control.Error](err); ok && e.Code == control.CodeInvalid {
		code = exitUsage
	}
	switch {
	case cmd.Context().Err() != nil:
		code = exitInterrupted
	case errors.Is(err, control.ErrNotRunning) && heldBy(cmd) != nil:
		code, err = exitRunning, fmt.Errorf("%w; but %w: end that process", err, heldBy(cmd))
	case errors.Is(err, control.ErrNotRunning):
		code, err = exitNotRunning, fmt.Errorf("%w; start it with \"wordclockd run\", or name its directory by --state", err)
	}
	return codeError{code, fmt.Errorf("%s: %w", verb(cmd), err)}
}

// offline runs f while no clock can run on the state directory.
func offline(cmd *cobra.Command, f func(machine.State) error) error {
	state := stateOf(cmd)
	return holding(verb(cmd), state.Look, func(*durable.Lock) error { return f(state) })
}

// holding runs f with a lock of the state directory. What is done is named in its
// errors.
func holding(what string, take func() (*durable.Lock, error), f func(*durable.Lock) error) error {
	lock, err := take()
	if _, busy := errors.AsType[*machine.BusyError](err); busy {
		return codeError{exitRunning, fmt.Errorf("%s: %w: stop the clock first", what, err)}
	}
	if err == nil {
		err = errors.Join(f(lock), lock.Release())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// heldBy returns who holds the state directory, as a *machine.BusyError.
func heldBy(cmd *cobra.Command) error {
	lock, err := stateOf(cmd).Look()
	_ = lock.Release()
	if _, busy := errors.AsType[*machine.BusyError](err); busy {
		return err
	}
	return nil
}

// running reports whether a clock holds the state directory.
func running(cmd *cobra.Command) (bool, error) {
	lock, err := stateOf(cmd).Look()
	if _, busy := errors.AsType[*machine.BusyError](err); busy {
		return true, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, lock.Release()
}

// printJSON prints v for scripts.
func printJSON(cmd *cobra.Command, v any) error { return json.NewEncoder(cmd.OutOrStdout()).Encode(v) }

// table prints rows in columns; f writes cells that end in tabs.
func table(cmd *cobra.Command, f func(w *tabwriter.Writer)) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	f(w)
	return w.Flush()
}

// daemonExits are the exit codes of verbs that need the clock.
func daemonExits(more ...int) map[string]string {
	return exits(append(more, exitOK, exitError, exitUsage, exitNotRunning, exitRunning)...)
}
