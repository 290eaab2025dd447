package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/control"
	"wordclockd/internal/machine"
)

func newSim() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "sim",
		Short:       "Let something happen to a simulated board",
		Long:        "Let something happen to the simulated board of a running clock, or look at it.",
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	for _, v := range machine.SimVerbs {
		cmd.AddCommand(newSimVerb(v))
	}
	return cmd
}

func newSimVerb(v machine.SimVerb) *cobra.Command {
	return &cobra.Command{
		Use:                   strings.TrimSpace(v.Name + " " + v.Usage),
		Short:                 v.Doc,
		DisableFlagsInUseLine: true,
		Annotations:           daemonExits(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				var answer json.RawMessage
				if err := c.Sim(ctx, v.Name, args, &answer); err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, answer)
				}
				return printAnswer(cmd, v.Name, answer)
			})
		},
	}
}

// printAnswer prints what came of it, for a person.
func printAnswer(cmd *cobra.Command, verb string, answer json.RawMessage) error {
	if verb == "lit" {
		var l machine.Lit
		if err := json.Unmarshal(answer, &l); err != nil {
			return err
		}
		for _, line := range picture(l.Rows, paints(cmd.OutOrStdout())) {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
				return err
			}
		}
		return nil
	}
	values := map[string]any{}
	if err := json.Unmarshal(answer, &values); err != nil || len(values) == 0 {
		return nil // nothing came of it but that it happened
	}
	return table(cmd, func(w *tabwriter.Writer) {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(w, "%s\t%v\n", key, values[key])
		}
	})
}
