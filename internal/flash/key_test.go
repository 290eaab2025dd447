package flash

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
)

// testKeys are two keys to sign with. They are made when a test first wants them, for
// none belongs into a repository.
var testKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		k, err := GenerateKey()
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

func der(t *testing.T, p []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inPEM(typ string, p []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: p}) }

func TestGenerateKey(t *testing.T) {
	k := testKeys()[0]
	if k.N.BitLen() != 3072 || k.E != 65537 || k.Validate() != nil {
		t.Errorf("%d bits, exponent %d, %v", k.N.BitLen(), k.E, k.Validate())
	}
	if k.Equal(testKeys()[1]) {
		t.Error("two keys are the same")
	}
}

func TestReadKey(t *testing.T) {
	k := testKeys()[0]
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	pkcs8 = inPEM("PRIVATE KEY", der(t, pkcs8, err))
	pkix, err := MarshalPublicKey(&k.PublicKey)
	pkix = der(t, pkix, err)
	for _, c := range []struct {
		name    string
		text    []byte
		begin   string
		private bool
	}{
		{"PKCS #1", MarshalPrivateKey(k), "-----BEGIN RSA PRIVATE KEY-----\n", true},
		{"PKCS #8", pkcs8, "-----BEGIN PRIVATE KEY-----\n", true},
		{"PKIX", pkix, "-----BEGIN PUBLIC KEY-----\n", false},
		{"public PKCS #1", inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.PublicKey)), "-----BEGIN RSA PUBLIC KEY-----\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.HasPrefix(string(c.text), c.begin) {
				t.Errorf("begins with %.40q, want %q", c.text, c.begin)
			}
			private, err := ReadPrivateKey(c.text)
			switch {
			case c.private && (err != nil || !private.Equal(k)):
				t.Errorf("private: %v", err)
			case !c.private && (private != nil || err == nil || !strings.Contains(err.Error(), "it is a public key")):
				t.Errorf("private: %v", err)
			}
			public, err := ReadPublicKey(append(c.text, "\r\n\n"...))
			if err != nil || !public.Equal(&k.PublicKey) {
				t.Errorf("public: %v", err)
			}
		})
	}
}

func TestReadKeyErrors(t *testing.T) {
	k := testKeys()[0]
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(curve)
	sec1 = der(t, sec1, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(curve)
	pkcs8 = der(t, pkcs8, err)
	pkix, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	pkix = der(t, pkix, err)
	text := MarshalPrivateKey(k)
	three := &rsa.PublicKey{N: k.N, E: 3}
	even := &rsa.PublicKey{N: new(big.Int).Sub(k.N, big.NewInt(1)), E: 65537}
	for _, c := range []struct {
		name string
		text []byte
		want string
	}{
		{"nothing", nil, "no PEM, want one with an RSA key of 3072 bits"},
		{"DER", x509.MarshalPKCS1PrivateKey(k), "no PEM"},
		{"cut off", text[:len(text)/2], "no PEM"},
		{"two keys", append(text, text...), "something follows the key"},
		{"2048 bits", MarshalPrivateKey(small), "RSA with 2048 bits, want 3072"},
		{"curve", inPEM("EC PRIVATE KEY", sec1), `PEM of type "EC PRIVATE KEY", want RSA with 3072 bits`},
		{"curve in PKCS #8", inPEM("PRIVATE KEY", pkcs8), "*ecdsa.PrivateKey, want RSA with 3072 bits"},
		{"public curve", inPEM("PUBLIC KEY", pkix), "*ecdsa.PublicKey, want RSA"},
		{"certificate", inPEM("CERTIFICATE", []byte{0x30, 0}), `PEM of type "CERTIFICATE"`},
		{"exponent 3", inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(three)), "exponent 3, want 65537"},
		{"even", inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(even)), "even modulus"},
		{"encrypted", inPEM("ENCRYPTED PRIVATE KEY", []byte{0x30, 0}), "it is encrypted"},
		{"encrypted as of old", []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n"), "it is encrypted"},
		{"junk", inPEM("RSA PRIVATE KEY", []byte{0x30, 0}), "asn1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			private, err := ReadPrivateKey(c.text)
			if private != nil || err == nil || !strings.HasPrefix(err.Error(), "read private key: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("private: %v, want %q", err, c.want)
			}
			public, err := ReadPublicKey(c.text)
			if public != nil || err == nil || !strings.HasPrefix(err.Error(), "read public key: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("public: %v, want %q", err, c.want)
			}
		})
	}
}

func TestKeyDigestText(t *testing.T) {
	want := KeyDigest{0: 0x01, 31: 0xFE}
	s := want.String()
	if s != "01"+strings.Repeat("00", 30)+"fe" {
		t.Error(s)
	}
	for _, s := range []string{s, strings.ToUpper(s)} {
		if got, err := ParseKeyDigest(s); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", s[2:], s + "00", s[1:], "g" + s[1:], " " + s, s + "\n"} {
		if got, err := ParseKeyDigest(s); err == nil || got != (KeyDigest{}) {
			t.Errorf("%q: %s, %v", s, got, err)
		}
	}
}
