package release

import (
	"fmt"
	"path"
	"strings"

	"wordclockd/internal/ota"
)

// A Part is what a file is in a release.
type Part uint8

const (
	NoPart   Part = iota // no file of a release; of a [Fault]: where it belongs by nature
	Manifest             // version.json
	Image                // wordclock.bin, and those in targets
	Pieces               // in targets
	Other                // what no clock reads
)

// parts is the one table of their names.
var parts = [...]string{NoPart: "", Manifest: "manifest", Image: "image", Pieces: "pieces", Other: "other"}

func (p Part) String() string {
	if int(p) >= len(parts) {
		return fmt.Sprintf("Part(%d)", uint8(p))
	}
	return parts[p]
}

func parsePart(s string) (Part, error) {
	for p, name := range parts {
		if s == name && s != "" {
			return Part(p), nil
		}
	}
	return NoPart, fmt.Errorf("part %q: want %s", s, strings.Join(parts[1:], ", "))
}

// partOf returns what a file is by its name. What is no file of a release is
// NoPart, and none of anybody's business.
func partOf(name string) Part {
	dir, base := path.Split(name)
	switch {
	case name == ota.ManifestName:
		return Manifest
	case name == ota.ImageName:
		return Image
	case name == sumName:
		return Other
	case dir != targets || !isHash(base):
		return NoPart
	case strings.HasSuffix(base, ".wordclock.bin"):
		return Image
	case strings.HasSuffix(base, ".wordclock.pieces.json"):
		return Pieces
	case strings.HasSuffix(base, ".release.json"):
		return Other
	}
	return NoPart
}

const (
	sumName = ota.ImageName + ".sha256"
	targets = "targets/"
)

// isHash tells whether a name begins with a SHA-256 in lower case, and a dot.
func isHash(name string) bool {
	hash, _, dotted := strings.Cut(name, ".")
	return dotted && len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}

// contentType returns the media type of a file.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".sha256":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
