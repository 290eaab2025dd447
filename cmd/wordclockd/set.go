package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE [KEY VALUE ...]",
		Short: "Change settings of the running clock",
		Long: "Change settings of the running clock: all that are named, or none. They are stored\nwhen the command returns, and survive restarts.\n\nKEYS\n" +
			fieldHelp(),
		Example:           "  wordclockd set halb_centric_style true\n  wordclockd set brightness.individual 40 brightness.global 200",
		Args:              pairs,
		Annotations:       daemonExits(),
		ValidArgsFunction: completeField,
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseValues(args)
			if err != nil {
				return codeError{exitUsage, fmt.Errorf("set: %w", err)}
			}
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				s, err := c.Change(ctx, values)
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, s)
				}
				return table(cmd, func(w *tabwriter.Writer) {
					for _, f := range clock.Fields {
						if _, named := values[f.Key]; named {
							fmt.Fprintf(w, "%s\t%v\n", f.Key, s.Settings[f.Key])
						}
					}
				})
			})
		},
	}
}

// pairs wants keys with values.
func pairs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || len(args)%2 != 0 {
		return usageError(fmt.Errorf("%s: number of arguments is %d: want %s", verb(cmd), len(args), cmd.UseLine()))
	}
	return nil
}

// parseValues returns what keys and values stand for.
func parseValues(args []string) (map[string]any, error) {
	values := map[string]any{}
	for i := 0; i < len(args); i += 2 {
		f, err := clock.FieldOf(args[i])
		if err != nil {
			return nil, err
		}
		if _, twice := values[f.Key]; twice {
			return nil, fmt.Errorf("%s: is named twice", f.Key)
		}
		if values[f.Key], err = f.Parse(args[i+1]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func fieldHelp() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range clock.Fields {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Key, rangeOf(f), f.Doc)
	}
	_ = w.Flush()
	return strings.TrimRight(b.String(), "\n")
}

// rangeOf says what a field takes.
func rangeOf(f clock.Field) string {
	switch f.Kind {
	case clock.Integer:
		return fmt.Sprintf("%d to %d", f.Min, f.Max)
	case clock.Choice:
		return strings.Join(f.Options, ", ")
	case clock.Text:
		return fmt.Sprintf("text of up to %d bytes", f.Max)
	}
	return "true, false"
}

func completeField(_ *cobra.Command, args []string, _ string) (out []string, _ cobra.ShellCompDirective) {
	if len(args)%2 == 0 {
		for _, f := range clock.Fields {
			out = append(out, f.Key)
		}
	} else if f, err := clock.FieldOf(args[len(args)-1]); err == nil {
		out = f.Options
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
