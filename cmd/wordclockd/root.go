package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes; others script against them.
const (
	exitOK              = 0
	exitError           = 1
	exitUsage           = 2
	exitUnhealthy       = 3
	exitNotRunning      = 10
	exitRunning         = 11
	exitNothingBootable = 12
	exitCheckFailed     = 13
	exitWatchdog        = 70
	exitInterrupted     = 130
)

var exitTexts = map[int]string{
	exitOK:              "ok",
	exitError:           "error",
	exitUsage:           "usage, invalid value, bad configuration",
	exitUnhealthy:       "unhealthy, or verification failed",
	exitNotRunning:      "the clock is not running",
	exitRunning:         "the clock is running, or something else holds the state directory",
	exitNothingBootable: "nothing bootable",
	exitCheckFailed:     "update or check failed",
	exitWatchdog:        "ended by the watchdog",
	exitInterrupted:     "interrupted",
}

// A codeError is an error with an exit code of its own.
type codeError struct {
	code int
	error
}

func (e codeError) Unwrap() error { return e.error }

// usageError marks an error as the user's to mend.
func usageError(err error) error { return codeError{exitUsage, err} }

// exitCode is the one place where an error becomes a number.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[codeError](err); ok {
		return e.code
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitError
}

func newRoot() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "wordclockd",
		Version: version,
		Short:   "A German word clock, on real chips or on simulated ones",
		Long: `wordclockd is a German word clock: ES IST FÜNF NACH HALB DREI.

It runs the full clock on a Raspberry Pi with real LED drivers and a real RTC, or
the same clock on chips that are simulated to the register. Start one with
"wordclockd run".`,
		Args:                       cobra.ArbitraryArgs,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noVerb(cmd, args[0])
		},
	}
	flags := cmd.PersistentFlags()
	flags.Bool("json", false, "print JSON, for scripts")
	flags.String("config", "", "configuration `FILE` (config.yaml in $CONFIGURATION_DIRECTORY, /etc/wordclockd or ~/.config/wordclockd)")
	flags.String("state", "", "state `DIR` ($STATE_DIRECTORY, /var/lib/wordclockd or ~/.local/state/wordclockd)")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.HasParent() {
			err = fmt.Errorf("%s: %w", verb(cmd), err)
		}
		return usageError(fmt.Errorf("%w, see %s --help", err, cmd.CommandPath()))
	})
	cmd.SetHelpTemplate(cmd.HelpTemplate() + `{{with index .Annotations "exits"}}
EXIT STATUS
{{.}}{{end}}`)
	cmd.AddCommand(
		newRun(), newFace(),
		newStatus(), newWatch(), newSet(), newDo(), newHealth(), newJournal(), newReboot(), newSim(),
		newMQTT(), newOTA(), newFlash(), newImage(), newRelease(), newNVS(), newConfig(), newDoctor(), newScan(), newVersion(),
	)
	cmd.InitDefaultHelpCmd()
	cmd.InitDefaultVersionFlag()
	cmd.InitDefaultCompletionCmd()
	annotate(cmd)
	if help, _, err := cmd.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error {
			if found, rest, err := cmd.Find(args); err != nil || len(rest) > 0 {
				return noVerb(found, rest[0])
			}
			return nil
		}
	}
	return cmd
}

// noVerb is the error for a verb that cmd does not have.
func noVerb(cmd *cobra.Command, verb string) error {
	if near := cmd.SuggestionsFor(verb); len(near) > 0 {
		return usageError(fmt.Errorf("verb %q: there is none, did you mean %s?", verb, strings.Join(near, " or ")))
	}
	return usageError(fmt.Errorf("verb %q: there is none, see %s --help", verb, cmd.CommandPath()))
}

// annotate gives verbs that name no exit codes, such as cobra's own, those that
// every verb has.
func annotate(cmd *cobra.Command) {
	if cmd.Annotations == nil {
		cmd.Annotations = exits(exitOK, exitError, exitUsage)
	}
	for _, sub := range cmd.Commands() {
		annotate(sub)
	}
}

// exits returns the annotation from which a verb's help ends with EXIT STATUS.
func exits(codes ...int) map[string]string {
	var b strings.Builder
	for _, code := range slices.Sorted(slices.Values(codes)) {
		fmt.Fprintf(&b, "  %-3d %s\n", code, exitTexts[code])
	}
	return map[string]string{"exits": b.String()}
}

// verb is what a command is called in errors: "ota check".
func verb(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// takes limits the arguments of a verb to between least and most.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError(fmt.Errorf("%s: number of arguments is %d: want %s", verb(cmd), len(args), cmd.UseLine()))
		}
		return nil
	}
}

func wantsJSON(cmd *cobra.Command) bool {
	ok, err := cmd.Flags().GetBool("json")
	return ok && err == nil
}
