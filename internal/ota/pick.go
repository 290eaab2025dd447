package ota

import (
	"cmp"
	"fmt"
	"time"

	"wordclockd/internal/clock"
)

// An Answer is what a source that was asked for its manifest said.
type Answer struct {
	Source   clock.Source
	Manifest Manifest // if Err is nil
	Err      *Error
	Status   int           // of HTTP; 0 if there was no answer
	Took     time.Duration // until it was judged
}

// A Decision is which manifest counts.
type Decision struct {
	Source   clock.Source
	Manifest Manifest
	Fallback bool // not that of the preferred source

	Differs  string   // how the sources differ; "" if they do not, or not both were valid
	Warnings []string // what a user should know, Differs among it
}

// Pick decides among the answers of one source or two. A valid manifest of the
// preferred source counts, even if the other's is newer: its user may have
// chosen it on purpose. Else that of the other counts. With none, the error is
// [Unanswered].
func Pick(answers []Answer, preferred clock.Source) (Decision, error) {
	first, second := of(answers, preferred), of(answers, preferred.Other())
	switch {
	case first.valid():
		d := Decision{Source: preferred, Manifest: first.Manifest}
		d.compare(second)
		return d, nil
	case second.valid():
		d := Decision{Source: second.Source, Manifest: second.Manifest, Fallback: true}
		d.compare(first)
		return d, nil
	}
	var none Unanswered
	for _, a := range []*Answer{first, second} {
		if a != nil {
			none = append(none, a.Err)
		}
	}
	return Decision{}, none
}

// of returns the answer of a source, nil if it was not asked.
func of(answers []Answer, s clock.Source) *Answer {
	for i := range answers {
		if answers[i].Source == s {
			return &answers[i]
		}
	}
	return nil
}

func (a *Answer) valid() bool { return a != nil && a.Err == nil }

func (a *Answer) failed() bool { return a != nil && a.Err != nil }

// cause returns "" for a source that did not fail or was not asked.
func (a *Answer) cause() string {
	if !a.failed() {
		return ""
	}
	return a.Err.Cause.String()
}

// compare warns of what the source that does not count said.
func (d *Decision) compare(a *Answer) {
	switch {
	case a == nil:
	case a.Err != nil:
		d.Warnings = append(d.Warnings, a.Err.Error())
	default:
		if d.Differs = difference(d.Source, d.Manifest, a.Source, a.Manifest); d.Differs != "" {
			d.Warnings = append(d.Warnings, d.Differs)
		}
	}
}

// difference returns how two manifests differ in what matters, the first being
// the one that counts.
func difference(s clock.Source, m Manifest, other clock.Source, o Manifest) string {
	order := compare(m.Version, o.Version)
	switch {
	case order < 0:
		return fmt.Sprintf("%s has %s, newer than %s of %s, which counts", other, o.Version, m.Version, s)
	case order > 0:
		return fmt.Sprintf("%s has %s, older than %s of %s, which counts", other, o.Version, m.Version, s)
	case m.SHA256 != o.SHA256:
		return fmt.Sprintf("%s and %s have different images of %s (sha256 %s and %s), that of %[1]s counts",
			s, other, m.Version, brief(m.SHA256), brief(o.SHA256))
	case m.Size != o.Size:
		return fmt.Sprintf("%s and %s give different sizes of %s (%d and %d), that of %[1]s counts", s, other, m.Version, m.Size, o.Size)
	}
	return ""
}

func brief(digest string) string { return cmp.Or(digest[:min(8, len(digest))], "not given") }
