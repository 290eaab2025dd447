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
	return cmp.Or(a.Reason, a.Cause, a.Error)
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
	case o.succeeded(a):
		_, err = fmt.Fprintln(cmd.OutOrStdout(), sentence(a, o.stay))
	default:
		err = table(cmd, func(w *tabwriter.Writer) { writeBlame(w, a) })
	}
	if err == nil && !o.succeeded(a) {
		err = codeError{exitCheckFailed, fmt.Errorf("%s: %s", verb(cmd), sentence(a, o.stay))}
	}
	return err
}

// succeeded tells that it came to what was asked for: who waits for the verdict wants one.
func (o *updateOptions) succeeded(a clock.Attempt) bool {
	return a.Result == clock.Installed && !o.wait || a.Result == clock.Confirmed || a.Result == clock.UpToDate
}

// sentence says what an update came to.
func sentence(a clock.Attempt, stay bool) string {
	because := ""
	if why := reasonOf(a); why != "" {
		because = ": " + why
	}
	switch a.Result {
	case clock.Installed:
		switch {
		case because != "":
			return fmt.Sprintf("%s is installed%s", a.Version, because)
		case stay:
			return fmt.Sprintf("%s is installed, and tried at the next restart: wordclockd reboot", a.Version)
		}
		return fmt.Sprintf("%s is installed, and the clock restarts with it", a.Version)
	case clock.Confirmed:
		return fmt.Sprintf("%s runs, and passed its trial", a.Version)
	case clock.UpToDate:
		if a.Version != "" && ota.Compare(a.From, a.Version) < 0 {
			return "nothing was installed" + cmp.Or(because, fmt.Sprintf(": %s is not offered, see the warning", a.Version))
		}
		return "up to date" + cmp.Or(because, fmt.Sprintf(": %s runs, and %s has nothing newer", a.From, a.Source))
	case clock.RolledBack:
		return fmt.Sprintf("%s was given up, and %s runs again%s", a.Version, a.From, because)
	case clock.Interrupted:
		return fmt.Sprintf("the clock ended meanwhile%s", because)
	}
	return fmt.Sprintf("nothing was installed%s", because)
}

// writeBlame says which source failed of what, and what to do.
func writeBlame(w *tabwriter.Writer, a clock.Attempt) {
	for _, name := range slices.Sorted(maps.Keys(a.Causes)) {
		fmt.Fprintf(w, "%s\t%s\n", name, blame(a, name))
	}
	for _, text := range doctor.Remedies(a) {
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
