package release

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"wordclockd/internal/ota"
)

// TestHTTP: what the protocol demands of a server of files (RFC 9110).
func TestHTTP(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	url := serve(t, f)
	size := len(raw)
	tag := get(t, url+"wordclock.bin").header.Get("ETag")
	for _, c := range []struct {
		name, method, headers string // headers as "Name: value"
		status                int
		body                  []byte
		want                  string
	}{
		{"all", "GET", "", 200, raw, ""},
		{"the rest", "GET", "Range: bytes=1000-", 206, raw[1000:], fmt.Sprintf("Content-Range: bytes 1000-%d/%d", size-1, size)},
		{"a part", "GET", "Range: bytes=10-19", 206, raw[10:20], fmt.Sprintf("Content-Range: bytes 10-19/%d", size)},
		{"the last byte", "GET", fmt.Sprintf("Range: bytes=%d-", size-1), 206, raw[size-1:], "Content-Length: 1"},
		{"behind the end", "GET", fmt.Sprintf("Range: bytes=%d-", size), 416, nil, fmt.Sprintf("Content-Range: bytes */%d", size)},
		{"only the head", "HEAD", "", 200, []byte{}, fmt.Sprintf("Content-Length: %d", size)},
		{"unchanged", "GET", "If-None-Match: " + tag, 304, []byte{}, "ETag: " + tag},
		{"changing it", "PUT", "", 405, nil, "Allow: GET, HEAD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := request(t, c.method, url+"wordclock.bin", pair(c.headers)...)
			if got.status != c.status || got.err != nil {
				t.Errorf("status %d, %v, want %d", got.status, got.err, c.status)
			}
			if c.body != nil && !bytes.Equal(got.body, c.body) {
				t.Errorf("%d bytes that differ from the %d wanted", len(got.body), len(c.body))
			}
			if want := pair(c.want); want != nil && got.header.Get(want[0]) != want[1] {
				t.Errorf("%s: %s, want %s", want[0], got.header.Get(want[0]), want[1])
			}
		})
	}
	for name, want := range map[string]string{
		"version.json": "application/json", "wordclock.bin": "application/octet-stream", "wordclock.bin.sha256": "text/plain; charset=utf-8",
	} {
		if got := get(t, url+name).header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %s, want %s", name, got, want)
		}
	}
}

// pair splits a header.
func pair(header string) []string {
	if name, value, ok := bytes.Cut([]byte(header), []byte(": ")); ok {
		return []string{string(name), string(value)}
	}
	return nil
}

// TestServerFaults: what each fault does to which file.
func TestServerFaults(t *testing.T) {
	raw := firmware(t, "2.12.0")
	target := ota.TargetName(hashOf(raw))
	size := int64(len(raw))
	flipped := bytes.Clone(raw)
	flipped[70000] ^= 0xFF
	type sent struct {
		status int
		body   []byte // nil: does not matter
		broken bool   // the connection ended early
	}
	gone, well := sent{status: 404}, sent{status: 200, body: raw}
	for _, c := range []struct {
		faults    []string
		image     sent // by its name, and in targets
		manifest  int  // status
		piecesGet int
	}{
		{nil, well, 200, 200},
		{[]string{"404"}, gone, 404, 404},
		{[]string{"503"}, sent{status: 503}, 503, 503},
		{[]string{"image:404"}, gone, 200, 200},
		{[]string{"manifest:503"}, well, 503, 200},
		{[]string{"pieces:404", "manifest:404"}, well, 404, 404},
		{[]string{"other:404"}, well, 200, 200},
		{[]string{"cut=70000"}, sent{200, raw[:70000], true}, 200, 200},
		{[]string{"cut=0"}, sent{200, raw[:0], true}, 200, 200},
		{[]string{"cut=50%"}, sent{200, raw[:size/2], true}, 200, 200},
		{[]string{"cut=70000", "cut=10K"}, sent{200, raw[:10<<10], true}, 200, 200},
		{[]string{"cut=10K", "cut=70000"}, sent{200, raw[:10<<10], true}, 200, 200},
		{[]string{"cut=100%"}, well, 200, 200},
		{[]string{"cut=1G"}, sent{}, 0, 0},
		{[]string{"cut=64M", "flip=64M", "stall=64M"}, well, 200, 200},
		{[]string{"flip=70000"}, sent{200, flipped, false}, 200, 200},
		{[]string{"flip=70000", "cut=71000"}, sent{200, flipped[:71000], true}, 200, 200},
		{[]string{"norange"}, well, 200, 200},
	} {
		t.Run(fmt.Sprint(c.faults), func(t *testing.T) {
			if c.image.status == 0 {
				if _, err := ParseFault(c.faults[0]); err == nil {
					t.Error("it was taken")
				}
				return
			}
			f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
			good := manifest(t, serve(t, f))
			url := serve(t, f, c.faults...)
			for _, name := range []string{"wordclock.bin", target} {
				got := get(t, url+name)
				if got.status != c.image.status || errors.Is(got.err, io.ErrUnexpectedEOF) != c.image.broken || c.image.body != nil && !bytes.Equal(got.body, c.image.body) {
					t.Errorf("%s: status %d, %d bytes, %v", name, got.status, len(got.body), got.err)
				}
			}
			if got := get(t, url+"version.json").status; got != c.manifest {
				t.Errorf("manifest: status %d, want %d", got, c.manifest)
			}
			if got := get(t, url+ota.PiecesName(good.PiecesSHA256)).status; got != c.piecesGet {
				t.Errorf("pieces: status %d, want %d", got, c.piecesGet)
			}
		})
	}
}

// TestFaultsOfRanges: places count from the begin of the file, whatever is asked for.
func TestFaultsOfRanges(t *testing.T) {
	raw := firmware(t, "2.12.0")
	flipped := bytes.Clone(raw)
	flipped[70000] ^= 0xFF
	for _, c := range []struct {
		fault  string
		from   int
		status int
		body   []byte
		broken bool
	}{
		{"cut=70000", 65536, 206, raw[65536:70000], true},
		{"cut=70000", 70000, 206, raw[:0], true},
		{"cut=70000", 80000, 206, raw[:0], true},
		{"flip=70000", 65536, 206, flipped[65536:], false},
		{"flip=70000", 70000, 206, flipped[70000:], false},
		{"flip=70000", 70001, 206, raw[70001:], false},
		{"norange", 65536, 200, raw, false},
	} {
		f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
		got := get(t, serve(t, f, c.fault)+"wordclock.bin", "Range", fmt.Sprintf("bytes=%d-", c.from))
		if got.status != c.status || !bytes.Equal(got.body, c.body) || errors.Is(got.err, io.ErrUnexpectedEOF) != c.broken {
			t.Errorf("%s from %d: status %d, %d bytes, %v", c.fault, c.from, got.status, len(got.body), got.err)
		}
	}
}

// TestStale: the manifest is new, and the image is not.
func TestStale(t *testing.T) {
	raw, old, older := firmware(t, "2.12.0"), firmware(t, "2.11.10"), firmware(t, "2.11.9")
	files := map[string][]byte{
		"wordclock.bin": raw, ota.TargetName(hashOf(raw)): raw,
		ota.TargetName(hashOf(old)): old, ota.TargetName(hashOf(older)): older, ota.TargetName(hashOf(nil)): nil,
	}
	f, _ := folder(t, files)
	url := serve(t, f, "stale")
	if m := manifest(t, url); m.SHA256 != hashOf(raw) {
		t.Errorf("manifest of %s", m.Version)
	}
	if got := get(t, url+"wordclock.bin").body; !bytes.Equal(got, old) {
		t.Errorf("wordclock.bin is %.8s…, want %.8s…", hashOf(got), hashOf(old))
	}
	if got := get(t, url+ota.TargetName(hashOf(raw))).status; got != 404 {
		t.Errorf("the target: status %d", got)
	}
	if got := get(t, url+ota.TargetName(hashOf(older))).body; !bytes.Equal(got, older) {
		t.Errorf("another target is %.8s…", hashOf(got))
	}
	f, _ = folder(t, map[string][]byte{"wordclock.bin": raw, ota.TargetName(hashOf(raw)): raw})
	if err := NewServer(f, parsed(t, []string{"stale"}), nil).Check(); err == nil {
		t.Error("stale without an older image")
	}
}
