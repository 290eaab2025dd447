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

func newDo() *cobra.Command {
	return &cobra.Command{
		Use:         "do COMMAND [NAME=VALUE ...]",
		Short:       "Have the running clock do something",
		Long:        "Have the running clock do something.\n\nCOMMANDS\n" + commandHelp(),
		Example:     "  wordclockd do force_ntp_sync\n  wordclockd do ota_check_update source=cloudflare",
		Args:        takes(1, 16),
		Annotations: daemonExits(exitCheckFailed, exitUnhealthy),
		ValidArgsFunction: func(*cobra.Command, []string, string) (out []string, _ cobra.ShellCompDirective) {
			for _, c := range clock.Commands {
				out = append(out, c.Name)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := parseCommand(args)
			if err != nil {
				return usageError(fmt.Errorf("do: %w", err))
			}
			if c.Name == clock.CheckOTA {
				var check clock.Check
				if err := ask(cmd, func(ctx context.Context, client *control.Client) error { return client.Do(ctx, c, &check) }); err != nil {
					return err
				}
				return printCheck(cmd, check)
			}
			if c.Name == clock.CheckHealth {
				var h clock.Health
				if err := ask(cmd, func(ctx context.Context, client *control.Client) error { return client.Do(ctx, c, &h) }); err != nil {
					return err
				}
				return printHealth(cmd, h)
			}
			if c.Name == clock.StartOTA {
				return beginUpdate(cmd, c)
			}
			return ask(cmd, func(ctx context.Context, client *control.Client) error {
				if err := client.Do(ctx, c, nil); err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, struct {
						Done string `json:"done"`
					}{c.Name})
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: done\n", c.Name)
				return err
			})
		},
	}
}

// beginUpdate has the clock begin an update, and leaves it alone.
func beginUpdate(cmd *cobra.Command, c clock.Command) error {
	number, refused, err := startUpdate(cmd, c)
	switch {
	case err != nil:
		return err
	case refused != nil:
		return codeError{exitCheckFailed, fmt.Errorf("do: %w", refused)}
	case wantsJSON(cmd):
		return printJSON(cmd, struct {
			Done   string `json:"done"`
			Number uint32 `json:"number"` // of the update, which goes on
		}{c.Name, number})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "update %d has begun: wordclockd ota status\n", number)
	return err
}

func parseCommand(args []string) (clock.Command, error) {
	c := clock.Command{Name: args[0], Args: map[string]string{}}
	for _, arg := range args[1:] {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return c, fmt.Errorf("argument %q: want NAME=VALUE", arg)
		}
		if _, twice := c.Args[name]; twice {
			return c, fmt.Errorf("argument %s: is named twice", name)
		}
		c.Args[name] = value
	}
	return c.Resolve()
}

func commandHelp() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range clock.Commands {
		doc := c.Doc
		if len(c.Aliases) > 0 {
			doc += "; also " + strings.Join(c.Aliases, ", ")
		}
		fmt.Fprintf(w, "  %s\t%s\n", c.Name, doc)
		for _, p := range c.Params {
			kind := strings.Join(p.Options, "|")
			switch p.Kind {
			case clock.Bool:
				kind = "true|false"
			case clock.Text:
				kind = "TEXT"
			}
			fmt.Fprintf(w, "    %s=%s\t  %s\n", p.Name, kind, p.Doc)
		}
	}
	_ = w.Flush()
	return strings.TrimRight(b.String(), "\n")
}

func newReboot() *cobra.Command {
	return &cobra.Command{
		Use:         "reboot",
		Short:       "Restart the clock's firmware",
		Long:        "Restart the clock's firmware, however busy it is. The process, its board and its\nsocket stay, and the face stays lit. The command returns when the clock is back.",
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				_, after, err := restartBy(ctx, c, func() error { return c.Reboot(ctx) })
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, struct {
						Boot uint32 `json:"boot"`
					}{after.Boot})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "start %d\n", after.Boot)
				return err
			})
		},
	}
}

// restartBy does what makes the clock's firmware restart, and returns when that is
// back, with the status before and after.
func restartBy(ctx context.Context, c *control.Client, do func() error) (before, after control.Status, err error) {
	if before, err = c.Status(ctx); err != nil {
		return before, after, err
	}
	if err = do(); err != nil {
		return before, after, err
	}
	after, err = awaitBoot(ctx, c, before)
	return before, after, err
}

// awaitBoot returns the first status of another start.
func awaitBoot(ctx context.Context, c *control.Client, before control.Status) (found control.Status, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = c.Watch(ctx, func(s control.Status) error {
		if s.Boot != before.Boot || s.PID != before.PID {
			found = s
			cancel()
		}
		return nil
	})
	if found.Boot > 0 {
		return found, nil
	}
	return found, err
}
