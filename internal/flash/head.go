package flash

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// HeadSize is how much of an image [ReadHead] needs: esp_image_header_t, the
// header of the first segment, and the esp_app_desc_t that this begins with.
const HeadSize = headerSize + segmentSize + descSize

const (
	headerSize  = 24
	segmentSize = 8
	descSize    = 256
)

// What an application image for an ESP32-S3 has at certain places.
const (
	imageMagic  = 0xE9       // ESP_IMAGE_HEADER_MAGIC
	maxSegments = 16         // ESP_IMAGE_MAX_SEGMENTS
	chipESP32S3 = 9          // ESP_CHIP_ID_ESP32S3
	descMagic   = 0xABCD5432 // ESP_APP_DESC_MAGIC_WORD
	maxSegment  = 16 << 20   // length of one

	dromLow, dromHigh = 0x3C000000, 0x3E000000 // SOC_DROM_LOW, SOC_DROM_HIGH
)

// A Head is the beginning of an application image.
type Head struct {
	Segments int
	Entry    uint32 // address
	FlashLog uint8  // size of the flash it was built for: 1 MiB << FlashLog
	Chip     uint16 // esp_chip_id_t
	MinRev   uint16 // of the chip, major*100 + minor
	MaxRev   uint16 // 0 and 65535: any
	Digest   bool   // a SHA-256 is at its end

	Desc
	Time, Date string   // when esp_app_desc_t was compiled: "11:35:41", "Nov 15 2025"
	IDF        string   // version of ESP-IDF
	ELF        [32]byte // SHA-256 of the ELF file
	MinBlock   uint16   // of the eFuse block revision
	MaxBlock   uint16   // 0 and 65535: any
	PageLog    uint8    // size of a page of the MMU: 1 << PageLog; 0 is the default
}

// A FormatError says that an image is damaged or is none.
type FormatError struct {
	Off int64
	Msg string
}

func (e *FormatError) Error() string { return fmt.Sprintf("read image: offset %#x: %s", e.Off, e.Msg) }

// An UnsupportedError says that an image may be sound, but is not for an
// ESP32-S3.
type UnsupportedError struct {
	Off int64
	Msg string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("read image: offset %#x: %s", e.Off, e.Msg)
}

func corrupt(off int64, format string, args ...any) error {
	return &FormatError{off, fmt.Sprintf(format, args...)}
}

// ReadHead reads the first [HeadSize] bytes of an application image. Its texts
// are as they stand there and can hold any bytes. The error is a [FormatError]
// or an [UnsupportedError].
func ReadHead(p []byte) (Head, error) {
	if len(p) < HeadSize {
		return Head{}, corrupt(int64(len(p)), "ends within the first %d bytes", HeadSize)
	}
	h := readHeader(p)
	if err := h.check(p); err != nil {
		return Head{}, err
	}
	if err := checkFirstSegment(p); err != nil {
		return Head{}, err
	}
	h.readDesc(p[headerSize+segmentSize:])
	return h, nil
}

// readHeader reads an esp_image_header_t.
func readHeader(p []byte) Head {
	return Head{
		Segments: int(p[1]),
		FlashLog: p[3] >> 4,
		Entry:    binary.LittleEndian.Uint32(p[4:]),
		Chip:     binary.LittleEndian.Uint16(p[12:]),
		MinRev:   binary.LittleEndian.Uint16(p[15:]),
		MaxRev:   binary.LittleEndian.Uint16(p[17:]),
		Digest:   p[23] == 1,
	}
}

// check asks for the chip early: what follows depends on it.
func (h Head) check(p []byte) error {
	switch {
	case p[0] != imageMagic:
		return corrupt(0, "begins with %#02x, want %#02x: not an application image", p[0], imageMagic)
	case h.Chip != chipESP32S3:
		return &UnsupportedError{12, fmt.Sprintf("made for chip %d, want %d (ESP32-S3)", h.Chip, chipESP32S3)}
	case h.Segments == 0 || h.Segments > maxSegments:
		return corrupt(1, "%d segments, want 1 to %d", h.Segments, maxSegments)
	case p[23] > 1:
		return corrupt(23, "hash_appended is %d, want 0 or 1", p[23])
	}
	return nil
}

// checkFirstSegment checks that what begins after the header is mapped data
// with an application descriptor.
func checkFirstSegment(p []byte) error {
	addr := binary.LittleEndian.Uint32(p[headerSize:])
	size := binary.LittleEndian.Uint32(p[headerSize+4:])
	magic := binary.LittleEndian.Uint32(p[headerSize+segmentSize:])
	switch {
	case addr < dromLow || addr >= dromHigh:
		return corrupt(headerSize, "first segment is for address %#08x, want mapped data", addr)
	case size < descSize || size >= maxSegment || size%4 != 0:
		return corrupt(headerSize+4, "first segment has %d bytes, want a multiple of 4 from %d to %d", size, descSize, maxSegment-4)
	case magic != descMagic:
		return corrupt(headerSize+segmentSize, "application descriptor begins with %#08x, want %#08x", magic, uint32(descMagic))
	}
	return nil
}

// readDesc reads an esp_app_desc_t.
func (h *Head) readDesc(p []byte) {
	h.Desc = Desc{
		Version:       text(p[16:48]),
		Project:       text(p[48:80]),
		SecureVersion: binary.LittleEndian.Uint32(p[4:]),
	}
	h.Time, h.Date, h.IDF = text(p[80:96]), text(p[96:112]), text(p[112:144])
	h.ELF = [32]byte(p[144:176])
	h.MinBlock = binary.LittleEndian.Uint16(p[176:])
	h.MaxBlock = binary.LittleEndian.Uint16(p[178:])
	h.PageLog = p[180]
}

// text returns what a field holds, which it may fill without a NUL.
func text(p []byte) string {
	s, _, _ := bytes.Cut(p, []byte{0})
	return string(s)
}
