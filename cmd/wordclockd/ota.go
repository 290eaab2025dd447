package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
	"wordclockd/internal/ota"
)

func newOTA() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ota",
		Short: "Look for newer firmware, install it, and judge it",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		newOTACheck(), newOTAUpdate(), newOTAStatus(), newOTAHistory(), newOTACancel(),
		newOTASource(), newOTAConfirm(), newOTARollback(),
	)
	return cmd
}

func newOTACheck() *cobra.Command {
	var source string
	var only, force bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for newer firmware",
		Long: `Ask both sources for their manifest. The preferred one decides if it answers with
a valid one; if not, the other does. Nothing is downloaded. A clock that runs does
the asking; without one, the command does, with the same result.

It is exit status 0 when a valid manifest was judged, whether there is an update
or not.`,
		Example:     "  wordclockd ota check\n  wordclockd ota check --source cloudflare --only --json",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning, exitCheckFailed, exitInterrupted),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := clock.Command{Name: clock.CheckOTA, Args: map[string]string{
				"only": strconv.FormatBool(only), "force": strconv.FormatBool(force),
			}}
			if cmd.Flags().Changed("source") {
				c.Args["source"] = source
			}
			if _, err := clock.ParseSource(source); err != nil && cmd.Flags().Changed("source") {
				return usageError(fmt.Errorf("ota check: %w", err))
			}
			check, err := checkOTA(cmd, c)
			if err != nil {
				return err
			}
			return printCheck(cmd, check)
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "prefer `SOURCE` this time: github or cloudflare; the other still steps in")
	cmd.Flags().BoolVar(&only, "only", false, "ask no other source")
	cmd.Flags().BoolVar(&force, "force", false, "let an older or equal version count as available")
	return cmd
}

// checkOTA has the running clock look at the sources, or does it itself.
func checkOTA(cmd *cobra.Command, c clock.Command) (check clock.Check, err error) {
	busy, err := running(cmd)
	if err != nil {
		return check, fmt.Errorf("ota check: %w", err)
	}
	if busy {
		return check, ask(cmd, func(ctx context.Context, client *control.Client) error { return client.Do(ctx, c, &check) })
	}
	return checkAlone(cmd, c)
}

// checkAlone looks at the sources as the clock would that does not run.
func checkAlone(cmd *cobra.Command, c clock.Command) (check clock.Check, err error) {
	loaded, err := loadConfig(cmd)
	if err != nil {
		return check, err
	}
	state := stateOf(cmd)
	preferred, err := clock.ParseSource(c.Args["source"])
	if err != nil {
		var why error
		preferred, why = storedSource(state)
		warnDefault(cmd, preferred, why)
	}
	image, known, done := knownTo(cmd, state)
	defer done()
	log := slog.New(slog.DiscardHandler)
	if loaded.Log.Level <= slog.LevelDebug {
		log = newLog(os.Stderr, loaded.Log, isTerminal(os.Stderr), paints(os.Stderr))
	}
	checker := ota.New(ota.Config{OTA: loaded.OTA, Agent: "wordclockd/" + version, Log: log, Known: known})
	check = checker.Check(cmd.Context(), ota.Request{
		Preferred: preferred, Only: c.Args["only"] == "true", Force: c.Args["force"] == "true", Current: image.version,
	})
	return check, cmd.Context().Err()
}

// knownTo returns the image that would be started, and what a clock would know of
// others. What cannot be read it would not know either.
func knownTo(cmd *cobra.Command, state machine.State) (image dormant, known *ota.Known, done func()) {
	image, err := dormantImage(cmd)
	if err != nil || image.version == "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "wordclockd: %s: warning: no image can be started, so the version of this program counts: wordclockd flash verify\n", verb(cmd))
		image = dormant{version: version}
	}
	record, _ := storedRecord(state)
	if !image.isThere() {
		return image, ota.NewKnown(nil, record.Bad), func() {}
	}
	x := image.running
	part, file, _ := image.open(state)
	if part != nil {
		x.Device = part
	}
	return image, ota.KnownTo(x, image.finds(record).Record), func() { _ = file.Close() }
}

func printCheck(cmd *cobra.Command, c clock.Check) error {
	err := error(nil)
	if wantsJSON(cmd) {
		err = printJSON(cmd, c)
	} else {
		err = table(cmd, func(w *tabwriter.Writer) { writeCheck(w, c) })
	}
	if err == nil && c.Error != "" {
		err = codeError{exitCheckFailed, fmt.Errorf("%s: %s", verb(cmd), c.Error)}
	}
	return err
}

func writeCheck(w *tabwriter.Writer, c clock.Check) {
	for _, s := range clock.Sources {
		a, asked := c.Sources[s.String()]
		switch {
		case !asked:
			fmt.Fprintf(w, "%s\tnot asked\n", s)
		case a.OK:
			fmt.Fprintf(w, "%s\t%s\tsha256 %.8s…\t%d ms\n", s, a.Version, a.SHA256, a.MS)
		default:
			fmt.Fprintf(w, "%s\t%s\t%s\t%d ms\n", s, a.Cause, a.Error, a.MS)
		}
	}
	for _, text := range c.Warnings {
		fmt.Fprintf(w, "warning\t%s\n", text)
	}
	switch {
	case c.Error != "":
	case c.UpdateAvailable:
		fmt.Fprintf(w, "result\t%s is available from %s; %s runs\n", c.AvailableVersion, c.Source, c.CurrentVersion)
	case c.AvailableVersion != "" && ota.Compare(c.CurrentVersion, c.AvailableVersion) > 0:
		fmt.Fprintf(w, "result\t%s runs, and is newer than %s from %s\n", c.CurrentVersion, c.AvailableVersion, c.Source)
	case isHeldBack(c):
		fmt.Fprintf(w, "result\t%s is not offered, see the warning; %s runs\n", c.AvailableVersion, c.CurrentVersion)
	default:
		fmt.Fprintf(w, "result\tup to date: %s runs, and %s has nothing newer\n", c.CurrentVersion, c.Source)
	}
}

// isHeldBack tells that there is something newer that is not offered.
func isHeldBack(c clock.Check) bool {
	return !c.UpdateAvailable && c.AvailableVersion != "" && ota.Compare(c.CurrentVersion, c.AvailableVersion) < 0
}
