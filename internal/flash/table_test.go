package flash

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// projectTables are the two tables of the clock's firmware, with what ESP-IDF's own
// gen_esp32part.py made of them.
var projectTables = []struct{ file, md5, sha256 string }{
	{"partitions.csv", "c9573317a5c87ef5db6ca4f9fd993387", "b0e6b1e793e1e935abaafdb5577c1656ca56f5abfd79987cd6762c80a6214f3d"},
	{"partitions_ota.csv", "9e8dc981dec3134971508de79d1e4f19", "3ff9ba91dd99305865f388796aed522c4ec6f1bd3632b460f813c7b17515dd5b"},
}

func projectTable(t testing.TB, file string) Table {
	t.Helper()
	csv, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ParseTable(csv)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func marshal(t testing.TB, table Table) []byte {
	t.Helper()
	p, err := table.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProjectTables compares with what ESP-IDF's tool made of the same CSV.
func TestProjectTables(t *testing.T) {
	for _, c := range projectTables {
		t.Run(c.file, func(t *testing.T) {
			table := projectTable(t, c.file)
			p := marshal(t, table)
			if got := fmt.Sprintf("%x", sha256.Sum256(p)); len(p) != TableSize || got != c.sha256 {
				t.Errorf("%d bytes with SHA-256 %s, want %d with %s", len(p), got, TableSize, c.sha256)
			}
			at := len(table.Partitions)*EntrySize + sumAt
			if got := hex.EncodeToString(p[at : at+md5.Size]); got != c.md5 {
				t.Errorf("MD5 %s, want %s", got, c.md5)
			}
			got, err := ReadTable(p)
			if d := cmp.Diff(table, got); err != nil || d != "" {
				t.Errorf("%v, -want +got\n%s", err, d)
			}
			got, err = ParseTable(table.CSV())
			if d := cmp.Diff(table, got); err != nil || d != "" {
				t.Errorf("CSV: %v, -want +got\n%s", err, d)
			}
		})
	}
}

func TestIntended(t *testing.T) {
	if d := cmp.Diff(projectTable(t, "partitions.csv"), Intended()); d != "" {
		t.Errorf("-testdata/partitions.csv +Intended\n%s", d)
	}
}

func TestLookUp(t *testing.T) {
	table := Intended()
	p, ok := table.Find(TypeData, DataOTA)
	if !ok || p.Name != "otadata" || p.End() != 0x11000 {
		t.Errorf("otadata: %+v, %v", p, ok)
	}
	if p, ok := table.Find(TypeApp, AppFactory); ok {
		t.Errorf("factory: %+v", p)
	}
	if p, ok := table.Named("storage"); !ok || p.Off != 0x520000 {
		t.Errorf("storage: %+v, %v", p, ok)
	}
	if p, ok := table.Named("store"); ok {
		t.Errorf("store: %+v", p)
	}
}

func TestSlots(t *testing.T) {
	app := func(subtypes ...uint8) (t Table) {
		for _, s := range subtypes {
			t.Partitions = append(t.Partitions, Partition{Type: TypeApp, Subtype: s})
		}
		return t
	}
	all := make([]uint8, maxSlots+1)
	for i := range all {
		all[i] = AppOTA + uint8(len(all)-1-i) // backwards; the first is AppTest
	}
	for _, c := range []struct {
		name  string
		table Table
		want  int
	}{
		{"none", app(AppFactory, AppTest), 0},
		{"factory and one", app(AppFactory, AppOTA), 1},
		{"two", Intended(), 2},
		{"up to a gap", app(AppOTA, AppOTA+1, AppOTA+3), 2},
		{"without the first", app(AppOTA + 1), 0},
		{"data of that subtype", Table{Partitions: []Partition{{Type: TypeData, Subtype: AppOTA}}}, 0},
		{"all, backwards", app(all...), maxSlots},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.table.Slots()
			if len(got) != c.want {
				t.Fatalf("%d slots, want %d", len(got), c.want)
			}
			for i, p := range got {
				if p.Type != TypeApp || p.Subtype != AppOTA+uint8(i) {
					t.Errorf("slot %d is %+v", i, p)
				}
			}
		})
	}
}

// TestNoMD5: ESP-IDF can be told to leave the checksum out.
func TestNoMD5(t *testing.T) {
	want := Intended()
	want.NoMD5 = true
	p := marshal(t, want)
	if end := p[6*EntrySize:]; bytes.Count(end, []byte{0xFF}) != len(end) {
		t.Errorf("something follows the last entry: % x", end[:EntrySize])
	}
	got, err := ReadTable(p)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
}

// many returns a table of n partitions of one sector.
func many(n int) (t Table) {
	for i := range n {
		t.Partitions = append(t.Partitions, Partition{Name: fmt.Sprintf("data_%d", i), Type: TypeData, Subtype: DataNVS, Off: int64(firstFree + i*SectorSize), Size: SectorSize})
	}
	return t
}

// TestMostPartitions: there is room for 96 entries, of which checksum and end take
// one each.
func TestMostPartitions(t *testing.T) {
	for _, noMD5 := range []bool{false, true} {
		most := 94
		if noMD5 {
			most = 95
		}
		table := many(most)
		table.NoMD5 = noMD5
		got, err := ReadTable(marshal(t, table))
		if d := cmp.Diff(table, got); err != nil || d != "" {
			t.Errorf("%v, -want +got\n%s", err, d)
		}
		if err := table.Check(0); err != nil {
			t.Error(err)
		}
		table = many(most + 1)
		table.NoMD5 = noMD5
		if p, err := table.Marshal(); err == nil || p != nil {
			t.Errorf("%d partitions: %d bytes, %v", most+1, len(p), err)
		}
		if err := table.Check(0); err == nil {
			t.Errorf("%d partitions, and no error", most+1)
		}
	}
}

// TestLargeSlots: two slots of 64 MiB, in a flash that is larger than ESP-IDF's.
func TestLargeSlots(t *testing.T) {
	table, err := ParseTable([]byte("nvs,data,nvs,,24K\notadata,data,ota,,8K\nota_0,app,ota_0,,64M\nota_1,app,ota_1,,64M\nrest,data,fat,,-0xFFFFFFFF\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := table.Slots()
	if s[0].Size != 64<<20 || s[1].Off != 0x4020000 || s[1].End() != 0x8020000 {
		t.Errorf("%+v", s)
	}
	got, err := ReadTable(marshal(t, table))
	if d := cmp.Diff(table, got); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
	if err := table.Check(1 << 32); err != nil {
		t.Error(err)
	}
	if err := table.Check(1 << 31); err == nil {
		t.Error("it fits a flash of 2 GiB")
	}
}

func TestReadTableErrors(t *testing.T) {
	const sum = 6 * EntrySize // where the checksum of the intended table is
	put := func(off int, b ...byte) func([]byte) []byte {
		return func(p []byte) []byte { copy(p[off:], b); return p }
	}
	for _, c := range []struct {
		name string
		edit func([]byte) []byte
		off  int64
		want string
	}{
		{"nothing", func([]byte) []byte { return nil }, 0, "0 bytes, want 3072"},
		{"a byte short", func(p []byte) []byte { return p[:TableSize-1] }, TableSize - 1, "3071 bytes"},
		{"a byte more", func(p []byte) []byte { return append(p, 0xFF) }, TableSize + 1, "3073 bytes"},
		{"erased", func(p []byte) []byte { blank(p); return p }, 0, "no partitions"},
		{"checksum alone", func(p []byte) []byte {
			blank(p)
			none := md5.Sum(nil)
			copy(p[copy(p, sumMagic):], none[:])
			return p
		}, 0, "no partitions"},
		{"magic", put(EntrySize, 0xAA, 0x51), EntrySize, "entry begins with aa 51, want aa 50"},
		{"offset", put(4, 1), sum + sumAt, "MD5 is c9573317a5c87ef5db6ca4f9fd993387"},
		{"MD5", put(sum+EntrySize-1, 0), sum + sumAt, "want c9573317a5c87ef5db6ca4f9fd993387"},
		{"magic of the checksum", put(sum, 0xEB, 0xEC), sum, "entry begins with eb ec"},
		{"fill of the checksum", put(sum+2, 0), sum, "checksum begins with eb eb 00"},
		{"two checksums", func(p []byte) []byte { copy(p[sum+EntrySize:], p[sum:sum+EntrySize]); return p }, sum + EntrySize, "something follows the checksum"},
		{"partition behind the checksum", func(p []byte) []byte { copy(p[sum+EntrySize:], p[:EntrySize]); return p }, sum + EntrySize, "something follows the checksum"},
		{"name goes on", put(12+4, 'x'), 12, `"nvs\x00x`},
		{"something at the end", put(TableSize-1, 0), TableSize - 1, "0x00 behind the end"},
		{"zeros", func(p []byte) []byte { clear(p); return p }, 0, "entry begins with 00 00"},
		{"no end", func(p []byte) []byte {
			for at := EntrySize; at < TableSize; at += EntrySize {
				copy(p[at:], p[:EntrySize])
			}
			return p
		}, TableSize - EntrySize, "the erased entry that ends the table is missing"},
		{"a checksum in place of the end", func([]byte) []byte {
			table := many(95)
			table.NoMD5 = true
			p := marshal(t, table)[:95*EntrySize]
			s := md5.Sum(p)
			return append(append(p, sumMagic...), s[:]...)
		}, TableSize - EntrySize, "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := ReadTable(c.edit(marshal(t, Intended())))
			e, ok := errors.AsType[*FormatError](err)
			if !ok || e.Off != c.off || e.What != "partition table" || !strings.Contains(e.Msg, c.want) || table.Partitions != nil || table.NoMD5 {
				t.Errorf("%+v, %v, want an error at %#x with %q", table, err, c.off, c.want)
			}
		})
	}
}

func TestMarshalErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Partition)
		want string
	}{
		{"long name", func(p *Partition) { p.Name = "seventeen letters" }, "16 bytes at most"},
		{"zero in the name", func(p *Partition) { p.Name = "a\x00b" }, "no zero"},
		{"name that begins with zero", func(p *Partition) { p.Name = "\x00" }, "no zero"},
		{"far", func(p *Partition) { p.Off = 1 << 32 }, "offset 0x100000000"},
		{"before the begin", func(p *Partition) { p.Off = -1 }, "offset -0x1"},
		{"large", func(p *Partition) { p.Size = 1 << 32 }, "size 0x100000000"},
		{"less than nothing", func(p *Partition) { p.Size = -1 }, "size -0x1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Intended()
			c.edit(&table.Partitions[2])
			if p, err := table.Marshal(); p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d bytes, %v, want an error with %q", len(p), err, c.want)
			}
		})
	}
	if p, err := (Table{}).Marshal(); err == nil {
		t.Errorf("no partitions: %d bytes", len(p))
	}
}

// TestMarshalAnything: a table that breaks the rules can still be read and written.
func TestMarshalAnything(t *testing.T) {
	want := Table{Partitions: []Partition{
		{"", 0xFF, 0xFF, 0, 0, 0xFFFFFFFF},
		{"\xff,\n", TypeApp, AppOTA, 0xFFFFFFFF, 0xFFFFFFFF, 4},
	}}
	got, err := ReadTable(marshal(t, want))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
	if err := want.Check(0); err == nil {
		t.Error("it obeys the rules")
	}
}

// FuzzTable has the input begin a table; with a checksum behind it, too, or else no
// change would get past that.
func FuzzTable(f *testing.F) {
	table := marshal(f, Intended())
	entries := table[:6*EntrySize]
	f.Add(entries)
	f.Add(table[:7*EntrySize])
	f.Add(append(slices.Clone(entries), table[6*EntrySize:8*EntrySize]...))
	f.Add(append(slices.Clone(table[:7*EntrySize]), entries[:EntrySize]...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		tableLaw(t, p)
		p = append(slices.Clone(p), bytes.Repeat([]byte{0xFF}, TableSize)...)[:TableSize]
		tableLaw(t, p)
		end := 0
		for end+EntrySize < TableSize && bytes.HasPrefix(p[end:], entryMagic) {
			end += EntrySize
		}
		sum := md5.Sum(p[:end])
		copy(p[end:], append(slices.Clone(sumMagic), sum[:]...))
		tableLaw(t, p)
	})
}

// tableLaw: what can be read is written as it was, else nothing is returned.
func tableLaw(t *testing.T, p []byte) {
	t.Helper()
	table, err := ReadTable(p)
	if err != nil {
		if _, ok := errors.AsType[*FormatError](err); !ok || table.Partitions != nil {
			t.Errorf("%+v, %v (%[2]T)", table, err)
		}
		return
	}
	got, err := table.Marshal()
	if err != nil || !bytes.Equal(got, p) {
		t.Errorf("%v\n% x, want\n% x", err, got, p)
	}
}
