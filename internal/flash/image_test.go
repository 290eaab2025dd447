package flash

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// realShape is an image with the head and the segments of release 2.11.3, in the
// order, for the addresses and of the sizes that it has. Their content is not its.
func realShape(t testing.TB) []byte {
	t.Helper()
	p := published(t)
	h, err := ReadHead(p)
	if err != nil {
		t.Fatal(err)
	}
	parts := []part{{0x3C0E0020, make([]byte, 0x4EF70)}, {0x3FC9C900, make([]byte, 0x1080)}, {0x42000020, make([]byte, 0xDA7BC)}, {0x3FC9D980, make([]byte, 0x3EF0)}, {0x40374000, make([]byte, 0x18880)}, {0x600FE000, make([]byte, 0x1C)}}
	for n, s := range parts {
		for i := range s.data {
			s.data[i] = byte(i>>8 ^ i*(n+3))
		}
	}
	copy(parts[0].data, p[headerSize+segmentSize:])
	return h.marshal(parts)
}

// built is what a build gives.
func built(t testing.TB, b Build) []byte {
	t.Helper()
	p, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readImage(t testing.TB, p []byte) *Image {
	t.Helper()
	m, err := ReadImage(bytes.NewReader(p), int64(len(p)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// signed is a small signed image.
func signed(t testing.TB) []byte {
	t.Helper()
	p := built(t, Build{})
	p, err := SignImage(p, readImage(t, p), testKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// repair makes checksum and digest right, as far as p is an image.
func repair(p []byte) []byte {
	p = bytes.Clone(p)
	if len(p) < headerSize {
		return p
	}
	sum, off := byte(0xEF), headerSize
	for range p[1] {
		if len(p)-off < 8 {
			return p
		}
		n := int(binary.LittleEndian.Uint32(p[off+4:]))
		off += 8
		if n > len(p)-off {
			return p
		}
		for _, b := range p[off : off+n] {
			sum ^= b
		}
		off += n
	}
	last := off | 15
	if len(p) < last+33 {
		return p
	}
	p[last] = sum
	digest := sha256.Sum256(p[:last+1])
	copy(p[last+1:], digest[:])
	return p
}

// TestRealShape finds each part of an image where it is in that of release 2.11.3.
func TestRealShape(t *testing.T) {
	p := realShape(t)
	m := readImage(t, p)
	want := []Segment{{0x3C0E0020, 0x20, 0x4EF70}, {0x3FC9C900, 0x4EF98, 0x1080}, {0x42000020, 0x50020, 0xDA7BC}, {0x3FC9D980, 0x12A7E4, 0x3EF0}, {0x40374000, 0x12E6DC, 0x18880}, {0x600FE000, 0x146F64, 0x1C}}
	if d := cmp.Diff(want, m.Segments); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	var classes []string
	for _, s := range m.Segments {
		classes = append(classes, s.Class().String())
	}
	if got := strings.Join(classes, " "); got != "DROM DRAM IROM DRAM IRAM RTC_FAST" {
		t.Error(got)
	}
	if m.Size != 1339312 || m.End != m.Size || m.Checksum != p[0x146F8F] || !bytes.Equal(m.Digest[:], p[0x146F90:]) || m.Version != "2.11.3" || m.Signature != nil {
		t.Errorf("%+v", m)
	}
	if want := sha256.Sum256(append(p, bytes.Repeat([]byte{0xFF}, 80)...)); m.Signed != want {
		t.Errorf("signed is %x, want %x", m.Signed, want)
	}
}

// TestMutations are what ESP-IDF's tools were seen to say of the real image, changed
// in these ways. What they let pass is refused here.
func TestMutations(t *testing.T) {
	flip := func(offs ...int) func(p []byte) []byte {
		return func(p []byte) []byte {
			for _, off := range offs {
				p[off] ^= 0x10
			}
			return p
		}
	}
	put := func(off int, b byte) func([]byte) []byte { return func(p []byte) []byte { p[off] = b; return p } }
	for _, c := range []struct {
		name string
		edit func(p []byte) []byte
		off  int64
		want string
	}{
		{"flash size", flip(3), 0x146F90, "SHA-256 is"},
		{"no digest", put(23, 0), 23, "hash_appended is 0"},
		{"a byte", flip(0x60000), 0x146F8F, "checksum is"},
		{"two bytes of equal parity", flip(0x60000, 0x60001), 0x146F90, "SHA-256 is"},
		{"padding", flip(0x146F80), 0x146F80, "0x10 before the checksum"},
		{"truncated", func(p []byte) []byte { return p[:0x80000] }, 0x5001C, "segment 2 reaches up to 0x12a7dc, but there are only 0x80000 bytes"},
		{"1000 bytes more", func(p []byte) []byte { return append(p, make([]byte, 1000)...) }, 1339312, "0x00 behind the end"},
		{"17 segments", put(1, 17), 1, "17 segments"},
		{"7 segments", put(1, 7), 0x146F90, "SHA-256 is"},
		{"5 segments", put(1, 5), 0x146F5D, "0xe0 before the checksum"},
		{"descriptor", flip(0x20), 0x20, "application descriptor begins with"},
		{"checksum", flip(0x146F8F), 0x146F8F, "checksum is"},
		{"digest", flip(0x146FAF), 0x146F90, "SHA-256 is"},
		{"magic", put(0, 0xE8), 0, "begins with 0xe8, want 0xe9"},
		{"nothing", func([]byte) []byte { return nil }, 0, "ends too early"},
		{"entry in code that is mapped", put(7, 0x42), 4, "entry at 0x423756d0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.edit(realShape(t))
			m, err := ReadImage(bytes.NewReader(p), int64(len(p)))
			e, ok := errors.AsType[*FormatError](err)
			if !ok || e.What != "image" || e.Off != c.off || !strings.Contains(e.Msg, c.want) || m != nil {
				t.Errorf("%v, want an error at %#x with %q", err, c.off, c.want)
			}
		})
	}
}

// TestUnsupported are images that are sound, but not for the clock.
func TestUnsupported(t *testing.T) {
	put := func(off int, v uint16) func(p []byte) {
		return func(p []byte) { binary.LittleEndian.PutUint16(p[off:], v) }
	}
	for _, c := range []struct {
		name string
		edit func(p []byte)
		off  int64 // -1: it is good
		want string
	}{
		{"ESP32-C3", put(12, 5), 12, "chip 5"},
		{"this chip", put(15, 2), -1, ""},
		{"a newer chip", put(15, 3), 15, "from revision v0.3, this is v0.2"},
		{"the next chip", put(15, 100), 15, "from revision v1.0"},
		{"up to this chip", put(17, 2), -1, ""},
		{"up to an older chip", put(17, 1), 17, "up to revision v0.1"},
		{"up to any chip", put(17, 0), -1, ""},
		{"up to any chip, too", put(17, 65535), -1, ""},
		{"these fuses", put(0xD0, 103), -1, ""},
		{"newer fuses", put(0xD0, 104), 0xD0, "from revision v1.4, these are v1.3"},
		{"up to these fuses", put(0xD2, 103), -1, ""},
		{"up to older fuses", put(0xD2, 102), 0xD2, "up to revision v1.2"},
		{"up to any fuses", put(0xD2, 0), -1, ""},
		{"up to any fuses, too", put(0xD2, 65535), -1, ""},
		{"page by default", func(p []byte) { p[0xD4] = 0 }, -1, ""},
		{"page of another size", func(p []byte) { p[0xD4] = 15 }, 0xD4, "2^15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := built(t, Build{})
			c.edit(p)
			p = repair(p)
			m, err := ReadImage(bytes.NewReader(p), int64(len(p)))
			if c.off < 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*UnsupportedError](err)
			if !ok || e.Off != c.off || !strings.Contains(e.Msg, c.want) || m != nil {
				t.Errorf("%v, want an error at %#x with %q", err, c.off, c.want)
			}
		})
	}
}

// TestSegmentRules are images whose checksum and digest are right.
func TestSegmentRules(t *testing.T) {
	h, err := ReadHead(built(t, Build{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		part
		want string // "" if it is good
	}{
		{"empty", part{0x40374000, nil}, ""},
		{"code", part{0x42000000 + 288 + 8, make([]byte, 8)}, ""},
		{"code on another page", part{0x43FF0000 + 288 + 8, make([]byte, 8)}, ""},
		{"code that cannot be mapped", part{0x42000000 + 288 + 12, make([]byte, 8)}, "segment 1 at 0x128 cannot be mapped to address 0x4200012c"},
		{"data that cannot be mapped", part{0x3C000020, make([]byte, 8)}, "cannot be mapped"},
		{"the last of IRAM", part{0x403DFFF8, make([]byte, 8)}, ""},
		{"beyond IRAM", part{0x403DFFF8, make([]byte, 12)}, "no room for its 12 bytes"},
		{"before DRAM", part{0x3FC87FFC, make([]byte, 8)}, "no room"},
		{"boot ROM", part{0x40000000, make([]byte, 8)}, "address 0x40000000"},
		{"peripherals", part{0x60000000, make([]byte, 8)}, "no room"},
		{"the end of memory", part{0xFFFFFFFC, make([]byte, 8)}, "no room"},
		{"not of words", part{0, make([]byte, 6)}, "6 bytes, want a multiple of 4"},
		{"too long", part{0, make([]byte, 16<<20)}, "16777216 bytes, want"},
		{"long", part{0, make([]byte, 16<<20-4)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := h.marshal([]part{{descAddr, h.desc()}, c.part})
			_, err := ReadImage(bytes.NewReader(p), int64(len(p)))
			if c.want == "" && err == nil {
				return
			}
			if e, ok := errors.AsType[*FormatError](err); !ok || e.Off != 288 && e.Off != 292 || !strings.Contains(e.Msg, c.want) || c.want == "" {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestClass has the last addresses that are of a class, and those around.
func TestClass(t *testing.T) {
	for _, c := range []struct {
		low, high uint32
		want      Class
		name      string
	}{
		{0x3C000000, 0x3DFFFFFF, DROM, "DROM"},
		{0x42000000, 0x43FFFFFF, IROM, "IROM"},
		{0x40370000, 0x403DFFFF, IRAM, "IRAM"},
		{0x3FC88000, 0x3FCFFFFF, DRAM, "DRAM"},
		{0x600FE000, 0x600FFFFF, RTCFast, "RTC_FAST"},
		{0x50000000, 0x50001FFF, RTCSlow, "RTC_SLOW"},
		{0, 0x0FFFFFFF, Padding, "PADDING"},
	} {
		for _, at := range []struct {
			addr uint32
			n    int64
			want Class
		}{
			{c.low, 0, c.want},
			{c.low, int64(c.high-c.low) + 1, c.want},
			{c.low, int64(c.high-c.low) + 2, Bad},
			{c.low - 1, 1, Bad},
			{c.high, 1, c.want},
			{c.high, 2, Bad},
			{c.high + 1, 0, Bad},
		} {
			if got := (Segment{Addr: at.addr, Len: at.n}).Class(); got != at.want || at.want == c.want && got.String() != c.name {
				t.Errorf("%#x, %#x bytes: %v, want %v", at.addr, at.n, got, at.want)
			}
		}
	}
	if got := Bad.String() + " " + Class(8).String(); got != "BAD Class(8)" {
		t.Error(got)
	}
}

// TestFlippedBits flips each bit of a small image.
func TestFlippedBits(t *testing.T) {
	p := built(t, Build{Desc: Desc{Version: "2.12.0", Project: "wordclock"}, Profile: &Profile{Faults: []Fault{{Kind: Crash}}}})
	for i := range p {
		for bit := range 8 {
			p[i] ^= 1 << bit
			for _, read := range []func(io.ReaderAt, int64) (*Image, error){ReadImage, ReadSlot} {
				m, err := read(bytes.NewReader(p), int64(len(p)))
				if m != nil || !is[*FormatError](err) && !is[*UnsupportedError](err) {
					t.Errorf("bit %d of byte %#x: %v", bit, i, err)
				}
			}
			p[i] ^= 1 << bit
		}
	}
	readImage(t, p)
}

// TestTruncated cuts a small image, or says that it is longer than it is.
func TestTruncated(t *testing.T) {
	p := built(t, Build{})
	for n := range p {
		for _, size := range []int{n, len(p)} {
			m, err := ReadSlot(bytes.NewReader(p[:n]), int64(size))
			if e, ok := errors.AsType[*FormatError](err); !ok || m != nil || e.Off > int64(n) && n >= HeadSize {
				t.Errorf("%d bytes, said to be %d: %v", n, size, err)
			}
		}
	}
	for _, size := range []int64{-1, -1 << 63} {
		if _, err := ReadImage(bytes.NewReader(p), size); !is[*FormatError](err) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

// TestTail is what may follow an image.
func TestTail(t *testing.T) {
	image, whole := built(t, Build{}), signed(t)
	fill := func(n int) []byte { return bytes.Repeat([]byte{0xFF}, n) }
	edited := func(off int, b byte) []byte { p := bytes.Clone(whole); p[off] = b; return p }
	for _, c := range []struct {
		name   string
		p      []byte
		end    int   // in a file and in a slot
		off    int64 // what a file's error points to
		signed bool
		want   string // of that error, "" if it is good
	}{
		{"nothing", image, 336, 0, false, ""},
		{"a byte of 0xff", join(image, fill(1)), 336, 0, false, ""},
		{"0xff up to a sector", join(image, fill(3760)), 336, 0, false, ""},
		{"0xff without end", join(image, fill(200_000)), 336, 0, false, ""},
		{"another byte", join(image, []byte{0}), 336, 336, false, "0x00 behind the end of the image"},
		{"1000 bytes", join(image, make([]byte, 1000)), 336, 336, false, "0x00 behind"},
		{"a byte in the second sector", join(image, fill(3760+4095), []byte{1}), 336, 8191, false, "0x01 behind"},
		{"a byte in the third sector", join(image, fill(3760+4096), []byte{1}), 336, 8192, false, "0x01 behind"},
		{"part of a sector", join(image, fill(3760), []byte{0xE7, 2}), 336, 4096, false, "0xe7 behind"},
		{"a signature", whole, 8192, 0, true, ""},
		{"a signature and more", join(whole, fill(1)), 8192, 8192, true, "1 bytes behind the signature"},
		{"a signature without its last byte", whole[:8191], 336, 4096, false, "0xe7 behind"},
		{"a signature behind another padding", edited(400, 0), 336, 400, false, "0x00 behind"},
		{"a signature whose CRC is wrong", edited(4096+1196, whole[4096+1196]+1), 336, 4096 + 1196, false, "CRC is"},
		{"a signature of another kind", edited(4096+1, 3), 336, 4096 + 1196, false, "CRC is"},
		{"no signature", edited(4096, 0xE6), 336, 4096, false, "begins with 0xe6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ReadSlot(bytes.NewReader(c.p), int64(len(c.p)))
			if err != nil || m.Size != 336 || m.End != int64(c.end) || (m.Signature != nil) != c.signed {
				t.Fatalf("slot: %+v, %v", m, err)
			}
			if c.signed && m.Signature.Trusted(m.Signed, []KeyDigest{testDigest(0)}) != nil {
				t.Error("not signed by the key that signed it")
			}
			f, err := ReadImage(bytes.NewReader(c.p), int64(len(c.p)))
			if c.want == "" {
				m.Sum = sha256.Sum256(c.p)
				if d := cmp.Diff(m, f); err != nil || d != "" {
					t.Errorf("file: %v, -slot +file\n%s", err, d)
				}
				return
			}
			if e, ok := errors.AsType[*FormatError](err); !ok || e.Off != c.off || !strings.Contains(e.Msg, c.want) || f != nil {
				t.Errorf("file: %v, want an error at %#x with %q", err, c.off, c.want)
			}
		})
	}
}

// TestUnsupportedSignature: it may be sound, so a file that has it is not damaged.
func TestUnsupportedSignature(t *testing.T) {
	p := signed(t)
	p[4097] = 3 // ECDSA
	mend(p[4096:])
	m, err := ReadImage(bytes.NewReader(p), int64(len(p)))
	if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.What != "signature" || e.Off != 4097 || m != nil {
		t.Error(err)
	}
}

func join(p ...[]byte) []byte { return bytes.Join(p, nil) }

var errBroken = errors.New("broken")

// broken is a medium that cannot be read from some offset on.
type broken struct {
	p    []byte
	from int64
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(b.p).ReadAt(p, off)
	if off+int64(n) > b.from {
		return int(max(0, b.from-off)), errBroken
	}
	return n, err
}

// TestBroken: what cannot be read is not damaged.
func TestBroken(t *testing.T) {
	p := signed(t)
	for from := range int64(len(p)) {
		for _, read := range []func(io.ReaderAt, int64) (*Image, error){ReadImage, ReadSlot} {
			m, err := read(broken{p, from}, int64(len(p)))
			if !errors.Is(err, errBroken) || is[*FormatError](err) || m != nil {
				t.Fatalf("from %#x: %v", from, err)
			}
			if want := fmt.Sprintf("offset %#x:", from); !strings.Contains(err.Error(), want) {
				t.Fatalf("%v, want %q", err, want)
			}
		}
	}
}

// A sparse file is zero but for some pieces.
type sparse struct {
	size   int64
	pieces map[int64][]byte
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(max(0, min(int64(len(p)), s.size-off)))
	p = p[:n]
	clear(p)
	for at, piece := range s.pieces {
		if at < off+int64(n) && off < at+int64(len(piece)) {
			copy(p[max(0, at-off):], piece[max(0, off-at):])
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// hollow is an image of about 64 MiB that needs no memory.
func hollow(t testing.TB) *sparse {
	t.Helper()
	small := built(t, Build{})
	s := &sparse{pieces: map[int64][]byte{0: small[:300]}}
	small[1] = 6
	off := int64(300)
	for range 4 {
		s.pieces[off] = binary.LittleEndian.AppendUint32(make([]byte, 4), 16<<20-4)
		off += 8 + 16<<20 - 4
	}
	s.pieces[off|15] = []byte{parity(small[32:288]) ^ parity(small[296:300]) ^ 0xEF}
	s.size = (off | 15) + 1
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(s, 0, s.size)); err != nil {
		t.Fatal(err)
	}
	s.pieces[s.size] = sum.Sum(nil)
	s.size += 32
	return s
}

// TestMemory reads 64 MiB in little memory.
func TestMemory(t *testing.T) {
	s := hollow(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := ReadImage(s, s.size)
	runtime.ReadMemStats(&after)
	if err != nil || m.Size != s.size || m.Size < 64<<20 {
		t.Fatal(m, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n >= 1<<20 {
		t.Errorf("%d bytes allocated, want less than 1 MiB", n)
	}
}

// TestParity compares with the plain way.
func TestParity(t *testing.T) {
	p := realShape(t)[:1000]
	for n := range p {
		var want byte
		for _, b := range p[len(p)-n:] {
			want ^= b
		}
		if got := parity(p[len(p)-n:]); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

// FuzzImage holds the reader to the law: what it takes, the writer gives back; with
// what it refuses, it gives nothing.
func FuzzImage(f *testing.F) {
	for p := range imageSeeds(f) {
		f.Add(p, false)
		f.Add(p, true)
	}
	f.Fuzz(func(t *testing.T, p []byte, mended bool) {
		if mended {
			p = repair(p)
		}
		m, err := ReadImage(bytes.NewReader(p), int64(len(p)))
		if err != nil {
			if m != nil || !is[*FormatError](err) && !is[*UnsupportedError](err) {
				t.Fatalf("%+v, %v (%[2]T)", m, err)
			}
			return
		}
		if !bytes.Equal(rewritten(m, p), p) {
			t.Fatalf("%+v is not what was read", m)
		}
		if m.Sum != sha256.Sum256(p) {
			t.Fatalf("sum %x, want that of all", m.Sum)
		}
		m.Sum = [32]byte{} // a slot has no end
		slot, err := ReadSlot(bytes.NewReader(p), int64(len(p)))
		if err != nil || !reflect.DeepEqual(m, slot) {
			t.Fatalf("in a slot: %+v, %v, want %+v", slot, err, m)
		}
	})
}

// imageSeeds are small images, whole and changed.
func imageSeeds(t testing.TB) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		small := built(t, Build{})
		for _, p := range [][]byte{
			nil, small, signed(t), small[:300], join(small, []byte{0xFF, 0xFF}), join(small, make([]byte, 20)),
			built(t, Build{Desc: Desc{Version: "2.12.0", Project: "wordclock", SecureVersion: 3}, Profile: &Profile{Faults: []Fault{{Kind: NoMQTT}}}}),
			built(t, Build{Size: 1000}),
		} {
			if !yield(p) {
				return
			}
		}
		for off := 0; off < headerSize+segmentSize+descSize; off += 7 {
			p := bytes.Clone(small)
			p[off] ^= 0x81
			if !yield(p) {
				return
			}
		}
	}
}

// rewritten is what m says of p, of which it takes no more than the segments' data.
func rewritten(m *Image, p []byte) []byte {
	var parts []part
	for _, s := range m.Segments {
		parts = append(parts, part{s.Addr, p[s.Off : s.Off+s.Len]})
	}
	w := m.marshal(parts)
	fill := len(p)
	if m.Signature != nil {
		fill -= SignatureSize
	}
	w = append(w, bytes.Repeat([]byte{0xFF}, fill-len(w))...)
	if m.Signature != nil {
		w = append(w, m.Signature.Marshal()...)
	}
	return w
}
