package flash

import "fmt"

// A Segment is a part of an image that the boot loader treats alike.
type Segment struct {
	Addr     uint32 // that its data is made for
	Off, Len int64  // of the data, in the image
}

// A Class says what the boot loader of an ESP32-S3 does with a segment.
type Class uint8

const (
	Bad     Class = iota // no place for a segment
	DROM                 // data, read from the flash through the MMU
	IROM                 // code, likewise
	IRAM                 // loaded into RAM
	DRAM                 // likewise
	RTCFast              // loaded, and kept in deep sleep
	RTCSlow              // likewise
	Padding              // skipped
)

// classes is the one table of the names.
var classes = [...]string{
	Bad:     "BAD",
	DROM:    "DROM",
	IROM:    "IROM",
	IRAM:    "IRAM",
	DRAM:    "DRAM",
	RTCFast: "RTC_FAST",
	RTCSlow: "RTC_SLOW",
	Padding: "PADDING",
}

func (c Class) String() string {
	if int(c) >= len(classes) {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classes[c]
}

// mapped tells whether a segment stays in the flash.
func (c Class) mapped() bool { return c == DROM || c == IROM }

// ranges are the addresses of each class, from soc.h of ESP-IDF; those of Padding are
// what bootloader_utility.c reserves for what is not loaded.
var ranges = [...]struct{ low, end int64 }{
	DROM:    {0x3C000000, 0x3E000000},
	IROM:    {0x42000000, 0x44000000},
	IRAM:    {0x40370000, 0x403E0000},
	DRAM:    {0x3FC88000, 0x3FD00000},
	RTCFast: {0x600FE000, 0x60100000},
	RTCSlow: {0x50000000, 0x50002000},
	Padding: {0, 0x10000000},
}

// Class returns the class whose addresses hold all of s, [Bad] if there is none.
func (s Segment) Class() Class {
	addr := int64(s.Addr)
	for c, r := range ranges {
		if addr >= r.low && addr < r.end && s.Len <= r.end-addr {
			return Class(c)
		}
	}
	return Bad
}

const (
	maxSegments = 16       // ESP_IMAGE_MAX_SEGMENTS
	maxSegment  = 16 << 20 // a segment is shorter
	mmuPage     = 64 << 10
)

// check checks the n-th segment of an image, whose header precedes its data.
func (s Segment) check(n int) error {
	at, class := s.Off-segmentSize, s.Class()
	switch {
	case s.Len >= maxSegment || s.Len%4 != 0:
		return corrupt("image", at+4, "segment %d has %d bytes, want a multiple of 4 below %d", n, s.Len, maxSegment)
	case class == Bad:
		return corrupt("image", at, "segment %d is for address %#08x, where there is no room for its %d bytes", n, s.Addr, s.Len)
	case class.mapped() && (int64(s.Addr)-s.Off)%mmuPage != 0:
		return corrupt("image", at, "segment %d at %#x cannot be mapped to address %#08x: they have to agree modulo %#x", n, s.Off, s.Addr, mmuPage)
	}
	return nil
}
