package ota

import "wordclockd/internal/clock"

// log writes the events of a check.
func (c *Checker) log(f *finding) {
	log, next := c.c.Log, ""
	if f.err == nil {
		next = f.Source.String()
	}
	for _, a := range f.answers {
		if a.Err != nil {
			log.Warn("source has no manifest for us", "event", "ota_source_failed", "source", a.Source.String(),
				"cause", a.Err.Cause.String(), "status", a.Status, "err", a.Err.Detail(), "next", next)
		}
	}
	if f.err != nil {
		log.Error("no source has a valid manifest", "event", "ota_check_failed",
			"github", of(f.answers, clock.GitHub).cause(), "cloudflare", of(f.answers, clock.Cloudflare).cause(), "err", f.err)
		return
	}
	log.Info("source served the manifest", "event", "ota_source_served", "source", next,
		"fallback", f.Fallback, "status", of(f.answers, f.Source).Status, "version", f.Manifest.Version)
	if f.Differs != "" {
		log.Warn("sources differ", "event", "ota_sources_differ", "source", next, "other", f.Source.Other().String(), "detail", f.Differs)
	}
	c.logVerdict(f)
}

func (c *Checker) logVerdict(f *finding) {
	log := func(msg, event string, more ...any) {
		c.c.Log.Info(msg, append([]any{"event", event, "source", f.Source.String(),
			"version", f.Manifest.Version, "current", f.request.Current}, more...)...)
	}
	order := Compare(f.request.Current, f.Manifest.Version)
	switch {
	case f.available():
		log("update is available", "ota_update_available", "forced", order >= 0 || f.objects != nil)
	case f.objects != nil:
		log("newer version is not offered", f.objects.event, "why", f.objects.text)
	case order > 0:
		log("running version is newer: only a forced update goes back", "ota_newer_running")
	default:
		log("firmware is up to date", "ota_up_to_date")
	}
}
