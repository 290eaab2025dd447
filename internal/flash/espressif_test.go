package flash_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/flash"
	"wordclockd/internal/proof"
)

// An espressif runs esptool and espsecure in a directory of the test's own. Both are
// in $WORDCLOCKD_ESPTOOL.
type espressif struct {
	dir string
	in  *json.Encoder
	out *json.Decoder
}

func newEspressif(t *testing.T) *espressif {
	t.Helper()
	lib := filepath.Join(os.Getenv("WORDCLOCKD_ESPTOOL"), "lib")
	if _, err := os.Stat(filepath.Join(lib, "esptool")); err != nil {
		proof.Missing(t, fmt.Sprintf("no esptool: WORDCLOCKD_ESPTOOL=%q, %v; .ci/esptool gets it", os.Getenv("WORDCLOCKD_ESPTOOL"), err))
	}
	script, err := filepath.Abs("testdata/espressif.py")
	if err != nil {
		t.Fatal(err)
	}
	e := &espressif{dir: t.TempDir()}
	cmd := exec.Command("/usr/bin/python3", script)
	cmd.Dir, cmd.Stderr = e.dir, t.Output()
	cmd.Env = append(os.Environ(), "PYTHONPATH="+lib)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	})
	e.in, e.out = json.NewEncoder(in), json.NewDecoder(out)
	return e
}

func (e *espressif) write(t *testing.T, name string, p []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), p, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (e *espressif) read(t *testing.T, name string) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run returns what a tool says. Its error is that the tool refused; one that it did
// not foresee ends the test.
func (e *espressif) run(t *testing.T, tool string, args ...string) (string, error) {
	t.Helper()
	var answer struct{ Said, Refused string }
	if err := e.in.Encode(append([]string{tool}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := e.out.Decode(&answer); err != nil {
		t.Fatalf("%s %q: %v", tool, args, err)
	}
	if answer.Refused != "" {
		return answer.Said, fmt.Errorf("%s %q: %s", tool, args, answer.Refused)
	}
	return answer.Said, nil
}

func (e *espressif) must(t *testing.T, tool string, args ...string) string {
	t.Helper()
	out, err := e.run(t, tool, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// info is what image_info says of an image, by its own names, and of each segment
// under its number.
func (e *espressif) info(t *testing.T, name string) map[string]string {
	t.Helper()
	out := strings.ReplaceAll(e.must(t, "esptool", "--chip", "esp32s3", "image_info", "--version", "2", name), "\x00", "")
	said := map[string]string{}
	for line := range strings.Lines(out) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			said[key] = value
		} else if f := strings.Fields(line); len(f) > 3 && strings.HasPrefix(f[1], "0x") {
			said[f[0]] = strings.Join(f[1:], " ")
		}
	}
	return said
}

// memory is how esptool calls the kinds of memory.
var memory = map[flash.Class]string{
	flash.DROM:    "DROM",
	flash.IROM:    "IROM",
	flash.IRAM:    "MEM_INTERNAL, IRAM",
	flash.DRAM:    "BYTE_ACCESSIBLE, MEM_INTERNAL, DRAM",
	flash.RTCFast: "RTC_DRAM, RTC_IRAM",
	flash.RTCSlow: "RTC_DATA",
	flash.Padding: "PADDING",
}

// infoOf is what image_info would say of m, a file of size bytes.
func infoOf(m *flash.Image, size int) map[string]string {
	modes := []string{"QIO", "QOUT", "DIO", "DOUT"}
	speeds := map[uint8]string{0: "40m", 1: "26m", 2: "20m", 15: "80m"}
	said := map[string]string{
		"File size":                 fmt.Sprintf("%d (bytes)", size),
		"Image version":             "1",
		"Entry point":               fmt.Sprintf("%#x", m.Entry),
		"Segments":                  fmt.Sprint(len(m.Segments)),
		"Flash size":                fmt.Sprintf("%dMB", 1<<m.FlashLog),
		"Flash freq":                speeds[m.Speed],
		"Flash mode":                modes[m.Mode],
		"WP pin":                    "0xee (disabled)",
		"Flash pins drive settings": "clk_drv: 0x0, q_drv: 0x0, d_drv: 0x0, cs0_drv: 0x0, hd_drv: 0x0, wp_drv: 0x0",
		"Chip ID":                   fmt.Sprintf("%d (ESP32-S3)", m.Chip),
		"Minimal chip revision":     fmt.Sprintf("v%d.%d, (legacy min_rev = %d)", m.MinRev/100, m.MinRev%100, m.MinRevOld),
		"Maximal chip revision":     fmt.Sprintf("v%d.%d", m.MaxRev/100, m.MaxRev%100),
		"Checksum":                  fmt.Sprintf("%#x (valid)", m.Checksum),
		"Validation hash":           fmt.Sprintf("%x (valid)", m.Digest),
		"Project name":              m.Project,
		"App version":               m.Version,
		"Compile time":              m.Date + " " + m.Time,
		"ELF file SHA256":           fmt.Sprintf("%x", m.ELF),
		"ESP-IDF":                   m.IDF,
		"Secure version":            fmt.Sprint(m.SecureVersion),
	}
	for i, s := range m.Segments {
		said[fmt.Sprint(i+1)] = fmt.Sprintf("0x%05x 0x%08x 0x%08x %s", s.Len, s.Addr, s.Off-8, memory[s.Class()])
	}
	return said
}

// written puts together again what m says of an image, with the data of the segments
// from p.
func written(m *flash.Image, p []byte) []byte {
	w := []byte{0xE9, byte(m.SegmentCount), m.Mode, m.FlashLog<<4 | m.Speed}
	w = binary.LittleEndian.AppendUint32(w, m.Entry)
	w = append(append(w, m.WP), m.Drive[:]...)
	w = binary.LittleEndian.AppendUint16(w, m.Chip)
	w = append(w, m.MinRevOld)
	w = binary.LittleEndian.AppendUint16(w, m.MinRev)
	w = binary.LittleEndian.AppendUint16(w, m.MaxRev)
	w = append(append(w, m.Reserved[:]...), 1)
	for _, s := range m.Segments {
		w = binary.LittleEndian.AppendUint32(w, s.Addr)
		w = binary.LittleEndian.AppendUint32(w, uint32(s.Len))
		w = append(w, p[s.Off:s.Off+s.Len]...)
	}
	for len(w)%16 != 15 {
		w = append(w, 0)
	}
	return append(append(w, m.Checksum), m.Digest[:]...)
}

// readImage also wants what it says of the image to be all that there is.
func readImage(t *testing.T, p []byte) *flash.Image {
	t.Helper()
	m, err := flash.ReadImage(bytes.NewReader(p), int64(len(p)))
	if err != nil {
		t.Fatal(err)
	}
	if w := written(m, p); m.Size != int64(len(w)) || !bytes.Equal(w, p[:m.Size]) {
		t.Errorf("written again, the image has %d bytes, want the %d that were read", len(w), m.Size)
	}
	return m
}

// TestBuildInfo has esptool say what is in images of ours.
func TestBuildInfo(t *testing.T) {
	e := newEspressif(t)
	at := time.Date(2025, 11, 5, 11, 35, 41, 0, time.UTC)
	all := &flash.Profile{}
	for _, s := range []string{"crash@5s", "hang@10s", "wedge@1m30s", "no-mqtt", "no-rtc@1h", "no-leds", "bad-memory"} {
		f, err := flash.ParseFault(s)
		if err != nil {
			t.Fatal(err)
		}
		all.Faults = append(all.Faults, f)
	}
	desc := flash.Desc{Version: "2.12.0", Project: "wordclock"}
	for _, c := range []struct {
		name  string
		build flash.Build
	}{
		{"small", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2"}},
		{"as little as can be said", flash.Build{Desc: flash.Desc{Version: "0", Project: "p"}, Time: at, IDF: "v1"}},
		{"longest texts", flash.Build{Desc: flash.Desc{Version: "v2.12.0-rc.1-14-gabcdef0-dirty+", Project: strings.Repeat("p", 31)}, Time: at, IDF: strings.Repeat("i", 31)}},
		{"secure version 1", flash.Build{Desc: flash.Desc{Version: "2.12.0", Project: "wordclock", SecureVersion: 1}, Time: at, IDF: "v5.4.2"}},
		{"secure version 16", flash.Build{Desc: flash.Desc{Version: "2.12.0", Project: "wordclock", SecureVersion: 16}, Time: at, IDF: "v5.4.2"}},
		{"day of two digits", flash.Build{Desc: desc, Time: time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), IDF: "v5.4.2"}},
		{"a fault", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Profile: &flash.Profile{Faults: all.Faults[:1]}}},
		{"all faults", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Profile: all}},
		{"70 kB", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 70_000}},
		{"one byte more than a page", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 64<<10 + 1}},
		{"two pages", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 128 << 10}},
		{"1.3 MB", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 1_339_312}},
		{"1.3 MB and all faults", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 1_339_313, Profile: all}},
		{"the whole slot but a signature", flash.Build{Desc: desc, Time: at, IDF: "v5.4.2", Size: 0x280000 - flash.SectorSize}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := c.build.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			e.write(t, "image", p)
			m := readImage(t, p)
			said := e.info(t, "image")
			if d := cmp.Diff(infoOf(m, len(p)), said); d != "" {
				t.Errorf("-ours +esptool\n%s", d)
			}
			asked := map[string]string{
				"Project name":   c.build.Project,
				"App version":    c.build.Version,
				"Compile time":   c.build.Time.Format("Jan _2 2006 15:04:05"),
				"ESP-IDF":        c.build.IDF,
				"Secure version": fmt.Sprint(c.build.SecureVersion),
			}
			for key, want := range asked {
				if said[key] != want {
					t.Errorf("%s: %q, want %q", key, said[key], want)
				}
			}
			if int64(len(p)) < c.build.Size || m.End != int64(len(p)) {
				t.Errorf("%d bytes, %d of the image, want %d at least", len(p), m.End, c.build.Size)
			}
			profile, err := m.Profile(bytes.NewReader(p))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.build.Profile, profile); d != "" {
				t.Errorf("profile: -want +got\n%s", d)
			}
		})
	}
}

// TestELF2Image has us say what is in images of esptool.
func TestELF2Image(t *testing.T) {
	e := newEspressif(t)
	published := descriptor{version: "2.11.3", project: "wordclock", time: "11:35:41", date: "Nov 15 2025", idf: "v5.4.2", maxBlock: 199, pageLog: 16}
	desc := section{".flash.appdesc", atDesc, published.marshal()}
	described := func(edit func(*descriptor)) section {
		d := published
		edit(&d)
		return section{".flash.appdesc", atDesc, d.marshal()}
	}
	code := []section{sized(".iram0.text", atIRAM, 512), sized(".flash.text", atText, 1024)}
	with := func(first section, more ...section) []section {
		return append(append([]section{first}, more...), code...)
	}
	for _, c := range []struct {
		name     string
		sections []section
		args     string
	}{
		{"smallest", []section{desc, sized(".iram0.text", atIRAM, 4)}, ""},
		{"mapped only", []section{desc}, ""},
		{"as published", []section{
			desc, sized(".flash.rodata", atROData, 323_440-256), sized(".dram0.data", atDRAM, 20_336), sized(".iram0.text", atIRAM, 100_480),
			sized(".flash.text", 0x42060020, 894_908), sized(".rtc.text", atFast, 28),
		}, "--flash_mode dio --flash_freq 80m --flash_size 8MB --min-rev-full 0 --max-rev-full 99"},
		{"odd sizes", []section{
			desc, sized(".flash.rodata", atROData, 1), sized(".dram0.data", atDRAM, 3), sized(".iram0.text", atIRAM, 5),
			sized(".flash.text", atText, 7), sized(".rtc.text", atFast, 9), sized(".rtc.data", atSlow, 11),
		}, ""},
		{"just before a page", with(desc, sized(".flash.rodata", atROData, 64<<10-32-256-8-4)), ""},
		{"to a page", with(desc, sized(".flash.rodata", atROData, 64<<10-32-256)), ""},
		{"just past a page", with(desc, sized(".flash.rodata", atROData, 64<<10-32-256+4)), ""},
		{"many pages", []section{desc, sized(".flash.rodata", atROData, 200_001), sized(".iram0.text", atIRAM, 2), sized(".flash.text", 0x42040020, 333_333)}, ""},
		{"RAM enough to fill a page and more", with(desc, sized(".dram0.data", atDRAM, 150_000)), ""},
		{"nothing to fill a page with", []section{desc, sized(".flash.text", atText, 100)}, ""},
		{"two mapped for data", []section{desc, sized(".flash.rodata", 0x3C050020, 300), sized(".flash.text", 0x42060020, 5)}, ""},
		{"a hole in RAM", with(desc, sized(".dram0.data", atDRAM, 40), sized(".dram0.more", atDRAM+0x1000, 41)), ""},
		{"all the RAM that can be named", with(desc, sized(".dram0.data", 0x3FC88000, 8), sized(".dram0.end", 0x3FCFFFF8, 8), sized(".iram0.vectors", 0x40370000, 8), sized(".iram0.end", 0x403DFFF8, 8)), ""},
		{"16 segments", append([]section{desc}, scattered(15)...), ""},
		{"padded for a signature", with(desc), "--secure-pad-v2"},
		{"padded for a signature, by nothing", []section{desc, sized(".iram0.text", atIRAM, 64<<10-32-256-8-8-16-32)}, "--secure-pad-v2"},
		{"padded for a signature, by a page less a word", []section{desc, sized(".iram0.text", atIRAM, 64<<10-32-256-8-8-16-32+16)}, "--secure-pad-v2"},
		{"padded to 1 MB", with(desc), "--pad-to-size 1MB"},
		{"padded to 8 MB", with(desc, sized(".flash.rodata", atROData, 99)), "--pad-to-size 8MB"},
		{"QIO 40 MHz 1 MB", with(desc), "--flash_mode qio --flash_freq 40m --flash_size 1MB"},
		{"QOUT 26 MHz 16 MB", with(desc), "--flash_mode qout --flash_freq 26m --flash_size 16MB"},
		{"DOUT 20 MHz 128 MB", with(desc), "--flash_mode dout --flash_freq 20m --flash_size 128MB"},
		{"revisions", with(desc), "--min-rev 1 --min-rev-full 2 --max-rev-full 299"},
		{"full texts", with(described(func(d *descriptor) {
			d.version, d.project, d.idf = strings.Repeat("v", 32), strings.Repeat("p", 32), strings.Repeat("i", 32)
			d.time, d.date = strings.Repeat("t", 16), strings.Repeat("d", 16)
		})), ""},
		{"no texts", with(described(func(d *descriptor) { *d = descriptor{} })), ""},
		{"secure version", with(described(func(d *descriptor) { d.secure, d.minBlock, d.maxBlock = 0xFFFFFFFF, 1, 65535 })), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := elfFile{atIRAM, c.sections}.marshal(t)
			e.write(t, "elf", file)
			e.must(t, "esptool", append(strings.Fields("--chip esp32s3 elf2image --elf-sha256-offset 0xb0 -o image "+c.args), "elf")...)
			p := e.read(t, "image")
			m := readImage(t, p)
			said := e.info(t, "image")
			want := infoOf(m, len(p))
			if c.name == "two mapped for data" { // image_info looks for the descriptor in the last of them
				for _, key := range []string{"Project name", "App version", "Compile time", "ELF file SHA256", "ESP-IDF", "Secure version"} {
					delete(want, key)
				}
			}
			if d := cmp.Diff(said, want); d != "" {
				t.Errorf("-esptool +ours\n%s", d)
			}
			if m.ELF != sha256.Sum256(file) {
				t.Errorf("ELF digest %x, want %x", m.ELF, sha256.Sum256(file))
			}
			for _, s := range c.sections {
				want := slices.Clone(s.data)
				if s.addr == atDesc {
					copy(want[144:], m.ELF[:])
				}
				if got := loaded(m, p, s.addr, len(want)); !bytes.Equal(got, want) {
					t.Errorf("%s: what is loaded to %#x is not its data", s.name, s.addr)
				}
			}
			if m.End != m.Size || m.Signature != nil {
				t.Errorf("of %d bytes, the image is %d and ends at %d; signature %v", len(p), m.Size, m.End, m.Signature)
			}
		})
	}
}

// scattered returns n sections that cannot be merged.
func scattered(n int) (s []section) {
	for i := range n {
		s = append(s, sized(fmt.Sprintf(".iram%d.text", i), atIRAM+uint32(i)*64, 4+i))
	}
	return s
}

// loaded returns what is at an address after the segments were loaded or mapped.
func loaded(m *flash.Image, p []byte, addr uint32, n int) []byte {
	got := make([]byte, 0, n)
	for len(got) < n {
		at := addr + uint32(len(got))
		found := false
		for _, s := range m.Segments {
			if at < s.Addr || int64(at-s.Addr) >= s.Len {
				continue
			}
			from := s.Off + int64(at-s.Addr)
			got = append(got, p[from:min(from+int64(n-len(got)), s.Off+s.Len)]...)
			found = true
			break
		}
		if !found {
			return nil
		}
	}
	return got
}

// TestELF2ImageRefused are images that esptool makes, but that are none for a clock.
func TestELF2ImageRefused(t *testing.T) {
	e := newEspressif(t)
	desc := section{".flash.appdesc", atDesc, descriptor{version: "1", pageLog: 16}.marshal()}
	text := sized(".flash.text", atText, 32)
	for _, c := range []struct {
		name     string
		sections []section
		args     string
		want     string
		off      int64
	}{
		{"for an ESP32-C3", []section{desc}, "--chip esp32c3 elf2image", "chip 5", 12},
		{"for an ESP32-S2", []section{desc}, "--chip esp32s2 elf2image", "chip 2", 12},
		{"for newer chips", []section{desc}, "--chip esp32s3 elf2image --min-rev-full 100", "from revision v1.0", 15},
		{"without a digest", []section{desc}, "--chip esp32s3 elf2image --dont-append-digest", "hash_appended is 0", 23},
		{"17 segments", append([]section{desc, text}, scattered(13)...), "--chip esp32s3 elf2image --secure-pad-v2", "17 segments", 1},
		{"without a descriptor", []section{sized(".flash.rodata", atDesc, 300)}, "--chip esp32s3 elf2image", "descriptor", 32},
		{"of a boot loader", []section{sized(".iram.text", 0x403C9700, 300)}, "--chip esp32s3 elf2image", "first segment", 24},
		{"for a place that is none", []section{desc, sized(".bad", 0x50002000, 4)}, "--chip esp32s3 elf2image", "0x50002000", 24 + 8 + 256},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.write(t, "elf", elfFile{atIRAM, c.sections}.marshal(t))
			e.must(t, "esptool", append(strings.Fields(c.args+" -o image"), "elf")...)
			p := e.read(t, "image")
			m, err := flash.ReadImage(bytes.NewReader(p), int64(len(p)))
			if m != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), fmt.Sprintf("offset %#x:", c.off)) {
				t.Errorf("%v, want an error with %q at %#x", err, c.want, c.off)
			}
		})
	}
}
