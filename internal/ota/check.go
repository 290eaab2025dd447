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
	Known *Known
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
// It takes 10 s at most, and as long as it takes to sum up what runs, if that may be
// what is offered. All that it began has ended when it returns, but for
// what the transport of package net/http tidies up behind closed connections.
//
// A valid answer of one source waits for the other 2 s longer than it took
// itself. Without OTA.CompareSources the other source is asked only when the
// preferred one has failed, or was silent for 2 s.
func (c *Checker) Check(ctx context.Context, r Request) clock.Check { return c.find(ctx, r).check() }

// A finding is what a round of questions came to.
type finding struct {
	Decision // if err is nil
	request  Request
	at       time.Time
	answers  []Answer
	err      error      // [Unanswered]
	objects  *objection // to an image that is newer; nil is none
}

// find is Check, with all that was found.
func (c *Checker) find(ctx context.Context, r Request) *finding {
	f := &finding{request: r, at: time.Now()}
	f.answers = c.ask(ctx, r)
	f.Decision, f.err = Pick(f.answers, r.Preferred)
	if f.err == nil && Compare(r.Current, f.Manifest.Version) < 0 {
		f.objects = c.c.Known.objection(ctx, f.Manifest, r.Current)
	}
	if ctx.Err() == nil {
		c.log(f)
	}
	return f
}

// check returns what is shown of a finding.
func (f *finding) check() clock.Check {
	check := clock.Check{
		CurrentVersion: f.request.Current,
		Sources:        make(map[string]clock.SourceAnswer, len(f.answers)),
		Warnings:       append([]string{}, f.Warnings...),
		At:             f.at.UTC(),
	}
	for _, a := range f.answers {
		check.Sources[a.Source.String()] = a.said()
	}
	if f.err != nil {
		check.Error = bounded(f.err.Error())
		return check
	}
	if f.objects != nil {
		check.Warnings = append(check.Warnings, f.objects.text)
	}
	check.Source, check.AvailableVersion = f.Source.String(), f.Manifest.Version
	check.UpdateAvailable, check.Release = f.available(), f.Manifest.release()
	return check
}

// release returns what is shown of a manifest.
func (m Manifest) release() *clock.Release {
	return &clock.Release{
		SHA256: m.SHA256, Size: m.Size, BuildDate: bounded(m.BuildDate),
		Title: bounded(m.Title), Description: bounded(m.Description), Date: bounded(m.ReleaseDate),
	}
}

// available is the version rule, and what is known beside it.
func (f *finding) available() bool {
	return f.err == nil && (f.request.Force || f.objects == nil && Compare(f.request.Current, f.Manifest.Version) < 0)
}

// said returns the answer as it is shown.
func (a Answer) said() clock.SourceAnswer {
	s := clock.SourceAnswer{OK: a.Err == nil, Status: a.Status, MS: a.Took.Milliseconds()}
	if a.Err != nil {
		s.Error, s.Cause = bounded(a.Err.Detail()), a.Err.Cause.String()
	} else {
		s.Version, s.SHA256 = a.Manifest.Version, a.Manifest.SHA256
	}
	return s
}
