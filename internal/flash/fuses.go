package flash

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"
)

// MaxLevel is the highest secure_version that the fuses can demand: there are as
// many bits (ESP_EFUSE_SECURE_VERSION of an ESP32-S3).
const MaxLevel = 16

// MaxKeys is how many key digests can be trusted.
const MaxKeys = 3

// Fuses are bits that are only ever set. They stand for the eFuses of an ESP32-S3
// that matter to its boot loader.
type Fuses struct {
	Levels uint16 // as many bits as the lowest secure_version that may run
	Keys   []KeyDigest
}

// Level returns the lowest secure_version that may run.
func (f Fuses) Level() int { return bits.OnesCount16(f.Levels) }

// Raise returns f with bits set until its level is n, [MaxLevel] at most.
func (f Fuses) Raise(n int) Fuses {
	for bit := uint16(1); f.Level() < min(n, MaxLevel); bit <<= 1 {
		f.Levels |= bit
	}
	return f
}

// Trust returns f with one more key.
func (f Fuses) Trust(k KeyDigest) (Fuses, error) {
	if slices.Contains(f.Keys, k) {
		return f, nil
	}
	if len(f.Keys) == MaxKeys {
		return f, fmt.Errorf("trust key %s: there is room for %d, and as many are trusted", k, MaxKeys)
	}
	f.Keys = append(slices.Clone(f.Keys), k)
	return f, nil
}

// A copy of the fuses, of which efuse.img holds two, each at the begin of a sector:
//
//	 0  8   "WCFUSES" and the version of this format, 1
//	 8  2   levels
//	10  1   number of keys
//	11  1   0
//	12  96  key digests; those that are not there are 0
//	108 4   CRC-32 of all that
const (
	fuseMagic = "WCFUSES\x01"
	fuseSize  = 12 + 32*MaxKeys + 4
)

// FuseGeometry is the shape of efuse.img.
var FuseGeometry = Geometry{Size: 2 * SectorSize, Sector: SectorSize}

func (f Fuses) append(p []byte) []byte {
	begin := len(p)
	p = append(p, fuseMagic...)
	p = binary.LittleEndian.AppendUint16(p, f.Levels)
	p = append(p, byte(len(f.Keys)), 0)
	for i := range MaxKeys {
		var k KeyDigest
		if i < len(f.Keys) {
			k = f.Keys[i]
		}
		p = append(p, k[:]...)
	}
	return binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(p[begin:]))
}

// readFuses reads a copy.
func readFuses(p []byte) (Fuses, error) {
	n := int(p[10])
	switch {
	case string(p[:8]) != fuseMagic:
		return Fuses{}, corrupt("fuses", 0, "begin with %q, want %q", p[:8], fuseMagic)
	case binary.LittleEndian.Uint32(p[fuseSize-4:]) != crc32.ChecksumIEEE(p[:fuseSize-4]):
		return Fuses{}, corrupt("fuses", fuseSize-4, "wrong checksum")
	case n > MaxKeys:
		return Fuses{}, corrupt("fuses", 10, "%d keys, want %d at most", n, MaxKeys)
	}
	f := Fuses{Levels: binary.LittleEndian.Uint16(p[8:])}
	for i := range n {
		f.Keys = append(f.Keys, KeyDigest(p[12+32*i:]))
	}
	if !bytes.Equal(f.append(nil), p[:fuseSize]) {
		return Fuses{}, corrupt("fuses", 11, "what has to be zero is not")
	}
	return f, nil
}

// LoadFuses reads the fuses of a device: all bits that either copy has; of one that
// is erased, none is blown. The error is a *FormatError if both copies are damaged.
func LoadFuses(d Device) (f Fuses, err error) {
	damaged := 0
	for i := range int64(2) {
		p := make([]byte, fuseSize)
		if _, err := d.ReadAt(p, i*d.Geometry().Sector); err != nil && err != io.EOF {
			return Fuses{}, fmt.Errorf("read fuses: %w", err)
		}
		if bytes.Count(p, []byte{0xFF}) == len(p) {
			continue
		}
		g, e := readFuses(p)
		if e != nil {
			damaged, err = damaged+1, e
			continue
		}
		f = f.union(g)
	}
	if damaged < 2 {
		return f, nil
	}
	return Fuses{}, err
}

// union has what either has. What was ever written is in order, so the longer list
// of keys begins with the shorter one.
func (f Fuses) union(g Fuses) Fuses {
	f.Levels |= g.Levels
	if len(g.Keys) > len(f.Keys) {
		f.Keys = g.Keys
	}
	return f
}

// BurnFuses makes f what [LoadFuses] returns, after whatever befalls: it replaces
// one copy, durably, and then the other, so that one of them is whole at any time.
// It is for a device of [FuseGeometry].
func BurnFuses(d Device, f Fuses) error {
	old, err := LoadFuses(d)
	if err != nil {
		return err
	}
	if f = old.union(f); f.Levels == 0 && len(f.Keys) == 0 {
		return nil
	}
	want := f.append(nil)
	have := [2][]byte{make([]byte, fuseSize), make([]byte, fuseSize)}
	for i, p := range have {
		if _, err := d.ReadAt(p, int64(i)*d.Geometry().Sector); err != nil && err != io.EOF {
			return fmt.Errorf("read fuses: %w", err)
		}
	}
	first := 0 // the copy that holds all of old comes last: it may be the only one
	if bytes.Equal(have[0], old.append(nil)) {
		first = 1
	}
	for _, i := range []int{first, 1 - first} {
		if bytes.Equal(have[i], want) {
			continue
		}
		if err := Replace(d, int64(i)*d.Geometry().Sector, want); err != nil {
			return fmt.Errorf("burn fuses: %w", err)
		}
	}
	return nil
}
