package flash

import (
	"crypto/sha256"
	"io"
)

// An application image as ESP-IDF's elf2image makes it. Numbers are little-endian.
//
//	24  header
//	    segments: a header of 8 bytes, and the data; the first begins with the descriptor
//	    zeros, so that the checksum is the last byte of 16
//	 1  checksum: 0xEF and all bytes of the segments' data, by XOR
//	32  SHA-256 of all that
//
// A signed one goes on with 0xFF up to a multiple of 4096, and a signature sector.
const (
	checksumSeed  = 0xEF // ESP_ROM_CHECKSUM_INITIAL
	checksumAlign = 16
	digestSize    = sha256.Size
)

// An Image is an application image whose checksum and digest are right. What it
// holds of its signature is well-formed; nobody has verified it yet.
type Image struct {
	Head
	Segments  []Segment
	Checksum  byte
	Digest    [digestSize]byte // at its end
	Size      int64            // from the header to the digest
	Signature *Signature       // nil if it is unsigned
	Signed    [digestSize]byte // SHA-256 of what a signature covers: image and padding
	End       int64            // of image and signature
	Sum       [digestSize]byte // SHA-256 of all that ReadImage read; ReadSlot leaves it zero
}

// ReadImage reads the image that is a file of size bytes. Padding with 0xFF may
// follow it, or a signature that is the end of the file. It reads each byte once, and
// needs little memory. The error is a [FormatError], an [UnsupportedError], or what r
// returned.
func ReadImage(r io.ReaderAt, size int64) (*Image, error) {
	s := newScanner(r, size)
	m, err := s.image()
	if err != nil {
		return nil, err
	}
	if err := s.tail(m); err != nil {
		return nil, err
	}
	s.all.Sum(m.Sum[:0])
	return m, nil
}

// ReadSlot is [ReadImage] for a partition of size bytes, where anything may follow: a
// clock leaves there what it does not overwrite. So what is no signature sector
// counts as none.
func ReadSlot(r io.ReaderAt, size int64) (*Image, error) {
	s := newScanner(r, size)
	m, err := s.image()
	if err != nil {
		return nil, err
	}
	if err := s.leftovers(m); err != nil {
		return nil, err
	}
	return m, nil
}

// image reads up to the digest, in the order of esp_image_verify of ESP-IDF.
func (s *scanner) image() (*Image, error) {
	m := &Image{}
	for _, part := range []func(*Image) error{s.head, s.segments, s.checksum, s.digest} {
		if err := part(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (s *scanner) head(m *Image) error {
	p, err := s.peek(HeadSize)
	if err != nil {
		return err
	}
	if m.Head, err = ReadHead(p); err != nil {
		return err
	}
	if err := m.fits(); err != nil {
		return err
	}
	switch {
	case !m.Hashed:
		return corrupt("image", hashedAt, "hash_appended is 0: nothing but a parity would tell whether it is intact")
	case Segment{Addr: m.Entry, Len: 4}.Class() != IRAM:
		return corrupt("image", entryAt, "entry at %#08x, want an address in IRAM", m.Entry)
	}
	_, err = s.take(headerSize)
	return err
}

func (s *scanner) segments(m *Image) error {
	m.Checksum = checksumSeed
	for n := range m.SegmentCount {
		p, err := s.take(segmentSize)
		if err != nil {
			return err
		}
		g := readSegment(p, s.off-segmentSize)
		if err := g.check(n); err != nil {
			return err
		}
		if g.Len > s.size-g.Off {
			return corrupt("image", g.Off-4, "segment %d reaches up to %#x, but there are only %#x bytes", n, g.Off+g.Len, s.size)
		}
		xor, err := s.data(g.Len)
		if err != nil {
			return err
		}
		m.Checksum ^= xor
		m.Segments = append(m.Segments, g)
	}
	return nil
}

func (s *scanner) checksum(m *Image) error {
	begin := s.off
	p, err := s.take(int(checksumAlign - begin%checksumAlign))
	if err != nil {
		return err
	}
	last := len(p) - 1
	if i := firstNot(p[:last], 0); i >= 0 {
		return corrupt("image", begin+int64(i), "%#02x before the checksum, want 0", p[i])
	}
	if p[last] != m.Checksum {
		return corrupt("image", begin+int64(last), "checksum is %#02x, that of the data %#02x", p[last], m.Checksum)
	}
	return nil
}

func (s *scanner) digest(m *Image) error {
	m.Digest = [digestSize]byte(s.sum.Sum(nil))
	p, err := s.take(digestSize)
	if err != nil {
		return err
	}
	if got := [digestSize]byte(p); got != m.Digest {
		return corrupt("image", s.off-digestSize, "SHA-256 is %x, that of the image %x", got, m.Digest)
	}
	m.Size, m.End = s.off, s.off
	s.all = clone(s.sum)
	s.sum.Write(erased[:m.sector()-m.Size])
	m.Signed = [digestSize]byte(s.sum.Sum(nil))
	return nil
}
