package ota

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// PieceSize is how many bytes of an image are checked, and fetched anew, by
// themselves. The last piece of an image can be shorter.
const PieceSize = 64 << 10

// MaxPieces is how large a pieces file may be, in bytes.
const MaxPieces = 256 << 10

// TargetName returns the name of the image with this SHA-256, which is never
// that of another.
func TargetName(sha256 string) string { return "targets/" + sha256 + ".wordclock.bin" }

// PiecesName returns the name of the pieces file with this SHA-256.
func PiecesName(sha256 string) string { return "targets/" + sha256 + ".wordclock.pieces.json" }

// Pieces are the hashes of the pieces of an image, so that a wrong one is
// noticed at once.
//
// The file has one spelling: one line of JSON, without blanks,
//
//	{"image_sha256":"…","size":N,"piece_size":65536,"sha256":["…",…]}
//
// and every hash in lower case.
type Pieces struct {
	SHA256 string // of the image, in hex
	Size   int64  // of the image
	Each   [][sha256.Size]byte
}

// piecesFile is the JSON of Pieces.
type piecesFile struct {
	Image     string   `json:"image_sha256"`
	Size      int64    `json:"size"`
	PieceSize int64    `json:"piece_size"`
	SHA256    []string `json:"sha256"`
}

// pieceCount returns how many pieces an image has.
func pieceCount(size int64) int64 { return (size + PieceSize - 1) / PieceSize }

// PiecesOf hashes the pieces of an image of size bytes, whose SHA-256 is
// sha. It fails if they would be too many for a pieces file.
func PiecesOf(r io.ReaderAt, size int64, sha string) (Pieces, error) {
	p := Pieces{SHA256: sha, Size: size}
	const each = int64(len(`"",`) + 2*sha256.Size)
	if n := int64(len(AppendPieces(nil, p))) + pieceCount(size)*each - 1; n > MaxPieces {
		return Pieces{}, fmt.Errorf("hash pieces: an image of %d bytes has more than fit into %d bytes", size, MaxPieces)
	}
	buf := make([]byte, PieceSize)
	for off := int64(0); off < size; off += PieceSize {
		part := buf[:min(PieceSize, size-off)]
		if n, err := r.ReadAt(part, off); n < len(part) {
			return Pieces{}, fmt.Errorf("read image: offset %#x: %w", off, err)
		}
		p.Each = append(p.Each, sha256.Sum256(part))
	}
	return p, nil
}

// AppendPieces appends the file. [ParsePieces] reads it back.
func AppendPieces(b []byte, p Pieces) []byte {
	b = fmt.Appendf(b, `{"image_sha256":%q,"size":%d,"piece_size":%d,"sha256":[`, p.SHA256, p.Size, PieceSize)
	for i, sum := range p.Each {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"%x"`, sum)
	}
	return append(b, "]}\n"...)
}

// ParsePieces takes nothing but what [AppendPieces] writes.
func ParsePieces(b []byte) (Pieces, error) {
	if len(b) > MaxPieces {
		return Pieces{}, fmt.Errorf("read pieces: more than %d bytes", MaxPieces)
	}
	var f piecesFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Pieces{}, fmt.Errorf("read pieces: %w", err)
	}
	p, err := f.pieces()
	if err != nil {
		return Pieces{}, fmt.Errorf("read pieces: %w", err)
	}
	if !bytes.Equal(AppendPieces(nil, p), b) {
		return Pieces{}, errors.New("read pieces: not in the one spelling that they have")
	}
	return p, nil
}

func (f piecesFile) pieces() (Pieces, error) {
	switch {
	case f.PieceSize != PieceSize:
		return Pieces{}, fmt.Errorf("piece_size is %d, want %d", f.PieceSize, PieceSize)
	case f.Size <= 0 || f.Size > maxInt || pieceCount(f.Size) != int64(len(f.SHA256)):
		return Pieces{}, fmt.Errorf("%d hashes for %d bytes", len(f.SHA256), f.Size)
	}
	if _, err := parseSum(f.Image); err != nil {
		return Pieces{}, fmt.Errorf("image_sha256: %w", err)
	}
	p := Pieces{f.Image, f.Size, make([][sha256.Size]byte, len(f.SHA256))}
	for i, s := range f.SHA256 {
		sum, err := parseSum(s)
		if err != nil {
			return Pieces{}, fmt.Errorf("sha256 %d: %w", i, err)
		}
		p.Each[i] = sum
	}
	return p, nil
}

// parseSum reads a SHA-256 in hex.
func parseSum(s string) ([sha256.Size]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size || s != strings.ToLower(s) {
		return [sha256.Size]byte{}, errors.New("want 64 hexadecimal digits, in lower case")
	}
	return [sha256.Size]byte(b), nil
}

// holds tells whether p is piece i.
func (ps Pieces) holds(i int64, p []byte) bool { return ps.Each[i] == sha256.Sum256(p) }
