package flash

import (
	"encoding/binary"
	"fmt"
)

// HeadSize is how much of an image [ReadHead] needs: esp_image_header_t, the
// header of the first segment, and the esp_app_desc_t that this begins with.
const HeadSize = headerSize + segmentSize + descSize

// A Head is the beginning of an application image. Its texts are as they stand
// there and can hold any bytes.
type Head struct {
	SegmentCount int
	Mode         uint8  // how the flash is read: esp_image_spi_mode_t
	Speed        uint8  // at which clock: esp_image_spi_freq_t
	FlashLog     uint8  // size of the flash it was built for: 1 MiB << FlashLog
	Entry        uint32 // address
	WP           uint8  // pin for write protection, 0xEE for none
	Drive        [3]byte
	Chip         uint16 // esp_chip_id_t
	MinRevOld    uint8  // no longer looked at
	MinRev       uint16 // of the chip, major*100 + minor
	MaxRev       uint16 // 0 and 65535: any
	Reserved     [4]byte
	Hashed       bool // a SHA-256 is at its end

	Desc
	Time, Date string   // when esp_app_desc_t was compiled: "11:35:41", "Nov 15 2025"
	IDF        string   // version of ESP-IDF
	ELF        [32]byte // SHA-256 of the ELF file
	MinBlock   uint16   // of the eFuse block revision
	MaxBlock   uint16   // 0 and 65535: any
	PageLog    uint8    // size of a page of the MMU: 1 << PageLog; 0 is the default
}

// An esp_image_header_t. Its checksum is that of the whole image.
//
//	 0   1  magic
//	 1   1  segment_count
//	 2   1  spi_mode
//	 3   1  spi_speed; above it, in four bits each, spi_size
//	 4   4  entry_addr
//	 8   1  wp_pin
//	 9   3  spi_pin_drv
//	12   2  chip_id
//	14   1  min_chip_rev
//	15   2  min_chip_rev_full
//	17   2  max_chip_rev_full
//	19   4  reserved
//	23   1  hash_appended
const (
	headerSize  = 24
	imageMagic  = 0xE9 // ESP_IMAGE_HEADER_MAGIC
	chipESP32S3 = 9    // ESP_CHIP_ID_ESP32S3

	countAt  = 1
	entryAt  = 4
	chipAt   = 12
	minRevAt = 15
	maxRevAt = 17
	hashedAt = 23
)

// segmentSize is that of an esp_image_segment_header_t: load_addr and data_len.
const segmentSize = 8

// ReadHead reads the first [HeadSize] bytes of an application image. The error is a
// [FormatError] or an [UnsupportedError].
func ReadHead(p []byte) (Head, error) {
	if len(p) < HeadSize {
		return Head{}, corrupt("image", int64(len(p)), "ends within the first %d bytes", HeadSize)
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
		SegmentCount: int(p[countAt]),
		Mode:         p[2],
		Speed:        p[3] & 0xF,
		FlashLog:     p[3] >> 4,
		Entry:        binary.LittleEndian.Uint32(p[entryAt:]),
		WP:           p[8],
		Drive:        [3]byte(p[9:]),
		Chip:         binary.LittleEndian.Uint16(p[chipAt:]),
		MinRevOld:    p[14],
		MinRev:       binary.LittleEndian.Uint16(p[minRevAt:]),
		MaxRev:       binary.LittleEndian.Uint16(p[maxRevAt:]),
		Reserved:     [4]byte(p[19:]),
		Hashed:       p[hashedAt] == 1,
	}
}

// appendHeader is the inverse of readHeader.
func (h *Head) appendHeader(p []byte) []byte {
	p = append(p, imageMagic, byte(h.SegmentCount), h.Mode, h.FlashLog<<4|h.Speed)
	p = binary.LittleEndian.AppendUint32(p, h.Entry)
	p = append(append(p, h.WP), h.Drive[:]...)
	p = binary.LittleEndian.AppendUint16(p, h.Chip)
	p = append(p, h.MinRevOld)
	p = binary.LittleEndian.AppendUint16(p, h.MinRev)
	p = binary.LittleEndian.AppendUint16(p, h.MaxRev)
	p = append(p, h.Reserved[:]...)
	if h.Hashed {
		return append(p, 1)
	}
	return append(p, 0)
}

// check asks for the chip early: what follows depends on it.
func (h *Head) check(p []byte) error {
	switch {
	case p[0] != imageMagic:
		return corrupt("image", 0, "begins with %#02x, want %#02x: not an application image", p[0], imageMagic)
	case h.Chip != chipESP32S3:
		return unsupported("image", chipAt, "made for chip %d, want %d (ESP32-S3)", h.Chip, chipESP32S3)
	case h.SegmentCount == 0 || h.SegmentCount > maxSegments:
		return corrupt("image", countAt, "%d segments, want 1 to %d", h.SegmentCount, maxSegments)
	case p[hashedAt] > 1:
		return corrupt("image", hashedAt, "hash_appended is %d, want 0 or 1", p[hashedAt])
	}
	return nil
}

// checkFirstSegment checks that what begins after the header is mapped data
// with an application descriptor.
func checkFirstSegment(p []byte) error {
	s := readSegment(p[headerSize:], headerSize)
	magic := binary.LittleEndian.Uint32(p[headerSize+segmentSize:])
	switch {
	case s.Len < descSize || s.Len >= maxSegment || s.Len%4 != 0:
		return corrupt("image", headerSize+4, "first segment has %d bytes, want a multiple of 4 from %d to %d", s.Len, descSize, maxSegment-4)
	case s.Class() != DROM:
		return corrupt("image", headerSize, "first segment is for address %#08x, want mapped data", s.Addr)
	case magic != descMagic:
		return corrupt("image", headerSize+segmentSize, "application descriptor begins with %#08x, want %#08x", magic, uint32(descMagic))
	}
	return nil
}

// readSegment reads the segment header at off.
func readSegment(p []byte, off int64) Segment {
	return Segment{
		Addr: binary.LittleEndian.Uint32(p),
		Off:  off + segmentSize,
		Len:  int64(binary.LittleEndian.Uint32(p[4:])),
	}
}

// The chip that is emulated, as major*100 + minor.
const (
	chipRev  = 2   // v0.2
	blockRev = 103 // v1.3, of the eFuse blocks
)

// fits checks that the image can run on the chip that is emulated, by what ESP-IDF's
// boot loader goes by.
func (h *Head) fits() error {
	const desc = headerSize + segmentSize
	switch {
	case h.MinRev > chipRev:
		return unsupported("image", minRevAt, "made for chips from revision %s, this is %s", rev(h.MinRev), rev(chipRev))
	case limited(h.MaxRev) && h.MaxRev < chipRev:
		return unsupported("image", maxRevAt, "made for chips up to revision %s, this is %s", rev(h.MaxRev), rev(chipRev))
	case h.MinBlock > blockRev:
		return unsupported("image", desc+minBlockAt, "made for eFuse blocks from revision %s, these are %s", rev(h.MinBlock), rev(blockRev))
	case limited(h.MaxBlock) && h.MaxBlock < blockRev:
		return unsupported("image", desc+maxBlockAt, "made for eFuse blocks up to revision %s, these are %s", rev(h.MaxBlock), rev(blockRev))
	case h.PageLog != 0 && h.PageLog != pageLog:
		return unsupported("image", desc+pageLogAt, "made for MMU pages of 2^%d bytes, want 2^%d", h.PageLog, pageLog)
	}
	return nil
}

// limited tells whether a highest revision is one.
func limited(rev uint16) bool { return rev != 0 && rev != 0xFFFF }

// A rev is a revision, major*100 + minor.
type rev uint16

func (r rev) String() string { return fmt.Sprintf("v%d.%d", r/100, r%100) }
