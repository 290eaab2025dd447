package ota

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A Source is a bag of named files: version.json, wordclock.bin and what lies
// under targets/.
type Source interface {
	// Open returns what follows the first off bytes of a file, or all of it as
	// [Body.Skip] tells. The caller closes it; when ctx is done, reading fails. The
	// error is an *Error.
	Open(ctx context.Context, name string, off int64) (*Body, error)
}

// Names of the files that a source has at a place of its own. All others are
// below its base.
const (
	ManifestName = "version.json"
	ImageName    = "wordclock.bin"
)

// A Body is the content of a file. An error of Read other than io.EOF is an
// *Error.
type Body struct {
	io.ReadCloser
	Size     int64  // of the whole file, -1 if the source did not say
	Skip     int64  // bytes that come before those that were asked for: the source does not do parts
	Encoding string // that nobody asked for; "" as a rule
	Status   int    // of HTTP
	URL      string // that it came from in the end, without secrets
}

// MaxManifest is how large a manifest may be.
const MaxManifest = 64 << 10

// Fetch reads a small file, and no more than limit bytes of it: what is larger
// is an error of cause tooLarge. It also returns the status, on errors too.
func Fetch(ctx context.Context, s Source, name string, limit int64, tooLarge Cause) ([]byte, int, error) {
	b, err := s.Open(ctx, name, 0)
	if err != nil {
		return nil, statusOf(err), err
	}
	defer b.Close()
	if b.Size > limit {
		return nil, b.Status, larger(name, limit, tooLarge)
	}
	p, err := io.ReadAll(io.LimitReader(b, limit+1))
	if err != nil {
		return nil, b.Status, err
	}
	if int64(len(p)) > limit {
		return nil, b.Status, larger(name, limit, tooLarge)
	}
	return p, b.Status, nil
}

func larger(name string, limit int64, c Cause) error {
	return fault(c, fmt.Errorf("read %s: it has more than %d bytes", name, limit))
}

// FetchManifest reads and judges the manifest of a source. A manifest without
// a hash is an error of cause [MissingHash] unless unhashed allows it. It also
// returns the status, on errors too.
func FetchManifest(ctx context.Context, s Source, unhashed bool) (Manifest, int, error) {
	p, status, err := Fetch(ctx, s, ManifestName, MaxManifest, ManifestTooLarge)
	if err != nil {
		return Manifest{}, status, err
	}
	m, err := ParseManifest(p)
	if err == nil && m.SHA256 == "" && !unhashed {
		err = fault(MissingHash, errors.New("read version.json: it has no sha256, so the image could not be checked: publish one"))
	}
	if err != nil {
		return Manifest{}, status, err
	}
	return m, status, nil
}
