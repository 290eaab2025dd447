package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
)

// newLog returns a log to w: lines for a person on a terminal, else JSON.
func newLog(w io.Writer, c config.Log, terminal, color bool) *slog.Logger {
	if c.Format == "text" || c.Format == "auto" && terminal {
		return slog.New(tint.NewTextHandler(w, &tint.Options{
			Level: c.Level, TimeFormat: time.TimeOnly, NoColor: !color,
		}))
	}
	o := &slog.HandlerOptions{Level: c.Level}
	if os.Getenv("JOURNAL_STREAM") != "" { // journald has the time already
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// logFaces logs what the clock says: new words as they come, minute LEDs for
// those who debug.
func logFaces(log *slog.Logger) func(context.Context, clock.Service) error {
	return func(ctx context.Context, service clock.Service) error {
		var last face.Phrase
		for {
			status, changed := service.Watch()
			p := status.Face.Phrase
			if p != last && !status.Face.Unknown && len(p.Words()) > 0 {
				level := slog.LevelDebug
				if p.Text() != last.Text() {
					level = slog.LevelInfo
				}
				local, _ := status.Time.At(time.Now())
				log.Log(ctx, level, p.String(), "event", "face", "local", local.Format(time.RFC3339))
				last = p
			}
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
		}
	}
}
