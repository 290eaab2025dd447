package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newOTACancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel",
		Short: "End the update that is under way",
		Long: `End the update that is under way, at once: the running image is started next as
before, and all settings are as they were. What was loaded is kept for the next
update; one that waited for its start has made way for it. Once the slot was
switched it is too late, and without an update there is nothing to end: that is exit
status 1.`,
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				if err := c.Do(ctx, clock.Command{Name: clock.CancelOTA}, nil); err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, map[string]bool{"cancelled": true})
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "the update was cancelled")
				return err
			})
		},
	}
}
