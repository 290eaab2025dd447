package flash

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"slices"
	"testing"
)

var content = sha256.Sum256([]byte("an image"))

// signedBy returns a sector with signatures of [content] by those test keys.
func signedBy(t testing.TB, keys ...int) *Signature {
	t.Helper()
	s := &Signature{}
	for _, i := range keys {
		b, err := Sign(testKeys()[i], content)
		if err != nil {
			t.Fatal(err)
		}
		s.Blocks = append(s.Blocks, b)
	}
	return s
}

func testDigest(i int) KeyDigest { return DigestKey(&testKeys()[i].PublicKey) }

// mend makes the CRC of a block right.
func mend(p []byte) { binary.LittleEndian.PutUint32(p[1196:], crc32.ChecksumIEEE(p[:1196])) }

func TestSignatureRoundTrip(t *testing.T) {
	for _, keys := range [][]int{{0}, {0, 1}, {1, 0, 1}} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			p := signedBy(t, keys...).Marshal()
			if end := p[1216*len(keys):]; len(p) != 4096 || bytes.Count(end, []byte{0xFF}) != len(end) {
				t.Fatalf("%d bytes, and behind the blocks % x", len(p), end)
			}
			s, err := ReadSignature(p)
			if err != nil || len(s.Blocks) != len(keys) || !bytes.Equal(s.Marshal(), p) {
				t.Fatalf("%v", err)
			}
			for i, b := range s.Blocks {
				if err := b.Verify(content); err != nil || !b.Key.Equal(&testKeys()[keys[i]].PublicKey) {
					t.Errorf("block %d: %v", i, err)
				}
			}
		})
	}
}

// TestBlock holds the bytes against the layout of ets_secure_boot_sig_block_t.
func TestBlock(t *testing.T) {
	p, n := signedBy(t, 0).Marshal(), testKeys()[0].N
	number := func(p []byte) *big.Int {
		p = slices.Clone(p)
		slices.Reverse(p)
		return new(big.Int).SetBytes(p)
	}
	one := new(big.Int).SetUint64(1)
	if !bytes.Equal(p[:4], []byte{0xE7, 2, 0, 0}) || !bytes.Equal(p[4:36], content[:]) {
		t.Errorf("begins with % x", p[:36])
	}
	if number(p[36:420]).Cmp(n) != 0 || !bytes.Equal(p[420:424], []byte{1, 0, 1, 0}) {
		t.Errorf("key is % x", p[36:424])
	}
	r := one.Lsh(one, 3072)
	if want := new(big.Int).Exp(r, new(big.Int).SetUint64(2), n); number(p[424:808]).Cmp(want) != 0 {
		t.Errorf("R² mod n is % x, want %x", p[424:808], want)
	}
	if m := binary.LittleEndian.Uint32(p[808:]); m*uint32(n.Uint64()) != 0xFFFFFFFF {
		t.Errorf("-1/n mod 2^32 is %#x", m)
	}
	if got, want := binary.LittleEndian.Uint32(p[1196:]), crc32.ChecksumIEEE(p[:1196]); got != want {
		t.Errorf("CRC %#x, want %#x", got, want)
	}
	if !bytes.Equal(p[1200:1216], make([]byte, 16)) {
		t.Errorf("ends with % x", p[1200:1216])
	}
	if got, want := testDigest(0), KeyDigest(sha256.Sum256(p[36:812])); got != want {
		t.Errorf("key digest %s, want %s", got, want)
	}
}

// TestTamperedSector: no byte of a sector can be another one.
func TestTamperedSector(t *testing.T) {
	p := signedBy(t, 0, 1).Marshal()
	for i := range p {
		p[i] ^= 0x10
		s, err := ReadSignature(p)
		if e, ok := errors.AsType[*FormatError](err); !ok || s != nil || e.What != "signature" {
			t.Errorf("byte %d: %v", i, err)
		}
		p[i] ^= 0x10
	}
	if _, err := ReadSignature(p); err != nil {
		t.Fatal(err)
	}
}

// TestTamperedBlock: nor if the CRC is made right again; and digest and signature,
// which can be anything, do not verify then.
func TestTamperedBlock(t *testing.T) {
	p := signedBy(t, 1, 0).Marshal()
	block := p[1216:2432]
	for i := range 1216 {
		if i >= 1196 && i < 1200 {
			continue // the CRC itself
		}
		for _, bit := range []byte{0x01, 0x80} {
			block[i] ^= bit
			mend(block)
			s, err := ReadSignature(p)
			if i >= 4 && i < 36 || i >= 812 && i < 1196 {
				if err != nil {
					t.Fatalf("byte %d: %v", i, err)
				}
				err = s.Blocks[1].Verify(content)
				if e, ok := errors.AsType[*SignatureError](err); !ok || e.Key != testDigest(0) {
					t.Errorf("byte %d: %v, want a SignatureError by %s", i, err, testDigest(0))
				}
			} else if err == nil || s != nil {
				t.Errorf("byte %d: no error", i)
			}
			block[i] ^= bit
		}
	}
	mend(block)
	if s, err := ReadSignature(p); err != nil || s.Blocks[1].Verify(content) != nil {
		t.Fatal(err)
	}
}

func TestReadSignatureErrors(t *testing.T) {
	one, two, three := signedBy(t, 0).Marshal(), signedBy(t, 0, 1).Marshal(), signedBy(t, 0, 1, 0).Marshal()
	put := func(p []byte, off int, b ...byte) []byte {
		p = slices.Clone(p)
		copy(p[off:], b)
		for at := 0; at < 3648; at += 1216 {
			if p[at] == 0xE7 {
				mend(p[at:])
			}
		}
		return p
	}
	erase := func(p []byte, from, to int) []byte {
		p = slices.Clone(p)
		blank(p[from:to])
		return p
	}
	for _, c := range []struct {
		name string
		p    []byte
		off  int64
	}{
		{"nothing", nil, 0},
		{"a byte short", one[:4095], 4095},
		{"a byte more", append(slices.Clone(one), 0xFF), 4097},
		{"erased", erase(one, 0, 4096), 0},
		{"zeros", make([]byte, 4096), 0},
		{"first block missing", erase(two, 0, 1216), 0},
		{"gap", erase(three, 1216, 2432), 2432},
		{"half a block", erase(two, 1216, 1800), 1800},
		{"something in place of a block", put(one, 1216, 0), 1216},
		{"something at the end", put(one, 4095, 0), 4095},
		{"something behind three", put(three, 3648, 0xE7, 2), 3648},
		{"magic of the second", put(two, 1216, 0xE8), 1216},
		{"first reserved byte", put(one, 2, 1), 2},
		{"second reserved byte", put(two, 1216+3, 1), 1219},
		{"even modulus", put(one, 36, one[36]&^1), 36},
		{"short modulus", put(one, 419, one[419]&^0x80), 36},
		{"no modulus", put(one, 36, make([]byte, 384)...), 36},
		{"R²", put(one, 424, one[424]^1), 424},
		{"-1/n, first byte", put(one, 808, one[808]^1), 808},
		{"-1/n", put(two, 1216+811, two[1216+811]^1), 1216 + 808},
		{"CRC", func() []byte { p := slices.Clone(one); p[1199] ^= 1; return p }(), 1196},
		{"zeros at the end", put(one, 1215, 1), 1215},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ReadSignature(c.p)
			if e, ok := errors.AsType[*FormatError](err); !ok || e.Off != c.off || s != nil {
				t.Errorf("%v, want an error at %#x", err, c.off)
			}
		})
	}
	for _, c := range []struct {
		name string
		p    []byte
		off  int64
	}{
		{"ECDSA", put(one, 1, 3), 1},
		{"ECDSA behind RSA", put(two, 1216+1, 3), 1217},
		{"exponent 3", put(one, 420, 3, 0, 0, 0), 420},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ReadSignature(c.p)
			if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.Off != c.off || s != nil {
				t.Errorf("%v, want an UnsupportedError at %#x", err, c.off)
			}
		})
	}
}

// FuzzSignature has the input replace a part of a sector with some blocks; with the
// CRCs made right, too, or else no change would get past them.
func FuzzSignature(f *testing.F) {
	three := signedBy(f, 0, 1, 0).Marshal()
	for blocks := range uint(4) {
		f.Add(blocks, uint(0), []byte{})
		f.Add(blocks, uint(1216), three[:36])
		f.Add(blocks, uint(36), three[36:40])
	}
	f.Add(uint(1), uint(1), []byte{3})
	f.Add(uint(2), uint(420), []byte{3, 0, 0, 0})
	f.Add(uint(3), uint(1200), []byte{1})
	f.Fuzz(func(t *testing.T, blocks, at uint, p []byte) {
		signatureLaw(t, p)
		sector := slices.Clone(three)
		blank(sector[1216*min(blocks, 3):])
		copy(sector[min(at, uint(len(sector))):], p)
		signatureLaw(t, sector)
		for at := 0; at < 3648; at += 1216 {
			if sector[at] == 0xE7 {
				mend(sector[at:])
			}
		}
		signatureLaw(t, sector)
	})
}

// signatureLaw: what can be read is written as it was, else nothing is returned.
func signatureLaw(t *testing.T, p []byte) {
	t.Helper()
	s, err := ReadSignature(p)
	if err == nil {
		if !bytes.Equal(s.Marshal(), p) {
			t.Error("written, it is another")
		}
		return
	}
	_, corrupt := errors.AsType[*FormatError](err)
	_, unsupported := errors.AsType[*UnsupportedError](err)
	if s != nil || corrupt == unsupported {
		t.Errorf("%v, %v (%[2]T)", s, err)
	}
}
