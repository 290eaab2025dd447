package flash

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	other := sha256.Sum256([]byte("another image"))
	b := signedBy(t, 0).Blocks[0]
	swapped := b
	swapped.Key = &testKeys()[1].PublicKey
	claims := b
	claims.Digest = other
	for _, c := range []struct {
		name   string
		b      Block
		digest [32]byte
		good   bool
	}{
		{"good", b, content, true},
		{"another content", b, other, false},
		{"says that it is of another content", claims, other, false},
		{"says that it is of another content, and is not", claims, content, false},
		{"by another key", swapped, content, false},
		{"no signature", Block{content, b.Key, [384]byte{}}, content, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.b.Verify(c.digest)
			if _, ok := errors.AsType[*SignatureError](err); ok == c.good || (err == nil) != c.good {
				t.Error(err)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	k := *testKeys()[0]
	k.E = 3
	if b, err := Sign(&k, content); err == nil || b.Key != nil {
		t.Errorf("exponent 3: %v", err)
	}
}

func TestTrusted(t *testing.T) {
	a, b := testDigest(0), testDigest(1)
	broken := func(s *Signature, i int) *Signature { s.Blocks[i].Sig[100] ^= 1; return s }
	for _, c := range []struct {
		name    string
		s       *Signature
		keys    []KeyDigest
		foreign []KeyDigest // of a ForeignError
		bad     bool        // a SignatureError
	}{
		{"by the key", signedBy(t, 0), []KeyDigest{a}, nil, false},
		{"by one of two", signedBy(t, 0), []KeyDigest{b, a}, nil, false},
		{"second block", signedBy(t, 0, 1), []KeyDigest{b}, nil, false},
		{"second block, first broken", broken(signedBy(t, 0, 1), 0), []KeyDigest{b}, nil, false},
		{"third block", signedBy(t, 0, 0, 1), []KeyDigest{b}, nil, false},
		{"by another", signedBy(t, 0), []KeyDigest{b}, []KeyDigest{a}, false},
		{"by two, and nobody is trusted", signedBy(t, 0, 1), nil, []KeyDigest{a, b}, false},
		{"broken", broken(signedBy(t, 0), 0), []KeyDigest{a}, nil, true},
		{"broken, and by another", broken(signedBy(t, 0), 0), []KeyDigest{b}, nil, true},
		{"by another, and broken", broken(signedBy(t, 0, 1), 1), []KeyDigest{b}, []KeyDigest{a}, false},
		{"broken twice", broken(broken(signedBy(t, 0, 1), 0), 1), []KeyDigest{a, b}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.s.Trusted(content, c.keys)
			foreign, isForeign := errors.AsType[*ForeignError](err)
			_, bad := errors.AsType[*SignatureError](err)
			if isForeign != (c.foreign != nil) || bad != c.bad || err != nil != (isForeign || bad) {
				t.Fatal(err)
			}
			if isForeign && !slices.Equal(foreign.Keys, c.foreign) {
				t.Errorf("signed by %s, want %s", foreign.Keys, c.foreign)
			}
		})
	}
	err := signedBy(t, 0).Trusted(content, []KeyDigest{b})
	if want := "verify signature: signed by a key that is not trusted: " + a.String(); err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// unsigned returns n bytes that stand for an image, and what is read of them.
func unsigned(n int) ([]byte, *Image) {
	image := bytes.Repeat([]byte("image "), n)[:n]
	filled := append(slices.Clone(image), bytes.Repeat([]byte{0xFF}, (4096-n%4096)%4096)...)
	return image, &Image{Size: int64(n), Signed: sha256.Sum256(filled)}
}

func TestSignImage(t *testing.T) {
	for _, n := range []int{1, 4095, 4096, 4097, 80000} {
		image, m := unsigned(n)
		file := slices.Clone(image)
		for i, key := range testKeys() {
			signed, err := SignImage(file, m, key)
			if err != nil {
				t.Fatal(err)
			}
			at := (n + 4095) / 4096 * 4096
			if len(signed) != at+4096 || !bytes.Equal(signed[:n], image) || sha256.Sum256(signed[:at]) != m.Signed {
				t.Fatalf("%d bytes become %d, or others", n, len(signed))
			}
			if m.Signature, err = ReadSignature(signed[at:]); err != nil || len(m.Signature.Blocks) != i+1 {
				t.Fatalf("%+v, %v", m.Signature, err)
			}
			for by := range i + 1 {
				if err := m.Signature.Trusted(m.Signed, []KeyDigest{testDigest(by)}); err != nil {
					t.Errorf("%d bytes, key %d: %v", n, by, err)
				}
			}
			if !bytes.Equal(file[:n], image) {
				t.Error("the input was written to")
			}
			file = signed
		}
	}
}

// TestSignBuilt signs an image twice, and reads it each time as a stranger would.
func TestSignBuilt(t *testing.T) {
	plain := built(t, Build{Size: 70000})
	first, err := SignImage(plain, readImage(t, plain), testKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := SignImage(first, readImage(t, first), testKeys()[1])
	if err != nil {
		t.Fatal(err)
	}
	m := readImage(t, second)
	if len(second) != len(first) || m.End != int64(len(second)) || m.Digest != readImage(t, plain).Digest {
		t.Errorf("%d bytes, %+v", len(second), m)
	}
	for i := range testKeys() {
		if err := m.Signature.Trusted(m.Signed, []KeyDigest{testDigest(i)}); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

func TestSignImageErrors(t *testing.T) {
	image, m := unsigned(5000)
	signedBy := func(keys ...int) *Image {
		s := *m
		s.Signature = &Signature{}
		for _, k := range keys {
			b, err := Sign(testKeys()[k], m.Signed)
			if err != nil {
				t.Fatal(err)
			}
			s.Signature.Blocks = append(s.Signature.Blocks, b)
		}
		return &s
	}
	bad := signedBy(1)
	bad.Signature.Blocks[0].Sig[0] ^= 1
	weak := *testKeys()[0]
	weak.E = 3
	for _, c := range []struct {
		name  string
		image []byte
		m     *Image
		key   *rsa.PrivateKey
		want  string
	}{
		{"cut off", image[:4999], m, testKeys()[0], "4999 bytes of 5000"},
		{"same key", image, signedBy(1, 0), testKeys()[0], "key " + testDigest(0).String() + " has signed it already"},
		{"three", image, signedBy(1, 1, 1), testKeys()[0], "there are 3 signatures, and room for no more"},
		{"one is bad", image, bad, testKeys()[0], "one that is there is bad: verify signature by key " + testDigest(1).String()},
		{"exponent 3", image, m, &weak, "exponent 3, want 65537"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := SignImage(c.image, c.m, c.key)
			if p != nil || err == nil || !strings.HasPrefix(err.Error(), "sign image: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d bytes, %v, want %q", len(p), err, c.want)
			}
		})
	}
	if m.Signature != nil {
		t.Error("what was read of the image is another now")
	}
}

// TestTrustedUnsigned: what nobody signed, nobody trusted has signed.
func TestTrustedUnsigned(t *testing.T) {
	var none *Signature
	err := none.Trusted([32]byte{}, []KeyDigest{{1}})
	if e, ok := errors.AsType[*ForeignError](err); !ok || len(e.Keys) != 0 || !strings.Contains(err.Error(), "signed by nobody") {
		t.Errorf("error %v", err)
	}
}

// TestStaleSignature: a signature that an older image left in a slot is none of the
// one that is there now.
func TestStaleSignature(t *testing.T) {
	images := map[string][]byte{}
	for _, version := range []string{"1.0.0", "1.0.1"} {
		p, err := Build{Desc: Desc{Version: version, Project: "wordclock"}}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		images[version] = p
	}
	m, err := ReadImage(bytes.NewReader(images["1.0.0"]), int64(len(images["1.0.0"])))
	if err != nil {
		t.Fatal(err)
	}
	slot, err := SignImage(images["1.0.0"], m, testKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	for version, signed := range map[string]bool{"1.0.0": true, "1.0.1": false} {
		copy(slot, images[version])
		m, err := ReadSlot(bytes.NewReader(slot), int64(len(slot)))
		if err != nil || (m.Signature != nil) != signed {
			t.Errorf("%s: signature %v, %v", version, m.Signature, err)
		}
	}
}
