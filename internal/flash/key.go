package flash

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// What an ESP32-S3 can check a signature with.
const (
	keyBits  = 3072
	exponent = 65537
)

// A KeyDigest names the key that images are signed with: the SHA-256 of its modulus
// and what a signature block has beside it. It is what the fuses hold.
type KeyDigest [sha256.Size]byte

// String is in hexadecimal, as espsecure.py shows it without blanks.
func (k KeyDigest) String() string { return hex.EncodeToString(k[:]) }

// ParseKeyDigest is the inverse of [KeyDigest.String]. Capital letters do as well.
func ParseKeyDigest(s string) (KeyDigest, error) {
	p, err := hex.DecodeString(s)
	if err != nil || len(p) != sha256.Size {
		return KeyDigest{}, fmt.Errorf("parse key digest %q: want %d hexadecimal digits", s, 2*sha256.Size)
	}
	return KeyDigest(p), nil
}

// DigestKey returns the digest of a key, which has 3072 bits.
func DigestKey(k *rsa.PublicKey) KeyDigest {
	return sha256.Sum256(appendKey(nil, k))
}

// GenerateKey makes a key to sign images with.
func GenerateKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) }

// checkKey wants a key of the kind that an ESP32-S3 can check signatures with.
func checkKey(k *rsa.PublicKey) error {
	switch {
	case k.N.BitLen() != keyBits:
		return fmt.Errorf("RSA with %d bits, want %d", k.N.BitLen(), keyBits)
	case k.E != exponent:
		return fmt.Errorf("RSA with exponent %d, want %d", k.E, exponent)
	case k.N.Bit(0) == 0:
		return errors.New("RSA with an even modulus")
	}
	return nil
}

// Types of PEM blocks.
const (
	pemPKCS1       = "RSA PRIVATE KEY"
	pemPKCS8       = "PRIVATE KEY"
	pemPublicPKCS1 = "RSA PUBLIC KEY"
	pemPublic      = "PUBLIC KEY"
)

// MarshalPrivateKey returns a key in PEM, as espsecure.py generates it: PKCS #1.
func MarshalPrivateKey(k *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemPKCS1, Bytes: x509.MarshalPKCS1PrivateKey(k)})
}

// MarshalPublicKey returns a key in PEM, as espsecure.py reads it: PKIX.
func MarshalPublicKey(k *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der}), nil
}

// ReadPrivateKey reads a key in PEM, PKCS #1 or #8. It takes those alone that can
// sign for an ESP32-S3.
func ReadPrivateKey(text []byte) (*rsa.PrivateKey, error) {
	k, err := readKey(text)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	private, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("read private key: it is a public key")
	}
	return private, nil
}

// ReadPublicKey reads a key in PEM, PKIX or PKCS #1, or takes it from a private key.
func ReadPublicKey(text []byte) (*rsa.PublicKey, error) {
	k, err := readKey(text)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if private, ok := k.(*rsa.PrivateKey); ok {
		return &private.PublicKey, nil
	}
	return k.(*rsa.PublicKey), nil
}

// readKey returns an *rsa.PrivateKey or an *rsa.PublicKey that [checkKey] takes.
func readKey(text []byte) (any, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("no PEM, want one with an RSA key of 3072 bits")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("something follows the key, want it alone")
	}
	k, err := parseKey(block)
	if err != nil {
		return nil, err
	}
	switch k := k.(type) {
	case *rsa.PrivateKey:
		return k, checkKey(&k.PublicKey)
	case *rsa.PublicKey:
		return k, checkKey(k)
	}
	return nil, fmt.Errorf("%T, want RSA with %d bits", k, keyBits)
}

func parseKey(b *pem.Block) (any, error) {
	if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "" {
		return nil, errors.New("it is encrypted, want it plain: openssl pkey -in FILE -out PLAIN")
	}
	switch b.Type {
	case pemPKCS1:
		return x509.ParsePKCS1PrivateKey(b.Bytes)
	case pemPKCS8:
		return x509.ParsePKCS8PrivateKey(b.Bytes)
	case pemPublicPKCS1:
		return x509.ParsePKCS1PublicKey(b.Bytes)
	case pemPublic:
		return x509.ParsePKIXPublicKey(b.Bytes)
	}
	return nil, fmt.Errorf("PEM of type %q, want RSA with %d bits", b.Type, keyBits)
}
