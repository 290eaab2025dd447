package flash

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"
)

// A SignatureError says that a signature is not one of that content.
type SignatureError struct {
	Key KeyDigest // by which it claims to be
	Msg string
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("verify signature by key %s: %s", e.Key, e.Msg)
}

// A ForeignError says that a content is signed by none of the keys that are trusted.
type ForeignError struct{ Keys []KeyDigest } // that signed it; none if it is not signed

func (e *ForeignError) Error() string {
	if len(e.Keys) == 0 {
		return "verify signature: signed by nobody"
	}
	msg := "verify signature: signed by a key that is not trusted:"
	for _, k := range e.Keys {
		msg += " " + k.String()
	}
	return msg
}

var pss = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

// Sign signs the digest of a content.
func Sign(key *rsa.PrivateKey, digest [sha256.Size]byte) (Block, error) {
	if err := checkKey(&key.PublicKey); err != nil {
		return Block{}, fmt.Errorf("sign image: %w", err)
	}
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], pss)
	if err != nil {
		return Block{}, fmt.Errorf("sign image: %w", err)
	}
	return Block{digest, &key.PublicKey, [keyBits / 8]byte(sig)}, nil
}

// Verify checks that b is a signature of the content with that digest. The error is
// a [*SignatureError].
func (b *Block) Verify(digest [sha256.Size]byte) error {
	if b.Digest != digest {
		return &SignatureError{DigestKey(b.Key), fmt.Sprintf("signed is %x, but here is %x", b.Digest, digest)}
	}
	if err := rsa.VerifyPSS(b.Key, crypto.SHA256, digest[:], b.Sig[:], pss); err != nil {
		return &SignatureError{DigestKey(b.Key), err.Error()}
	}
	return nil
}

// Trusted checks that a key out of keys has signed the content with that digest. The
// error is a [*ForeignError] if only others have, or nobody, else a
// [*SignatureError]. A nil Signature is none.
func (s *Signature) Trusted(digest [sha256.Size]byte, keys []KeyDigest) error {
	var foreign ForeignError
	if s == nil {
		return &foreign
	}
	var bad error
	for i := range s.Blocks {
		b := &s.Blocks[i]
		key, err := DigestKey(b.Key), b.Verify(digest)
		switch {
		case err != nil:
			bad = err
		case slices.Contains(keys, key):
			return nil
		default:
			foreign.Keys = append(foreign.Keys, key)
		}
	}
	if len(foreign.Keys) > 0 || bad == nil {
		return &foreign
	}
	return bad
}

// SignImage returns a signed image: the one that m was read from, filled up with 0xFF
// to a sector, and the signature sector. A signature that is there already stays;
// three is the most there can be.
func SignImage(image []byte, m *Image, key *rsa.PrivateKey) ([]byte, error) {
	if int64(len(image)) < m.Size {
		return nil, fmt.Errorf("sign image: %d bytes of %d", len(image), m.Size)
	}
	s, err := m.sign(key)
	if err != nil {
		return nil, err
	}
	signed := slices.Clone(image[:m.Size])
	signed = append(signed, bytes.Repeat([]byte{0xFF}, int(m.sector()-m.Size))...)
	return append(signed, s.Marshal()...), nil
}

// sign returns the signatures of m with one more.
func (m *Image) sign(key *rsa.PrivateKey) (*Signature, error) {
	s := &Signature{}
	if m.Signature != nil {
		s.Blocks = slices.Clone(m.Signature.Blocks)
	}
	if len(s.Blocks) == maxBlocks {
		return nil, fmt.Errorf("sign image: there are %d signatures, and room for no more", maxBlocks)
	}
	added, err := Sign(key, m.Signed)
	if err != nil {
		return nil, err
	}
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if err := b.Verify(m.Signed); err != nil {
			return nil, fmt.Errorf("sign image: one that is there is bad: %w", err)
		}
		if b.Key.Equal(added.Key) {
			return nil, fmt.Errorf("sign image: key %s has signed it already", DigestKey(b.Key))
		}
	}
	s.Blocks = append(s.Blocks, added)
	return s, nil
}
