package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"wordclockd/internal/control"
	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

func newFlash() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flash",
		Short: "Look at the flash, or change it, while the clock is stopped",
		Long: `Look at the flash that the clock starts from, or change it, while the clock does
not run. It is in the formats of an ESP32-S3, byte for byte: what was read out of a
real clock can be looked at by --image, and what is written here suits
Espressif's tools.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newFlashInit(), newFlashInfo(), newFlashVerify(), newFlashExtract(), newFlashWrite())
	return cmd
}

// imageFlag adds the flag by which a verb is about a file instead of the clock's
// own flash.
func imageFlag(cmd *cobra.Command, dump *string) {
	cmd.Flags().StringVar(dump, "image", "", "`FILE` that was read out of a flash, instead of the clock's own")
}

// lookFlash runs f over the flash in the state directory, or over a dump, and
// leaves it as it is. What is done is named in its errors.
func lookFlash(cmd *cobra.Command, what, dump string, f func(*machine.Flash) error) error {
	if dump != "" {
		x, err := machine.OpenDump(dump)
		if err == nil {
			err = errors.Join(f(x), x.Close())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	state := stateOf(cmd)
	return holding(what, state.Look, func(lock *durable.Lock) error {
		x, err := state.Peek(lock)
		if err != nil {
			return err
		}
		return errors.Join(f(x), x.Close())
	})
}

// changeFlash runs f over the flash in the state directory, or over a dump, to
// change it.
func changeFlash(cmd *cobra.Command, what, dump string, f func(*machine.Flash) error) error {
	state := stateOf(cmd)
	path, take := state.Flash(), state.Create
	if dump != "" {
		path, take = dump, func() (*durable.Lock, error) {
			lock, err := durable.TakeLock(dump)
			if held, ok := errors.AsType[*durable.HeldError](err); ok {
				err = codeError{exitRunning, held}
			}
			return lock, err
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && dump == "" {
		return fmt.Errorf("%s: %w", what, &machine.AbsentError{Path: path}) // and no directory is made for it
	} else if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return holding(what, take, func(lock *durable.Lock) (err error) {
		var x *machine.Flash
		if dump != "" {
			x, err = machine.OpenLockedDump(lock)
		} else {
			x, err = state.Open(lock)
		}
		if err != nil {
			return err
		}
		return errors.Join(f(x), x.Close())
	})
}

// namedIn returns a partition of a table.
func namedIn(t flash.Table, name string) (flash.Partition, error) {
	if p, ok := t.Named(name); ok {
		return p, nil
	}
	var names []string
	for _, p := range t.Partitions {
		names = append(names, p.Name)
	}
	return flash.Partition{}, usageError(fmt.Errorf("there is no such partition, there are %s", strings.Join(names, ", ")))
}

// slotLine says what is in a slot, and what becomes of it.
func slotLine(s control.Slot, all control.Slots) string {
	if s.Bytes == 0 {
		if s.Error == "" {
			return "empty"
		}
		return s.Error
	}
	parts := []string{s.Version + " " + s.Project}
	if s.State != "" {
		parts = append(parts, stateWord(s))
	}
	if s.Error != "" {
		parts = append(parts, "cannot be started: "+s.Error)
	}
	if s.Name == all.Running {
		parts = append(parts, "runs")
	}
	if s.Name == all.Next && startsNext(all) {
		parts = append(parts, nextWord(all))
	}
	if s.Profile != "" {
		parts = append(parts, "made to go wrong: "+s.Profile)
	}
	return strings.Join(parts, ", ")
}

// stateWord is the state of a slot's entry in otadata.
func stateWord(s control.Slot) string {
	switch {
	case s.Reason != "":
		return s.State + ": " + s.Reason
	case s.State == flash.Pending.String():
		return "on trial"
	}
	return s.State
}

// startsNext reports whether the next start is worth a word: of a clock that runs it
// is if that begins with another image, on trial.
func startsNext(all control.Slots) bool {
	return all.Running == "" || all.Next != all.Running && all.Trial
}

// nextWord says of the slot that the next start begins with in which way.
func nextWord(all control.Slots) string {
	if all.Trial {
		return "tried at the next start"
	}
	return "started next"
}
