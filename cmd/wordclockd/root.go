package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes; others script against them.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

var exitTexts = map[int]string{
	exitOK:    "ok",
	exitError: "error",
	exitUsage: "usage, invalid value, bad configuration",
}

// A usageError is the user's to mend: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is the one place where an error becomes a number.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
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
	cmd.PersistentFlags().Bool("json", false, "print JSON, for scripts")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.HasParent() {
			err = fmt.Errorf("%s: %w", cmd.Name(), err)
		}
		return usageError{fmt.Errorf("%w, see %s --help", err, cmd.CommandPath())}
	})
	cmd.SetHelpTemplate(cmd.HelpTemplate() + `{{with index .Annotations "exits"}}
EXIT STATUS
{{.}}{{end}}`)
	cmd.AddCommand(newRun(), newFace(), newVersion())
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
		return usageError{fmt.Errorf("verb %q: there is none, did you mean %s?", verb, strings.Join(near, " or "))}
	}
	return usageError{fmt.Errorf("verb %q: there is none, see %s --help", verb, cmd.CommandPath())}
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

// takes limits the arguments of a verb to between least and most.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("%s: number of arguments is %d: want %s", cmd.Name(), len(args), cmd.UseLine())}
		}
		return nil
	}
}

func wantsJSON(cmd *cobra.Command) bool {
	ok, err := cmd.Flags().GetBool("json")
	return ok && err == nil
}
