package flash

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A TableError says which partition breaks a rule, and what would keep it.
type TableError struct {
	Line int    // of the CSV; 0 if the table is not from one
	Name string // of the partition; "" if it is about the whole
	Msg  string
}

func (e *TableError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	switch {
	case strings.ContainsFunc(e.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		where += fmt.Sprintf("%q: ", e.Name)
	case e.Name != "":
		where += e.Name + ": "
	}
	return "partition table: " + where + e.Msg
}

// What partitions have to be multiples of, in bytes.
const (
	appAlign  = 0x10000 // the MMU maps an application in pages of that size
	dataAlign = SectorSize
)

func align(typ uint8) int64 {
	if typ == TypeApp {
		return appAlign
	}
	return dataAlign
}

// What lies below firstFree on an ESP32-S3, and nothing else does.
const (
	bootloaderOff  = 0
	bootloaderSize = TableOffset - bootloaderOff
	firstFree      = TableOffset + SectorSize
)

const otadataSize = 2 * SectorSize

// fixed returns where p has to lie if that is not for a table to say.
func (p Partition) fixed() (off, size int64, ok bool) {
	switch {
	case p.Subtype != primary:
		return 0, 0, false
	case p.Type == TypeBootloader:
		return bootloaderOff, bootloaderSize, true
	case p.Type == TypeTable:
		return TableOffset, SectorSize, true
	}
	return 0, 0, false
}

// Check returns the first rule that t breaks, as a [*TableError]: those that
// gen_esp32part.py of ESP-IDF knows, that a name can be written in CSV, and that the
// slots count from 0 without a gap or a double, for so the boot loader counts them.
// A flash of flashSize bytes has to hold all; 0 leaves that out.
func (t Table) Check(flashSize int64) error {
	i, msg := t.broken(flashSize)
	switch {
	case msg == "":
		return nil
	case i < 0:
		return &TableError{Msg: msg}
	}
	return &TableError{Name: t.Partitions[i].Name, Msg: msg}
}

// broken returns the index of the partition that breaks a rule, -1 for the whole,
// and the rule; "" if none is broken.
func (t Table) broken(flashSize int64) (int, string) {
	if n := len(t.Partitions); n == 0 || n > t.room() {
		return -1, fmt.Sprintf("%d partitions, want 1 to %d", n, t.room())
	}
	for i, p := range t.Partitions {
		if msg := p.check(); msg != "" {
			return i, msg
		}
	}
	for _, rule := range []func() (int, string){t.checkUnique, t.checkOverlap, t.checkSlots} {
		if i, msg := rule(); msg != "" {
			return i, msg
		}
	}
	if flashSize > 0 {
		return t.checkEnd(flashSize)
	}
	return 0, ""
}

func (p Partition) check() string {
	if msg := p.checkName(); msg != "" {
		return msg
	}
	if msg := p.checkPlace(); msg != "" {
		return msg
	}
	return p.checkFlags()
}

// checkName asks for what a name can be in both forms of a table.
func (p Partition) checkName() string {
	plain := utf8.ValidString(p.Name) && !strings.ContainsFunc(p.Name, func(r rune) bool { return !unicode.IsPrint(r) })
	switch {
	case p.Name == "":
		return fmt.Sprintf("what lies at %#x has no name: give it one", p.Off)
	case len(p.Name) > nameSize:
		return fmt.Sprintf("name of %d bytes: shorten it to %d", len(p.Name), nameSize)
	case !plain || strings.ContainsAny(p.Name, ",$") || p.Name[0] == '#' || strings.TrimSpace(p.Name) != p.Name:
		return "name with what a CSV cannot hold: use letters, digits and _"
	}
	return ""
}

func (p Partition) checkPlace() string {
	unit := align(p.Type)
	off, size, fixed := p.fixed()
	switch {
	case fixed && (p.Off != off || p.Size != size):
		return fmt.Sprintf("offset %#x, size %#x: an ESP32-S3 wants it at %#x with %#x", p.Off, p.Size, off, size)
	case p.Type == 0xFF || p.Subtype == 0xFF:
		return fmt.Sprintf("type %#02x, subtype %#02x: 0xff stands for any, use up to 0xfe", p.Type, p.Subtype)
	case p.Off < 0 || p.Off > math.MaxUint32:
		return fmt.Sprintf("offset %#x: use one from %#x to 0xffffffff", p.Off, firstFree)
	case p.Off < firstFree && !fixed:
		return fmt.Sprintf("offset %#x lies below %#x, where the partition table ends: use %#x or higher", p.Off, firstFree, up(firstFree, unit))
	case p.Off%unit != 0:
		return fmt.Sprintf("offset %#x is not a multiple of %#x: use %#x", p.Off, unit, up(p.Off, unit))
	case p.Size <= 0 || p.Size > math.MaxUint32:
		return fmt.Sprintf("size %d: use one from 1 to 0xffffffff", p.Size)
	case p.Type == TypeApp && p.Size%SectorSize != 0:
		return fmt.Sprintf("size %#x is not a multiple of %#x: use %#x", p.Size, SectorSize, up(p.Size, SectorSize))
	case p.End() > 1<<32:
		return fmt.Sprintf("end %#x lies beyond 32 bits: use a smaller size", p.End())
	case p.Type == TypeData && p.Subtype == DataOTA && p.Size != otadataSize:
		return fmt.Sprintf("size %#x, but otadata has two sectors: use %#x", p.Size, otadataSize)
	}
	return ""
}

// up rounds n up to a multiple of unit.
func up(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

func (p Partition) checkFlags() string {
	written := p.Type == TypeData && (p.Subtype == DataOTA || p.Subtype == DataCoredump)
	switch {
	case p.Flags&^(Encrypted|ReadOnly) != 0:
		return fmt.Sprintf("flags %#x: encrypted (0x1) and readonly (0x2) are the only ones", p.Flags)
	case written && p.Flags&ReadOnly != 0:
		return "readonly, but the clock writes to it: leave the flag out"
	}
	return ""
}

// checkUnique wants each name once, and one otadata.
func (t Table) checkUnique() (int, string) {
	names, otadata := map[string]bool{}, ""
	for i, p := range t.Partitions {
		if names[p.Name] {
			return i, "second partition of that name: rename one"
		}
		names[p.Name] = true
		if p.Type != TypeData || p.Subtype != DataOTA {
			continue
		}
		if otadata != "" {
			return i, fmt.Sprintf("second otadata, after %s: leave one out", otadata)
		}
		otadata = p.Name
	}
	return 0, ""
}

func (t Table) checkOverlap() (int, string) {
	order := t.order()
	for k := 1; k < len(order); k++ {
		a, b := t.Partitions[order[k-1]], t.Partitions[order[k]]
		if b.Off < a.End() {
			return order[k], fmt.Sprintf("offset %#x lies within %s, which ends at %#x: use %#x or higher", b.Off, a.Name, a.End(), up(a.End(), align(b.Type)))
		}
	}
	return 0, ""
}

// order returns the indexes of the partitions as they lie in the flash.
func (t Table) order() []int {
	order := make([]int, len(t.Partitions))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.Partitions[a].Off, t.Partitions[b].Off) })
	return order
}

func (t Table) checkSlots() (int, string) {
	var at [maxSlots]int // index of the partition, plus one
	for i, p := range t.Partitions {
		n := int(p.Subtype) - AppOTA
		if p.Type != TypeApp || n < 0 || n >= maxSlots {
			continue
		}
		if at[n] != 0 {
			return i, fmt.Sprintf("second ota_%d, after %s: give it another subtype", n, t.Partitions[at[n]-1].Name)
		}
		at[n] = i + 1
	}
	for n := 1; n < maxSlots; n++ {
		if at[n] != 0 && at[n-1] == 0 {
			return at[n] - 1, fmt.Sprintf("ota_%d, but there is no ota_%d: count the slots from ota_0", n, n-1)
		}
	}
	return 0, ""
}

func (t Table) checkEnd(flashSize int64) (int, string) {
	for i, p := range t.Partitions {
		if p.End() > flashSize {
			return i, fmt.Sprintf("ends at %#x, beyond a flash of %#x: make the partitions smaller, or use a larger flash", p.End(), flashSize)
		}
	}
	return 0, ""
}
