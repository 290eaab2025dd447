package flash

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
)

// A Profile is what an image was made to do wrong. It travels in a segment that a
// real chip skips.
type Profile struct {
	Faults []Fault `json:"faults"`
}

// Segments of address 0 that begin with the magic are ours. Numbers are little-endian.
//
//	 0   4  magic "WCLK"
//	 4   2  kind: 1 is a profile
//	 6   2  version of the kind: 1
//	 8   4  length of the content
//	12   4  CRC-32 of the content
//	16      content: of a profile, JSON as package json writes it
//	        zeros, to a multiple of 4
const (
	kindMagic      = "WCLK"
	kindProfile    = 1
	profileVersion = 1
	kindSize       = 16

	kindAt        = 4
	kindVersionAt = 6
	kindLengthAt  = 8
	kindCRCAt     = 12
)

const (
	maxFaults  = 16
	maxProfile = 4096 // bytes of content
)

// Profile returns the profile in an image, which is read from where [ReadImage] read
// it. It is nil if there is none. The error is a [FormatError], an [UnsupportedError]
// for segments of another kind, or what r returned.
func (m *Image) Profile(r io.ReaderAt) (*Profile, error) {
	var found *Profile
	for _, s := range m.Segments {
		p, err := s.profile(r)
		if err != nil {
			return nil, err
		}
		if p != nil && found != nil {
			return nil, corrupt("profile", s.Off, "second profile in one image")
		}
		if p != nil {
			found = p
		}
	}
	return found, nil
}

// profile returns the profile in s, nil if s is something else.
func (s Segment) profile(r io.ReaderAt) (*Profile, error) {
	if s.Addr != 0 {
		return nil, nil
	}
	data := make([]byte, min(s.Len, kindSize+maxProfile))
	if n, err := r.ReadAt(data, s.Off); n < len(data) {
		return nil, fmt.Errorf("read profile: offset %#x: %w", s.Off, err)
	}
	if !bytes.HasPrefix(data, []byte(kindMagic)) {
		return nil, nil
	}
	p, err := readProfile(data, s.Len)
	return p, moved(err, s.Off)
}

// readProfile reads the content of a segment of size bytes, of which p is the begin.
func readProfile(p []byte, size int64) (*Profile, error) {
	if len(p) < kindSize {
		return nil, corrupt("profile", size, "ends within the first %d bytes", kindSize)
	}
	kind, version := binary.LittleEndian.Uint16(p[kindAt:]), binary.LittleEndian.Uint16(p[kindVersionAt:])
	n := int64(binary.LittleEndian.Uint32(p[kindLengthAt:]))
	switch {
	case kind != kindProfile:
		return nil, unsupported("profile", kindAt, "segment of kind %d, want %d", kind, kindProfile)
	case version != profileVersion:
		return nil, corrupt("profile", kindVersionAt, "version %d, want %d", version, profileVersion)
	case n > maxProfile:
		return nil, corrupt("profile", kindLengthAt, "%d bytes, want %d at most", n, maxProfile)
	case up(kindSize+n, 4) != size:
		return nil, corrupt("profile", kindLengthAt, "%d bytes, in a segment of %d", n, size)
	}
	content, rest := p[kindSize:kindSize+n], p[kindSize+n:]
	if i := firstNot(rest, 0); i >= 0 {
		return nil, corrupt("profile", kindSize+n+int64(i), "%#02x behind the content, want 0", rest[i])
	}
	if got, want := binary.LittleEndian.Uint32(p[kindCRCAt:]), crc32.ChecksumIEEE(content); got != want {
		return nil, corrupt("profile", kindCRCAt, "CRC is %#08x, want %#08x", got, want)
	}
	return parseProfile(content)
}

// parseProfile reads JSON, and wants it as it would be written.
func parseProfile(content []byte) (*Profile, error) {
	p := &Profile{}
	if err := json.Unmarshal(content, p); err != nil {
		return nil, corrupt("profile", kindSize, "%v", err)
	}
	want, err := p.content()
	if err != nil {
		return nil, corrupt("profile", kindSize, "%v", err)
	}
	if !bytes.Equal(content, want) {
		return nil, corrupt("profile", kindSize, "%.100q is not how it is written: %.100q", content, want)
	}
	return p, nil
}

// marshal is the inverse of readProfile.
func (p *Profile) marshal() ([]byte, error) {
	content, err := p.content()
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, kindSize+len(content)+3), kindMagic...)
	b = binary.LittleEndian.AppendUint16(b, kindProfile)
	b = binary.LittleEndian.AppendUint16(b, profileVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(content))
	b = append(b, content...)
	return append(b, make([]byte, up(int64(len(b)), 4)-int64(len(b)))...), nil
}

// content is the JSON of p. With the few faults there can be it is far shorter than
// what is read.
func (p *Profile) content() ([]byte, error) {
	if len(p.Faults) > maxFaults {
		return nil, fmt.Errorf("%d faults, want %d at most", len(p.Faults), maxFaults)
	}
	return json.Marshal(Profile{Faults: append([]Fault{}, p.Faults...)}) // never null
}
