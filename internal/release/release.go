// Package release makes a release of an image, and serves a directory the way a
// source of firmware does: well, or with faults.
//
// # What lies on a source
//
//	version.json                           tells of the newest image
//	wordclock.bin                          is that image
//	wordclock.bin.sha256                   its hash, as sha256sum prints it
//	targets/SHA256.wordclock.bin           an image, by the hash that it has
//	targets/SHA256.wordclock.pieces.json   hashes of the pieces of an image
//	targets/SHA256.release.json            what else there is to say of a release
//
// The first three change with each release, and version.json last; what lies in
// targets is never another. The hash in a name is that of the file, but for
// release.json too.
//
// What of this is not in a directory that has wordclock.bin follows from that: so
// an image alone is a whole release. What is there is served as it is, however
// wrong.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// A Release is what a source has beside an image.
type Release struct {
	Manifest ota.Manifest
	Sum      []byte // the file wordclock.bin.sha256
	Pieces   []byte // the pieces file; nil if they would be too many
}

// New returns the release of an image that is a file of size bytes. What the image
// does not say of when it was built is taken from at. The error is of
// [flash.ReadImage], or says what of the image cannot stand in a manifest.
func New(image io.ReaderAt, size int64, at time.Time) (Release, error) {
	m, err := flash.ReadImage(image, size)
	if err != nil {
		return Release{}, err
	}
	r, err := sum(image, size)
	if err != nil {
		return Release{}, err
	}
	r.Manifest, err = describe(m, r.Manifest, at)
	return r, err
}

// sum returns what follows from the bytes alone.
func sum(file io.ReaderAt, size int64) (Release, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, size)); err != nil {
		return Release{}, fmt.Errorf("read image: %w", err)
	}
	digest := hex.EncodeToString(h.Sum(nil))
	r := Release{
		Manifest: ota.Manifest{SHA256: digest, Size: size},
		Sum:      fmt.Appendf(nil, "%s  %s\n", digest, ota.ImageName),
	}
	if p, err := ota.PiecesOf(file, size, digest); err == nil {
		r.Pieces = ota.AppendPieces(nil, p)
		r.Manifest.PiecesSHA256 = fmt.Sprintf("%x", sha256.Sum256(r.Pieces))
	}
	return r, nil
}

// describe adds to a manifest what the image says of itself. A version that is none
// in a manifest becomes the three numbers that clocks take it for.
func describe(m *flash.Image, to ota.Manifest, at time.Time) (ota.Manifest, error) {
	to.Format = 1
	to.Version = m.Version
	to.BuildDate = built(m.Head, at).UTC().Format(time.RFC3339)
	to.IDFVersion = strings.TrimPrefix(m.IDF, "v")
	to.RequiresRestart = true
	to.Project = m.Project
	to.ChipID = int64(m.Chip)
	to.SecureVersion = int64(m.SecureVersion)
	to.ImageDigest = hex.EncodeToString(m.Digest[:])
	if strict, err := ota.ParseManifest(ota.AppendManifest(nil, to)); err == nil {
		return strict, nil
	}
	to.Version = ota.Normalise(m.Version)
	strict, err := ota.ParseManifest(ota.AppendManifest(nil, to))
	if err != nil {
		return ota.Manifest{}, fmt.Errorf("make manifest of %s %s: %w", flash.Printable(m.Project), flash.Printable(m.Version), err)
	}
	return strict, nil
}

// built returns when an image says that it was compiled, else at.
func built(h flash.Head, at time.Time) time.Time {
	t, err := time.Parse("Jan _2 2006 15:04:05", h.Date+" "+h.Time)
	if err != nil {
		return at
	}
	return t
}
