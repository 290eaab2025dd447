package flash

import "math/rand/v2"

// filler returns the padding segments that make an image of size bytes, rounded up to
// 16, of one whose segments end at end; none if it is that large anyway. What they
// hold looks random and comes from a seed.
func filler(end, size int64, seed [32]byte) (parts []part) {
	if imageSize(end) >= size {
		return nil
	}
	random := rand.NewChaCha8(seed)
	// A word is left for zeros and checksum.
	for left := up(size, checksumAlign) - digestSize - 4 - end; left > 0; {
		n := min(left, segmentSize+maxSegment-4)
		if left-n == 4 { // too little for a header
			n -= 4
		}
		data := make([]byte, n-segmentSize)
		_, _ = random.Read(data) // never fails
		parts = append(parts, part{0, data})
		left -= n
	}
	return parts
}
