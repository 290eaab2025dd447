package flash

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"slices"
)

// A block of a signature sector of Secure Boot v2, ets_secure_boot_sig_block_t. The
// sector holds up to three, one after the other; all else in it is 0xFF. Numbers are
// little-endian, even the large ones.
//
//	   0   1  E7
//	   1   1  version: 2 is RSA
//	   2   2  0
//	   4  32  SHA-256 of all that precedes the sector
//	  36 384  n, the modulus
//	 420   4  e, the exponent
//	 424 384  R² mod n, where R is 2^3072
//	 808   4  -1/n mod 2^32
//	 812 384  signature: RSASSA-PSS of the digest, with SHA-256 and a salt of 32 bytes
//	1196   4  CRC-32 of all that
//	1200  16  0
const (
	blockSize = 1216
	maxBlocks = 3

	blockMagic   = 0xE7
	blockVersion = 2

	blockDigestAt = 4
	blockKeyAt    = 36
	exponentAt    = 420
	rrAt          = 424
	inverseAt     = 808
	blockSigAt    = 812
	blockCRCAt    = 1196
	blockZeroAt   = 1200
)

// SignatureSize is the size of a signature sector in bytes.
const SignatureSize = SectorSize

// A Signature is a signature sector.
type Signature struct{ Blocks []Block } // 1 to 3

// A Block is a signature by one key.
type Block struct {
	Digest [sha256.Size]byte // of what is signed
	Key    *rsa.PublicKey    // 3072 bits, exponent 65537
	Sig    [keyBits / 8]byte // big-endian, as package rsa has it
}

// ReadSignature reads a signature sector. It asks whether the sector is one, not who
// signed it, nor what. The error is a [FormatError], or an [UnsupportedError] for
// keys that an ESP32-S3 does not take; offsets count from the begin of the sector.
func ReadSignature(p []byte) (*Signature, error) {
	if len(p) != SignatureSize {
		return nil, corrupt("signature", int64(len(p)), "%d bytes, want %d", len(p), SignatureSize)
	}
	s := &Signature{}
	end := 0
	for end < maxBlocks*blockSize && p[end] != 0xFF {
		b, err := readBlock(p[end:end+blockSize], int64(end))
		if err != nil {
			return nil, err
		}
		s.Blocks = append(s.Blocks, b)
		end += blockSize
	}
	if end == 0 {
		return nil, corrupt("signature", 0, "begins with 0xff, want %#02x", blockMagic)
	}
	if i := firstNot(p[end:], 0xFF); i >= 0 {
		return nil, corrupt("signature", int64(end+i), "%#02x behind the last block, want 0xff", p[end+i])
	}
	return s, nil
}

// readBlock reads the block at off of the sector.
func readBlock(p []byte, off int64) (Block, error) {
	crc, want := binary.LittleEndian.Uint32(p[blockCRCAt:]), crc32.ChecksumIEEE(p[:blockCRCAt])
	e := binary.LittleEndian.Uint32(p[exponentAt:])
	switch {
	case p[0] != blockMagic:
		return Block{}, corrupt("signature", off, "block begins with %#02x, want %#02x", p[0], blockMagic)
	case crc != want:
		return Block{}, corrupt("signature", off+blockCRCAt, "CRC is %#08x, want %#08x", crc, want)
	case p[1] != blockVersion:
		return Block{}, unsupported("signature", off+1, "version %d, want %d (RSA-3072)", p[1], blockVersion)
	case e != exponent:
		return Block{}, unsupported("signature", off+exponentAt, "exponent %d, want %d", e, exponent)
	}
	b := Block{
		Digest: [sha256.Size]byte(p[blockDigestAt:]),
		Key:    &rsa.PublicKey{N: number(p[blockKeyAt:exponentAt]), E: exponent},
		Sig:    [keyBits / 8]byte(reversed(p[blockSigAt:blockCRCAt])),
	}
	if err := checkKey(b.Key); err != nil {
		return Block{}, corrupt("signature", off+blockKeyAt, "%v", err)
	}
	return b, b.canonical(p, off)
}

// canonical checks that p is what becomes of b: what has to be zero is, and the
// numbers that make the chip's work easier are right.
func (b *Block) canonical(p []byte, off int64) error {
	want := b.append(nil)
	i := 0
	for i < blockSize && p[i] == want[i] {
		i++
	}
	switch {
	case i == blockSize:
		return nil
	case i >= blockZeroAt || i < blockDigestAt:
		return corrupt("signature", off+int64(i), "%#02x, want 0", p[i])
	case i >= inverseAt:
		return corrupt("signature", off+inverseAt, "-1/n mod 2^32 is wrong")
	}
	return corrupt("signature", off+rrAt, "R² mod n is wrong")
}

// Marshal is the inverse of [ReadSignature].
func (s *Signature) Marshal() []byte {
	p := make([]byte, 0, SignatureSize)
	for i := range s.Blocks {
		p = s.Blocks[i].append(p)
	}
	return append(p, bytes.Repeat([]byte{0xFF}, SignatureSize-len(p))...)
}

func (b *Block) append(p []byte) []byte {
	begin := len(p)
	p = append(p, blockMagic, blockVersion, 0, 0)
	p = append(p, b.Digest[:]...)
	p = appendKey(p, b.Key)
	p = append(p, reversed(b.Sig[:])...)
	p = binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(p[begin:]))
	return append(p, make([]byte, blockSize-blockZeroAt)...)
}

// appendKey appends what a block holds of a key.
func appendKey(p []byte, k *rsa.PublicKey) []byte {
	rr := new(big.Int).Lsh(big.NewInt(1), 2*keyBits)
	rr.Mod(rr, k.N)
	p = appendNumber(p, k.N)
	p = binary.LittleEndian.AppendUint32(p, uint32(k.E))
	p = appendNumber(p, rr)
	return binary.LittleEndian.AppendUint32(p, negativeInverse(uint32(k.N.Bits()[0])))
}

// negativeInverse returns -1/n mod 2^32 of an odd n. Each round of Newton's method
// doubles the bits that are right; an odd number is its own inverse in the first three.
func negativeInverse(n uint32) uint32 {
	x := n
	for range 4 {
		x *= 2 - n*x
	}
	return -x
}

func number(p []byte) *big.Int { return new(big.Int).SetBytes(reversed(p)) }

func appendNumber(p []byte, n *big.Int) []byte {
	return append(p, reversed(n.FillBytes(make([]byte, keyBits/8)))...)
}

func reversed(p []byte) []byte {
	p = slices.Clone(p)
	slices.Reverse(p)
	return p
}
