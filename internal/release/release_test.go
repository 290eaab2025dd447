package release

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

var at = time.Date(2026, 11, 24, 14, 37, 0, 0, time.FixedZone("CET", 3600))

// TestNew: a release says of an image what that is.
func TestNew(t *testing.T) {
	raw := firmware(t, "2.12.0")
	r, err := New(bytes.NewReader(raw), int64(len(raw)), at)
	if err != nil {
		t.Fatal(err)
	}
	m, err := flash.ReadImage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	want := ota.Manifest{
		Version: "2.12.0", BuildDate: "2026-01-02T03:04:05Z", SHA256: hashOf(raw), Size: int64(len(raw)),
		IDFVersion: "5.4.2", RequiresRestart: true, Format: 1, Project: "wordclock", ChipID: 9, SecureVersion: 3,
		ImageDigest: fmt.Sprintf("%x", m.Digest), PiecesSHA256: hashOf(r.Pieces),
	}
	if diff := cmp.Diff(want, r.Manifest); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if got, want := string(r.Sum), hashOf(raw)+"  wordclock.bin\n"; got != want {
		t.Errorf("sum: got %q, want %q", got, want)
	}
	p, err := ota.ParsePieces(r.Pieces)
	if err != nil || p.SHA256 != hashOf(raw) || p.Size != int64(len(raw)) {
		t.Errorf("pieces of %s, %d bytes: %v", p.SHA256, p.Size, err)
	}
}

// TestNewVersions: what a manifest's version is for that of an image, and when a
// build that says nothing of it was.
func TestNewVersions(t *testing.T) {
	for image, want := range map[string]string{
		"2.12.0": "2.12.0", "v2.8.0": "2.8.0", "2.12.0-rc1": "2.12.0-rc1", "v2.11.3-4-gbec62a0": "2.11.3-4-gbec62a0",
		"2.9": "2.9.0", "": "0.0.0", "bec62a0": "0.0.0",
	} {
		raw := build(t, flash.Build{Desc: flash.Desc{Version: image}})
		r, err := New(bytes.NewReader(raw), int64(len(raw)), at)
		if err != nil || r.Manifest.Version != want || r.Manifest.BuildDate != "2026-11-24T13:37:00Z" {
			t.Errorf("%q: %q of %s, %v; want %q", image, r.Manifest.Version, r.Manifest.BuildDate, err, want)
		}
	}
}

// TestNewRefuses what cannot be released.
func TestNewRefuses(t *testing.T) {
	raw := firmware(t, "2.12.0")
	raw[len(raw)-1] ^= 1
	for want, p := range map[string][]byte{"SHA-256 is": raw, "ends too early": nil, "begins with": []byte(strings.Repeat("no image", 99))} {
		if _, err := New(bytes.NewReader(p), int64(len(p)), at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
