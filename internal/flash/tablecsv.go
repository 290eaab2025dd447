package flash

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseTable reads a partition table in CSV as ESP-IDF has it: a line for each
// partition, in the order of their offsets, with name, type, subtype, offset, size
// and flags. An empty offset is the next that is free and aligned; a negative size
// is the address to reach up to. Lines that begin with # are comments; $VARIABLES
// are not expanded. The table obeys the rules of [Table.Check]. The error is a
// [*TableError] with a line.
func ParseTable(csv []byte) (Table, error) {
	var t Table
	var lines []int
	text := strings.TrimPrefix(string(csv), "\uFEFF")
	last, end := 0, int64(firstFree)
	for line := range strings.Lines(text) {
		last++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p, msg := parseLine(line, end)
		if msg != "" {
			return Table{}, &TableError{last, p.Name, msg}
		}
		t.Partitions, lines = append(t.Partitions, p), append(lines, last)
		if len(t.Partitions) > t.room() {
			return Table{}, &TableError{last, p.Name, fmt.Sprintf("more partitions than the %d that there is room for", t.room())}
		}
		if _, _, fixed := p.fixed(); !fixed {
			end = p.End()
		}
	}
	if i, msg := t.broken(0); i < 0 {
		return Table{}, &TableError{max(last, 1), "", msg}
	} else if msg != "" {
		return Table{}, &TableError{lines[i], t.Partitions[i].Name, msg}
	}
	return t, nil
}

// parseLine reads a partition that follows what ends at end. It returns what is
// wrong with it, or "".
func parseLine(line string, end int64) (Partition, string) {
	f := strings.Split(line, ",")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	for len(f) < 6 {
		f = append(f, "")
	}
	p := Partition{Name: f[0]}
	if strings.Contains(line, "$") {
		return p, "$ for a variable: write its value"
	}
	if i := slices.IndexFunc(f[6:], func(s string) bool { return s != "" }); i >= 0 {
		return p, fmt.Sprintf("%q behind the flags: leave it out", f[6+i])
	}
	for _, step := range []func() string{
		func() string { return p.parseType(f[1], f[2]) },
		func() string { return p.parseOff(f[3], end) },
		func() string { return p.parseSize(f[4]) },
		func() string { return p.parseFlags(f[5]) },
	} {
		if msg := step(); msg != "" {
			return p, msg
		}
	}
	return p, ""
}

func (p *Partition) parseType(typ, subtype string) (msg string) {
	if typ == "" {
		return "no type: use " + list(typeNames)
	}
	if p.Type, msg = parseKind("type", typ, typeNames); msg != "" {
		return msg
	}
	known := subtypeNames[p.Type]
	switch {
	case subtype != "":
		p.Subtype, msg = parseKind("subtype", subtype, known)
	case p.Type == TypeData || known == nil:
		p.Subtype = DataUndefined
	default:
		msg = "no subtype: use " + list(known)
	}
	return msg
}

// parseOff places p behind what ends at end. The order of a CSV is that in which
// the partitions lie, so that there is one place for one without an offset.
func (p *Partition) parseOff(s string, end int64) string {
	next := up(end, align(p.Type))
	off, _, fixed := p.fixed()
	if s == "" {
		p.Off = next
		if fixed {
			p.Off = off
		}
		return ""
	}
	n, err := ParseNumber(s)
	switch {
	case err != nil:
		return fmt.Sprintf("offset %q: use a number, such as 0x20000, 128K or 1M", s)
	case n < 0:
		return fmt.Sprintf("offset %s is negative: use %#x, or leave it empty", s, next)
	case n < end && end > firstFree && !fixed:
		return fmt.Sprintf("offset %#x lies before %#x, where the partition listed before it ends: use %#x or higher, or leave it empty", n, end, next)
	}
	p.Off = n
	return ""
}

func (p *Partition) parseSize(s string) string {
	if _, size, fixed := p.fixed(); fixed && s == "" {
		p.Size = size
		return ""
	}
	n, err := ParseNumber(s)
	switch {
	case s == "":
		return "no size: give one, such as 0x280000, 24K or 2M"
	case err != nil:
		return fmt.Sprintf("size %q: use a number, such as 0x280000, 24K or 2M", s)
	case n < 0 && -n <= p.Off:
		return fmt.Sprintf("size %s: it begins at %#x, so it cannot end at %#x", s, p.Off, -n)
	case n < 0:
		n = -n - p.Off
	}
	p.Size = n
	return ""
}

func (p *Partition) parseFlags(s string) string {
	for flag := range strings.SplitSeq(s, ":") {
		bit, ok := flagNames[flag]
		switch {
		case ok:
			p.Flags |= uint32(bit)
		case strings.HasPrefix(flag, "#"):
			return fmt.Sprintf("flag %q: a comment needs a line of its own", flag)
		case flag != "":
			return fmt.Sprintf("flag %q: use %s, with a colon between", flag, list(flagNames))
		}
	}
	return ""
}

// ParseNumber reads a decimal or hexadecimal number, which may have a suffix K or M:
// times 1024, or that squared.
func ParseNumber(s string) (int64, error) {
	unit := int64(1)
	switch {
	case strings.HasSuffix(s, "K"), strings.HasSuffix(s, "k"):
		unit = 1 << 10
	case strings.HasSuffix(s, "M"), strings.HasSuffix(s, "m"):
		unit = 1 << 20
	}
	digits := s
	if unit > 1 {
		digits = strings.TrimSpace(s[:len(s)-1])
	}
	base, sign := 10, ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		base, digits = 16, digits[2:]
	}
	if digits == "" || digits[0] == '-' || digits[0] == '+' || base == 10 && digits[0] == '0' && digits != "0" {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(sign+digits, base, 40) // no product with a unit is too large for 64 bits
	return n * unit, err
}

// CSV writes a table as ESP-IDF's tool does. [ParseTable] makes the same of it, if t
// obeys the rules, lists its partitions as they lie, and has a checksum.
func (t Table) CSV() []byte {
	var b strings.Builder
	b.WriteString("# ESP-IDF Partition Table\n# Name, Type, SubType, Offset, Size, Flags\n")
	for _, p := range t.Partitions {
		fmt.Fprintf(&b, "%s,%s,%s,%#x,%s,%s\n", p.Name, p.TypeName(), p.SubtypeName(), p.Off, sizeText(p.Size), flagText(p.Flags))
	}
	return []byte(b.String())
}

func sizeText(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dM", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dK", n>>10)
	}
	return fmt.Sprintf("%#x", n)
}

func flagText(flags uint32) string {
	var names []string
	for _, name := range []string{"encrypted", "readonly"} {
		if flags&uint32(flagNames[name]) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ":")
}
