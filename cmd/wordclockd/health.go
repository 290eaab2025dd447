package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newHealth() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Examine the running clock",
		Long: `Have the running clock examine itself now: whether network, RTC, LEDs, memory and
the store of settings work. These checks judge a new image, too.

A check is one of
  ok         it works
  failed     it does not
  known_bad  it does not, as before the update: that does not count
  waiting    it does not, but may still have its time after the start
  skipped    it needs another one, which does not work
  absent     there is nothing to check`,
		Args:        takes(0, 0),
		Annotations: daemonExits(exitUnhealthy),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var h clock.Health
			if err := ask(cmd, func(ctx context.Context, c *control.Client) (err error) {
				h, err = c.Health(ctx)
				return err
			}); err != nil {
				return err
			}
			return printHealth(cmd, h)
		},
	}
}

// printHealth prints what an examination found, and makes an error of what fails.
func printHealth(cmd *cobra.Command, h clock.Health) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, h)
	} else {
		err = table(cmd, func(w *tabwriter.Writer) {
			for _, c := range h.Checks {
				fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, c.State, c.Text)
			}
			if h.Trial != nil {
				fmt.Fprintf(w, "trial\t\t%s\n", trialLine(*h.Trial))
			}
		})
	}
	if err == nil && !h.Healthy {
		err = codeError{exitUnhealthy, fmt.Errorf("%s: %w", verb(cmd), errors.New(h.Text))}
	}
	return err
}

// healthLine is what was found last, for a person.
func healthLine(h clock.Health) string {
	text := "unhealthy: " + h.Text
	switch {
	case h.At.IsZero():
		text = "not examined yet"
	case h.Healthy:
		text = "ok"
	}
	if h.Trial != nil {
		text += ", on trial: " + trialLine(*h.Trial)
	}
	return text
}

func trialLine(t clock.Trial) string {
	if t.Next.IsZero() {
		return fmt.Sprintf("%d of %d examinations are over", t.Attempt, t.Attempts)
	}
	return fmt.Sprintf("examination %d of %d at %s", min(t.Attempt+1, t.Attempts), t.Attempts, t.Next.Local().Format(time.TimeOnly))
}
