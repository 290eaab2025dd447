package doctor

import (
	"slices"
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
)

func TestUpdates(t *testing.T) {
	for _, c := range []struct {
		name  string
		last  *clock.Attempt
		trial bool
		want  string
	}{
		{"none", nil, false, "\n"},
		{"on trial", &clock.Attempt{Result: clock.Installed, Version: "2.12.0"}, true, `
note update trial: the image is on trial: no other is installed before the verdict
  wait for the verdict, or give it: wordclockd ota confirm, or ota rollback
ok update last update: 2.12.0 is installed
`},
		{"confirmed", &clock.Attempt{Result: clock.Confirmed, Version: "2.12.0"}, false, `
ok update last update: 2.12.0 is confirmed
`},
		{"up to date", &clock.Attempt{Result: clock.UpToDate, From: "2.11.3"}, false, `
ok update last update: 2.11.3 is the newest there was
`},
		{"failed", &clock.Attempt{Result: clock.Failed, Cause: "wrong_bytes", Reason: "github: wrong_bytes\ncloudflare: http_status"}, false, `
warning update last update: failed: github: wrong_bytes; cloudflare: http_status
  whoever publishes has to mend it; until then the other source: wordclockd ota update --source NAME
`},
		{"of a file", &clock.Attempt{Result: clock.Failed, Cause: "image_invalid", Reason: "file: image_invalid: read a.bin: no image", Source: "file"}, false, `
warning update last update: failed: file: image_invalid: read a.bin: no image
  wordclockd image verify says what is wrong with a file
`},
		{"of a file that is not there", &clock.Attempt{Result: clock.Failed, Cause: "refused", Reason: "open a.bin: no such file", Causes: map[string]string{"file": "refused"}}, false, `
warning update last update: failed: open a.bin: no such file
`},
		{"for the way to the sources", &clock.Attempt{Result: clock.Failed, Cause: "dns", Reason: "github: dns: no such host"}, false, `
warning update last update: failed: github: dns: no such host
  what is wrong with the sources is said above; if nothing is, try again: wordclockd ota update
`},
		{"took too long", &clock.Attempt{Result: clock.Failed, Cause: "timeout", Reason: "the update took more than 30m0s: see ota.deadline"}, false, `
warning update last update: failed: the update took more than 30m0s: see ota.deadline
  raise ota.deadline, or try again: what was loaded is kept
`},
		{"rolled back", &clock.Attempt{Result: clock.RolledBack, From: "2.11.3", Version: "2.12.0", Reason: "crashed"}, false, `
warning update last update: 2.12.0 was given up, and 2.11.3 runs again: crashed
  install another version; or the same again, if that was not its fault: wordclockd ota update --force
`},
		{"interrupted", &clock.Attempt{Result: clock.Interrupted, Reason: "the clock ended at byte 65536"}, false, `
note update last update: was interrupted: the clock ended at byte 65536
  wordclockd ota update goes on where it was
`},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, lines(Updates(c.last, c.trial), OK), c.want) })
	}
}

// TestRemediesOfUpdate: each once, what decided first.
func TestRemediesOfUpdate(t *testing.T) {
	a := clock.Attempt{Result: clock.Failed, Cause: "timeout", Causes: map[string]string{"cloudflare": "wrong_bytes", "github": "timeout"}}
	want := []string{Remedy(ota.Timeout, false), Remedy(ota.WrongBytes, false)}
	if got := Remedies(a); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	a.Reason = "github: timeout: the update took more than 1s: see ota.deadline"
	if got := Remedies(a); !slices.Equal(got, []string{takeLonger, want[1]}) {
		t.Errorf("took too long: %q", got)
	}
}

// TestRemedies: there is something to do about each cause but one.
func TestRemedies(t *testing.T) {
	for c := ota.NoCause + 1; ; c++ {
		if _, err := ota.ParseCause(c.String()); err != nil {
			return
		}
		if c != ota.Cancelled && Remedy(c, false) == "" {
			t.Errorf("%s: nothing to do about it", c)
		}
	}
}
