package ota

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
)

// TestPick is the table of who counts, for either source preferred.
func TestPick(t *testing.T) {
	well := func(version, sha string) *Answer {
		m := offer(version)
		m.SHA256 = sha
		return &Answer{Manifest: m, Status: 200}
	}
	bad := func(c Cause) *Answer { return &Answer{Err: fault(c, errors.New("the detail"))} }
	sized := well("2.12.0", published)
	sized.Manifest.Size++
	for _, c := range []struct {
		name             string
		preferred, other *Answer // nil: not asked
		fallback         bool
		version          string   // "" if none counts
		warnings         []string // P and O stand for the sources
	}{
		{"same", well("2.12.0", published), well("2.12.0", published), false, "2.12.0", nil},
		{"other not asked", well("2.12.0", published), nil, false, "2.12.0", nil},
		{"other newer", well("2.12.0", published), well("2.13.0", zeros+"1"), false, "2.12.0",
			[]string{"O has 2.13.0, newer than 2.12.0 of P, which counts"}},
		{"other a later pre-release", well("2.12.0-rc1", published), well("2.12.0-rc2", published), false, "2.12.0-rc1",
			[]string{"O has 2.12.0-rc2, newer than 2.12.0-rc1 of P, which counts"}},
		{"other older", well("2.12.0", published), well("2.9.0", zeros+"1"), false, "2.12.0",
			[]string{"O has 2.9.0, older than 2.12.0 of P, which counts"}},
		{"other hash", well("2.12.0", published), well("2.12.0", zeros+"1"), false, "2.12.0",
			[]string{"P and O have different images of 2.12.0 (sha256 b6e64aaa and 00000000), that of P counts"}},
		{"other build, other hash", well("2.12.0+a", published), well("2.12.0+b", zeros+"1"), false, "2.12.0+a",
			[]string{"P and O have different images of 2.12.0+a (sha256 b6e64aaa and 00000000), that of P counts"}},
		{"no hash", well("2.12.0", published), well("2.12.0", ""), false, "2.12.0",
			[]string{"P and O have different images of 2.12.0 (sha256 b6e64aaa and not given), that of P counts"}},
		{"other size", well("2.12.0", published), sized, false, "2.12.0",
			[]string{"P and O give different sizes of 2.12.0 (1339312 and 1339313), that of P counts"}},
		{"other invalid", well("2.12.0", published), bad(ManifestInvalid), false, "2.12.0", []string{"O: manifest_invalid: the detail"}},
		{"preferred failed", bad(HTTPStatus), well("2.12.0", published), true, "2.12.0", []string{"P: http_status: the detail"}},
		{"both failed", bad(HTTPStatus), bad(DNS), false, "", []string{"P: http_status: the detail; O: dns: the detail"}},
		{"only one, failed", bad(HTTPStatus), nil, false, "", []string{"P: http_status: the detail"}},
	} {
		for _, s := range clock.Sources {
			names := strings.NewReplacer("P", s.String(), "O", s.Other().String())
			var answers []Answer
			for source, a := range map[clock.Source]*Answer{s: c.preferred, s.Other(): c.other} { // in any order
				if a != nil {
					a := *a
					a.Source = source
					if a.Err != nil {
						a.Err = at(a.Err, Checking, source.String(), 0)
					}
					answers = append(answers, a)
				}
			}
			d, err := Pick(answers, s)
			if c.version == "" {
				want := "no source has a valid manifest: " + names.Replace(c.warnings[0])
				if none, ok := errors.AsType[Unanswered](err); !ok || len(none) != len(answers) || err.Error() != want {
					t.Errorf("%s: %v, want %s", c.name, err, want)
				}
				continue
			}
			var want []string
			for _, w := range c.warnings {
				want = append(want, names.Replace(w))
			}
			decides := s
			if c.fallback {
				decides = s.Other()
			}
			if err != nil || d.Source != decides || d.Fallback != c.fallback || d.Manifest.Version != c.version || !slices.Equal(d.Warnings, want) {
				t.Errorf("%s: %+v, %v, want warnings %q", c.name, d, err, want)
			}
		}
	}
}
