package firmware

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
	"wordclockd/internal/release"
)

// A parcel is an image, and what a source says of it.
type parcel struct {
	manifest ota.Manifest
	image    []byte
	pieces   []byte // nil is none
	digest   [32]byte
	desc     flash.Desc
	kind     string
	sound    bool // nothing is wrong with it, though a clock may have reasons not to take it
}

// kinds are those of parcels, and how often they come.
var kinds = map[string]int{
	"newer": 8, "bare": 2, "older": 2, "same": 2, "lying": 2, "rising": 2, "sinking": 2,
	"crash@2s": 2, "hang@2s": 1, "bad-memory": 1, "no-rtc": 1,
	"chip": 1, "project": 1, "unsigned": 1, "torn": 1,
}

// signer is the key of the publisher. Keys are dear.
var signer = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		panic(err)
	}
	return k
})

// pack makes a parcel of a kind: number tells versions apart, secure is the lowest
// secure version that may run, and signed tells whether images are to be.
func pack(t testing.TB, kind string, number int, size int64, secure uint32, signed bool) *parcel {
	t.Helper()
	b := flash.Build{
		Desc: flash.Desc{Version: fmt.Sprintf("2.%d.0", number), Project: "wordclock", SecureVersion: secure},
		IDF:  fmt.Sprintf("v5.%d", number), Size: size, // which makes another image of one that says the same
	}
	says := b.Version
	switch kind {
	case "older":
		b.Version = fmt.Sprintf("1.%d.0", number)
		says = b.Version
	case "same":
		b.Version = fmt.Sprintf("2.%d.0", number-1)
		says = b.Version
	case "lying":
		b.Version = fmt.Sprintf("2.%d.0", max(1, number-1-int(size%2)))
	case "rising":
		b.SecureVersion = min(secure+1, 5)
	case "sinking":
		b.SecureVersion = max(secure, 1) - 1
	case "project":
		b.Project = "sundial"
	default:
		if f, err := flash.ParseFault(kind); err == nil {
			b.Profile = &flash.Profile{Faults: []flash.Fault{f}}
		}
	}
	image, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return wrap(t, kind, b, says, image, signed)
}

// wrap signs an image, spoils it if its kind is such, and describes it.
func wrap(t testing.TB, kind string, b flash.Build, says string, image []byte, signed bool) *parcel {
	t.Helper()
	if signed && kind != "unsigned" {
		m, err := flash.ReadImage(bytes.NewReader(image), int64(len(image)))
		if err == nil {
			image, err = flash.SignImage(image, m, signer())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := &parcel{image: image, kind: kind, desc: b.Desc, sound: kind != "chip" && kind != "project" && kind != "torn" && b.Profile == nil}
	m, err := flash.ReadImage(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	p.digest = m.Digest
	r, err := release.New(bytes.NewReader(image), int64(len(image)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p.manifest = r.Manifest
	switch p.pieces = r.Pieces; kind {
	case "chip":
		binary.LittleEndian.PutUint16(p.image[12:], 5) // an ESP32-C3
	case "torn":
		p.image[len(p.image)/2] ^= 1
	}
	p.manifest.Version = says
	if sum := hashOf(p.image); sum != p.manifest.SHA256 || kind == "bare" {
		p.manifest.SHA256, p.manifest.PiecesSHA256, p.pieces = sum, "", nil
	}
	return p
}

func hashOf(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}
