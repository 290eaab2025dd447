package ota

import (
	"fmt"
	"strings"
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A ware is what a source can have, beside what others have, when 2.11.3 runs.
type ware struct {
	name string
	release
	none bool // not even a manifest
	rank int  // of its version: what runs has 0
}

// wares are all that matters: nothing, older and newer versions, and two images of each
// version that may be had by either.
func wares() []ware {
	another := func(b *flash.Build) { b.IDF = "another" }
	return []ware{
		{name: "nothing", none: true},
		{name: "2.10.0", release: built("2.10.0", nil), rank: -1},
		{name: "what runs", release: running},
		{name: "another 2.11.3", release: built("2.11.3", another)},
		{name: "2.12.0", release: built("2.12.0", nil), rank: 1},
		{name: "another 2.12.0", release: built("2.12.0", another), rank: 1},
		{name: "2.13.0", release: built("2.13.0", nil), rank: 2},
	}
}

// site returns a source that has w, with or without its image.
func (w ware) site(image bool) site {
	switch {
	case w.none:
		return status(404)
	case image:
		return w.release.site()
	}
	return w.release.site().without()
}

// A dispute is what two sources have, of which one is preferred.
type dispute struct {
	preferred clock.Source
	wares     [2]ware // of the preferred source, and of the other
	images    [2]bool // whether they have the image
}

func (d *dispute) String() string {
	return fmt.Sprintf("%s/%s, image %t/other %s, image %t", d.preferred, d.wares[0].name, d.images[0], d.wares[1].name, d.images[1])
}

// name returns the source that has the preferred ware, or the other one.
func (d *dispute) name(i int) string {
	if i == 0 {
		return d.preferred.String()
	}
	return d.preferred.Other().String()
}

// served returns who can deliver a ware; -1 is nobody.
func (d *dispute) served(w ware) int {
	for i := range d.wares {
		if d.images[i] && !d.wares[i].none && d.wares[i].manifest.SHA256 == w.manifest.SHA256 {
			return i
		}
	}
	return -1
}

// verdict returns what has to come of it: the result, and what is installed by whom.
func (d *dispute) verdict() (result clock.Result, w ware, by int) {
	decides, other := d.wares[0], d.wares[1]
	if decides.none {
		decides, other = other, decides
	}
	switch {
	case decides.none:
		return clock.Failed, ware{}, -1
	case decides.rank <= 0:
		return clock.UpToDate, decides, -1
	case d.served(decides) >= 0:
		return clock.Installed, decides, d.served(decides)
	case !other.none && other.rank > 0 && other.manifest.SHA256 != decides.manifest.SHA256 && d.served(other) >= 0:
		return clock.Installed, other, d.served(other)
	}
	return clock.Failed, decides, -1
}

// TestDisagreeingSources is every combination of what the sources can have, which of
// them is preferred, and who has the image: the preferred one's manifest decides if there
// is one; its image comes from whoever has it; only if nobody has, a newer one of the
// other is taken; and what a user should know is said.
func TestDisagreeingSources(t *testing.T) {
	all := wares()
	for _, preferred := range clock.Sources {
		for _, one := range all {
			for _, two := range all {
				for images := range 4 {
					d := &dispute{preferred: preferred, wares: [2]ware{one, two}, images: [2]bool{images&1 > 0, images&2 > 0}}
					if one.none && d.images[0] || two.none && d.images[1] {
						continue // there is none to be had
					}
					t.Run(d.String(), func(t *testing.T) {
						t.Parallel()
						in(t, d.settled)
					})
				}
			}
		}
	}
}

// settled makes an update, and holds that it comes to the verdict.
func (d *dispute) settled(t *testing.T) {
	var sites [2]site
	sites[d.preferred], sites[d.preferred.Other()] = d.wares[0].site(d.images[0]), d.wares[1].site(d.images[1])
	r := newRig(t, running, sites[clock.GitHub], sites[clock.Cloudflare], nil)
	a := r.update(Start{Source: &d.preferred, NoReboot: true})
	result, w, by := d.verdict()
	if a.Result != result {
		t.Fatalf("%s, want %s\n%+v\n%s", a.Result, result, a, &r.log)
	}
	calls := strings.Join(r.taken(), " ")
	switch result {
	case clock.Installed:
		r.holds(w.release)
		if a.SHA256 != w.manifest.SHA256 || a.Source != d.name(by) || !strings.HasSuffix(calls, "switch stage") {
			t.Errorf("%s of %s, want %s of %s; the clock was asked to %q", a.SHA256, a.Source, w.manifest.SHA256, d.name(by), calls)
		}
	case clock.UpToDate:
		if calls != "" || a.Reason == "" {
			t.Errorf("nothing is newer, and the clock was asked to %q; reason %q", calls, a.Reason)
		}
	default:
		if strings.Contains(calls, "stage") || a.Causes[d.name(0)] == "" || a.Causes[d.name(1)] == "" {
			t.Errorf("it failed, and the clock was asked to %q; causes %q", calls, a.Causes)
		}
	}
	d.explained(t, a)
}

// explained holds that what a user should know is said.
func (d *dispute) explained(t *testing.T, a clock.Attempt) {
	t.Helper()
	one, two := d.wares[0], d.wares[1]
	said := strings.Join(a.Warnings, "\n")
	for i, w := range d.wares {
		if w.none && a.Causes[d.name(i)] != HTTPStatus.String() {
			t.Errorf("%s has nothing, which is not said: %q", d.name(i), a.Causes)
		}
	}
	if one.none || two.none {
		return
	}
	want := ""
	switch {
	case one.rank != two.rank:
		want = d.name(1) + " has " + two.manifest.Version
	case one.manifest.SHA256 != two.manifest.SHA256:
		want = "different images"
	}
	if !strings.Contains(said, want) || want == "" && said != "" {
		t.Errorf("warnings %q, want %q", said, want)
	}
	if a.Result == clock.Installed && a.SHA256 != one.manifest.SHA256 && !strings.Contains(said, "could not be had") {
		t.Errorf("warnings %q do not say why it is not that of %s", said, d.name(0))
	}
}
