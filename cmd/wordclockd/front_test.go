package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/proof"
	"wordclockd/internal/watch"
)

// A service says what the test tells it to.
type service struct{ watch.Value[clock.Status] }

func (*service) Change(context.Context, func(*clock.Settings) error) (clock.Changed, error) {
	return clock.Changed{}, nil
}

func (*service) Do(context.Context, clock.Command) (any, error) { return nil, nil }

func (s *service) say(hour, minute int) {
	at := time.Date(2026, 6, 15, hour, minute, 0, 0, time.UTC)
	s.Set(clock.Status{
		Time: clock.Time{Quality: clock.RTC, Host: time.Now(), True: at},
		Face: clock.Face{Phrase: face.Say(hour, minute, face.Default)},
	})
}

// TestLogFaces: new words are news, minute LEDs are for those who debug, and an
// unknown time or a dark face is none.
func TestLogFaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log proof.Log
		s := new(service)
		ctx, cancel := context.WithCancel(t.Context())
		go logFaces(log.Logger())(ctx, s)
		for _, f := range []func(){
			func() { s.Set(clock.Status{Face: clock.Face{Unknown: true, Phrase: face.Dots(4)}}) },
			func() { s.say(14, 37) },
			func() { s.say(14, 37) },
			func() { s.say(14, 38) },
			func() { s.Set(clock.Status{}) },
			func() { s.say(14, 39) },
			func() { s.say(14, 40) },
		} {
			f()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		var got []string
		for line := range strings.Lines(log.String()) {
			_, msg, _ := strings.Cut(line, `msg="`)
			msg, _, _ = strings.Cut(msg, `"`)
			got = append(got, msg)
		}
		if want := "ES IST FÜNF NACH HALB DREI ··|ES IST ZWANZIG VOR DREI"; strings.Join(got, "|") != want {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

func TestNewLog(t *testing.T) {
	for _, c := range []struct {
		name     string
		log      config.Log
		terminal bool
		want     string // how a line of level info begins; "" is no line
	}{
		{"terminal", config.Log{Format: "auto"}, true, "INF"},
		{"no terminal", config.Log{Format: "auto"}, false, "{"},
		{"JSON on a terminal", config.Log{Format: "json"}, true, "{"},
		{"text elsewhere", config.Log{Format: "text"}, false, "INF"},
		{"errors only, text", config.Log{Format: "text", Level: slog.LevelError}, true, ""},
		{"errors only, JSON", config.Log{Format: "json", Level: slog.LevelError}, true, ""},
	} {
		t.Setenv("JOURNAL_STREAM", "")
		var b bytes.Buffer
		newLog(&b, c.log, c.terminal, false).Info("hello")
		line := strings.TrimLeft(b.String(), "0123456789: ")
		if !strings.HasPrefix(line, c.want) || (line == "") != (c.want == "") {
			t.Errorf("%s: %q, want it to begin with %q", c.name, line, c.want)
		}
	}
}

// TestScreenLines is what stands below the picture.
func TestScreenLines(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	now := time.Now()
	s := screen{terminal: f, lit: says}
	for _, c := range []struct {
		name   string
		status clock.Status
		want   string
	}{
		{"right", clock.Status{
			Time: clock.Time{Quality: clock.RTC, Host: now, True: time.Date(2026, 6, 15, 14, 37, 5, 0, time.UTC)},
			Face: clock.Face{Phrase: face.Say(14, 37, face.Default)},
		}, " ES IST FÜNF NACH HALB DREI ··| 14:37:05 UTC  time: rtc"},
		{"rows dark", clock.Status{
			Time: clock.FromHost(time.Date(2026, 6, 15, 14, 37, 5, 0, time.UTC), nil),
			Face: clock.Face{Phrase: face.Say(14, 37, face.Default), Dark: []int{3, 4}},
		}, "time: synced  dark rows: [3 4]"},
		{"unknown", clock.Status{Face: clock.Face{Unknown: true, Phrase: face.Dots(4)}}, " | time: unknown"},
	} {
		lines := s.lines(c.status, now)
		if got := strings.Join(lines[len(lines)-2:], "|"); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %q, want it to end with %q", c.name, got, c.want)
		}
		if len(lines) != 16 {
			t.Errorf("%s: %d lines, want 16", c.name, len(lines))
		}
	}
}

// TestScreenTicks: the seconds go on though nothing changes.
func TestScreenTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{hold: make(chan struct{})}
		close(r.hold)
		c := openConsole(r)
		s := screen{console: c, terminal: os.Stdin, lit: says}
		svc := new(service)
		svc.say(14, 37)
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx, svc)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		for _, want := range []string{"14:37:00", "14:37:01", "14:37:02"} {
			if !strings.Contains(r.got.String(), want) {
				t.Errorf("%s was not shown", want)
			}
		}
		cancel()
		synctest.Wait()
		c.close()
	})
}

// TestPictureColour: each lit letter is bright, each other one dim.
func TestPictureColour(t *testing.T) {
	lit := face.Say(14, 37, face.Default).Mask()
	text := strings.Join(picture(lit, true), "\n")
	if got, want := strings.Count(text, sgrLit), len(strings.ReplaceAll("ESISTFUNFNACHHALBDREI", " ", ""))+2; got != want {
		t.Errorf("%d bright cells, want %d", got, want)
	}
	for _, want := range []string{sgrLit + "Ü", sgrDark + "Z", sgrLit + "●", sgrDark + "●"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the picture", want)
		}
	}
}

// TestNoPicture: who wants JSON, or has a terminal without a cursor, gets the log.
func TestNoPicture(t *testing.T) {
	for name, c := range map[string]struct {
		environ string
		args    []string
	}{
		"JSON": {"TERM=xterm", []string{"--json"}},
		"dumb": {"TERM=dumb", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := openTerminal(t, 40)
			cmd := term.start(t, c.environ, c.args...)
			term.until(t, func([]string) bool { return strings.Contains(term.raw(), `"event":"face"`) })
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if strings.Contains(term.raw(), "\x1b") {
				t.Errorf("controls were used: %q", term.raw())
			}
		})
	}
}
