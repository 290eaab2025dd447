package flash

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// A State is what is known of the image that an entry of otadata selects:
// esp_ota_img_states_t.
type State uint32

const (
	New       State = 0 // to be tried at the next start
	Pending   State = 1 // being tried: PENDING_VERIFY
	Valid     State = 2
	Invalid   State = 3 // it called itself bad
	Aborted   State = 4 // it did not say in time that it is good
	Undefined State = 0xFFFFFFFF
)

var stateNames = map[State]string{
	New: "new", Pending: "pending", Valid: "valid", Invalid: "invalid", Aborted: "aborted", Undefined: "undefined",
}

func (s State) String() string {
	if name, ok := stateNames[s]; ok {
		return name
	}
	return fmt.Sprintf("State(%#x)", uint32(s))
}

// Bootable reports whether an entry in this state counts. A state that is none of
// the six does not: the checksum does not cover it.
func (s State) Bootable() bool { return s == New || s == Pending || s == Valid || s == Undefined }

// NoSeq is the sequence number of an erased entry.
const NoSeq = 0xFFFFFFFF

// SelectSize is how much of a sector of otadata is used, in bytes: an
// esp_ota_select_entry_t, and as many bytes behind it, which ESP-IDF never reads.
const SelectSize = 64

// A Select is an entry of otadata: esp_ota_select_entry_t, and the bytes after it.
// There is one at the begin of each of its two sectors.
type Select struct {
	Seq   uint32 // the slot is (Seq-1) modulo their number
	Label [20]byte
	State State
	CRC   uint32 // of Seq alone
	Spare [32]byte
}

// BlankSelect is an erased entry.
var BlankSelect = ReadSelect([SelectSize]byte(slices.Repeat([]byte{0xFF}, SelectSize)))

// NewSelect returns an entry that counts.
func NewSelect(seq uint32, state State) Select {
	s := BlankSelect
	s.Seq, s.State, s.CRC = seq, state, sumSeq(seq)
	return s
}

// ReadSelect reads an entry. Any bytes are one; whether it counts is another
// question.
func ReadSelect(p [SelectSize]byte) Select {
	return Select{
		Seq:   binary.LittleEndian.Uint32(p[0:]),
		Label: [20]byte(p[4:24]),
		State: State(binary.LittleEndian.Uint32(p[24:])),
		CRC:   binary.LittleEndian.Uint32(p[28:]),
		Spare: [32]byte(p[32:]),
	}
}

// Marshal is the inverse of [ReadSelect].
func (s Select) Marshal() (p [SelectSize]byte) {
	binary.LittleEndian.PutUint32(p[0:], s.Seq)
	copy(p[4:], s.Label[:])
	binary.LittleEndian.PutUint32(p[24:], uint32(s.State))
	binary.LittleEndian.PutUint32(p[28:], s.CRC)
	copy(p[32:], s.Spare[:])
	return p
}

// sumSeq is what ESP-IDF's esp_rom_crc32_le(UINT32_MAX, …) makes of a sequence
// number.
func sumSeq(seq uint32) uint32 {
	return crc32.Update(0xFFFFFFFF, crc32.IEEETable, binary.LittleEndian.AppendUint32(nil, seq))
}

// Sum reports whether the checksum is right.
func (s Select) Sum() bool { return s.CRC == sumSeq(s.Seq) }

// Sound reports whether the entry was written, and wholly, whatever it says.
func (s Select) Sound() bool { return s.Seq != NoSeq && s.Sum() }

// Counts reports whether the entry can select a slot: bootloader_common_ota_select_valid.
func (s Select) Counts() bool { return s.Sound() && s.State.Bootable() }

// Slot returns which of n slots the entry is about.
func (s Select) Slot(n int) int { return int((int64(s.Seq) - 1 + int64(n)) % int64(n)) }
