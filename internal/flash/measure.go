package flash

import (
	"fmt"
	"io"
)

// Measure returns the head of an image that is somewhere in size bytes, and how long it
// is up to its digest. It reads little, and verifies nothing beyond that.
func Measure(r io.ReaderAt, size int64) (h Head, length int64, err error) {
	var p [HeadSize]byte
	if _, err := r.ReadAt(p[:min(int64(len(p)), max(size, 0))], 0); err != nil && err != io.EOF {
		return Head{}, 0, fmt.Errorf("read image: %w", err)
	}
	if h, err = ReadHead(p[:]); err != nil {
		return Head{}, 0, err
	}
	off := int64(headerSize)
	for n := range h.SegmentCount {
		if off+segmentSize > size {
			return Head{}, 0, corrupt("image", size, "ends too early")
		}
		if _, err := r.ReadAt(p[:segmentSize], off); err != nil && err != io.EOF {
			return Head{}, 0, fmt.Errorf("read image: offset %#x: %w", off, err)
		}
		g := readSegment(p[:segmentSize], off)
		if err := g.check(n); err != nil {
			return Head{}, 0, err
		}
		off = g.Off + g.Len
	}
	off += checksumAlign - off%checksumAlign + digestSize
	if off > size {
		return Head{}, 0, corrupt("image", size, "ends too early")
	}
	return h, off, nil
}
