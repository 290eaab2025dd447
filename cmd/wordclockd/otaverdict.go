package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newOTAConfirm() *cobra.Command {
	return &cobra.Command{
		Use:         "confirm",
		Short:       "Keep the image that is on trial",
		Long:        "End the trial of the image that runs well: it is kept. Of an image that is not on\ntrial there is nothing to confirm, which is exit status 0 too.",
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				before, err := c.Status(ctx)
				if err != nil {
					return err
				}
				if err := c.Do(ctx, clock.Command{Name: clock.ConfirmOTA}, nil); err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, struct {
						Version   string `json:"version"`
						Confirmed bool   `json:"confirmed"` // by this; false if it was not on trial
					}{before.Version, before.Trial})
				}
				text := "is confirmed"
				if !before.Trial {
					text = "is not on trial"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", before.Version, text)
				return err
			})
		},
	}
}

func newOTARollback() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback",
		Short: "Give the running image up, and start the other one",
		Long: `Give the image up that runs, on trial or not, and start the one in the other slot. The
command returns when that runs. Without one that can be started it fails, and all
stays as it is.`,
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				before, after, err := restartBy(ctx, c, func() error { return c.Do(ctx, clock.Command{Name: clock.RollBackOTA}, nil) })
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, struct {
						Boot    uint32 `json:"boot"`
						Version string `json:"version"`
						From    string `json:"from"`
					}{after.Boot, after.Version, before.Version})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s was given up, %s runs\n", before.Version, after.Version)
				return err
			})
		},
	}
}
