package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/face"
)

func newFace() *cobra.Command {
	var style string
	cmd := &cobra.Command{
		Use:   "face [HH:MM]",
		Short: "Print what the clock shows at a time",
		Long: `Print the front of the clock as it is at a time of day, by default now.

Letters that are not lit are points, or dim where there is colour.`,
		Example: "  wordclockd face 14:37\n  wordclockd face 23:45 --style halb --json",
		Args:    takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := face.ParseStyle(style)
			if err != nil {
				return usageError(fmt.Errorf("face --style: %w", err))
			}
			hour, minute, err := timeOfDay(cmd, args)
			if err != nil {
				return err
			}
			p := face.Say(hour, minute, s)
			if wantsJSON(cmd) {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(newFaceJSON(hour, minute, s, p))
			}
			out := cmd.OutOrStdout()
			for _, line := range picture(p.Mask(), paints(out)) {
				if _, err := fmt.Fprintln(out, line); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(out, "\n%02d:%02d  %s\n", hour, minute, p)
			return err
		},
	}
	cmd.Flags().StringVar(&style, "style", face.Default.String(), "default or halb (ZEHN VOR HALB, DREIVIERTEL)")
	return cmd
}

// timeOfDay returns the time that the arguments name, or the present one where
// the clock is.
func timeOfDay(cmd *cobra.Command, args []string) (hour, minute int, err error) {
	if len(args) == 0 {
		c, err := loadConfig(cmd)
		if err != nil {
			return 0, 0, err
		}
		now := time.Now().In(c.Device.Zone)
		return now.Hour(), now.Minute(), nil
	}
	t, err := time.Parse("15:04", args[0])
	if err != nil {
		return 0, 0, usageError(fmt.Errorf("face %q: want a time from 00:00 to 23:59, such as 14:37", args[0]))
	}
	return t.Hour(), t.Minute(), nil
}

// faceJSON is what scripts read: rows has bit k set where column k is lit.
type faceJSON struct {
	Time       string    `json:"time"`
	Style      string    `json:"style"`
	Text       string    `json:"text"`
	Words      []string  `json:"words"`
	MinuteLEDs int       `json:"minute_leds"`
	Rows       face.Mask `json:"rows"`
}

func newFaceJSON(hour, minute int, s face.Style, p face.Phrase) faceJSON {
	j := faceJSON{
		Time:       fmt.Sprintf("%02d:%02d", hour, minute),
		Style:      s.String(),
		Text:       p.Text(),
		MinuteLEDs: p.MinuteLEDs(),
		Rows:       p.Mask(),
	}
	for _, w := range p.Words() {
		j.Words = append(j.Words, w.String())
	}
	return j
}
