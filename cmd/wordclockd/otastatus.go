package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// An otaStatus is what "ota status" prints.
type otaStatus struct {
	Running bool   `json:"running"` // a clock does; if not, Version and Trial are of what would be started
	Version string `json:"version"` // "" if nothing can be started
	Trial   bool   `json:"trial"`
	control.OTA
}

func newOTAStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what runs, and how far an update is",
		Long: `Say which firmware runs, when it was looked for newer one and what came of it, how
far the update is that is under way, what the last one came to, and how fast each
source was. It works with and without a running clock.`,
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := statusOfOTA(cmd)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, s)
			}
			return table(cmd, func(w *tabwriter.Writer) { writeOTAStatus(w, s) })
		},
	}
}

// statusOfOTA asks the running clock, or looks at what one left.
func statusOfOTA(cmd *cobra.Command) (s otaStatus, err error) {
	busy, err := running(cmd)
	if err != nil {
		return s, fmt.Errorf("ota status: %w", err)
	}
	if !busy {
		return dormantStatus(cmd)
	}
	return s, ask(cmd, func(ctx context.Context, c *control.Client) error {
		now, err := c.Status(ctx)
		s = otaStatus{true, now.Version, now.Trial, now.OTA}
		return err
	})
}

func writeOTAStatus(w *tabwriter.Writer, s otaStatus) {
	fmt.Fprintf(w, "firmware\t%s\n", firmwareLine(s))
	chosen := s.Source
	if s.Stored == "" {
		chosen += ", as nobody chose"
	}
	fmt.Fprintf(w, "source\t%s\n", chosen)
	if c := s.LastCheck; c != nil {
		fmt.Fprintf(w, "last check\t%s, %s\n", c.At.UTC().Format(time.RFC3339), verdictOf(*c))
	}
	writeOTA(w, s.OTA, s.Running)
	if a := cmp.Or(s.Present, s.Last); a != nil {
		writeServed(w, *a)
	}
}

func firmwareLine(s otaStatus) string {
	switch {
	case s.Running && s.Trial:
		return s.Version + " runs, on trial"
	case s.Running:
		return s.Version + " runs"
	case s.Version == "":
		return "no clock runs, and nothing can be started"
	case s.Trial:
		return "no clock runs; " + s.Version + " would be started, on trial"
	}
	return "no clock runs; " + s.Version + " would be started"
}

// writeOTA prints when the clock looks for newer firmware, and what there is to say of
// bringing it here.
func writeOTA(w *tabwriter.Writer, o control.OTA, running bool) {
	row := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	if o.NextCheck != "" {
		row("next check", o.NextCheck)
	}
	if o.Present != nil {
		row("update", presentLine(*o.Present))
		for _, text := range o.Present.Warnings {
			row("", "warning: "+text)
		}
		if !running {
			row("", "the clock ended in the middle of it: wordclockd ota update goes on where it was")
		}
	}
	if o.Last != nil {
		row("last update", lastLine(*o.Last))
		for _, name := range slices.Sorted(maps.Keys(o.Last.Causes)) {
			row("", name+": "+blame(*o.Last, name))
		}
		for _, text := range o.Last.Warnings {
			row("", "warning: "+text)
		}
	}
}

// verdictOf is what a look at the sources came to.
func verdictOf(c clock.Check) string {
	switch {
	case c.Error != "":
		return "failed: " + c.Error
	case c.UpdateAvailable:
		return fmt.Sprintf("%s is available from %s", c.AvailableVersion, c.Source)
	case isHeldBack(c):
		return fmt.Sprintf("%s from %s is not offered: wordclockd ota check says why", c.AvailableVersion, c.Source)
	}
	return "up to date by " + c.Source
}

// presentLine is how far an update is that is under way.
func presentLine(a clock.Attempt) string {
	text := fmt.Sprintf("%d: %s, %s", a.Number, fromTo(a), a.State)
	if a.Source != "" {
		text += " from " + a.Source
	}
	if a.Size > 0 {
		text += ", " + strings.ReplaceAll(strings.TrimSpace(progressLine(a)), "  ", ", ")
	}
	return text
}

// lastLine is what an update came to.
func lastLine(a clock.Attempt) string {
	text := fmt.Sprintf("%d: %s, %s", a.Number, fromTo(a), a.Result)
	if a.Source != "" {
		text += " from " + a.Source
	}
	if a.Result == clock.Confirmed || a.Result == clock.RolledBack {
		text += ", installed"
	}
	if !a.Ended.IsZero() {
		text += " at " + a.Ended.UTC().Format(time.RFC3339)
	}
	if why := reasonOf(a); why != "" {
		text += ": " + why
	}
	return text
}

// writeServed prints what each source did in the course of an update.
func writeServed(w *tabwriter.Writer, a clock.Attempt) {
	for _, name := range slices.Sorted(maps.Keys(a.Sources)) {
		fmt.Fprintf(w, "%s\t%s\n", name, servedLine(a.Sources[name]))
	}
}

func servedLine(s clock.Served) string {
	parts := []string{fmt.Sprintf("%d requests", s.Requests)}
	if s.Requests == 1 {
		parts[0] = "1 request"
	}
	if s.LatencyMS > 0 {
		parts = append(parts, fmt.Sprintf("answers within %.1f ms", s.LatencyMS))
	}
	if s.Bytes > 0 {
		parts = append(parts, fmt.Sprintf("%s at %s/s", amount(float64(s.Bytes)), amount(s.MBps*1e6)))
	}
	if s.Blamed {
		parts = append(parts, "delivered wrong bytes")
	}
	if s.Error != "" {
		parts = append(parts, s.Error)
	}
	return strings.Join(parts, ", ")
}
