package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newJournal() *cobra.Command {
	var clear bool
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Print the last fifty things that went wrong",
		Long: `Print the error journal of the running clock, the newest entry first, with times
in UTC. It holds the last fifty warnings and errors, and survives restarts.`,
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				if clear {
					return c.Do(ctx, clock.Command{Name: clock.ClearJournal}, nil)
				}
				j, err := c.Journal(ctx)
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, j)
				}
				return printJournal(cmd, j)
			})
		},
	}
	cmd.Flags().BoolVar(&clear, "clear", false, "empty the journal; its counters go on")
	return cmd
}

func printJournal(cmd *cobra.Command, j control.Journal) error {
	if len(j.Entries) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "nothing went wrong")
		return err
	}
	return table(cmd, func(w *tabwriter.Writer) {
		for _, e := range j.Entries {
			at := e.Time
			if at == "" {
				at = "time unknown"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", at, e.Severity, e.Source, e.Message, e.Details)
		}
	})
}
