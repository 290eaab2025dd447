package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// A screen keeps the front of the clock on a terminal, as it is lit.
type screen struct {
	console  *console
	terminal *os.File
	color    bool
	lit      func(clock.Status) face.Mask // what to show
}

// Run is a front end: it keeps the block of the console up until ctx is done.
func (s *screen) Run(ctx context.Context, service clock.Service) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		status, changed := service.Watch()
		s.console.show(s.lines(status, time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-tick.C:
		}
	}
}

// lines returns the block for a status: the picture where it fits, below it
// the words, the time and what is wrong.
func (s *screen) lines(status clock.Status, now time.Time) []string {
	text, foot := "", "time: "+status.Time.Quality.String()
	if local, ok := status.Time.At(now); ok {
		text = status.Face.Phrase.String()
		foot = local.Format("15:04:05 MST") + "  " + foot
	}
	if dark := status.Face.Dark; dark != nil {
		foot += fmt.Sprintf("  dark rows: %d", dark)
	}
	full := slices.Concat([]string{""}, picture(s.lit(status), s.color), []string{"", " " + text, " " + foot})
	// A terminal that does not know its height says 0.
	if _, height, err := term.GetSize(int(s.terminal.Fd())); err == nil && 0 < height && height <= len(full) {
		return []string{text + "  " + foot}
	}
	return full
}
