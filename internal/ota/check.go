package ota

import (
	"context"
	"log/slog"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
)

// Config is what a [Checker] is made of.
type Config struct {
	OTA   config.OTA
	Agent string // such as wordclockd/3.0.0
	Log   *slog.Logger
	Dial  Dial // nil: the network
}

// A Checker asks the sources what they offer. It keeps nothing from one check
// to the next, and may be used by several goroutines.
type Checker struct {
	// Immutable.
	c            Config
	limit, grace time.Duration
}

// New returns a checker. It does no I/O.
func New(c Config) *Checker { return &Checker{c, limit, grace} }

// A Request says what to look for.
type Request struct {
	Preferred clock.Source
	Only      bool   // ask no other
	Force     bool   // an older or equal version counts as available
	Current   string // version of the image that runs
}

// Check asks the sources, and returns what they said and what follows from it.
// It takes 10 s at most. All that it began has ended when it returns, but for
// what the transport of package net/http tidies up behind closed connections.
//
// A valid answer of one source waits for the other 2 s longer than it took
// itself. Without OTA.CompareSources the other source is asked only when the
// preferred one has failed, or was silent for 2 s.
func (c *Checker) Check(ctx context.Context, r Request) clock.Check {
	at := time.Now()
	answers := c.ask(ctx, r)
	d, err := Pick(answers, r.Preferred)
	if ctx.Err() == nil {
		c.log(r, answers, d, err)
	}
	check := clock.Check{
		CurrentVersion: r.Current,
		Sources:        make(map[string]clock.SourceAnswer, len(answers)),
		Warnings:       append([]string{}, d.Warnings...),
		At:             at.UTC(),
	}
	for _, a := range answers {
		check.Sources[a.Source.String()] = a.said()
	}
	if err != nil {
		check.Error = err.Error()
		return check
	}
	check.Source, check.AvailableVersion = d.Source.String(), d.Manifest.Version
	check.UpdateAvailable = r.available(d.Manifest)
	return check
}

// available is the version rule.
func (r Request) available(m Manifest) bool { return r.Force || Compare(r.Current, m.Version) < 0 }

// said returns the answer as it is shown.
func (a Answer) said() clock.SourceAnswer {
	s := clock.SourceAnswer{OK: a.Err == nil, Status: a.Status, MS: a.Took.Milliseconds()}
	if a.Err != nil {
		s.Error, s.Cause = a.Err.Detail(), a.Err.Cause.String()
	} else {
		s.Version, s.SHA256 = a.Manifest.Version, a.Manifest.SHA256
	}
	return s
}
