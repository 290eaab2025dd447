package ota

import (
	"errors"
	"maps"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// finish draws the conclusions of how an update ended.
func (a *attempt) finish(err error) {
	s := &a.shown
	reason, idle := errors.AsType[upToDate](err)
	switch {
	case err == nil:
		a.step(Complete, s.Source)
		s.Result = clock.Installed
	case idle:
		a.step(Idle, s.Source)
		s.Result, s.Reason = clock.UpToDate, bounded(string(reason))
	default:
		a.fail(err)
		a.step(Failed, s.Source)
		s.Result = clock.Failed
	}
	s.Rate, s.RemainingS, s.Ended = 0, 0, time.Now().UTC()
	if err == nil {
		a.u.known.stage(s.SHA256)
	}
	a.u.change(func(r *Record) {
		r.Present, r.History = nil, added(r.History, *s, clock.HistorySize)
		if err == nil || r.Plan != nil && r.Plan.SHA256 != s.SHA256 {
			r.Plan = nil
		}
		if err != nil || a.start.NoReboot {
			a.u.leave(a) // whoever sees that it is over can begin the next
		}
	})
	a.report(err)
}

// fail notes what went wrong.
func (a *attempt) fail(err error) {
	a.shown.Reason = bounded(err.Error())
	for i, e := range errorsIn(err) {
		if i == 0 {
			a.shown.Error, a.shown.Cause = e.Kind.String(), e.Cause.String()
			if condemns(e.Cause) && a.shown.SHA256 != "" {
				a.condemn(e, false)
			}
		}
		if e.Source != "" {
			a.accuse(e)
		}
	}
}

// accuse notes what is wrong with a source.
func (a *attempt) accuse(e *Error) {
	a.shown.Causes, a.shown.Sources = maps.Clone(a.shown.Causes), maps.Clone(a.shown.Sources)
	a.shown.Causes[e.Source] = e.Cause.String()
	served := a.shown.Sources[e.Source]
	served.Error = bounded(e.Cause.String() + ": " + e.Detail())
	a.shown.Sources[e.Source] = served
}

// condemn remembers that the image is bad. What was proven before stays.
func (a *attempt) condemn(err error, proven bool) {
	sha := a.shown.SHA256
	if b := a.u.known.badness(sha); b != nil && b.Proven {
		return
	}
	e := at(err, Idle, "", 0)
	a.u.change(func(r *Record) {
		r.condemn(Bad{SHA256: sha, Version: a.shown.Version, Cause: e.Cause.String(), Reason: bounded(e.Detail()), Proven: proven, At: time.Now().UTC()})
		if proven {
			r.Plan = nil
		}
	})
}

// errorsIn returns the *Errors that an error consists of, in order.
func errorsIn(err error) (all []*Error) {
	switch x := err.(type) {
	case *Error:
		return []*Error{x}
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			all = append(all, errorsIn(e)...)
		}
	case interface{ Unwrap() error }:
		return errorsIn(x.Unwrap())
	}
	return all
}

// report logs how the update ended.
func (a *attempt) report(err error) {
	s, log := a.shown, a.u.c.Log
	switch {
	case err == nil:
		log.Info("update is installed", "event", "ota_installed", "number", s.Number, "version", s.Version, "slot", s.Slot, "source", s.Source, "bytes", s.Size, "fetched", s.Fetched)
	case s.Result == clock.UpToDate:
		log.Info("there is nothing to update to", "event", "ota_nothing_newer", "number", s.Number, "why", s.Reason)
	case s.Cause == Cancelled.String():
		log.Info("update was cancelled", "event", "ota_cancelled", "number", s.Number, "version", s.Version, "bytes", s.Bytes)
	default:
		log.Error("update failed", "event", "ota_update_failed", "number", s.Number, "version", s.Version, "cause", s.Cause,
			"github", s.Causes[clock.GitHub.String()], "cloudflare", s.Causes[clock.Cloudflare.String()], "err", err)
	}
}

// bounded returns a text as it is stored: one line, and not too long.
func bounded(text string) string {
	const most = 600
	text = flash.Printable(strings.ReplaceAll(text, "\n", "; "))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
