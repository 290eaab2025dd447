package ota

import (
	"cmp"
	"errors"
	"strings"
)

// An Error is why a source, an image or an update is not used.
type Error struct {
	During State
	Kind   Kind // that of Cause, as a rule
	Cause  Cause
	Source string // that it concerns; "" if none
	Status int    // of HTTP; 0 if there was no answer
	Err    error
}

// fault returns an error of cause c without a place.
func fault(c Cause, err error) *Error { return &Error{Kind: c.Kind(), Cause: c, Err: err} }

// Error returns "source: cause: detail".
func (e *Error) Error() string {
	parts := []string{e.Cause.String(), e.Detail()}
	if e.Source != "" {
		parts = append([]string{e.Source}, parts...)
	}
	return strings.Join(parts, ": ")
}

// Detail returns the message without source and cause, for where these have
// fields of their own.
func (e *Error) Detail() string {
	if e.Err == nil {
		return e.Kind.String()
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// at returns err as an [Error] that says where it happened; what is known
// already stays.
func at(err error, during State, source string, status int) *Error {
	e := *fault(CauseOf(err), err)
	if inner, ok := errors.AsType[*Error](err); ok {
		e = *inner
	}
	e.During = cmp.Or(e.During, during)
	e.Source = cmp.Or(e.Source, source)
	e.Status = cmp.Or(e.Status, status)
	return &e
}

// statusOf returns the status of HTTP that an error came with.
func statusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Unanswered is the error when no source gave a valid manifest: the errors of
// all that were asked, the preferred one's first.
type Unanswered []*Error

func (u Unanswered) Error() string { return "no source has a valid manifest: " + joined(u) }

func (u Unanswered) Unwrap() []error { return each(u) }

// joined returns the messages of errors, one after the other.
func joined(errs []*Error) string {
	parts := make([]string, len(errs))
	for i, e := range errs {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "; ")
}

// each returns errors for Unwrap.
func each(errs []*Error) []error {
	all := make([]error, len(errs))
	for i, e := range errs {
		all[i] = e
	}
	return all
}
