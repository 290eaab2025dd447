package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// journalOptions are the flags of journal.
type journalOptions struct {
	clear, reset, stats bool
	count               int
	source              string
}

func newJournal() *cobra.Command {
	var o journalOptions
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Print the last fifty things that went wrong",
		Long: `Print the error journal of the running clock, the newest entry first, with times
in UTC. It holds the last fifty warnings and errors, and survives restarts; its counters
count those that are gone, too.`,
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError(err)
			}
			return ask(cmd, func(ctx context.Context, c *control.Client) error { return o.run(ctx, cmd, c) })
		},
	}
	cmd.Flags().BoolVar(&o.clear, "clear", false, "empty the journal; its counters go on")
	cmd.Flags().BoolVar(&o.reset, "reset-stats", false, "set the counters to zero; the entries stay")
	cmd.Flags().BoolVar(&o.stats, "stats", false, "print the counters instead of the entries")
	cmd.Flags().IntVarP(&o.count, "count", "n", clock.JournalSize, "print no more entries than this")
	cmd.Flags().StringVar(&o.source, "source", "", "print those of this part of the clock alone, such as I2C_BUS")
	cmd.MarkFlagsMutuallyExclusive("clear", "reset-stats", "stats")
	return cmd
}

// check returns an error if nothing can come of what is asked for.
func (o journalOptions) check() error {
	if o.count < 0 {
		return fmt.Errorf("-n %d: want 0 or more", o.count)
	}
	var names []string
	for origin := clock.OriginUnknown; origin <= clock.OriginBrightness; origin++ {
		names = append(names, origin.String())
	}
	if o.source != "" && !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, o.source) }) {
		return fmt.Errorf("--source %s: want one of %s", o.source, strings.Join(names, ", "))
	}
	return nil
}

func (o journalOptions) run(ctx context.Context, cmd *cobra.Command, c *control.Client) error {
	for what, wanted := range map[string]bool{"entries": o.clear, "stats": o.reset} {
		if wanted {
			return c.Do(ctx, clock.Command{Name: clock.ClearJournal, Args: map[string]string{"what": what}}, nil)
		}
	}
	j, err := c.Journal(ctx)
	if err != nil {
		return err
	}
	j.Entries = o.pick(j.Entries)
	switch {
	case wantsJSON(cmd):
		return printJSON(cmd, j)
	case o.stats:
		return table(cmd, func(w *tabwriter.Writer) { printStats(w, j.Stats) })
	}
	return printJournal(cmd, j)
}

// pick returns the newest of the entries that are asked for.
func (o journalOptions) pick(all []control.Entry) []control.Entry {
	picked := slices.DeleteFunc(slices.Clone(all), func(e control.Entry) bool {
		return o.source != "" && !strings.EqualFold(e.Source, o.source)
	})
	return picked[:min(len(picked), o.count)]
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

// printStats prints the counters: all, then each severity, then each part of the clock with
// the time of its last entry.
func printStats(w *tabwriter.Writer, s control.Stats) {
	fmt.Fprintf(w, "all\t%d\n", s.Total)
	for _, severity := range slices.Sorted(maps.Keys(s.BySeverity)) {
		fmt.Fprintf(w, "%s\t%d\n", severity, s.BySeverity[severity])
	}
	for _, source := range slices.Sorted(maps.Keys(s.BySource)) {
		fmt.Fprintf(w, "%s\t%d\t%s\n", source, s.BySource[source], s.Last[source])
	}
}
