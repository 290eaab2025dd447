package ota

import "wordclockd/internal/clock"

// log writes the events of a check.
func (c *Checker) log(r Request, answers []Answer, d Decision, err error) {
	log, next := c.c.Log, ""
	if err == nil {
		next = d.Source.String()
	}
	for _, a := range answers {
		if a.Err != nil {
			log.Warn("source has no manifest for us", "event", "ota_source_failed", "source", a.Source.String(),
				"cause", a.Err.Cause.String(), "status", a.Status, "err", a.Err.Detail(), "next", next)
		}
	}
	if err != nil {
		log.Error("no source has a valid manifest", "event", "ota_check_failed",
			"github", of(answers, clock.GitHub).cause(), "cloudflare", of(answers, clock.Cloudflare).cause(), "err", err)
		return
	}
	log.Info("source served the manifest", "event", "ota_source_served", "source", next,
		"fallback", d.Fallback, "status", of(answers, d.Source).Status, "version", d.Manifest.Version)
	if d.Differs != "" {
		log.Warn("sources differ", "event", "ota_sources_differ", "source", next, "other", d.Source.Other().String(), "detail", d.Differs)
	}
	c.logVerdict(r, d)
}

func (c *Checker) logVerdict(r Request, d Decision) {
	log := func(msg, event string, more ...any) {
		c.c.Log.Info(msg, append([]any{"event", event, "source", d.Source.String(),
			"version", d.Manifest.Version, "current", r.Current}, more...)...)
	}
	order := Compare(r.Current, d.Manifest.Version)
	switch {
	case r.available(d.Manifest):
		log("update is available", "ota_update_available", "forced", order >= 0)
	case order > 0:
		log("running version is newer: only a forced update goes back", "ota_newer_running")
	default:
		log("firmware is up to date", "ota_up_to_date")
	}
}
