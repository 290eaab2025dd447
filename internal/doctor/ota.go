package doctor

import (
	"context"
	"net/http"
	"slices"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/ota"
)

// A Preference is which source is preferred, as far as is known.
type Preference struct {
	Stored  *clock.Source // in the settings; nil if nothing is stored
	Running *clock.Source // by the clock that runs; nil if none does
	Note    string        // why something is not known
}

// effective is the source that decides at the next check.
func (p Preference) effective() clock.Source {
	switch {
	case p.Running != nil:
		return *p.Running
	case p.Stored != nil:
		return *p.Stored
	}
	return clock.GitHub
}

// OTA looks at both sources of firmware, in the way in which a clock asks them.
// It closes with a diagnosis of what people complain of, where it sees the
// reason.
func OTA(ctx context.Context, w Web, c config.OTA, p Preference) []Finding {
	rt, err := ota.NewTransport(c, w.Dial)
	if err != nil {
		return []Finding{{Fault, "sources", "ota.ca_file", detail(err), "correct ota.ca_file, or leave it empty"}}
	}
	rt.Proxy = w.Proxy
	looks := make([]look[source], len(clock.Sources))
	for i, s := range clock.Sources {
		looks[i] = look[source]{
			run:  func(ctx context.Context) source { return examineSource(ctx, w, c, s, rt) },
			late: lateSource(s),
		}
	}
	sources, err := examine(ctx, looks)
	if err != nil {
		return []Finding{{Fault, "sources", "doctor", err.Error(), remedyBug}}
	}
	found := preferred(p)
	for _, s := range sources {
		found = append(found, s.findings...)
	}
	return slices.Concat(found, compared(c, sources, p), complaints(c, sources, p))
}

// A source is what is known of a source of firmware.
type source struct {
	section
	name clock.Source
	http *ota.HTTP

	answer ota.Answer // to the question for the manifest
	image  *ota.Error // why there is no image; nil if there is
}

// lateSource is what is known of a source that hangs: names are looked up by the
// operating system, which may take its time.
func lateSource(s clock.Source) source {
	return source{
		name: s,
		section: section{s.String(), []Finding{{Fault, s.String(), "address",
			"it hangs, and was left behind", "check the network of this host and its DNS server: resolvectl status"}}},
		answer: ota.Answer{Source: s, Err: &ota.Error{Cause: ota.Timeout, Kind: ota.Timeout.Kind(), Source: s.String()}},
	}
}

func examineSource(ctx context.Context, w Web, c config.OTA, s clock.Source, rt *http.Transport) source {
	x := source{section: section{topic: s.String()}, name: s, http: ota.NewHTTP(c, s, rt, w.Agent)}
	x.answer.Source = s
	servers := map[string]error{} // those that were reached, and why not
	if err := x.reach(ctx, w, c, rt, servers, ota.ManifestName); err != nil {
		x.answer.Err = fault(err)
	} else {
		x.manifest(ctx, c)
	}
	if err := x.reach(ctx, w, c, rt, servers, ota.ImageName); err != nil {
		x.image = fault(err)
	} else {
		x.binary(ctx)
	}
	return x
}

// preferred says which source is stored and which is used.
func preferred(p Preference) []Finding {
	s := section{topic: "preference"}
	switch {
	case p.Running != nil && p.Stored != nil && *p.Running != *p.Stored:
		s.add(Fault, "source", "restart the clock; if that does not help, it uses another state directory than this command: compare --state and $STATE_DIRECTORY",
			"%s is stored, but the running clock prefers %s", *p.Stored, *p.Running)
	case p.Running != nil:
		s.add(OK, "source", "", "the running clock prefers %s", *p.Running)
	case p.Stored != nil:
		s.add(OK, "source", "", "%s is stored; no clock is running", *p.Stored)
	case p.Note == "":
		s.add(OK, "source", "", "nothing is stored, so %s, the default; no clock is running", clock.GitHub)
	}
	if p.Note != "" {
		s.add(Note, "source", "", "%s", p.Note)
	}
	return s.findings
}

// compared says how the sources differ.
func compared(c config.OTA, sources []source, p Preference) []Finding {
	s := section{topic: "sources"}
	if !c.CompareSources {
		s.add(Note, "comparison", "", "is off (ota.compare_sources): a check asks %s only when %s has failed or was silent for 2 s",
			p.effective().Other(), p.effective())
	}
	var answers []ota.Answer
	for _, x := range sources {
		if x.answer.Err != nil {
			return s.findings
		}
		answers = append(answers, x.answer)
	}
	d, err := ota.Pick(answers, p.effective())
	switch {
	case err != nil:
	case d.Differs != "":
		s.add(Warning, "difference", "publish the same release to both", "%s", d.Differs)
	default:
		s.add(OK, "difference", "", "both offer the same image, %s", d.Manifest.Version)
	}
	return s.findings
}
