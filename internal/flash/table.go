package flash

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Where the partition table lies, and how long it is, in bytes.
const (
	TableOffset = 0x8000
	TableSize   = 0xC00
)

// A Table is a partition table: what lies where in the flash.
type Table struct {
	Partitions []Partition
	NoMD5      bool // the binary form carries no checksum
}

// A Partition is an entry of the table: esp_partition_info_t.
type Partition struct {
	Name    string // 16 bytes at most
	Type    uint8
	Subtype uint8
	Off     int64 // from the begin of the flash
	Size    int64 // bytes
	Flags   uint32
}

// End is where p ends.
func (p Partition) End() int64 { return p.Off + p.Size }

// Slots are ota_0, ota_1 and so on, up to the first that is not there.
func (t Table) Slots() []Partition {
	var slots []Partition
	for i := range maxSlots {
		p, ok := t.Find(TypeApp, AppOTA+uint8(i))
		if !ok {
			break
		}
		slots = append(slots, p)
	}
	return slots
}

// Find returns the first partition of a kind.
func (t Table) Find(typ, subtype uint8) (Partition, bool) {
	return t.first(func(p Partition) bool { return p.Type == typ && p.Subtype == subtype })
}

// Named returns the partition of that name.
func (t Table) Named(name string) (Partition, bool) {
	return t.first(func(p Partition) bool { return p.Name == name })
}

func (t Table) first(is func(Partition) bool) (Partition, bool) {
	i := slices.IndexFunc(t.Partitions, is)
	if i < 0 {
		return Partition{}, false
	}
	return t.Partitions[i], true
}

// An entry has 32 bytes:
//
//	 0  2  AA 50
//	 2  1  type
//	 3  1  subtype
//	 4  4  offset
//	 8  4  size
//	12 16  name, filled up with zeros
//	28  4  flags
//
// After the last one comes EB EB, 14 bytes FF and the MD5 of all entries before, in
// place of an entry; then FF to the end, at least as many as an entry has.
const (
	EntrySize = 32 // in bytes
	nameSize  = 16
	sumAt     = 16

	// maxEntries leaves room for the erased entry that ends the table.
	maxEntries = TableSize/EntrySize - 1
)

var (
	entryMagic = []byte{0xAA, 0x50}
	sumMagic   = append([]byte{0xEB, 0xEB}, bytes.Repeat([]byte{0xFF}, sumAt-2)...)
	noEntry    = bytes.Repeat([]byte{0xFF}, EntrySize)
)

// ReadTable reads the [TableSize] bytes at [TableOffset]. It takes what it finds as
// it stands; whether that obeys the rules is a question for [Table.Check]. The error
// is a [FormatError], whose offset counts from the begin of the table.
func ReadTable(p []byte) (Table, error) {
	if len(p) != TableSize {
		return Table{}, corruptTable(len(p), "%d bytes, want %d", len(p), TableSize)
	}
	t := Table{NoMD5: true}
	for at := 0; at < TableSize; at += EntrySize {
		e := p[at : at+EntrySize]
		switch {
		case bytes.Equal(e, noEntry):
			return t.ended(p, at)
		case !t.NoMD5:
			return Table{}, corruptTable(at, "something follows the checksum")
		case bytes.HasPrefix(e, sumMagic[:2]):
			if err := checkSum(p, at); err != nil {
				return Table{}, err
			}
			t.NoMD5 = false
		default:
			entry, err := readEntry(e, at)
			if err != nil {
				return Table{}, err
			}
			t.Partitions = append(t.Partitions, entry)
		}
	}
	return Table{}, corruptTable(TableSize-EntrySize, "the erased entry that ends the table is missing")
}

// ended returns t, which ends at that offset of p.
func (t Table) ended(p []byte, at int) (Table, error) {
	if len(t.Partitions) == 0 {
		return Table{}, corruptTable(0, "no partitions")
	}
	if i := firstNot(p[at:], 0xFF); i >= 0 {
		return Table{}, corruptTable(at+i, "%#02x behind the end, want 0xff", p[at+i])
	}
	return t, nil
}

func checkSum(p []byte, at int) error {
	got, want := p[at+sumAt:at+EntrySize], md5.Sum(p[:at])
	switch {
	case !bytes.Equal(p[at:at+sumAt], sumMagic):
		return corruptTable(at, "checksum begins with % x, want % x", p[at:at+sumAt], sumMagic)
	case !bytes.Equal(got, want[:]):
		return corruptTable(at+sumAt, "MD5 is %x, want %x", got, want)
	}
	return nil
}

func readEntry(e []byte, at int) (Partition, error) {
	name, rest, _ := bytes.Cut(e[12:12+nameSize], []byte{0})
	switch {
	case !bytes.HasPrefix(e, entryMagic):
		return Partition{}, corruptTable(at, "entry begins with % x, want % x", e[:2], entryMagic)
	case firstNot(rest, 0) >= 0:
		return Partition{}, corruptTable(at+12, "name is %q, want zeros behind the first", e[12:12+nameSize])
	}
	return Partition{
		Name:    string(name),
		Type:    e[2],
		Subtype: e[3],
		Off:     int64(binary.LittleEndian.Uint32(e[4:])),
		Size:    int64(binary.LittleEndian.Uint32(e[8:])),
		Flags:   binary.LittleEndian.Uint32(e[28:]),
	}, nil
}

func corruptTable(off int, format string, args ...any) error {
	return corrupt("partition table", int64(off), format, args...)
}

// Marshal is the inverse of [ReadTable]: [TableSize] bytes, the same as
// gen_esp32part.py of ESP-IDF gives. It asks no more of t than that it can be
// written so.
func (t Table) Marshal() ([]byte, error) {
	if n := len(t.Partitions); n == 0 || n > t.room() {
		return nil, fmt.Errorf("write partition table: %d partitions, want 1 to %d", n, t.room())
	}
	p := make([]byte, 0, TableSize)
	for _, e := range t.Partitions {
		if err := e.fits(); err != nil {
			return nil, fmt.Errorf("write partition table: %w", err)
		}
		p = e.append(p)
	}
	if !t.NoMD5 {
		sum := md5.Sum(p)
		p = append(append(p, sumMagic...), sum[:]...)
	}
	return append(p, bytes.Repeat([]byte{0xFF}, TableSize-len(p))...), nil
}

// room is how many partitions t can hold: the checksum takes the place of one.
func (t Table) room() int {
	if t.NoMD5 {
		return maxEntries
	}
	return maxEntries - 1
}

// fits checks that the fields have room in an entry.
func (p Partition) fits() error {
	switch {
	case len(p.Name) > nameSize || bytes.IndexByte([]byte(p.Name), 0) >= 0:
		return fmt.Errorf("name %q: want %d bytes at most, and no zero", p.Name, nameSize)
	case p.Off < 0 || p.Off > math.MaxUint32:
		return fmt.Errorf("%s: offset %#x, want 32 bits", p.Name, p.Off)
	case p.Size < 0 || p.Size > math.MaxUint32:
		return fmt.Errorf("%s: size %#x, want 32 bits", p.Name, p.Size)
	}
	return nil
}

func (p Partition) append(b []byte) []byte {
	var name [nameSize]byte
	copy(name[:], p.Name)
	b = append(append(b, entryMagic...), p.Type, p.Subtype)
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Off))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Size))
	return binary.LittleEndian.AppendUint32(append(b, name[:]...), p.Flags)
}

// Intended returns the table that the clock was made for: two slots of 2.5 MiB. It
// ends at 6.5 MiB.
func Intended() Table {
	return Table{Partitions: []Partition{
		{"nvs", TypeData, DataNVS, 0x9000, 0x6000, 0},
		{"otadata", TypeData, DataOTA, 0xF000, 0x2000, 0},
		{"phy_init", TypeData, DataPHY, 0x11000, 0x1000, 0},
		{"ota_0", TypeApp, AppOTA, 0x20000, 0x280000, 0},
		{"ota_1", TypeApp, AppOTA + 1, 0x2A0000, 0x280000, 0},
		{"storage", TypeData, DataFAT, 0x520000, 0x160000, 0},
	}}
}
