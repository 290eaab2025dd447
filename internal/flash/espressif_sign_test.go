package flash_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/flash"
)

// A signer has a key in a file of espsecure's directory.
type signer struct {
	file string // PEM, private
	key  *rsa.PrivateKey
}

func (s signer) digest() flash.KeyDigest { return flash.DigestKey(&s.key.PublicKey) }

// theirKey is made by espsecure, and read by us.
func theirKey(t *testing.T, e *espressif, file string) signer {
	t.Helper()
	e.must(t, "espsecure", "generate_signing_key", "--version", "2", "--scheme", "rsa3072", file)
	key, err := flash.ReadPrivateKey(e.read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return signer{file, key}
}

// ourKey is made by us, for espsecure to read.
func ourKey(t *testing.T, e *espressif, file string) signer {
	t.Helper()
	key, err := flash.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	e.write(t, file, flash.MarshalPrivateKey(key))
	return signer{file, key}
}

// signed returns an image with signatures of ours.
func signed(t *testing.T, image []byte, by ...signer) []byte {
	t.Helper()
	for _, by := range by {
		p, err := flash.SignImage(image, readImage(t, image), by.key)
		if err != nil {
			t.Fatal(err)
		}
		image = p
	}
	return image
}

// ourVerdict is whether we would run an image of p if this were the only key that
// is trusted.
func ourVerdict(p []byte, key flash.KeyDigest) error {
	m, err := flash.ReadImage(bytes.NewReader(p), int64(len(p)))
	if err != nil {
		return err
	}
	if m.Signature == nil {
		return fmt.Errorf("not signed")
	}
	return m.Signature.Trusted(m.Signed, []flash.KeyDigest{key})
}

// theirVerdict is whether espsecure says that p is signed by the key in a file.
func theirVerdict(t *testing.T, e *espressif, p []byte, keyfile string) error {
	t.Helper()
	e.write(t, "verdict", p)
	_, err := e.run(t, "espsecure", "verify_signature", "--version", "2", "--keyfile", keyfile, "verdict")
	return err
}

// TestSignatures has each side judge what the other has signed, and what somebody
// did to it.
func TestSignatures(t *testing.T) {
	e := newEspressif(t)
	theirs, ours, third := theirKey(t, e, "theirs.pem"), ourKey(t, e, "ours.pem"), ourKey(t, e, "third.pem")
	t.Run("keys", func(t *testing.T) { agreeOnKeys(t, e, theirs, ours) })
	t.Run("signed", func(t *testing.T) { agreeOnSigned(t, e, theirs, ours, third) })
	t.Run("tampered", func(t *testing.T) { agreeOnTampered(t, e, ours, third) })
}

func agreeOnKeys(t *testing.T, e *espressif, keys ...signer) {
	for _, s := range keys {
		if p := flash.MarshalPrivateKey(s.key); !bytes.Equal(p, e.read(t, s.file)) {
			t.Errorf("%s in our hand:\n%s", s.file, p)
		}
		e.must(t, "espsecure", "digest_sbv2_public_key", "--keyfile", s.file, "-o", "digest")
		if got := s.digest(); !bytes.Equal(got[:], e.read(t, "digest")) {
			t.Errorf("%s: digest %s, want %x", s.file, got, e.read(t, "digest"))
		}
		e.must(t, "espsecure", "extract_public_key", "--version", "2", "--keyfile", s.file, "public")
		key, err := flash.ReadPublicKey(e.read(t, "public"))
		if err != nil || !key.Equal(&s.key.PublicKey) {
			t.Errorf("%s: public key %v, %v", s.file, key, err)
		}
		if p, err := flash.MarshalPublicKey(key); err != nil || !bytes.Equal(p, e.read(t, "public")) {
			t.Errorf("%s: public key %s, %v, want %s", s.file, p, err, e.read(t, "public"))
		}
	}
}

// agreeOnSigned are images that one side has signed, or both.
func agreeOnSigned(t *testing.T, e *espressif, theirs, ours, third signer) {
	image := built(t, "2.12.0")
	// sign has espsecure sign p, which may be signed already.
	sign := func(p []byte, by signer) []byte {
		e.write(t, "unsigned", p)
		e.must(t, "espsecure", "sign_data", "--version", "2", "--keyfile", by.file, "--append_signatures", "--output", "signed", "unsigned")
		return e.read(t, "signed")
	}
	e.write(t, "elf", elfFile{atIRAM, []section{{".flash.appdesc", atDesc, descriptor{version: "1"}.marshal()}, sized(".iram0.text", atIRAM, 999)}}.marshal(t))
	e.must(t, "esptool", strings.Fields("--chip esp32s3 elf2image --elf-sha256-offset 0xb0 --secure-pad-v2 -o image elf")...)
	made := e.read(t, "image")
	for _, c := range []struct {
		name string
		p    []byte
		by   []signer
	}{
		{"by nobody", image, nil},
		{"by nobody, but padded", pad(image), nil},
		{"by us", signed(t, image, ours), []signer{ours}},
		{"by us thrice", signed(t, image, ours, third, theirs), []signer{ours, third, theirs}},
		{"by us, made by elf2image", signed(t, made, ours), []signer{ours}},
		{"by espsecure", sign(image, theirs), []signer{theirs}},
		{"by espsecure twice", sign(sign(image, theirs), ours), []signer{theirs, ours}},
		{"by espsecure thrice", sign(sign(sign(image, theirs), ours), third), []signer{theirs, ours, third}},
		{"by espsecure, made by elf2image", sign(made, theirs), []signer{theirs}},
		{"by espsecure after us", sign(signed(t, image, ours), theirs), []signer{ours, theirs}},
		{"by us after espsecure", signed(t, sign(image, theirs), ours), []signer{theirs, ours}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range []signer{theirs, ours, third} {
				want := slices.Contains(c.by, s)
				our, their := ourVerdict(c.p, s.digest()), theirVerdict(t, e, c.p, s.file)
				if (our == nil) != want || (their == nil) != want {
					t.Errorf("by %s: want %v; ours: %v; theirs: %v", s.file, want, our, their)
				}
			}
			m := readImage(t, c.p)
			if m.Signature == nil {
				m.Signature = &flash.Signature{}
			} else if !bytes.HasSuffix(c.p, m.Signature.Marshal()) {
				t.Error("the sector is another one when we write it")
			}
			if len(m.Signature.Blocks) != len(c.by) {
				t.Fatalf("%d signatures, want %d", len(m.Signature.Blocks), len(c.by))
			}
			if len(c.by) == 0 {
				return
			}
			e.write(t, "signed", c.p)
			said := e.must(t, "espsecure", "signature_info_v2", "signed")
			for i, b := range m.Signature.Blocks {
				key := flash.DigestKey(b.Key)
				if key != c.by[i].digest() || b.Digest != m.Signed {
					t.Errorf("block %d: by %s over %x, want by %s over %x", i, key, b.Digest, c.by[i].digest(), m.Signed)
				}
				if want := fmt.Sprintf("digest for block %d: % x\n", i, key[:]); !strings.Contains(said, want) {
					t.Errorf("espsecure says %q, want %q", said, want)
				}
			}
		})
	}
}

// built returns a small image of ours.
func built(t *testing.T, version string) []byte {
	t.Helper()
	p, err := flash.Build{Desc: flash.Desc{Version: version, Project: "wordclock"}, Time: time.Unix(0, 0).UTC(), IDF: "v5.4.2"}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pad(p []byte) []byte {
	p = slices.Clone(p)
	for len(p)%flash.SectorSize != 0 {
		p = append(p, 0xFF)
	}
	return p
}

// agreeOnTampered are images that were good. Where one side only refuses, the table
// says why that is so.
func agreeOnTampered(t *testing.T, e *espressif, by, other signer) {
	image, another := built(t, "2.12.0"), built(t, "2.12.1")
	good := signed(t, image, by)
	sector := len(good) - flash.SectorSize
	flip := func(off int) func(p []byte) []byte {
		return func(p []byte) []byte { p[off] ^= 1; return p }
	}
	block := func(off int) func(p []byte) []byte { // with the right sum
		return func(p []byte) []byte { p[sector+off] ^= 1; resum(p[sector:]); return p }
	}
	for _, c := range []struct {
		name       string
		edit       func(p []byte) []byte
		our, their bool
	}{
		{"nothing", func(p []byte) []byte { return p }, true, true},
		{"flash size", flip(3), false, false},
		{"a byte of the image", flip(0x200), false, false},
		{"the digest of the image", flip(len(image) - 1), false, false},
		{"the padding", flip(len(image)), false, false},
		{"the digest that was signed", block(4), false, false},
		{"the signature, last byte", block(812), false, false},
		{"the signature, first byte", block(1195), false, false},
		{"the sum", flip(sector + 1196), false, false},
		{"the magic", block(0), false, false},
		{"a sector too few", func(p []byte) []byte { return p[:sector] }, false, false},
		{"a byte too few", func(p []byte) []byte { return p[:len(p)-1] }, false, false},
		{"a byte too many", func(p []byte) []byte { return append(p, 0xFF) }, false, false},
		{"a sector too many", func(p []byte) []byte { return append(p, bytes.Repeat([]byte{0xFF}, flash.SectorSize)...) }, false, false},
		{"signature of another image", func(p []byte) []byte {
			q := signed(t, another, by)
			copy(p[sector:], q[len(q)-flash.SectorSize:])
			return p
		}, false, false},
		{"salt of 20 bytes", func(p []byte) []byte { return salted(t, p, by, 20) }, false, false},
		{"salt of 32 bytes", func(p []byte) []byte { return salted(t, p, by, 32) }, true, true},
		{"second block by another key, for another image", func(p []byte) []byte {
			q := signed(t, another, other)
			copy(p[sector+1216:sector+2*1216], q[len(q)-flash.SectorSize:])
			return p
		}, true, false}, // the boot loader takes any that is good; espsecure wants all to be for this image
		{"first block that is none", func([]byte) []byte {
			p := signed(t, image, other, by)
			p[sector+1196] ^= 1
			return p
		}, false, true}, // espsecure passes over it, but would never write it
		{"padding more than a sector", func(p []byte) []byte {
			return salted(t, slices.Insert(p, sector, bytes.Repeat([]byte{0xFF}, flash.SectorSize)...), by, 32)
		}, false, true}, // where no boot loader looks for it
		// espsecure does not look at the version, nor at the key in the block, by whose
		// digest the boot loader knows it.
		{"the version", block(1), false, true},
		{"the modulus", block(36), false, true},
		{"the exponent", block(420), false, true},
		{"what is derived of the modulus", block(424), false, true},
		{"and more of that", block(808), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.edit(slices.Clone(good))
			our, their := ourVerdict(p, by.digest()), theirVerdict(t, e, p, by.file)
			if (our == nil) != c.our {
				t.Errorf("ours: %v, want that it is good: %v", our, c.our)
			}
			if (their == nil) != c.their {
				t.Errorf("theirs: %v, want that it is good: %v", their, c.their)
			}
		})
	}
}

// resum puts the right sum into the first block of a sector.
func resum(sector []byte) {
	binary.LittleEndian.PutUint32(sector[1196:], crc32.ChecksumIEEE(sector[:1196]))
}

// salted signs p again, with a salt of n bytes.
func salted(t *testing.T, p []byte, by signer, n int) []byte {
	t.Helper()
	sector := p[len(p)-flash.SectorSize:]
	digest := sha256.Sum256(p[:len(p)-flash.SectorSize])
	sig, err := rsa.SignPSS(rand.Reader, by.key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: n})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(sig)
	copy(sector[4:], digest[:])
	copy(sector[812:], sig)
	resum(sector)
	return p
}
