package flash_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A section is what a linker script of ESP-IDF makes one of: program bits at an
// address.
type section struct {
	name string
	addr uint32
	data []byte
}

// emXtensa is e_machine of an ESP32-S3's program.
const emXtensa = elf.Machine(0x5E)

// An elfFile is as little of an executable as esptool takes: sections, and a
// program header for each.
type elfFile struct {
	entry    uint32
	sections []section
}

// marshal writes the headers, the data, the names and the section headers.
func (e elfFile) marshal(t testing.TB) []byte {
	t.Helper()
	const headSize, progSize, sectionSize = 52, 32, 40
	n := len(e.sections)
	names := []byte("\x00.shstrtab\x00")
	heads := []elf.Section32{{}}
	var progs []elf.Prog32
	var data bytes.Buffer
	at := func() uint32 { return uint32(headSize + n*progSize + data.Len()) }
	for _, s := range e.sections {
		size := uint32(len(s.data))
		heads = append(heads, elf.Section32{Name: uint32(len(names)), Type: uint32(elf.SHT_PROGBITS), Flags: uint32(elf.SHF_ALLOC), Addr: s.addr, Off: at(), Size: size, Addralign: 4})
		progs = append(progs, elf.Prog32{Type: uint32(elf.PT_LOAD), Off: at(), Vaddr: s.addr, Paddr: s.addr, Filesz: size, Memsz: size, Align: 4})
		names = append(append(names, s.name...), 0)
		data.Write(s.data)
	}
	heads = append(heads, elf.Section32{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: at(), Size: uint32(len(names))})
	data.Write(names)
	head := elf.Header32{
		Ident: [elf.EI_NIDENT]byte{0x7F, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(emXtensa), Version: uint32(elf.EV_CURRENT), Entry: e.entry,
		Phoff: headSize, Shoff: at(), Ehsize: headSize, Phentsize: progSize, Phnum: uint16(n), Shentsize: sectionSize, Shnum: uint16(len(heads)), Shstrndx: uint16(n + 1),
	}
	var b bytes.Buffer
	for _, v := range []any{head, progs, data.Bytes(), heads} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// A descriptor is an esp_app_desc_t as the compiler leaves it: without the
// digest of the ELF file.
type descriptor struct {
	secure                            uint32
	version, project, time, date, idf string
	minBlock, maxBlock                uint16
	pageLog                           uint8
}

func (d descriptor) marshal() []byte {
	p := make([]byte, 256)
	binary.LittleEndian.PutUint32(p, 0xABCD5432)
	binary.LittleEndian.PutUint32(p[4:], d.secure)
	copy(p[16:48], d.version)
	copy(p[48:80], d.project)
	copy(p[80:96], d.time)
	copy(p[96:112], d.date)
	copy(p[112:144], d.idf)
	binary.LittleEndian.PutUint16(p[176:], d.minBlock)
	binary.LittleEndian.PutUint16(p[178:], d.maxBlock)
	p[180] = d.pageLog
	return p
}

// sized returns a section of n bytes that are the same in each run.
func sized(name string, addr uint32, n int) section {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(addr), byte(addr >> 8), byte(addr >> 16), byte(addr >> 24)}).Read(p)
	return section{name, addr, p}
}

// Where ESP-IDF places what.
const (
	atDesc   = 0x3C000020
	atROData = atDesc + 256
	atDRAM   = 0x3FC90000
	atIRAM   = 0x40374000
	atText   = 0x42010020
	atFast   = 0x600FE000
	atSlow   = 0x50000000
)

// TestELF has the standard library read what the reference images are made from.
func TestELF(t *testing.T) {
	want := []section{{".flash.appdesc", atDesc, descriptor{version: "1"}.marshal()}, sized(".iram0.text", atIRAM, 33)}
	f, err := elf.NewFile(bytes.NewReader(elfFile{atIRAM, want}.marshal(t)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Entry != atIRAM || len(f.Progs) != len(want) {
		t.Errorf("entry %#x, %d program headers", f.Entry, len(f.Progs))
	}
	for i, s := range want {
		got := f.Sections[i+1]
		if p, err := got.Data(); got.Name != s.name || got.Addr != uint64(s.addr) || !bytes.Equal(p, s.data) {
			t.Errorf("%v with %d bytes, %v", got.SectionHeader, len(p), err)
		}
	}
}
