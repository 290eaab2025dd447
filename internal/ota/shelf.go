package ota

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"wordclockd/internal/clock"
)

// A shelf is what the sources have for an update.
type shelf struct {
	// Immutable.
	a         *attempt
	transport *http.Transport

	found *finding
}

// newShelf returns the shelf of an update, whose requests end with ctx.
func (a *attempt) newShelf(ctx context.Context) (*shelf, error) {
	t, err := NewTransport(a.u.c.OTA, within(ctx, a.u.c.Dial))
	if err != nil {
		return nil, at(err, Checking, "", 0)
	}
	return &shelf{a: a, transport: t}, nil
}

func (s *shelf) close() { s.transport.CloseIdleConnections() }

// first looks at the sources, and returns the image that counts. The error is an
// [Unanswered], an upToDate, or why the image is known not to be worth a try.
func (s *shelf) first(ctx context.Context) (o choice, err error) {
	a := s.a
	if s.found = a.found; s.found == nil {
		r := Request{Preferred: a.u.c.Preferred(), Force: a.start.Force}
		if a.start.Source != nil {
			r.Preferred = *a.start.Source
		}
		if s.found, err = a.u.look(ctx, a.u.request(r)); err != nil {
			return o, err
		}
	}
	a.heard(s.found.answers)
	if s.found.err != nil {
		return o, s.found.err
	}
	a.warn(s.found.Warnings...)
	m := s.found.Manifest
	a.shown.Version, a.shown.SHA256, a.shown.Size, a.shown.Source = m.Version, m.SHA256, m.Size, s.found.Source.String()
	if !s.found.available() && (s.found.objects == nil || !s.found.objects.defied()) {
		return o, s.found.declined()
	}
	return s.choice(s.found.Source, m), nil
}

// declined returns why an update is not made of what was found.
func (f *finding) declined() error {
	switch {
	case f.objects != nil:
		return f.objects.declines()
	case Compare(f.request.Current, f.Manifest.Version) > 0:
		return upToDate(fmt.Sprintf("%s runs, and %s has %s, which is older: only a forced update goes back", f.request.Current, f.Source, f.Manifest.Version))
	}
	return upToDate(fmt.Sprintf("%s runs, and %s has nothing newer", f.request.Current, f.Source))
}

// An upToDate says that there is nothing to do, and why.
type upToDate string

func (e upToDate) Error() string { return string(e) }

// choice returns the image of a source's manifest. Others may have it too, if its hash
// says which one it is.
func (s *shelf) choice(source clock.Source, m Manifest) choice {
	o := choice{m, []supplier{s.supplier(source)}}
	if m.SHA256 != "" {
		o.suppliers = append(o.suppliers, s.supplier(source.Other()))
	}
	return o
}

func (s *shelf) supplier(source clock.Source) supplier {
	return supplier{source.String(), of(s.found.answers, source).failed(), NewHTTP(s.a.u.c.OTA, source, s.transport, s.a.u.c.Agent)}
}

// second returns what the source has that does not count, if that is another image,
// newer than what runs, and worth a try.
func (s *shelf) second(ctx context.Context) (choice, bool) {
	other := s.found.Source.Other()
	answer := of(s.found.answers, other)
	if answer == nil {
		f, err := s.a.u.look(ctx, s.a.u.request(Request{Preferred: other, Only: true}))
		if err != nil {
			return choice{}, false
		}
		answer = of(f.answers, other)
		s.a.heard(f.answers)
	}
	if !answer.valid() {
		return choice{}, false
	}
	m := answer.Manifest
	newer := Compare(s.found.request.Current, m.Version) < 0 && s.a.u.known.objection(ctx, m, s.found.request.Current) == nil
	return s.choice(other, m), newer && m.SHA256 != s.found.Manifest.SHA256
}

// heard notes what is wrong with sources by what they answered.
func (a *attempt) heard(answers []Answer) {
	for _, x := range answers {
		if x.failed() {
			a.accuse(x.Err)
		}
	}
}

// defied reports whether an update that somebody wants is made in spite of it.
func (o *objection) defied() bool { return o == nil || o.bad != nil && !o.bad.Proven }

// declines is the error of an update that is not made for an objection.
func (o *objection) declines() error {
	if o.bad == nil {
		return upToDate(o.text)
	}
	c, err := ParseCause(o.bad.Cause)
	if err != nil || c == NoCause {
		c = ImageInvalid // it ran, and was no good
	}
	return at(fault(c, errors.New(o.text)), Checking, "", 0) // no source is to blame
}
