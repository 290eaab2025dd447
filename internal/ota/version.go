package ota

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Normalise returns the three numbers of the version of a running image, as
// "2.11.3". It takes what the firmware takes: a leading v is dropped, all from
// the first - or + on is what git describe added, numbers that are not there
// are 0, and so is a version that is none.
func Normalise(running string) string {
	s := unprefixed(running)
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		s = s[:i]
	}
	var n [3]uint64
	for i := range n {
		digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
		n[i], _ = strconv.ParseUint(digits, 10, 32)
		rest, more := strings.CutPrefix(s[len(digits):], ".")
		if digits == "" || !more {
			break
		}
		s = rest
	}
	return fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2])
}

// parseVersion returns the version of a manifest without v. Other than that of
// a running image it has to be strict: three numbers, and pre-release and
// build as Semantic Versioning 2.0 has them.
func parseVersion(s string) (string, error) {
	v := "v" + unprefixed(s)
	if len(v) > maxVersion {
		return "", fmt.Errorf("version %.20q…: it has %d characters, and %d at most are sensible", s, len(v)-1, maxVersion-1)
	}
	if semver.Canonical(v)+semver.Build(v) != v {
		return "", fmt.Errorf("version %q: want three numbers such as 2.11.3", s)
	}
	return v[1:], nil
}

// maxVersion is how long a version can be; that of an image has 31 characters at most.
const maxVersion = 64

// unprefixed drops one leading v.
func unprefixed(s string) string {
	if s != "" && (s[0] == 'v' || s[0] == 'V') {
		return s[1:]
	}
	return s
}

// Compare orders the version of a running image and that of a manifest: less
// than 0 if the manifest's is newer.
//
// Whatever follows the three numbers of the running one does not count, since
// git describe and a pre-release cannot be told apart: 2.12.0-rc1 is 2.12.0
// once it runs, so that the manifest's 2.12.0-rc2 is older. That is for who
// forces pre-releases on a clock of his own. Only the very same version is
// equal at once.
func Compare(running, offered string) int {
	if unprefixed(running) == offered {
		return 0
	}
	return compare(Normalise(running), offered)
}

// compare orders the versions of two manifests. Those that differ in their
// build only are equal.
func compare(a, b string) int { return semver.Compare("v"+a, "v"+b) }
