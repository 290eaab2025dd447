package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// A disk is all that boot and updater can tell apart of a flash and its fuses. What
// they cannot is put the same: an entry that does not count, but for its mark; a
// slot without an image; which numbers a sequence has, but for order and parity.
type disk struct {
	table tableState
	entry [2]flashtest.Piece
	slot  [2]int8 // an image of the world, or one of the following
	fuse  [2]string
}

const (
	blankSlot int8 = -1
	junkSlot  int8 = -2
)

type tableState uint8

const (
	tableWhole tableState = iota
	tableBlank
	tableTorn
	tableTaken // its first byte is
)

// junk stands for a copy of the fuses that is not whole.
const junk = "junk"

var blankPiece = flashtest.Piece(flash.BlankSelect.Marshal())

// What tells this start of the host from those before it.
const (
	thisHost  = "this start of the host"
	otherHost = 0x01010101
)

var thisHostSum = crc32.ChecksumIEEE([]byte(thisHost))

// A region is a part of a disk.
type region uint8

const (
	entry0 region = iota
	entry1
	slot0
	slot1
	fuse0
	fuse1
	wholeTable
	regions
)

// A patch is some regions of a disk.
type patch struct {
	has [regions]bool
	disk
}

func (p patch) over(d disk) disk {
	for r, has := range p.has {
		if !has {
			continue
		}
		switch r := region(r); r {
		case entry0, entry1:
			d.entry[r-entry0] = p.entry[r-entry0]
		case slot0, slot1:
			d.slot[r-slot0] = p.slot[r-slot0]
		case fuse0, fuse1:
			d.fuse[r-fuse0] = p.fuse[r-fuse0]
		case wholeTable:
			d.table = p.table
		}
	}
	return d
}

// tidy makes an entry that does not count the same as others that do not.
func tidy(p flashtest.Piece) flashtest.Piece {
	s := flash.ReadSelect(p)
	if p == blankPiece {
		return p
	}
	if !s.Sound() {
		j := flash.BlankSelect
		j.Seq = 0xFFFFFF00
		copy(j.Spare[markOff:], s.Spare[markOff:])
		s = j
	} else {
		r := readRecord(s)
		if s.State != flash.Pending {
			why := r.reason
			r = blankRecord
			if !s.State.Bootable() {
				r.reason = why
			}
		}
		s = r.write(s)
	}
	if _, ok := readMark(s); !ok && !canMark(s) {
		s = tornMark(s)
	}
	return s.Marshal()
}

// tornMark stands for all that is no mark, and leaves no room for one.
func tornMark(s flash.Select) flash.Select {
	copy(s.Spare[markOff:], flash.BlankSelect.Spare[markOff:])
	s.Spare[markOff+4] = 0
	return s
}

// canon puts the same what is left of a disk. After a cut the host is another.
func (w *world) canon(d disk, cut bool) disk {
	var o [2]flash.Select
	var numbers []uint32
	for i := range o {
		d.entry[i] = tidy(d.entry[i])
		o[i] = flash.ReadSelect(d.entry[i])
		if o[i].Counts() {
			numbers = append(numbers, o[i].Seq)
		}
		if m, ok := readMark(o[i]); ok && slices.ContainsFunc(w.images, func(x blob) bool { return m.isAbout(x.digest) }) {
			numbers = append(numbers, m.seq)
		} else if ok {
			o[i] = tornMark(o[i])
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	small, last := make([]uint32, len(numbers)), uint32(0)
	for i, n := range numbers {
		last++
		for last%2 != n%2 {
			last++
		}
		small[i] = last
	}
	renumber := func(n uint32) uint32 { return small[slices.Index(numbers, n)] }
	for i, s := range o {
		if d.entry[i] == blankPiece {
			continue
		}
		if s.Sound() {
			seq := uint32(s.Slot(2) + 1)
			if s.Counts() {
				seq = renumber(s.Seq)
			}
			n := flash.NewSelect(seq, s.State)
			n.Spare = s.Spare
			s = n
			r := readRecord(s)
			for k, h := range r.hosts {
				if h != noHost && (cut || h != thisHostSum) {
					r.hosts[k] = otherHost
				}
			}
			s = r.write(s)
		}
		if m, ok := readMark(s); ok {
			m.seq = renumber(m.seq)
			s = m.write(s)
		}
		d.entry[i] = s.Marshal()
	}
	return d
}

// A blob is an image that a world knows.
type blob struct {
	raw     []byte
	digest  [32]byte
	version uint32 // secure_version
}

// A world is a shape of flash, and the images that come there.
type world struct {
	geometry, fuses flash.Geometry
	partitions      flash.Table
	otadata         flash.Partition
	slots           []flash.Partition
	images          []blob
	signed          []flash.KeyDigest // what images have to be signed by from the begin
	key             *flash.KeyDigest  // that can come to be trusted as well
	measure         flashtest.Measure

	mutant // what is done otherwise than it should be

	rawTable []byte
	layers   map[any]flashtest.Content
	memo     map[[32]byte]outcomes
	looks    map[disk]look
	points   int    // distinct ones
	buf      []byte // as much of a slot as any image needs
}

func (w *world) init() error {
	w.otadata, _ = w.partitions.Find(flash.TypeData, flash.DataOTA)
	w.slots = w.partitions.Slots()
	w.layers, w.memo, w.looks = map[any]flashtest.Content{}, map[[32]byte]outcomes{}, map[disk]look{}
	most := int64(0)
	for _, x := range w.images {
		most = max(most, int64(len(x.raw)))
	}
	w.buf = make([]byte, (most+w.geometry.Sector-1)/w.geometry.Sector*w.geometry.Sector)
	var err error
	w.rawTable, err = w.partitions.Marshal()
	return err
}

// layer makes a layer once.
func (w *world) layer(key any, data func() []byte, off int64) flashtest.Content {
	c, ok := w.layers[key]
	if !ok {
		c = flashtest.Content{}
		c.Store(data(), off)
		w.layers[key] = c
	}
	return c
}

// content returns what the flash and the fuses of a disk hold.
func (w *world) content(d disk) [2][]flashtest.Content {
	type slotKey struct {
		slot  int
		image int8
	}
	entries := flashtest.Content{}
	for i := range d.entry {
		if d.entry[i] != blankPiece {
			entries.Store(d.entry[i][:], w.otadata.Off+int64(i)*w.geometry.Sector)
		}
	}
	flashes := []flashtest.Content{entries}
	for i, image := range d.slot {
		if image != blankSlot {
			flashes = append(flashes, w.layer(slotKey{i, image}, func() []byte {
				if image == junkSlot {
					return w.images[0].raw[:len(w.images[0].raw)/2]
				}
				return w.images[image].raw
			}, w.slots[i].Off))
		}
	}
	if d.table != tableBlank {
		flashes = append(flashes, w.layer(d.table, func() []byte {
			raw := slices.Clone(w.rawTable)
			switch d.table {
			case tableTorn:
				raw[0] = 0xFF
			case tableTaken:
				raw[0] = 0
			}
			return raw
		}, flash.TableOffset))
	}
	fuses := []flashtest.Content{}
	for i, f := range d.fuse {
		if f == "" {
			continue
		}
		type fuseKey struct {
			copy int
			raw  string
		}
		fuses = append(fuses, w.layer(fuseKey{i, f}, func() []byte { return []byte(f) }, int64(i)*w.fuses.Sector))
	}
	return [2][]flashtest.Content{flashes, fuses}
}

// regionOf returns what a place is of.
func (w *world) regionOf(p flashtest.Place) (region, error) {
	off := p.Sector * flashtest.HostSector
	if p.Device == 1 {
		return fuse0 + region(off/w.fuses.Sector), nil
	}
	for i := range int64(2) {
		if off == w.otadata.Off+i*w.geometry.Sector {
			return entry0 + region(i), nil
		}
	}
	for i, s := range w.slots {
		if off >= s.Off && off < s.End() {
			return slot0 + region(i), nil
		}
	}
	if off >= flash.TableOffset && off < flash.TableOffset+flash.TableSize {
		return wholeTable, nil
	}
	return 0, fmt.Errorf("something is written at %#x", off)
}

// read reads a region after a cut. An image that is not one of the world's must not
// verify.
func (w *world) read(r region, c flashtest.Cut, under [2][]flashtest.Content, p *patch) error {
	p.has[r] = true
	switch r {
	case entry0, entry1:
		i := r - entry0
		c.Read(0, under[0], p.entry[i][:], w.otadata.Off+int64(i)*w.geometry.Sector)
	case slot0, slot1:
		var err error
		p.slot[r-slot0], err = w.readSlot(w.slots[r-slot0], c, under[0])
		return err
	case fuse0, fuse1:
		i := r - fuse0
		raw := make([]byte, 128)
		c.Read(1, under[1], raw, int64(i)*w.fuses.Sector)
		p.fuse[i] = wholeFuse(raw)
	case wholeTable:
		raw := make([]byte, flash.TableSize)
		c.Read(0, under[0], raw, flash.TableOffset)
		switch {
		case bytes.Equal(raw, w.rawTable):
			p.table = tableWhole
		case raw[0] == 0:
			p.table = tableTaken
		case bytes.Count(raw, []byte{0xFF}) == len(raw):
			p.table = tableBlank
		default:
			p.table = tableTorn
			if _, err := flash.ReadTable(raw); err == nil {
				return errors.New("a table that nobody wrote is one")
			}
		}
	}
	return nil
}

// wholeFuse returns a copy of the fuses, junk if it is not whole, "" if it is blank.
func wholeFuse(raw []byte) string {
	const size = 112
	switch {
	case bytes.Count(raw, []byte{0xFF}) == len(raw):
		return ""
	case binary.LittleEndian.Uint32(raw[size-4:]) != crc32.ChecksumIEEE(raw[:size-4]):
		return junk
	}
	return string(raw)
}

func (w *world) readSlot(s flash.Partition, c flashtest.Cut, under []flashtest.Content) (int8, error) {
	raw := w.buf
	c.Read(0, under, raw, s.Off)
	for i, x := range w.images {
		if bytes.HasPrefix(raw, x.raw) {
			return int8(i), nil
		}
	}
	if bytes.Count(raw, []byte{0xFF}) == len(raw) {
		return blankSlot, nil
	}
	m, err := flash.ReadSlot(bytes.NewReader(raw), int64(len(raw)))
	if err == nil && (w.signed == nil || m.Signature.Trusted(m.Signed, w.signed) == nil) {
		return 0, fmt.Errorf("%s: an image that nobody wrote verifies", s.Name)
	}
	return junkSlot, nil
}

// Outcomes are what a cut of a segment leaves.
type outcomes struct {
	list []patch // tidy
	raw  []patch // some that are not
	all  patch   // without a cut
}

// outcomes returns what cuts of a segment leave of a disk, which it lies over.
func (w *world) outcomes(s flashtest.Segment, under [2][]flashtest.Content) (outcomes, error) {
	touched, err := w.touched(s)
	if err != nil {
		return outcomes{}, err
	}
	from := int64(0)
	if slices.Equal(touched, []region{slot1}) { // both slots are the same
		from = (w.slots[1].Off - w.slots[0].Off) / flashtest.HostSector
	}
	key := s.Key(from)
	o, ok := w.memo[key]
	if !ok {
		if o, err = w.cuts(s, touched, under); err != nil {
			return o, err
		}
		w.memo[key] = o
	}
	if slots := []region{slot0, slot1}; len(touched) == 1 && slices.Contains(slots, touched[0]) {
		o.list = slices.Clone(o.list)
		for i := range o.list {
			o.list[i] = o.list[i].inSlot(int(touched[0] - slot0))
		}
		o.all = o.all.inSlot(int(touched[0] - slot0))
	}
	return o, nil
}

// inSlot returns p, which is of one slot, for a certain one.
func (p patch) inSlot(n int) patch {
	image := p.slot[0]
	if p.has[slot1] {
		image = p.slot[1]
	}
	p.has, p.slot = [regions]bool{}, [2]int8{}
	p.has[slot0+region(n)], p.slot[n] = true, image
	return p
}

func (w *world) touched(s flashtest.Segment) (touched []region, err error) {
	for _, p := range s.Places() {
		r, err := w.regionOf(p)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(touched, r) {
			touched = append(touched, r)
		}
	}
	slices.Sort(touched)
	return touched, nil
}

func (w *world) cuts(s flashtest.Segment, touched []region, under [2][]flashtest.Content) (o outcomes, err error) {
	read := func(c flashtest.Cut) (raw, tidied patch, err error) {
		for _, r := range touched {
			if err := w.read(r, c, under, &raw); err != nil {
				return raw, tidied, err
			}
		}
		tidied = raw
		for i := range tidied.entry {
			if raw.has[i] {
				tidied.entry[i] = tidy(raw.entry[i])
			}
		}
		return raw, tidied, nil
	}
	seen := map[patch]int{}
	var last patch
	for c := range s.Cuts(w.measure) {
		w.points++
		raw, tidied, err := read(c)
		if err != nil {
			return o, err
		}
		if raw == tidied && tidied == last { // mostly so, within a slot
			continue
		}
		last = tidied
		seen[tidied]++
		n := seen[tidied]
		if n == 1 {
			o.list = append(o.list, tidied)
		}
		if raw != tidied && n&(n-1) == 0 && len(o.raw) < 64 { // more of what is rare
			o.raw = append(o.raw, raw)
		}
	}
	o.all, _, err = read(s.All())
	return o, err
}
