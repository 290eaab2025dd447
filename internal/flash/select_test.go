package flash

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// Entries as esp_ota_ops.c of ESP-IDF 5.4.2 writes them.
var selects = []struct {
	seq   uint32
	state State
	hex   string // "ff*20" are twenty
}{
	{1, Valid, "01000000 ff*20 02000000 9a984347"},
	{2, New, "02000000 ff*20 00000000 7437f655"},
	{2, Pending, "02000000 ff*20 01000000 7437f655"},
	{2, Valid, "02000000 ff*20 02000000 7437f655"},
	{2, Invalid, "02000000 ff*20 03000000 7437f655"},
	{2, Aborted, "02000000 ff*20 04000000 7437f655"},
	{2, Undefined, "02000000 ff*20 ffffffff 7437f655"},
	{3, New, "03000000 ff*20 00000000 11504aed"},
}

func entryBytes(t testing.TB, text string) (p [SelectSize]byte) {
	t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "ff*20", strings.Repeat("ff", 20)), " ", "")
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q: %v", text, err)
	}
	return [SelectSize]byte(append(b, slices.Repeat([]byte{0xFF}, 32)...))
}

// TestSelectVectors reads and writes what ESP-IDF writes.
func TestSelectVectors(t *testing.T) {
	for _, v := range selects {
		raw := entryBytes(t, v.hex)
		s := NewSelect(v.seq, v.state)
		if got := s.Marshal(); got != raw {
			t.Errorf("%d %s: wrote % x, want % x", v.seq, v.state, got, raw)
		}
		if got := ReadSelect(raw); got != s {
			t.Errorf("%s: read %+v, want %+v", v.hex, got, s)
		}
		if want := v.state != Invalid && v.state != Aborted; s.Counts() != want || !s.Sound() {
			t.Errorf("%s: counts %v, want %v", v.hex, s.Counts(), want)
		}
	}
}

// TestSelectSums: the checksums that the ROM of the chip gives.
func TestSelectSums(t *testing.T) {
	for seq, want := range map[uint32]uint32{
		1: 0x4743989a, 2: 0x55f63774, 3: 0xed4a5011, 4: 0x709d68a8, 5: 0xc8210fcd, 6: 0xda94a023, NoSeq: 0x2144df1c,
	} {
		if got := NewSelect(seq, Valid).CRC; got != want {
			t.Errorf("checksum of %d is %#08x, want %#08x", seq, got, want)
		}
	}
}

// TestSelectCounts covers what makes an entry none.
func TestSelectCounts(t *testing.T) {
	for _, c := range []struct {
		name          string
		s             Select
		sound, counts bool
	}{
		{"erased", BlankSelect, false, false},
		{"erased, but the checksum", NewSelect(NoSeq, Undefined), false, false},
		{"zeros", ReadSelect([SelectSize]byte{}), false, false},
		{"number 0", NewSelect(0, Valid), true, true},
		{"no state of the six", NewSelect(1, 5), true, false},
		{"half a state", NewSelect(1, 0xFFFFFF02), true, false},
		{"wrong checksum", Select{Seq: 1, State: Valid, CRC: 1}, false, false},
	} {
		if c.s.Sound() != c.sound || c.s.Counts() != c.counts {
			t.Errorf("%s: sound %v, counts %v, want %v, %v", c.name, c.s.Sound(), c.s.Counts(), c.sound, c.counts)
		}
	}
}

// TestSelectSlot: numbers go around the slots, from 1.
func TestSelectSlot(t *testing.T) {
	for _, c := range []struct {
		seq     uint32
		n, want int
	}{
		{1, 2, 0}, {2, 2, 1}, {3, 2, 0}, {0, 2, 1}, {0, 3, 2}, {3, 3, 2}, {4, 3, 0}, {9, 1, 0}, {0, 1, 0},
		{0xFFFFFFFE, 2, 1}, {0xFFFFFFFE, 3, 1}, {0x80000001, 2, 0}, {16, 16, 15},
	} {
		if got := NewSelect(c.seq, Valid).Slot(c.n); got != c.want {
			t.Errorf("%d of %d slots: %d, want %d", c.seq, c.n, got, c.want)
		}
	}
}

func TestStateNames(t *testing.T) {
	var names []string
	for _, s := range []State{New, Pending, Valid, Invalid, Aborted, Undefined, 5, 0x1FFFFFFF} {
		names = append(names, s.String())
	}
	want := []string{"new", "pending", "valid", "invalid", "aborted", "undefined", "State(0x5)", "State(0x1fffffff)"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// FuzzSelect: any bytes are an entry, and are written as they were read; one counts
// only if its checksum is right and its state is one of the four that may be started.
func FuzzSelect(f *testing.F) {
	for _, v := range selects {
		p := entryBytes(f, v.hex)
		f.Add(p[:])
	}
	f.Add(make([]byte, SelectSize))
	f.Add(bytes.Repeat([]byte{0xFF}, SelectSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p [SelectSize]byte
		copy(p[:], b)
		s := ReadSelect(p)
		if got := s.Marshal(); got != p {
			t.Errorf("read % x, wrote % x", p, got)
		}
		sum := NewSelect(s.Seq, s.State).CRC == s.CRC
		four := slices.Contains([]State{New, Pending, Valid, Undefined}, s.State)
		if s.Counts() != (sum && four && s.Seq != NoSeq) {
			t.Errorf("%+v: counts %v", s, s.Counts())
		}
		for n := 1; n <= 16; n++ {
			if slot := s.Slot(n); slot < 0 || slot >= n {
				t.Errorf("slot %d of %d", slot, n)
			}
		}
	})
}
