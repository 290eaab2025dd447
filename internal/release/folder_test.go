package release

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/ota"
)

// TestFolderOfImage: an image alone is a whole release, which a clock can take.
func TestFolderOfImage(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	url := serve(t, f)
	m := manifest(t, url)
	if m.Version != "2.12.0" || m.SHA256 != hashOf(raw) {
		t.Errorf("manifest of %s, %s", m.Version, m.SHA256)
	}
	pieces := get(t, url+ota.PiecesName(m.PiecesSHA256)).body
	if p, err := ota.ParsePieces(pieces); hashOf(pieces) != m.PiecesSHA256 || p.SHA256 != m.SHA256 || err != nil {
		t.Errorf("pieces of %s: %v", p.SHA256, err)
	}
	for _, name := range []string{"wordclock.bin", ota.TargetName(m.SHA256)} {
		if got := get(t, url+name); !bytes.Equal(got.body, raw) {
			t.Errorf("%s is not the image: %d bytes, %v", name, len(got.body), got.err)
		}
	}
	if got, want := string(get(t, url+"wordclock.bin.sha256").body), m.SHA256+"  wordclock.bin\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFolderAsItIs: what is there is never replaced by what follows from the image.
func TestFolderAsItIs(t *testing.T) {
	raw := firmware(t, "2.12.0")
	files := map[string][]byte{
		"wordclock.bin": raw, "version.json": []byte("a lie"), "wordclock.bin.sha256": []byte("another"),
		ota.TargetName(hashOf(raw)): []byte("a third"),
	}
	f, _ := folder(t, files)
	url := serve(t, f)
	for name, want := range files {
		if got := get(t, url+name); !bytes.Equal(got.body, want) {
			t.Errorf("%s: got %d bytes, want %d", name, len(got.body), len(want))
		}
	}
}

// TestFolderChanges: a new image is a new release, at once.
func TestFolderChanges(t *testing.T) {
	f, dir := folder(t, map[string][]byte{"wordclock.bin": firmware(t, "2.12.0")})
	url := serve(t, f)
	first := get(t, url+"wordclock.bin").header.Get("ETag")
	old := manifest(t, url)
	put(t, dir, "next", firmware(t, "2.12.1"))
	if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "wordclock.bin")); err != nil {
		t.Fatal(err)
	}
	if m := manifest(t, url); m.Version != "2.12.1" {
		t.Errorf("manifest of %s", m.Version)
	}
	if got := get(t, url+ota.TargetName(old.SHA256)).status; got != 404 {
		t.Errorf("the old target: status %d", got)
	}
	if second := get(t, url+"wordclock.bin").header.Get("ETag"); first == second || first == "" {
		t.Errorf("ETag %s, then %s", first, second)
	}
	// In place, with the same length: the time tells.
	put(t, dir, "wordclock.bin", firmware(t, "2.12.2"))
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(filepath.Join(dir, "wordclock.bin"), later, later); err != nil {
		t.Fatal(err)
	}
	if m := manifest(t, url); m.Version != "2.12.2" {
		t.Errorf("manifest of %s", m.Version)
	}
}

// TestFolderHides what is no part of a release, wherever it is.
func TestFolderHides(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, dir := folder(t, map[string][]byte{
		"wordclock.bin": raw, "key.pem": []byte("secret"), "targets/key.pem": []byte("secret"),
		"targets/wordclock.bin": raw, "targets/targets/" + hashOf(raw) + ".wordclock.bin": raw,
	})
	put(t, filepath.Dir(dir), "outside", []byte("secret"))
	if err := os.Symlink("../outside", filepath.Join(dir, "wordclock.bin.sha256")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "version.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	url := serve(t, f)
	upper := strings.ToUpper(hashOf(raw))
	for _, name := range []string{
		"", ".", "targets", "targets/", "key.pem", "targets/key.pem", "targets/wordclock.bin", "../outside", "%2e%2e/outside",
		"targets/../wordclock.bin", "targets/..%2fkey.pem", "/wordclock.bin", "wordclock.bin/", "wordclock.bin%00", "WORDCLOCK.BIN",
		"targets/targets/" + hashOf(raw) + ".wordclock.bin", "targets/" + upper + ".wordclock.bin", "targets/" + hashOf(raw) + ".exe",
	} {
		if got := get(t, url+name); got.status != 404 || bytes.Contains(got.body, []byte("secret")) {
			t.Errorf("%q: status %d, %.40q", name, got.status, got.body)
		}
	}
	if got := get(t, url+"wordclock.bin.sha256"); got.status == 200 || bytes.Contains(got.body, []byte("secret")) {
		t.Errorf("a link that leads outside: status %d, %.40q", got.status, got.body)
	}
	if m := manifest(t, url); m.Version != "2.12.0" { // a directory by that name is none
		t.Errorf("manifest of %s", m.Version)
	}
}

func TestOffer(t *testing.T) {
	raw := firmware(t, "2.12.0")
	right := ota.AppendManifest(nil, ota.Manifest{Version: "2.13.0", BuildDate: "2026-01-01", Size: 1, SHA256: hashOf(raw)})
	for _, c := range []struct {
		name          string
		files         map[string][]byte
		version       string
		warning, fail string // what one says; "" is none
	}{
		{"an image", map[string][]byte{"wordclock.bin": raw}, "2.12.0", "", ""},
		{"a release", map[string][]byte{"wordclock.bin": raw, "version.json": right}, "2.13.0", "", ""},
		{"of targets alone", map[string][]byte{"version.json": right, ota.TargetName(hashOf(raw)): raw}, "2.13.0", "", ""},
		{"nothing", nil, "", "", "it holds no release: "},
		{"no image", map[string][]byte{"wordclock.bin": []byte("text")}, "", "", "wordclock.bin is no image to make a version.json of: "},
		{"an empty one", map[string][]byte{"wordclock.bin": nil}, "", "", "wordclock.bin is no image"},
		{"no image, but a manifest", map[string][]byte{"version.json": right}, "2.13.0", "there is no image: ", ""},
		{"of another image", map[string][]byte{"version.json": right, "wordclock.bin": []byte("text")}, "2.13.0", "version.json is of another image: ", ""},
		{"no manifest in version.json", map[string][]byte{"version.json": []byte("{}"), "wordclock.bin": raw}, "", "no version", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := folder(t, c.files)
			o, err := f.Offer()
			if o.Version != c.version || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%+v, %v", o, err)
			}
			if got := strings.Join(o.Warnings, "; "); (got == "") != (c.warning == "") || !strings.Contains(got, c.warning) {
				t.Errorf("warnings %q, want %q", got, c.warning)
			}
			if c.fail == "" && c.version != "" && o.SHA256 != hashOf(raw) {
				t.Errorf("hash %s", o.SHA256)
			}
		})
	}
}

// TestOfferOfLinks: a link that leads out of the folder is nothing to serve, and whoever
// meant it is told what to do.
func TestOfferOfLinks(t *testing.T) {
	raw := firmware(t, "2.12.0")
	const out = " is a link that leads out of DIR: copy the file"
	for _, c := range []struct {
		name          string
		links         []string
		files         map[string][]byte
		warning, fail string
	}{
		{"the image", []string{"wordclock.bin"}, nil, "", "wordclock.bin" + out},
		{"both", []string{"wordclock.bin", "version.json"}, nil, "", "version.json" + out + "; wordclock.bin" + out},
		{"the manifest", []string{"version.json"}, map[string][]byte{"wordclock.bin": raw}, "version.json" + out, ""},
		{"the manifest, and there is no image", []string{"version.json"}, nil, "", "version.json" + out + "; statat wordclock.bin: no such file or directory"},
		{"the image, and there is nonsense", []string{"wordclock.bin"}, map[string][]byte{"version.json": []byte("{}")}, "wordclock.bin" + out, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, dir := folder(t, c.files)
			outside := t.TempDir()
			put(t, outside, "image", raw)
			for _, name := range c.links {
				if err := os.Symlink(filepath.Join(outside, "image"), filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			o, err := f.Offer()
			if got := strings.Join(o.Warnings, "; "); !strings.Contains(got, c.warning) || (got == "") != (c.warning == "") {
				t.Errorf("warnings %q, want %q", got, c.warning)
			}
			if (err == nil) != (c.fail == "") || err != nil && err.Error() != c.fail {
				t.Errorf("error %v, want %s", err, c.fail)
			}
		})
	}
}

// TestParts: the name of a file says what it is, and has to be exact.
func TestParts(t *testing.T) {
	hash := hashOf(nil)
	for name, want := range map[string]Part{
		"version.json": Manifest, "wordclock.bin": Image, "wordclock.bin.sha256": Other,
		"targets/" + hash + ".wordclock.bin":                          Image,
		"targets/" + hash + ".wordclock.pieces.json":                  Pieces,
		"targets/" + hash + ".release.json":                           Other,
		"targets/" + strings.ToUpper(hash) + ".wordclock.bin":         NoPart,
		"targets/" + hash[:63] + "g.wordclock.bin":                    NoPart,
		"targets/" + "g" + hash[1:] + ".wordclock.bin":                NoPart,
		"targets/" + hash[:20] + "xyz" + hash[23:] + ".wordclock.bin": NoPart,
		"targets/" + hash[:32] + "/" + hash[:31] + ".release":         NoPart,
		"targets/" + hash[:63] + ".wordclock.bin":                     NoPart,
		"targets/" + hash + "0.wordclock.bin":                         NoPart,
		"targets/" + hash:                                             NoPart,
		hash + ".wordclock.bin":                                       NoPart,
		"targets/version.json":                                        NoPart,
	} {
		if got := partOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestOpenFolder(t *testing.T) {
	if _, err := OpenFolder(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that is not there was opened")
	}
}
