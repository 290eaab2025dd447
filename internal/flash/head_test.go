package flash

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published is the head of the image of release 2.11.3, from the 24 bytes that
// it begins with and the values that ESP-IDF's own tools show for the rest.
func published(t testing.TB) []byte {
	t.Helper()
	p := make([]byte, HeadSize)
	copy(p, unhex(t, "e906023fd0563740ee000000090000000063000000000001"))
	binary.LittleEndian.PutUint32(p[0x18:], 0x3C0E0020)
	binary.LittleEndian.PutUint32(p[0x1C:], 0x4EF70)
	binary.LittleEndian.PutUint32(p[0x20:], 0xABCD5432)
	copy(p[0x30:], "2.11.3")
	copy(p[0x50:], "wordclock")
	copy(p[0x70:], "11:35:41")
	copy(p[0x80:], "Nov 15 2025")
	copy(p[0x90:], "v5.4.2")
	copy(p[0xB0:], unhex(t, "0a2142e44ee7d7a9c0c053b6a5790e1e0f2f18729b5684bda1e882f42d01c080"))
	binary.LittleEndian.PutUint16(p[0xD2:], 199)
	p[0xD4] = 16
	return p
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadHead(t *testing.T) {
	p := published(t)
	want := Head{
		SegmentCount: 6,
		Mode:         2,   // DIO
		Speed:        0xF, // 80 MHz
		FlashLog:     3,   // 8 MiB
		Entry:        0x403756D0,
		WP:           0xEE, // none
		Chip:         9,
		MaxRev:       99,
		Hashed:       true,
		Desc:         Desc{Version: "2.11.3", Project: "wordclock"},
		Time:         "11:35:41",
		Date:         "Nov 15 2025",
		IDF:          "v5.4.2",
		ELF:          [32]byte(p[0xB0:0xD0]),
		MaxBlock:     199,
		PageLog:      16,
	}
	for _, more := range []int{0, 1, 4096} {
		got, err := ReadHead(append(p, make([]byte, more)...))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("with %d more bytes: -want +got\n%s", more, d)
		}
	}
}

// TestReadHeadFields are values that the published image does not have.
func TestReadHeadFields(t *testing.T) {
	p := published(t)
	p[0x24] = 5                                   // secure_version
	copy(p[0x30:0x50], strings.Repeat("v", 32))   // no NUL
	copy(p[0x50:0x70], "clock\x00left over")      // something behind it
	binary.LittleEndian.PutUint16(p[15:], 101)    // unaligned
	binary.LittleEndian.PutUint16(p[0xD0:], 2)    // min eFuse block revision
	binary.LittleEndian.PutUint16(p[17:], 0xFFFF) // any
	p[23] = 0                                     // no digest
	copy(p[0x90:], "v5.4.2\xff\x1b")              // any bytes
	got, err := ReadHead(p)
	if err != nil {
		t.Fatal(err)
	}
	want := Desc{Version: strings.Repeat("v", 32), Project: "clock", SecureVersion: 5}
	if got.Desc != want || got.MinRev != 101 || got.MaxRev != 0xFFFF || got.MinBlock != 2 || got.Hashed || got.IDF != "v5.4.2\xff\x1b" {
		t.Errorf("%+v", got)
	}
}

// TestHeader writes what was read, with and without a digest.
func TestHeader(t *testing.T) {
	p := published(t)
	copy(p[8:], unhex(t, "000102030900046300ffff01020304"))
	for p[23] = range byte(2) {
		h, err := ReadHead(p)
		if got := h.appendHeader(nil); err != nil || !bytes.Equal(got, p[:24]) {
			t.Errorf("%x, %v, want %x", got, err, p[:24])
		}
	}
}

// TestPrintable: what a terminal would act on is not shown.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"v2.11.3":           "v2.11.3",
		"Wörter 時計":         "Wörter 時計",
		"a\x1b[2Jb\r\n\x00": "a\uFFFD[2Jb\uFFFD\uFFFD\uFFFD",
		"\xff\u202ea":       "\uFFFD\uFFFDa",
	} {
		if got := Printable(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

// TestErrorTexts say what was read, and where.
func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"read image: offset 0x17: no":            corrupt("image", 23, "no"),
		"read partition table: offset 0x20: 1 2": moved(unsupported("partition table", 16, "%d %d", 1, 2), 16),
	} {
		if err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestReadHeadErrors(t *testing.T) {
	put := func(off int, b ...byte) func([]byte) []byte {
		return func(p []byte) []byte { copy(p[off:], b); return p }
	}
	for _, c := range []struct {
		name string
		edit func([]byte) []byte
		off  int64
		want string
	}{
		{"nothing", func([]byte) []byte { return nil }, 0, "ends within the first 288 bytes"},
		{"a byte short", func(p []byte) []byte { return p[:HeadSize-1] }, 287, "ends within"},
		{"a page", func(p []byte) []byte { copy(p, "<!DOCTYPE html>"); return p }, 0, "begins with 0x3c"},
		{"erased flash", put(0, 0xFF), 0, "begins with 0xff, want 0xe9"},
		{"no segments", put(1, 0), 1, "0 segments"},
		{"17 segments", put(1, 17), 1, "17 segments, want 1 to 16"},
		{"digest maybe", put(23, 2), 23, "hash_appended is 2"},
		{"code first", put(24, 0x20, 0, 0, 0x42), 24, "address 0x42000020"},
		{"before mapped data", put(24, 0xFF, 0xFF, 0xFF, 0x3B), 24, "0x3bffffff"},
		{"beyond mapped data", put(24, 0x94, 0x10, 0xFB, 0x3D), 24, "0x3dfb1094"},
		{"behind mapped data", put(24, 0, 0, 0, 0x3E), 24, "0x3e000000"},
		{"segment too short", put(28, 252, 0, 0, 0), 28, "252 bytes"},
		{"segment not of words", put(28, 1, 1, 0, 0), 28, "257 bytes"},
		{"segment too long", put(28, 0, 0, 0, 1), 28, "16777216 bytes"},
		{"descriptor of a boot loader", put(32, 0x50), 32, "0xabcd5450, want 0xabcd5432"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := ReadHead(c.edit(published(t)))
			e, ok := errors.AsType[*FormatError](err)
			if !ok || e.Off != c.off || !strings.Contains(e.Msg, c.want) || h != (Head{}) {
				t.Errorf("%+v, %v, want an error at %#x with %q", h, err, c.off, c.want)
			}
		})
	}
}

// TestReadHeadChip: an image for another chip is not damaged, whatever else is
// different in it.
func TestReadHeadChip(t *testing.T) {
	for _, chip := range []byte{0, 2, 5, 0x0C, 0x0D, 0x10, 0x12, 0x17} {
		p := published(t)
		p[12] = chip
		p[27] = 0x3F // where the ESP32 maps its data
		_, err := ReadHead(p)
		if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.Off != 12 {
			t.Errorf("chip %d: %v, want an UnsupportedError", chip, err)
		}
	}
}

// TestReadHeadBoundaries are the last values that are good.
func TestReadHeadBoundaries(t *testing.T) {
	for _, edit := range []func(p []byte){
		func(p []byte) { p[1] = 1 },
		func(p []byte) { p[1] = 16 },
		func(p []byte) { binary.LittleEndian.PutUint32(p[24:], 0x3C000000) },
		func(p []byte) { binary.LittleEndian.PutUint32(p[24:], 0x3E000000-0x4EF70) },
		func(p []byte) { binary.LittleEndian.PutUint32(p[28:], 256) },
		func(p []byte) {
			binary.LittleEndian.PutUint32(p[24:], 0x3C000020)
			binary.LittleEndian.PutUint32(p[28:], 16<<20-4)
		},
	} {
		p := published(t)
		edit(p)
		if _, err := ReadHead(p); err != nil {
			t.Errorf("% x: %v", p[:32], err)
		}
	}
}

// FuzzReadHead looks for a panic, and for an error that does not say where.
func FuzzReadHead(f *testing.F) {
	f.Add(published(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		_, err := ReadHead(p)
		if err == nil || is[*FormatError](err) || is[*UnsupportedError](err) {
			return
		}
		t.Errorf("error %v (%[1]T)", err)
	})
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
