package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

func newStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what the clock shows, and how it is",
		Long: `Say what the running clock shows, where its time comes from, how it is set, and
what is wrong with it. Settings that wait for what this clock does not have are left
out; --json has them too.

The quality of the time is one of
  synced    from time servers, by the host's clock or measured
  holdover  counted on since it was last known for sure
  rtc       from the battery-backed clock
  unknown   nobody can be believed; no word is lit`,
		Args:        takes(0, 0),
		Annotations: daemonExits(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				slots, err := c.Slots(ctx)
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, struct {
						control.Status
						Program string        `json:"program"` // the version of wordclockd itself
						Slots   control.Slots `json:"slots"`
					}{s, slots.Program, slots})
				}
				return table(cmd, func(w *tabwriter.Writer) {
					printStatus(w, s)
					printSlots(w, slots)
				})
			})
		},
	}
}

func printStatus(w *tabwriter.Writer, s control.Status) {
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("clock", "wordclockd %s on a %s board, process %d, start %d, up %s", s.Version, s.Board, s.PID, s.Boot, time.Duration(s.UptimeS)*time.Second)
	row("face", "%s", faceLine(s))
	row("brightness", "individual %d: %s", s.Light.Individual, s.Light.Why.Individual.Text)
	row("brightness", "group %d: %s", s.Light.Group, s.Light.Why.Group.Text)
	printSensors(row, s.Sensors)
	row("self-check", "%s", checkedLine(s))
	row("time", "%s", timeLine(s.Time))
	if s.Time.LastSync != "" {
		row("last sync", "%s", s.Time.LastSync)
	}
	for _, x := range s.Time.Servers {
		row("time server", "%s", serverLine(x))
	}
	row("rtc", "%s", rtcLine(s.Time.RTC))
	for _, key := range used(s) {
		row(key, "%v", s.Settings[key])
	}
	printMQTT(row, s.MQTT)
	row("firmware", "%s", checkLine(s.OTA))
	writeOTA(w, s.OTA, true)
	row("health", "%s", healthLine(s.Health))
	row("entries in the journal", "%d", s.Journal.Entries)
}

// printSlots prints what is in each slot, and what has to do with that.
func printSlots(w *tabwriter.Writer, s control.Slots) {
	fmt.Fprintf(w, "program\t%s\n", s.Program)
	for _, x := range s.Slots {
		fmt.Fprintf(w, "slot %s\t%s\n", x.Name, slotLine(x, s))
	}
	if s.Level > 0 {
		fmt.Fprintf(w, "lowest secure version\t%d\n", s.Level)
	}
	for _, k := range s.Keys {
		fmt.Fprintf(w, "trusted key\t%s\n", k)
	}
}

// used returns the keys of the settings that have an effect on this clock.
func used(s control.Status) (keys []string) {
	for _, f := range clock.Fields {
		if !slices.Contains(s.Unused, f.Key) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

func timeLine(t control.Time) string {
	if t.Local == "" {
		return t.Quality
	}
	text := fmt.Sprintf("%s (%s), %s", t.Local, t.Zone, t.Quality)
	if t.ErrorMS > 0 {
		text += fmt.Sprintf(", to %s", span(t.ErrorMS))
	}
	if t.Differs {
		text += "; time servers contradict the host"
	}
	return text
}

func serverLine(s control.Server) string {
	if s.Error != "" {
		return s.Name + ": " + s.Error
	}
	return fmt.Sprintf("%s: stratum %d, %s from the host, delay %s", s.Name, s.Stratum, span(s.OffsetMS), span(s.DelayMS))
}

// span is milliseconds for a person.
func span(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond)).Round(100 * time.Microsecond)
}

func rtcLine(r control.RTC) string {
	if !r.OK {
		return r.Error
	}
	text := "ok"
	if r.Hour12 {
		text += ", in 12-hour mode"
	}
	if r.Set != "" {
		text += ", set at " + r.Set
	}
	return text
}

func checkLine(o control.OTA) string {
	text := "from " + o.Source
	switch c := o.LastCheck; {
	case o.Checking:
		text += ", looking"
	case c != nil && c.Error != "":
		text += ", last look failed: " + c.Error
	case c != nil:
		text += ", " + verdictOf(*c)
	}
	return text
}

func newWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Print each change of what the clock shows and how it is",
		Long: `Print a line now, and one at each change of the face, of the quality of the time,
of the settings, of the connection to the broker and of an update, until interrupted; a restart of the firmware is waited for.
With --json each line is a whole status.`,
		Args:        takes(0, 0),
		Annotations: daemonExits(exitInterrupted),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, func(ctx context.Context, c *control.Client) error {
				last := ""
				return c.Watch(ctx, func(s control.Status) error {
					if wantsJSON(cmd) {
						return printJSON(cmd, s)
					}
					line := watchLine(s)
					if line == last {
						return nil
					}
					last = line
					_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", timeOfWatch(s.Time), line)
					return err
				})
			})
		},
	}
}

// timeOfWatch is the clock's own time, as it is on the face.
func timeOfWatch(t control.Time) string {
	local, err := time.Parse(time.RFC3339, t.Local)
	if err != nil {
		return "--:--:--"
	}
	return local.Format(time.TimeOnly)
}

// watchedUpdate is how far an update is, as often as that is worth a line.
func watchedUpdate(a clock.Attempt) string {
	if n := len(a.Steps); n > 0 && a.Steps[n-1].Percent > 0 {
		return fmt.Sprintf("%s %d %%", a.State, a.Steps[n-1].Percent)
	}
	return a.State
}

// watchLine is what a person wants to see changes of.
func watchLine(s control.Status) string {
	parts := []string{faceLine(s), "time: " + s.Time.Quality}
	for _, key := range used(s) {
		parts = append(parts, fmt.Sprintf("%s: %v", key, s.Settings[key]))
	}
	if s.MQTT.State != clock.LinkOff.String() {
		parts = append(parts, "mqtt: "+s.MQTT.State)
	}
	if a := s.OTA.Present; a != nil {
		parts = append(parts, "update: "+watchedUpdate(*a))
	}
	return strings.Join(append(parts, fmt.Sprintf("start %d", s.Boot)), "  ")
}
