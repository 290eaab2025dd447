package flash

import (
	"crypto/sha256"
	"encoding/binary"
)

// A part is a segment with its data.
type part struct {
	addr uint32
	data []byte // a multiple of 4 bytes
}

func segmentsEnd(parts []part) int64 {
	end := int64(headerSize)
	for _, s := range parts {
		end += segmentSize + int64(len(s.data))
	}
	return end
}

// imageSize returns the size of an image whose segments end at end.
func imageSize(end int64) int64 { return up(end+1, checksumAlign) + digestSize }

// marshal returns the image of those parts. It is what [ReadImage] reads, if they obey
// its rules: neither changes what the other has.
func (h Head) marshal(parts []part) []byte {
	h.SegmentCount = len(parts)
	end := segmentsEnd(parts)
	p := h.appendHeader(make([]byte, 0, imageSize(end)))
	sum := byte(checksumSeed)
	for _, s := range parts {
		p = binary.LittleEndian.AppendUint32(p, s.addr)
		p = binary.LittleEndian.AppendUint32(p, uint32(len(s.data)))
		p = append(p, s.data...)
		sum ^= parity(s.data)
	}
	p = append(p, make([]byte, imageSize(end)-digestSize-end)...)
	p[len(p)-1] = sum
	digest := sha256.Sum256(p)
	return append(p, digest[:]...)
}
