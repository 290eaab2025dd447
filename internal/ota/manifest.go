package ota

import (
	"fmt"
	"math"
)

// A Manifest is version.json: what a source says about its image.
//
// It is one JSON object (RFC 8259) in UTF-8. No object has a key twice, not
// even in another case, because old clocks ignore case. Keys are matched
// exactly, and unknown ones are ignored. There have to be version, build_date
// and a size.
type Manifest struct {
	Version   string // strict semantic version without v
	BuildDate string
	SHA256    string // of the image, in lower case; "" if none was given
	Size      int64  // of the image

	// For people.
	Title, Description, ReleaseDate, FirmwareURL, CommitHash, IDFVersion string

	RequiresRestart bool

	// Announced here, decided by the image. 0 and "" if not given.
	Format        int64
	Project       string
	ChipID        int64
	SecureVersion int64
	ImageDigest   string // the SHA-256 at its end

	// Of further files of the release.
	PiecesSHA256, ReleaseSHA256 string
}

// A member is one key of a manifest and the field that it fills.
type member struct {
	key   string
	value value
	alias bool // is read and never written
}

// maxInt is the largest integer that all readers of JSON agree on.
const maxInt = 1 << 53

// members lists the keys in the order in which they are written. Where two
// fill one field, they have to agree.
func (m *Manifest) members() []member {
	return []member{
		{key: "version", value: version{&m.Version}},
		{key: "build_date", value: text{&m.BuildDate, ""}},
		{key: "sha256", value: digest{&m.SHA256}},
		{key: "firmware_sha256", value: digest{&m.SHA256}, alias: true},
		{key: "size_bytes", value: number{&m.Size, 1, maxInt}},
		{key: "firmware_size", value: number{&m.Size, 1, maxInt}},
		{key: "size", value: number{&m.Size, 1, maxInt}, alias: true},
		{key: "title", value: text{&m.Title, lines}},
		{key: "description", value: text{&m.Description, lines}},
		{key: "release_date", value: text{&m.ReleaseDate, ""}},
		{key: "firmware_url", value: text{&m.FirmwareURL, ""}},
		{key: "commit_hash", value: text{&m.CommitHash, ""}},
		{key: "esp_idf_version", value: text{&m.IDFVersion, ""}},
		{key: "requires_restart", value: flag{&m.RequiresRestart}},
		{key: "format", value: number{&m.Format, 1, maxInt}},
		{key: "project", value: text{&m.Project, ""}},
		{key: "chip_id", value: number{&m.ChipID, 1, math.MaxUint16}},
		{key: "secure_version", value: number{&m.SecureVersion, 0, math.MaxUint32}},
		{key: "image_digest", value: digest{&m.ImageDigest}},
		{key: "pieces_sha256", value: digest{&m.PiecesSHA256}},
		{key: "release_sha256", value: digest{&m.ReleaseSHA256}},
	}
}

// ParseManifest is strict; on an error it returns nothing else. The error is an
// [Error] of cause [ManifestInvalid] around a [FormatError]. Whether a hash is
// needed is for the caller to say.
func ParseManifest(p []byte) (Manifest, error) {
	var m Manifest
	if err := m.parse(p); err != nil {
		return Manifest{}, fault(ManifestInvalid, err)
	}
	return m, nil
}

func (m *Manifest) parse(p []byte) error {
	pairs, err := readObject(p)
	if err != nil {
		return err
	}
	known := make(map[string]value)
	for _, k := range m.members() {
		known[k.key] = k.value
	}
	for _, pair := range pairs {
		if v := known[pair.key]; v != nil {
			if err := v.parse(pair.token); err != nil {
				return formatError(p, pair.off, fmt.Errorf("key %q: %w", pair.key, err))
			}
		}
	}
	if err := m.complete(pairs); err != nil {
		return formatError(p, len(p), err)
	}
	return nil
}

// complete returns an error that names the first key that is missing, and the
// one that was meant.
func (m *Manifest) complete(pairs []pair) error {
	for _, need := range []struct {
		there bool
		keys  []string
	}{
		{m.Version != "", []string{"version"}},
		{m.BuildDate != "", []string{"build_date"}},
		{m.Size != 0, []string{"size_bytes", "firmware_size", "size"}},
	} {
		if need.there {
			continue
		}
		for _, p := range pairs {
			for _, k := range need.keys {
				if fold(p.key) == k && p.key != k {
					return fmt.Errorf("no %s: rename %q to that", k, p.key)
				}
			}
		}
		return fmt.Errorf("no %s", need.keys[0])
	}
	return nil
}

// AppendManifest appends m as a release has it: ASCII, one key on a line, what
// is not given left out. [ParseManifest] reads it back.
func AppendManifest(p []byte, m Manifest) []byte {
	sep := "{\n"
	for _, k := range m.members() {
		v := k.value.append(nil)
		if v == nil || k.alias {
			continue
		}
		p = fmt.Appendf(p, "%s  %q: %s", sep, k.key, v)
		sep = ",\n"
	}
	return append(p, "\n}\n"...)
}
