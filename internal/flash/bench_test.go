package flash

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// BenchmarkReadImage reads an image of 64 MiB from memory. The baseline is the least
// that there is to do: SHA-256 over the same bytes at once. Each is the best of some
// runs, so that what else the machine does has less of a say.
func BenchmarkReadImage(b *testing.B) {
	p := built(b, Build{Size: 64 << 20})
	b.SetBytes(int64(len(p)))
	read, bare := time.Hour, time.Hour
	for b.Loop() {
		for range 3 {
			bare = min(bare, lasts(func() { sha256.Sum256(p) }))
			read = min(read, lasts(func() { readImage(b, p) }))
		}
	}
	ratio := read.Seconds() / bare.Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(read.Microseconds())/1000, "ms/read")
	b.ReportMetric(ratio, "x-bare-sha256")
	if ratio > 2 {
		b.Errorf("takes %.2f times as long as bare SHA-256, want 2 at most", ratio)
	}
}

func lasts(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// BenchmarkReadSlot is what the tests of power cuts do most: a smallest image in a
// small slot.
func BenchmarkReadSlot(b *testing.B) {
	for _, size := range []int64{512, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := bytes.NewReader(append(built(b, Build{}), make([]byte, size)...))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadSlot(r, size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
