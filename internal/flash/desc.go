// Package flash holds what lies in the flash of an ESP32-S3, in its own formats:
// partition table, otadata, application images and their signatures. What the fuses
// of the chip say has its place here too.
package flash

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Desc says what an application image is. It holds the fields of ESP-IDF's
// esp_app_desc_t that a clock shows or decides by.
type Desc struct {
	Version       string // as git describe gives it
	Project       string
	SecureVersion uint32 // for anti-rollback
}

// An esp_app_desc_t. A text may fill its field without a NUL, and anything may stand
// behind one.
//
//	  0   4  magic
//	  4   4  secure_version
//	  8   8  reserved
//	 16  32  version
//	 48  32  project_name
//	 80  16  time
//	 96  16  date
//	112  32  idf_ver
//	144  32  SHA-256 of the ELF file
//	176   2  min_efuse_blk_rev_full
//	178   2  max_efuse_blk_rev_full
//	180   1  mmu_page_size
//	181  75  reserved
const (
	descSize  = 256
	descMagic = 0xABCD5432 // ESP_APP_DESC_MAGIC_WORD

	minBlockAt = 176
	maxBlockAt = 178
	pageLogAt  = 180
)

// readDesc reads an esp_app_desc_t.
func (h *Head) readDesc(p []byte) {
	h.Desc = Desc{
		Version:       text(p[16:48]),
		Project:       text(p[48:80]),
		SecureVersion: binary.LittleEndian.Uint32(p[4:]),
	}
	h.Time, h.Date, h.IDF = text(p[80:96]), text(p[96:112]), text(p[112:144])
	h.ELF = [32]byte(p[144:176])
	h.MinBlock = binary.LittleEndian.Uint16(p[minBlockAt:])
	h.MaxBlock = binary.LittleEndian.Uint16(p[maxBlockAt:])
	h.PageLog = p[pageLogAt]
}

// text returns what a field holds.
func text(p []byte) string {
	s, _, _ := bytes.Cut(p, []byte{0})
	return string(s)
}

// desc is the inverse of readDesc, for texts that leave room for a NUL.
func (h *Head) desc() []byte {
	p := make([]byte, descSize)
	binary.LittleEndian.PutUint32(p, descMagic)
	binary.LittleEndian.PutUint32(p[4:], h.SecureVersion)
	copy(p[16:48], h.Version)
	copy(p[48:80], h.Project)
	copy(p[80:96], h.Time)
	copy(p[96:112], h.Date)
	copy(p[112:144], h.IDF)
	copy(p[144:176], h.ELF[:])
	binary.LittleEndian.PutUint16(p[minBlockAt:], h.MinBlock)
	binary.LittleEndian.PutUint16(p[maxBlockAt:], h.MaxBlock)
	p[pageLogAt] = h.PageLog
	return p
}

// Printable returns a text that any terminal can show: what is not printable in s has
// become U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}
