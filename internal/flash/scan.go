package flash

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
)

// A scanner reads an image once, from front to back, in constant memory. What it
// returns is valid until the next call.
type scanner struct {
	r    *bufio.Reader
	off  int64
	size int64     // where all ends
	sum  hash.Hash // SHA-256 of what was taken
	all  hash.Hash // the same, from the end of the image on of what was read; nil before
}

// clone returns a copy of the state of a hash.
func clone(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic(err) // SHA-256 of the standard library can be
	}
	return c
}

// window is how much of an image is in memory: little enough to stay in a cache, and
// room for what is read at once, which is a signature and the padding before it.
const window = 32 << 10

func newScanner(r io.ReaderAt, size int64) *scanner {
	return &scanner{
		r:    bufio.NewReaderSize(io.NewSectionReader(r, 0, size), int(max(HeadSize, min(window, size)))),
		size: size,
		sum:  sha256.New(),
	}
}

// peek returns the next n bytes. If they are not there, it returns those that are.
func (s *scanner) peek(n int) ([]byte, error) {
	p, err := s.r.Peek(n)
	if err == io.EOF {
		return p, corrupt("image", s.off+int64(len(p)), "ends too early")
	}
	if err != nil {
		return p, fmt.Errorf("read image: offset %#x: %w", s.off+int64(len(p)), err)
	}
	return p, nil
}

// read reads n bytes.
func (s *scanner) read(n int) ([]byte, error) {
	p, err := s.peek(n)
	if err != nil {
		return nil, err
	}
	_, _ = s.r.Discard(n) // they are in the buffer
	s.off += int64(n)
	if s.all != nil {
		s.all.Write(p)
	}
	return p, nil
}

// some reads up to n bytes, and at least one.
func (s *scanner) some(n int64) ([]byte, error) {
	if _, err := s.peek(1); err != nil {
		return nil, err
	}
	return s.read(int(min(n, int64(s.r.Buffered()))))
}

// take reads n bytes that the digest covers.
func (s *scanner) take(n int) ([]byte, error) {
	p, err := s.read(n)
	s.sum.Write(p)
	return p, err
}

// data takes n bytes, and returns the XOR of them.
func (s *scanner) data(n int64) (xor byte, err error) {
	for n > 0 {
		p, err := s.some(n)
		if err != nil {
			return 0, err
		}
		s.sum.Write(p)
		xor ^= parity(p)
		n -= int64(len(p))
	}
	return xor, nil
}

// parity returns the XOR of all bytes of p.
func parity(p []byte) byte {
	var a, b, c, d uint64
	for ; len(p) >= 32; p = p[32:] {
		a ^= binary.LittleEndian.Uint64(p)
		b ^= binary.LittleEndian.Uint64(p[8:])
		c ^= binary.LittleEndian.Uint64(p[16:])
		d ^= binary.LittleEndian.Uint64(p[24:])
	}
	x := a ^ b ^ c ^ d
	x ^= x >> 32
	x ^= x >> 16
	x ^= x >> 8
	for _, b := range p {
		x ^= uint64(b)
	}
	return byte(x)
}

// fill reads up to end, and wants nothing there but 0xFF.
func (s *scanner) fill(end int64) error {
	for s.off < end {
		at := s.off
		p, err := s.some(end - s.off)
		if err != nil {
			return err
		}
		if i := firstNot(p, 0xFF); i >= 0 {
			return corrupt("image", at+int64(i), "%#02x behind the end of the image, want 0xff", p[i])
		}
	}
	return nil
}

// firstNot returns the index of the first byte of p that is not b, or -1.
func firstNot(p []byte, b byte) int {
	return slices.IndexFunc(p, func(c byte) bool { return c != b })
}
