package ota

import (
	"errors"
	"maps"
	"slices"
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
		r.Present, r.History = nil, ended(r.History, *s)
		if err == nil {
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
		}
		if e.Source != "" {
			a.accuse(e)
		}
	}
}

// suspect remembers an image that was not had, if another try is likely to come to the
// same: each of n who were asked sent something that was refused, or other bytes.
func (a *attempt) suspect(err error, n int) {
	if err != nil && !a.proven && a.shown.SHA256 != "" && refused(err, n) {
		a.condemn(errorsIn(err)[0], false)
	}
}

// refused reports whether each of n suppliers sent something, and none what was wanted.
func refused(err error, n int) bool {
	if !is[*FetchError](err) {
		return condemns(CauseOf(err))
	}
	all := errorsIn(err)
	return len(all) == n && !slices.ContainsFunc(all, func(e *Error) bool { return e.Cause != WrongBytes && !condemns(e.Cause) })
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
