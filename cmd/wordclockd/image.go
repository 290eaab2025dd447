package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/flash"
)

func newImage() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Look at firmware images, make and sign them",
		Long: `Look at firmware images, make and sign them: files such as wordclock.bin, as
Espressif's tools make and read them.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newImageInfo(), newImageVerify(), newImageBuild(), newImageSign(), newImageKeygen(), newImageTrust())
	return cmd
}

// How much is read of a file, in bytes.
const (
	maxImage = 64<<20 + 2*flash.SectorSize // the largest slot, and a signature
	maxSmall = 1 << 20                     // a key, or a partition table
)

// readFile reads a file that has no more than most bytes.
func readFile(name string, most int64) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // a FIFO would be waited for
		return nil, fmt.Errorf("%s: want a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	large := codeError{exitUnhealthy, fmt.Errorf("%s: has more than %d bytes", name, most)}
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.Size() > most {
		return nil, large
	}
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		return nil, large
	}
	return content, err
}

// An imageFile is an image that verifies, from a file.
type imageFile struct {
	name string
	raw  []byte
	*flash.Image
}

// content is the image and its signature, without what the file is filled up with.
func (m *imageFile) content() []byte { return m.raw[:m.End] }

// readImage reads an image; one that does not verify is exit status 3.
func readImage(name string) (*imageFile, error) {
	raw, err := readFile(name, maxImage)
	if err != nil {
		return nil, err
	}
	return parseImage(name, raw)
}

func parseImage(name string, raw []byte) (*imageFile, error) {
	m, err := flash.ReadImage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, codeError{exitUnhealthy, fmt.Errorf("%s: %w", name, err)}
	}
	return &imageFile{name, raw, m}, nil
}

// nameOfImage is what an image calls itself.
func nameOfImage(m *flash.Image) string {
	return flash.Printable(m.Version) + " " + flash.Printable(m.Project)
}

// A segmentRow is a segment as it is listed.
type segmentRow struct {
	Address uint32 `json:"address"`
	Offset  int64  `json:"offset"` // of its data, in the file
	Size    int64  `json:"size"`
	Class   string `json:"class"`
}

// An imageInfo is what "image info" prints.
type imageInfo struct {
	Version       string       `json:"version"`
	Project       string       `json:"project"`
	SecureVersion uint32       `json:"secure_version"`
	ChipID        uint16       `json:"chip_id"`
	Segments      []segmentRow `json:"segments"`
	Checksum      string       `json:"checksum"`
	Digest        string       `json:"digest"`
	FileSHA256    string       `json:"file_sha256"`
	Size          int64        `json:"size"` // of the file
	Signed        bool         `json:"signed"`
	ImageSize     int64        `json:"image_size"` // without signature, and what the file is filled up with
	Compiled      string       `json:"compiled"`
	IDF           string       `json:"esp_idf_version"`
	ELF           string       `json:"elf_sha256"`
	Entry         uint32       `json:"entry"`
	FlashMode     string       `json:"flash_mode"`
	FlashSpeed    string       `json:"flash_speed"`
	FlashSize     string       `json:"flash_size"`
	SignedBy      []string     `json:"signed_by"` // key digests
	Profile       []string     `json:"profile"`   // what it was made to do wrong
}

func newImageInfo() *cobra.Command {
	return &cobra.Command{
		Use:         "info FILE",
		Short:       "Say what is in an image",
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readImage(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			return printImage(cmd, m)
		},
	}
}

// printImage prints all that there is to say about an image.
func printImage(cmd *cobra.Command, m *imageFile) error {
	info, err := m.info()
	if err != nil {
		return codeError{exitUnhealthy, fmt.Errorf("%s: %s: %w", verb(cmd), m.name, err)}
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, info)
	}
	return table(cmd, func(w *tabwriter.Writer) { info.write(w) })
}

func (m *imageFile) info() (imageInfo, error) {
	sum := sha256.Sum256(m.raw)
	info := imageInfo{
		Version: flash.Printable(m.Version), Project: flash.Printable(m.Project), SecureVersion: m.SecureVersion, ChipID: m.Chip,
		Checksum: fmt.Sprintf("%02x", m.Checksum), Digest: hex.EncodeToString(m.Digest[:]), FileSHA256: hex.EncodeToString(sum[:]),
		Size: int64(len(m.raw)), ImageSize: m.Size, Signed: m.Signature != nil,
		Compiled: flash.Printable(strings.TrimSpace(m.Date + " " + m.Time)), IDF: flash.Printable(m.IDF), ELF: hex.EncodeToString(m.ELF[:]),
		Entry: m.Entry, FlashMode: nameIn(modes, m.Mode), FlashSpeed: nameIn(speeds, m.Speed), FlashSize: fmt.Sprintf("%dMB", 1<<m.FlashLog),
		Profile: []string{}, SignedBy: m.signedBy(),
	}
	for _, s := range m.Segments {
		info.Segments = append(info.Segments, segmentRow{s.Addr, s.Off, s.Len, s.Class().String()})
	}
	p, err := m.Profile(bytes.NewReader(m.raw))
	if p != nil {
		for _, f := range p.Faults {
			info.Profile = append(info.Profile, f.String())
		}
	}
	return info, err
}

// keys are those by which an image is signed, or says so.
func (m *imageFile) keys() (keys []flash.KeyDigest) {
	if m.Signature != nil {
		for _, b := range m.Signature.Blocks {
			keys = append(keys, flash.DigestKey(b.Key))
		}
	}
	return keys
}

// signedBy is the text of keys.
func (m *imageFile) signedBy() []string {
	by := []string{}
	for _, k := range m.keys() {
		by = append(by, k.String())
	}
	return by
}

// Names of esp_image_spi_mode_t and esp_image_spi_freq_t.
var (
	modes  = map[uint8]string{0: "QIO", 1: "QOUT", 2: "DIO", 3: "DOUT", 4: "FAST_READ", 5: "SLOW_READ"}
	speeds = map[uint8]string{0: "40m", 1: "26m", 2: "20m", 0xF: "80m"}
)

func nameIn(names map[uint8]string, n uint8) string {
	if name, ok := names[n]; ok {
		return name
	}
	return fmt.Sprintf("%#x", n)
}

func (i imageInfo) write(w *tabwriter.Writer) {
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("version", "%s", i.Version)
	row("project", "%s", i.Project)
	row("secure version", "%d", i.SecureVersion)
	row("compiled", "%s, with ESP-IDF %s", orUnknown(i.Compiled), orUnknown(i.IDF))
	row("chip", "%d, entry %#x, flash %s %s %s", i.ChipID, i.Entry, i.FlashMode, i.FlashSpeed, i.FlashSize)
	for n, s := range i.Segments {
		row(fmt.Sprintf("segment %d", n), "%#08x  %7d bytes at %#08x  %s", s.Address, s.Size, s.Offset, s.Class)
	}
	row("checksum", "%s", i.Checksum)
	row("size", "%d bytes", i.ImageSize)
	row("digest", "%s", i.Digest)
	row("ELF file", "%s", i.ELF)
	row("file", "%d bytes, SHA-256 %s", i.Size, i.FileSHA256)
	for _, k := range i.SignedBy {
		row("signed by", "%s", k)
	}
	if !i.Signed {
		row("signed by", "nobody")
	}
	for _, f := range i.Profile {
		row("made to go wrong", "%s", f)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
