package ota

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	published = "b6e64aaa7163af0d76065914eac1f83b55a984ee46d385aa4c51c6ae270052e0"
	zeros     = "000000000000000000000000000000000000000000000000000000000000000"
)

// manifests are the texts that are well, by the name of their file.
var manifests = map[string]Manifest{
	"ok_published": {
		Version: "2.11.3", BuildDate: "2025-11-15T10:43:46Z", SHA256: published, Size: 1339312,
		Title: "Partition fix", Description: "Same bytes, right hash", ReleaseDate: "2025-11-15",
		FirmwareURL: "https://raw.githubusercontent.com/Stani56/Stanis_Clock/main/ota_files/wordclock.bin",
		CommitHash:  "c3eefab", IDFVersion: "5.4.2", RequiresRestart: true,
	},
	"ok_aliases": {Version: "2.10.9", BuildDate: "2025-11-14", SHA256: published, Size: 5},
	"ok_new": {
		Version: "2.12.0-rc.1+b7", BuildDate: "x", Size: 1 << 53, Description: "Zürich 😀\n\tzwei",
		Format: 1, Project: "wordclock", ChipID: 9, SecureVersion: 3,
		ImageDigest:  "2794f3ac1872e6ad9655d46cb2dfe91f4d922c8b3258ce5d60ef7ade1c3ae832",
		PiecesSHA256: zeros + "1", ReleaseSHA256: zeros + "2",
	},
}

// refusals are the texts that are not, with where, and what is said about them.
var refusals = map[string]struct {
	line, column int
	want         string
}{
	"bad_404":               {1, 1, `"404: Not Found" is not a JSON object`},
	"bad_array":             {1, 1, "is not a JSON object"},
	"bad_blank":             {1, 1, "empty"},
	"bad_bom":               {1, 1, "begins with a byte order mark: save it as UTF-8 without one"},
	"bad_bracket":           {1, 2, "invalid character ']'"},
	"bad_build_date_case":   {2, 1, `no build_date: rename "BUILD_DATE" to that`},
	"bad_build_date_empty":  {2, 1, "no build_date"},
	"bad_build_date_escape": {1, 23, `key "build_date": control character U+001B`},
	"bad_build_date_number": {1, 23, `key "build_date": a number: want a string`},
	"bad_chip":              {1, 53, `key "chip_id": 65536: want an integer from 1 to 65535`},
	"bad_cr":                {2, 21, `invalid character '\r' in string literal`},
	"bad_cr_escaped":        {2, 3, `key "version": version "2.11.3\r": want three numbers`},
	"bad_cut":               {1, 42, "unexpected end"},
	"bad_damaged":           {1, 62, "U+FFFD"},
	"bad_deep":              {1, 73, "nested deeper than 16 levels"},
	"bad_empty":             {1, 1, "empty"},
	"bad_escape":            {3, 31, `invalid character '!' in string escape code`},
	"bad_flag_string":       {1, 53, `key "requires_restart": a string: want true or false`},
	"bad_gzip":              {1, 1, "compressed: want plain JSON"},
	"bad_hash_differs":      {2, 2, `key "firmware_sha256": ` + zeros + `1 differs from ` + published},
	"bad_hash_digits":       {1, 53, `key "sha256": want 64 hexadecimal digits`},
	"bad_hash_empty":        {1, 53, `key "sha256": want 64 hexadecimal digits`},
	"bad_hash_null":         {1, 53, `key "sha256": null: want a string`},
	"bad_hash_short":        {1, 53, `key "sha256": want 64 hexadecimal digits`},
	"bad_latin1":            {1, 64, "not UTF-8"},
	"bad_no_build_date":     {2, 1, "no build_date"},
	"bad_no_size":           {2, 1, "no size_bytes"},
	"bad_no_version":        {2, 1, "no version"},
	"bad_nothing":           {1, 3, "no version"},
	"bad_null":              {1, 1, `"null" is not a JSON object`},
	"bad_page":              {1, 1, "an HTML page, not a manifest"},
	"bad_quotes":            {3, 14, `invalid character 'F' after object key:value pair`},
	"bad_size_case":         {2, 1, `no size_bytes: rename "Size_Bytes" to that`},
	"bad_size_differs":      {2, 2, `key "firmware_size": 6 differs from 5`},
	"bad_size_endless":      {1, 51, "99: want an integer"},
	"bad_size_exponent":     {1, 51, `5e3: want an integer`},
	"bad_size_float":        {1, 51, `5.0: want an integer`},
	"bad_size_huge":         {1, 51, `9007199254740993: want an integer from 1 to 9007199254740992`},
	"bad_size_negative":     {1, 51, `-1: want an integer`},
	"bad_size_string":       {1, 51, `key "size": a string: want an integer`},
	"bad_size_zero":         {1, 51, `0: want an integer from 1`},
	"bad_string":            {1, 1, "is not a JSON object"},
	"bad_surrogate":         {1, 62, "U+FFFD"},
	"bad_title_array":       {1, 53, `key "title": an array: want a string`},
	"bad_title_object":      {1, 53, `key "title": an object: want a string`},
	"bad_trailing":          {2, 1, `invalid character '}' after top-level value`},
	"bad_twice":             {2, 2, `key "version" is there twice`},
	"bad_twice_case":        {2, 2, `keys "version" and "Version" differ in case only, which old clocks ignore`},
	"bad_twice_escaped":     {2, 2, `key "version" is there twice`},
	"bad_twice_in_array":    {1, 0, `key "a" is there twice`},
	"bad_twice_long_s":      {2, 2, `keys "version" and "verſion" differ in case only`},
	"bad_twice_nested":      {1, 0, `keys "a" and "A" differ in case only`},
	"bad_two":               {1, 0, "after top-level value"},
	"bad_version_blank":     {1, 2, `version " 2.11.3": want three numbers`},
	"bad_version_empty":     {1, 2, `version "": want three numbers`},
	"bad_version_null":      {1, 2, `key "version": null: want a string`},
	"bad_version_number":    {1, 2, `key "version": a number: want a string`},
	"bad_version_short":     {1, 2, `version "2.11": want three numbers`},
	"bad_version_vv":        {1, 2, `version "vv2.11.3"`},
	"bad_version_zero":      {1, 2, `version "2.11.03"`},
	"bad_xml":               {1, 1, "an HTML page, not a manifest"},
}

// corpus returns the texts in testdata by the name of their file.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/manifests/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	texts := make(map[string][]byte)
	for _, f := range files {
		p, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(f), ".json")] = p
	}
	return texts
}

func TestParseManifest(t *testing.T) {
	texts := corpus(t)
	for name, p := range texts {
		t.Run(name, func(t *testing.T) {
			m, err := ParseManifest(p)
			if want, ok := manifests[name]; ok {
				if d := cmp.Diff(want, m); d != "" || err != nil {
					t.Errorf("%v\n-want +got\n%s", err, d)
				}
				return
			}
			want, ok := refusals[name]
			e, is := errors.AsType[*FormatError](err)
			if !ok || !is || m != (Manifest{}) || CauseOf(err) != ManifestInvalid {
				t.Fatalf("%+v, %v; in the table: %t", m, err, ok)
			}
			if e.Line != want.line || want.column != 0 && e.Column != want.column || !strings.Contains(e.Err.Error(), want.want) {
				t.Errorf("%v, want line %d, column %d: %s", err, want.line, want.column, want.want)
			}
		})
	}
	if len(texts) != len(manifests)+len(refusals) {
		t.Errorf("%d texts, want %d", len(texts), len(manifests)+len(refusals))
	}
}

// TestAppendManifest is the very text, which old clocks have to read.
func TestAppendManifest(t *testing.T) {
	m := Manifest{
		Version: "2.12.0", BuildDate: "2026-01-02T03:04:05Z", SHA256: published, Size: 5, Title: `Ä "\ 😀`, Description: "a\n\x7f",
		ReleaseDate: "2026-01-02", FirmwareURL: "https://x/?a&b", CommitHash: "c", IDFVersion: "5.4.2", RequiresRestart: true,
		Format: 1, Project: "wordclock", ChipID: 9, SecureVersion: 2, ImageDigest: zeros + "1", PiecesSHA256: zeros + "2", ReleaseSHA256: zeros + "3",
	}
	want := `{
  "version": "2.12.0",
  "build_date": "2026-01-02T03:04:05Z",
  "sha256": "` + published + `",
  "size_bytes": 5,
  "firmware_size": 5,
  "title": "\u00c4 \"\\ \ud83d\ude00",
  "description": "a\u000a\u007f",
  "release_date": "2026-01-02",
  "firmware_url": "https://x/?a&b",
  "commit_hash": "c",
  "esp_idf_version": "5.4.2",
  "requires_restart": true,
  "format": 1,
  "project": "wordclock",
  "chip_id": 9,
  "secure_version": 2,
  "image_digest": "` + zeros + `1",
  "pieces_sha256": "` + zeros + `2",
  "release_sha256": "` + zeros + `3"
}
`
	if got := string(AppendManifest([]byte("before "), m)); got != "before "+want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// FuzzParseManifest holds what is read to what is written, and errors to
// returning nothing else.
func FuzzParseManifest(f *testing.F) {
	for _, p := range corpus(f) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := ParseManifest(p)
		if err != nil {
			if e, ok := errors.AsType[*FormatError](err); !ok || m != (Manifest{}) || e.Offset < 0 || e.Offset > len(p) || CauseOf(err) != ManifestInvalid {
				t.Errorf("%+v, %v", m, err)
			}
			return
		}
		if m.Version == "" || m.BuildDate == "" || m.Size <= 0 || len(m.SHA256) != 0 && len(m.SHA256) != 64 {
			t.Errorf("incomplete: %+v", m)
		}
		again, err := ParseManifest(AppendManifest(nil, m))
		if err != nil || again != m {
			t.Errorf("%+v, written and read again: %+v, %v", m, again, err)
		}
	})
}
