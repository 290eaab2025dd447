package doctor

import (
	"cmp"
	"strings"

	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
)

// Updates says what became of the last update of a clock, nil if there was none, and
// whether what runs is on trial.
func Updates(last *clock.Attempt, trial bool) []Finding {
	s := section{topic: "update"}
	if trial {
		s.add(Note, "trial", Remedy(ota.OnTrial, false), "the image is on trial: no other is installed before the verdict")
	}
	if last != nil {
		s.aboutLast(*last)
	}
	return s.findings
}

func (s *section) aboutLast(a clock.Attempt) {
	const subject = "last update"
	why := strings.ReplaceAll(cmp.Or(a.Reason, a.Cause, a.Error, "for no known reason"), "\n", "; ")
	switch a.Result {
	case clock.Failed:
		remedy := remedyOf(a.Cause, a)
		if remedy == askDoctor {
			remedy = seeSources // that is who speaks
		}
		s.add(Warning, subject, remedy, "failed: %s", why)
	case clock.RolledBack:
		s.add(Warning, subject, "install another version; or the same again, if that was not its fault: wordclockd ota update --force",
			"%s was given up, and %s runs again: %s", a.Version, a.From, why)
	case clock.Interrupted:
		s.add(Note, subject, "wordclockd ota update goes on where it was", "was interrupted: %s", why)
	default:
		s.add(OK, subject, "", "%s", cmp.Or(a.Version, a.From)+" is "+words[a.Result])
	}
}

// FromFile tells that no source was to serve an update.
func FromFile(a clock.Attempt) bool {
	_, failed := a.Causes[ota.FileName]
	return failed || a.Source == ota.FileName
}

// words is how what needs nothing to be done is called.
var words = map[clock.Result]string{
	clock.Installed: "installed", clock.Confirmed: "confirmed", clock.UpToDate: "the newest there was",
}
