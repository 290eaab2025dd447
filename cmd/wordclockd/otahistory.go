package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newOTAHistory() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "List the updates that are over",
		Long: fmt.Sprintf(`List the last %d updates that are over, the newest first: what came of each, and why,
and how fast each source was that delivered. It works with and without a running clock.`, clock.HistorySize),
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning),
		RunE: func(cmd *cobra.Command, _ []string) error {
			attempts, err := history(cmd)
			if err != nil {
				return err
			}
			switch {
			case wantsJSON(cmd):
				return printJSON(cmd, attempts)
			case len(attempts) == 0:
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no update was begun yet")
				return err
			}
			return table(cmd, func(w *tabwriter.Writer) { writeHistory(w, attempts) })
		},
	}
}

func writeHistory(w *tabwriter.Writer, attempts []clock.Attempt) {
	for _, a := range attempts {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", a.Number, a.Begun.UTC().Format(time.RFC3339), fromTo(a), a.Source, a.Result, cameTo(a))
		for _, text := range a.Warnings {
			fmt.Fprintf(w, "\t\t\t\t\twarning: %s\n", text)
		}
	}
}

// cameTo is why an update came to its result, and what those sources did that delivered.
func cameTo(a clock.Attempt) string {
	var parts []string
	if why := reasonOf(a); why != "" {
		parts = append(parts, why)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Sources)) {
		if s := a.Sources[name]; s.Bytes > 0 {
			parts = append(parts, name+": "+servedLine(s))
		}
	}
	return strings.Join(parts, "; ")
}

// fromTo is the versions of an update.
func fromTo(a clock.Attempt) string {
	if a.Version == "" {
		return a.From
	}
	return a.From + " → " + a.Version
}

// history returns the updates that are over, the newest first.
func history(cmd *cobra.Command) ([]clock.Attempt, error) {
	busy, err := running(cmd)
	if err != nil {
		return nil, fmt.Errorf("ota history: %w", err)
	}
	if !busy {
		return dormantHistory(cmd)
	}
	var h control.History
	err = ask(cmd, func(ctx context.Context, c *control.Client) error {
		h, err = c.History(ctx)
		return err
	})
	return h.Attempts, err
}

// newestFirst turns a list round, into a new one, which is never nil.
func newestFirst(attempts []clock.Attempt) []clock.Attempt {
	out := append([]clock.Attempt{}, attempts...)
	slices.Reverse(out)
	return out
}
