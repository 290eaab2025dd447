// Package proof is for tests only: the events of a log, how many seeds to try,
// and rows for docs/proofs.md.
package proof

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Log keeps what is logged.
type Log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	records []slog.Record
}

// Logger returns a logger that writes to the log.
func (l *Log) Logger() *slog.Logger {
	return slog.New(handler{slog.NewTextHandler(&l.text, &slog.HandlerOptions{Level: slog.LevelInfo}), l})
}

type handler struct {
	slog.Handler
	log *Log
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.records = append(h.log.records, r.Clone())
	return h.Handler.Handle(ctx, r)
}

// Events returns the attribute "event" of all that was logged, with the values
// of further attributes where they are there: "leds_dark [3]".
func (l *Log) Events(attrs ...string) (events []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		var event, more string
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "event" {
				event = a.Value.String()
			} else if slices.Contains(attrs, a.Key) {
				more += " " + a.Value.String()
			}
			return true
		})
		events = append(events, event+more)
	}
	return events
}

// String returns the log as text.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Missing skips a test that has no peer to test against, or fails it where
// WORDCLOCKD_PEERS=require says that it has to have one.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WORDCLOCKD_PEERS") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Seeds returns the seeds that a random test tries: n from 1 on, or as many
// and from where `make soak` says.
func Seeds(t testing.TB, n int) []uint64 {
	t.Helper()
	first := number(t, "WORDCLOCKD_SOAK_SEED", 1)
	seeds := make([]uint64, number(t, "WORDCLOCKD_SOAK_N", n))
	for i := range seeds {
		seeds[i] = uint64(first + i)
	}
	return seeds
}

// Shorter returns n, or a sixth of it under the race detector.
func Shorter(n int) int {
	if Raced {
		return max(1, n/6)
	}
	return n
}

func number(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q: want a number", variable, s)
	}
	return n
}

// Row prints what a test explored since begin, unless it failed. `make soak`
// makes a row of docs/proofs.md from it.
func Row(t testing.TB, begin time.Time, what, howMuch string) {
	if !t.Failed() {
		fmt.Printf("\nproof | %s | %s | %.1f |\n", what, howMuch, time.Since(begin).Seconds())
	}
}
