package ota

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAppendPieces is the very text.
func TestAppendPieces(t *testing.T) {
	image := bytes.Repeat([]byte{7}, PieceSize+1)
	p, err := PiecesOf(bytes.NewReader(image), int64(len(image)), published)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`before {"image_sha256":"%s","size":65537,"piece_size":65536,"sha256":["%x","%x"]}`+"\n",
		published, sha256.Sum256(image[:PieceSize]), sha256.Sum256(image[PieceSize:]))
	if got := string(AppendPieces([]byte("before "), p)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := TargetName("ab")+" "+PiecesName("cd"), "targets/ab.wordclock.bin targets/cd.wordclock.pieces.json"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPiecesOf: an image that ends early, and one with more pieces than a file
// can have, which is noticed before it is read.
func TestPiecesOf(t *testing.T) {
	for size, want := range map[int64]string{11: "read image: offset 0x0: EOF", 3912 * PieceSize: "more than fit", 3910 * PieceSize: "read image"} {
		p, err := PiecesOf(strings.NewReader("0123456789"), size, published)
		if err == nil || !strings.Contains(err.Error(), want) || p.Each != nil {
			t.Errorf("%d bytes: %v, %v, want %s", size, p.Size, err, want)
		}
	}
	for n := 3909; ; n++ { // the most that fit can be read again
		p := Pieces{published, int64(n) * PieceSize, make([][sha256.Size]byte, n)}
		_, err := PiecesOf(strings.NewReader(""), p.Size, p.SHA256)
		tooMany := strings.Contains(err.Error(), "more than fit")
		if _, err := ParsePieces(AppendPieces(nil, p)); (err == nil) == tooMany {
			t.Errorf("%d pieces: too many to be made: %t; read: %v", n, tooMany, err)
		}
		if tooMany {
			break
		}
	}
}

// TestParsePieces is what is refused, and why.
func TestParsePieces(t *testing.T) {
	p := Pieces{published, PieceSize, [][32]byte{{1}}}
	well := string(AppendPieces(nil, p))
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "unexpected end"},
		"a page":           {"<html>", "invalid character '<'"},
		"other piece size": {strings.Replace(well, "65536,\"sha", "4096,\"sha", 1), "piece_size is 4096, want 65536"},
		"too few":          {strings.Replace(well, `"size":65536`, `"size":65537`, 1), "1 hashes for 65537 bytes"},
		"no size":          {strings.Replace(well, `"size":65536`, `"size":0`, 1), "1 hashes for 0 bytes"},
		"size below zero":  {strings.Replace(well, `"size":65536`, `"size":-1`, 1), "1 hashes for -1 bytes"},
		"endless size":     {strings.Replace(well, `"size":65536`, `"size":9223372036854775807`, 1), "1 hashes for 9223372036854775807 bytes"},
		"short hash":       {strings.Replace(well, "00\"]", "\"]", 1), "sha256 0: want 64 hexadecimal digits"},
		"no digits":        {strings.Replace(well, "00\"]", "0x\"]", 1), "sha256 0: want 64"},
		"no image":         {strings.Replace(well, published, "", 1), "image_sha256: want 64"},
		"upper case":       {strings.Replace(well, published, strings.ToUpper(published), 1), "in lower case"},
		"blanks":           {well + " ", "one spelling"},
		"another key":      {strings.Replace(well, "{", `{"a":1,`, 1), "one spelling"},
		"twice":            {strings.Replace(well, "{", `{"size":2,`, 1), "one spelling"},
		"another case":     {strings.Replace(well, "size", "SIZE", 1), "one spelling"},
		"too large":        {well + strings.Repeat(" ", MaxPieces), "more than 262144 bytes"},
	} {
		got, err := ParsePieces([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || got.Each != nil {
			t.Errorf("%s: %v, %v, want %q", name, got, err, c.want)
		}
	}
	if got, err := ParsePieces([]byte(well)); err != nil || !cmp.Equal(got, p) {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzParsePieces holds what is read to what is written, byte for byte.
func FuzzParsePieces(f *testing.F) {
	f.Add(AppendPieces(nil, Pieces{published, PieceSize + 1, [][32]byte{{1}, {2}}}))
	f.Add([]byte(`{"image_sha256":"","size":0,"piece_size":65536,"sha256":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePieces(b)
		if err != nil {
			if !cmp.Equal(p, Pieces{}) {
				t.Errorf("%v beside %v", p, err)
			}
			return
		}
		if got := AppendPieces(nil, p); !bytes.Equal(got, b) {
			t.Errorf("%s, written again: %s", b, got)
		}
	})
}
