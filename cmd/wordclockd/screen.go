package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// A screen keeps one block of lines at the end of a terminal: the front of the
// clock as it is lit. What is written to it scrolls away above.
type screen struct {
	out   *os.File
	color bool
	lit   func(clock.Status) face.Mask // what to show

	mu    sync.Mutex
	block []string // on the terminal now
}

// Run keeps the block up until ctx is done, and takes it away then: the LEDs go
// dark. A terminal that goes away is no reason for the clock to stop.
func (s *screen) Run(ctx context.Context, service clock.Service) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		status, changed := service.Watch()
		if err := s.paint(s.lines(status, time.Now())); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			_ = s.paint(nil)
			return nil
		case <-changed:
		case <-tick.C:
		}
	}
}

// lines returns the block for a status: the picture where it fits, below it
// the words, the time and what is wrong.
func (s *screen) lines(status clock.Status, now time.Time) []string {
	text := status.Face.Phrase.String()
	foot := "time unknown: neither the host's clock nor an RTC can be believed"
	if local, ok := status.Time.At(now); ok {
		foot = fmt.Sprintf("%s  time: %s", local.Format("15:04:05 MST"), status.Time.Quality)
	} else {
		text = ""
	}
	if dark := status.Face.Dark; dark != nil {
		foot += fmt.Sprintf("  dark rows: %d", dark)
	}
	_, height, err := term.GetSize(int(s.out.Fd()))
	full := slices.Concat([]string{""}, picture(s.lit(status), s.color), []string{"", " " + text, " " + foot})
	if err == nil && height <= len(full) {
		return []string{text + "  " + foot}
	}
	return full
}

// paint replaces the block.
func (s *screen) paint(lines []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(lines, s.block) {
		return nil
	}
	return s.replace(nil, lines)
}

// Write implements io.Writer: whole lines, above the block.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(p), s.replace(p, s.block)
}

// Controls of the terminal (ECMA-48; DECAWM clips long lines).
const (
	up       = "\x1b[%dA\r"
	erase    = "\x1b[J"
	clip     = "\x1b[?7l"
	wrap     = "\x1b[?7h"
	eraseEnd = "\x1b[K"
)

// replace writes p where the block begins, and a new block below. It is one
// write, so that nothing flickers.
func (s *screen) replace(p []byte, block []string) error {
	var b bytes.Buffer
	if n := len(s.block); n > 0 {
		fmt.Fprintf(&b, up, n)
	}
	if len(p) > 0 || len(block) != len(s.block) {
		b.WriteString(erase)
	}
	b.Write(p)
	b.WriteString(clip)
	for _, line := range block {
		b.WriteString(strings.TrimRight(line, " ") + eraseEnd + "\n")
	}
	b.WriteString(wrap)
	s.block = block
	_, err := s.out.Write(b.Bytes())
	return err
}
