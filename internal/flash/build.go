package flash

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// A Build is an image to be made. The zero value makes the smallest that is legal.
type Build struct {
	Desc              // texts of up to 31 printable ASCII characters
	Time    time.Time // when it was compiled; zero: it does not say
	IDF     string
	Profile *Profile // nil: nothing goes wrong
	Size    int64    // at least that many bytes; what is missing is made up
}

// What is built is for the board of the real clock, and for the revisions that
// ESP-IDF 5.4 knows.
const (
	modeDIO    = 2
	speed80MHz = 0xF
	noWP       = 0xEE
	flashLog   = 3 // 8 MiB
	maxRev     = 99
	maxBlock   = 199
	pageLog    = 16

	descAddr = 0x3C000000 + headerSize + segmentSize
	codeAddr = 0x40374000 // the begin of IRAM is used as a cache
)

// endless is all that the chip does: "j .", and a byte to make it four.
var endless = []byte{0x06, 0xFF, 0xFF, 0x00}

// Marshal returns the image: as elf2image would have made it, such that a real chip
// starts it and Espressif's tools read it. The same build gives the same bytes; one
// that says something else has another ELF hash, and is made up of other bytes.
func (b Build) Marshal() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	h := b.head()
	parts := []part{{descAddr, h.desc()}, {codeAddr, endless}}
	if b.Profile != nil {
		data, err := b.Profile.marshal()
		if err != nil {
			return nil, fmt.Errorf("build image: %w", err)
		}
		parts = append(parts, part{0, data})
	}
	h.ELF = sha256.Sum256(h.marshal(parts)) // there is no ELF file
	parts[0].data = h.desc()
	return h.marshal(append(parts, filler(segmentsEnd(parts), b.Size, h.ELF)...)), nil
}

// maxBuild is what fits in the segments that are left for making up a size.
const maxBuild = (maxSegments - 3) * maxSegment

func (b Build) check() error {
	for _, f := range []struct{ name, text string }{{"version", b.Version}, {"project", b.Project}, {"ESP-IDF version", b.IDF}} {
		if err := checkText(f.text); err != nil {
			return fmt.Errorf("%s %q: %w", f.name, f.text, err)
		}
	}
	switch {
	case b.SecureVersion > MaxLevel:
		return fmt.Errorf("secure version %d: use one from 0 to %d", b.SecureVersion, MaxLevel)
	case b.Time.Year() < 0 || b.Time.Year() > 9999:
		return fmt.Errorf("year %d: use one of four digits", b.Time.Year())
	case b.Size < 0 || b.Size > maxBuild:
		return fmt.Errorf("size %d: use one from 0 to %d", b.Size, maxBuild)
	}
	return nil
}

// checkText checks that s can be a text of the descriptor.
func checkText(s string) error {
	const most = 31
	if len(s) > most {
		return fmt.Errorf("%d bytes, shorten it to %d", len(s), most)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return fmt.Errorf("byte %#02x, use printable ASCII", s[i])
		}
	}
	return nil
}

func (b Build) head() Head {
	h := Head{
		Mode: modeDIO, Speed: speed80MHz, FlashLog: flashLogFor(b.Size), Entry: codeAddr, WP: noWP,
		Chip: chipESP32S3, MaxRev: maxRev, Hashed: true,
		Desc: b.Desc, IDF: b.IDF, MaxBlock: maxBlock, PageLog: pageLog,
	}
	if !b.Time.IsZero() {
		h.Time, h.Date = b.Time.Format("15:04:05"), b.Time.Format("Jan _2 2006") // __TIME__ and __DATE__ of C
	}
	return h
}

// flashLogFor returns the smallest flash that has two slots for images of a size, as
// far as an ESP32-S3 knows one.
func flashLogFor(size int64) uint8 {
	const largest = 7 // 128 MiB
	n := uint8(flashLog)
	for n < largest && int64(1<<20)<<n < firstSlot+2*size {
		n++
	}
	return n
}

// firstSlot is where ota_0 lies at the earliest.
const firstSlot = 0x10000
