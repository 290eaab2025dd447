package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
)

func newOTASource() *cobra.Command {
	return &cobra.Command{
		Use:   "source [NAME]",
		Short: "Say, or choose, which source of firmware is preferred",
		Long: `Print the preferred source of firmware, or choose it: github or cloudflare. The
choice is stored, and survives restarts and updates. It works with and without a
running clock.`,
		Args:        takes(0, 1),
		ValidArgs:   []string{clock.GitHub.String(), clock.Cloudflare.String()},
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning),
		RunE: func(cmd *cobra.Command, args []string) error {
			busy, err := running(cmd)
			if err != nil {
				return fmt.Errorf("ota source: %w", err)
			}
			source := clock.GitHub
			if len(args) == 1 {
				if source, err = clock.ParseSource(args[0]); err != nil {
					return usageError(fmt.Errorf("ota source: %w", err))
				}
				err = chooseSource(cmd, busy, source)
			} else if busy {
				err = ask(cmd, func(ctx context.Context, c *control.Client) error {
					s, err := c.Status(ctx)
					if err == nil {
						source, err = clock.ParseSource(s.OTA.Source)
					}
					return err
				})
			} else {
				var why error
				source, why = storedSource(stateOf(cmd))
				warnDefault(cmd, source, why)
			}
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, map[string]string{"source": source.String()})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), source)
			return err
		},
	}
}

func chooseSource(cmd *cobra.Command, busy bool, s clock.Source) error {
	if busy {
		return ask(cmd, func(ctx context.Context, c *control.Client) error {
			_, err := c.Change(ctx, map[string]any{"ota.source": s.String()})
			return err
		})
	}
	return writeNVS(cmd, func(tx *nvs.Tx) error { return nvs.OTASource.Put(tx, uint8(s)) })
}

// storedSource returns the preferred source of a clock that does not run. As a
// clock would, it takes the default for what cannot be read or makes no sense; why
// says which of it is so.
func storedSource(state machine.State) (s clock.Source, why error) {
	why = readNVS(state, func(tx *nvs.Tx) error {
		if tx == nil {
			return nil
		}
		n, err := nvs.OTASource.Get(tx)
		if err == nil && int(n) >= len(clock.Sources) {
			err = fmt.Errorf("%s/%s: holds %d", nvs.OTASource.Namespace, nvs.OTASource.Name, n)
		}
		if err == nil {
			s = clock.Source(n)
		}
		return err
	})
	return s, why
}

// warnDefault tells that the default stands for what is stored.
func warnDefault(cmd *cobra.Command, s clock.Source, why error) {
	if why != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "wordclockd: %s: warning: the preferred source cannot be read, so %s counts: %v\n", verb(cmd), s, why)
	}
}
