package release

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// build returns an image.
func build(t *testing.T, b flash.Build) []byte {
	t.Helper()
	raw, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// firmware returns an image of a version that has a few pieces.
func firmware(t *testing.T, version string) []byte {
	return build(t, flash.Build{
		Desc: flash.Desc{Version: version, Project: "wordclock", SecureVersion: 3},
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), IDF: "v5.4.2", Size: 200 << 10,
	})
}

func hashOf(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// folder returns an open directory of files.
func folder(t *testing.T, files map[string][]byte) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, dir, name, content)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, dir
}

func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// serve serves a folder over TCP, and returns where.
func serve(t *testing.T, f *Folder, faults ...string) string {
	t.Helper()
	s := NewServer(f, parsed(t, faults), slog.New(slog.DiscardHandler))
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	t.Cleanup(h.CloseClientConnections) // also those that hang
	return h.URL + "/"
}

func parsed(t *testing.T, texts []string) (faults []Fault) {
	t.Helper()
	for _, text := range texts {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

// An answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// request sends one, with headers as pairs.
func request(t *testing.T, method, url string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body, err}
}

func get(t *testing.T, url string, headers ...string) answer {
	t.Helper()
	return request(t, http.MethodGet, url, headers...)
}

// manifest returns what is served as that.
func manifest(t *testing.T, url string) ota.Manifest {
	t.Helper()
	m, err := ota.ParseManifest(get(t, url+"version.json").body)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
