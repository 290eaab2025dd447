package flash

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var afternoon = time.Date(2025, time.November, 5, 11, 35, 41, 0, time.FixedZone("", 3600))

// TestSmallest looks at each byte of the smallest image.
func TestSmallest(t *testing.T) {
	p := built(t, Build{})
	want := unhex(t, "e902023f00403740ee000000090000000063000000000001"+"2000003c00010000"+"3254cdab")
	want = append(want, make([]byte, 252)...)
	copy(want[0xB0:], p[0xB0:0xD0]) // ELF hash
	want[0xD2], want[0xD4] = 199, 16
	want = append(want, unhex(t, "0040374004000000"+"06ffff00"+"000000")...)
	sum := byte(0xEF)
	for _, b := range want[32:] {
		sum ^= b
	}
	for _, b := range want[288:296] {
		sum ^= b
	}
	want = append(want, sum)
	digest := sha256.Sum256(want)
	want = append(want, digest[:]...)
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestBuild(t *testing.T) {
	b := Build{Desc: Desc{Version: "2.12.0-rc1", Project: strings.Repeat("p", 31), SecureVersion: 16}, Time: afternoon, IDF: "v5.4.2"}
	m := readImage(t, built(t, b))
	want := Head{
		SegmentCount: 2, Mode: 2, Speed: 15, FlashLog: 3, Entry: 0x40374000, WP: 0xEE, Chip: 9, MaxRev: 99, Hashed: true,
		Desc: b.Desc, Time: "11:35:41", Date: "Nov  5 2025", IDF: "v5.4.2", ELF: m.ELF, MaxBlock: 199, PageLog: 16,
	}
	if d := cmp.Diff(want, m.Head); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// TestBuildsDiffer compares builds that say different things.
func TestBuildsDiffer(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, b := range map[string]Build{
		"nothing":        {},
		"version":        {Desc: Desc{Version: "1"}},
		"project":        {Desc: Desc{Project: "1"}},
		"secure version": {Desc: Desc{SecureVersion: 1}},
		"time":           {Time: afternoon},
		"ESP-IDF":        {IDF: "1"},
		"empty profile":  {Profile: &Profile{}},
		"profile":        {Profile: &Profile{Faults: []Fault{{Kind: Crash}}}},
		"other profile":  {Profile: &Profile{Faults: []Fault{{Kind: Hang}}}},
	} {
		m := readImage(t, built(t, b))
		if other, ok := seen[m.ELF]; ok {
			t.Errorf("%s and %s have the same ELF hash", name, other)
		}
		seen[m.ELF] = name
		if !bytes.Equal(built(t, b), built(t, b)) {
			t.Errorf("%s: two builds of the same differ", name)
		}
	}
	a, b := built(t, Build{Desc: Desc{Version: "1"}, Size: 1000}), built(t, Build{Desc: Desc{Version: "2"}, Size: 1000})
	if bytes.Equal(a[320:900], b[320:900]) {
		t.Error("two versions are made up of the same bytes")
	}
}

// TestBuildSize asks for sizes around those where something changes.
func TestBuildSize(t *testing.T) {
	sizes := []int64{0, 1, 335, 336, 64 << 20}
	for n := int64(337); n < 460; n++ {
		sizes = append(sizes, n)
	}
	for _, size := range sizes {
		p := built(t, Build{Size: size})
		if got, want := int64(len(p)), max(336, (size+15)/16*16); got != want {
			t.Errorf("%d bytes for %d, want %d", got, size, want)
		}
		if m := readImage(t, p); m.Size != int64(len(p)) {
			t.Errorf("%d bytes of %d", m.Size, len(p))
		}
	}
}

// TestFiller has fillers that a segment is just enough for, or that need one more, and
// the largest, with a profile before it.
func TestFiller(t *testing.T) {
	const piece = 16<<20 + 4 // the largest segment with its header
	for _, c := range []struct {
		end, size int64
		segments  int
	}{
		{300, 336, 0},
		{304, 352, 0}, // as large anyway
		{304, 368, 1},
		{340, 368, 0},
		{360, 416, 1},
		{364, 400, 0},
		{368, 400, 0},
		{300, 336 + piece + 12, 2},
		{304, 336 + piece + 12, 2},
		{308, 336 + piece + 12, 2}, // the second would have half a header
		{312, 336 + piece + 12, 1},
		{316, 336 + piece + 12, 1},
		{300 + 8 + kindSize + maxProfile, maxBuild, maxSegments - 3},
	} {
		parts, end := filler(c.end, c.size, [32]byte{}), c.end
		for _, s := range parts {
			if n := len(s.data); n%4 != 0 || n >= 16<<20 || s.addr != 0 {
				t.Errorf("segment of %d bytes for %#x", n, s.addr)
			}
			end += 8 + int64(len(s.data))
		}
		if len(parts) != c.segments || imageSize(end) != max(c.size, imageSize(c.end)) {
			t.Errorf("from %d to %d: %d segments, %d bytes, want %d segments", c.end, c.size, len(parts), imageSize(end), c.segments)
		}
	}
}

// TestFlashFor: the flash has room for two of them behind the partition table.
func TestFlashFor(t *testing.T) {
	for _, c := range []struct {
		size int64
		want uint8
	}{
		{0, 3},
		{4<<20 - 32<<10, 3},
		{4<<20 - 32<<10 + 1, 4},
		{8<<20 - 32<<10, 4},
		{8 << 20, 5},
		{32 << 20, 7},
		{64 << 20, 7},
		{maxBuild, 7},
	} {
		if got := flashLogFor(c.size); got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.size, got, c.want)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	long := strings.Repeat("x", 32)
	for _, c := range []struct {
		name string
		b    Build
		want string
	}{
		{"long version", Build{Desc: Desc{Version: long}}, "version \"" + long + "\": 32 bytes, shorten it to 31"},
		{"long project", Build{Desc: Desc{Project: long}}, "project"},
		{"long ESP-IDF version", Build{IDF: long}, "ESP-IDF version"},
		{"umlaut", Build{Desc: Desc{Project: "Wörter"}}, "byte 0xc3, use printable ASCII"},
		{"new line", Build{Desc: Desc{Version: "1\n"}}, "byte 0x0a"},
		{"DEL", Build{Desc: Desc{Version: "1\x7f"}}, "byte 0x7f"},
		{"NUL", Build{IDF: "\x00"}, "byte 0x00"},
		{"secure version", Build{Desc: Desc{SecureVersion: 17}}, "secure version 17: use one from 0 to 16"},
		{"year", Build{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "year 10000"},
		{"year before Christ", Build{Time: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}, "year -1"},
		{"size", Build{Size: maxBuild + 1}, "size 218103809: use one from 0 to 218103808"},
		{"negative size", Build{Size: -1}, "size -1"},
		{"kind of fault", Build{Profile: &Profile{Faults: []Fault{{}}}}, "fault 0"},
		{"delay of a fault", Build{Profile: &Profile{Faults: []Fault{{Crash, -1}}}}, "delay"},
		{"many faults", Build{Profile: &Profile{Faults: make([]Fault, 17)}}, "17 faults, want 16 at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := c.b.Marshal()
			if err == nil || !strings.HasPrefix(err.Error(), "build image: ") || !strings.Contains(err.Error(), c.want) || p != nil {
				t.Errorf("%d bytes, %v, want %q", len(p), err, c.want)
			}
		})
	}
}
