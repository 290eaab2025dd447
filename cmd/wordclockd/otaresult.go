package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/doctor"
	"wordclockd/internal/ota"
)

// An outcome is the last line of an update for scripts.
type outcome struct {
	Result  clock.Result      `json:"result"` // installed confirmed rolled_back failed up_to_date
	Version string            `json:"version"`
	Source  string            `json:"source"`
	Reason  string            `json:"reason"`
	Causes  map[string]string `json:"causes"` // never null
}

func outcomeOf(a clock.Attempt) outcome {
	o := outcome{a.Result, a.Version, a.Source, reasonOf(a), a.Causes}
	if o.Result == clock.Interrupted {
		o.Result = clock.Failed
	}
	if o.Causes == nil {
		o.Causes = map[string]string{}
	}
	return o
}

// reasonOf says why it came to the result.
func reasonOf(a clock.Attempt) string {
	return strings.ReplaceAll(cmp.Or(a.Reason, a.Cause, a.Error), "\n", "; ")
}

// finish prints what an update came to, and returns it as an error if that is none
// to be glad of.
func (o *updateOptions) finish(cmd *cobra.Command, a clock.Attempt) error {
	var err error
	human := isTerminal(cmd.OutOrStdout()) && !wantsJSON(cmd)
	if human {
		for _, text := range a.Warnings {
			fmt.Fprintf(cmd.OutOrStdout(), "warning: %s\n", text)
		}
	}
	switch {
	case !human:
		err = printJSON(cmd, outcomeOf(a))
	case succeeded(a):
		_, err = fmt.Fprintln(cmd.OutOrStdout(), sentence(a, o.stay))
	default:
		err = table(cmd, func(w *tabwriter.Writer) { writeBlame(w, a) })
	}
	if err == nil && !succeeded(a) {
		err = codeError{exitCheckFailed, fmt.Errorf("%s: %s", verb(cmd), sentence(a, o.stay))}
	}
	return err
}

func succeeded(a clock.Attempt) bool {
	return slices.Contains([]clock.Result{clock.Installed, clock.Confirmed, clock.UpToDate}, a.Result)
}

// sentence says what an update came to.
func sentence(a clock.Attempt, stay bool) string {
	because := ""
	if why := reasonOf(a); why != "" {
		because = ": " + why
	}
	switch a.Result {
	case clock.Installed:
		if stay {
			return fmt.Sprintf("%s is installed, and tried at the next restart: wordclockd reboot", a.Version)
		}
		return fmt.Sprintf("%s is installed, and the clock restarts with it", a.Version)
	case clock.Confirmed:
		return fmt.Sprintf("%s runs, and passed its trial", a.Version)
	case clock.UpToDate:
		if because == "" {
			because = fmt.Sprintf(": %s runs, and %s has nothing newer", a.From, a.Source)
		}
		return "up to date" + because
	case clock.RolledBack:
		return fmt.Sprintf("%s was given up, and %s runs again%s", a.Version, a.From, because)
	case clock.Interrupted:
		return fmt.Sprintf("the clock ended meanwhile%s", because)
	}
	return fmt.Sprintf("nothing was installed%s", because)
}

// writeBlame says which source failed of what, and what to do.
func writeBlame(w *tabwriter.Writer, a clock.Attempt) {
	var todo []string
	causes := []string{a.Cause}
	for _, name := range slices.Sorted(maps.Keys(a.Causes)) {
		fmt.Fprintf(w, "%s\t%s\n", name, blame(a, name))
		causes = append(causes, a.Causes[name])
	}
	for _, cause := range causes {
		c, _ := ota.ParseCause(cause)
		if text := doctor.Remedy(c, doctor.FromFile(a)); text != "" && !slices.Contains(todo, text) {
			todo = append(todo, text)
		}
	}
	for _, text := range todo {
		fmt.Fprintf(w, "→\t%s\n", text)
	}
}

// blame is what is wrong with a source: its cause, and the detail if that is known.
func blame(a clock.Attempt, source string) string {
	cause, detail := a.Causes[source], a.Sources[source].Error
	switch {
	case detail == "" || detail == cause:
		return cause
	case strings.HasPrefix(detail, cause+": "):
		return detail
	}
	return cause + ": " + detail
}
