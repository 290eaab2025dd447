package flash

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// devices are all that there are of 4 sectors, erased.
var devices = map[string]func(t *testing.T) Device{
	"memory": func(*testing.T) Device { return NewMemory(Geometry{4 * SectorSize, SectorSize}) },
	"file":   func(t *testing.T) Device { return newFile(t, 4*SectorSize) },
	"region of memory": func(*testing.T) Device {
		return Region(NewMemory(Geometry{9 * SectorSize, SectorSize}), 2*SectorSize, 4*SectorSize)
	},
	"region of a region of a file": func(t *testing.T) Device {
		return Region(Region(newFile(t, 9*SectorSize), SectorSize, 6*SectorSize), SectorSize, 4*SectorSize)
	},
}

func newFile(t *testing.T, size int64) *File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "flash.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := Format(f, size)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// all reads a device from end to end.
func all(t *testing.T, d Device) []byte {
	t.Helper()
	p := make([]byte, d.Geometry().Size)
	if n, err := d.ReadAt(p, 0); n != len(p) || err != nil && err != io.EOF {
		t.Fatalf("read: %d, %v", n, err)
	}
	return p
}

// TestDevice: every device keeps its promise.
func TestDevice(t *testing.T) {
	const sector, size = SectorSize, 4 * SectorSize
	for name, open := range devices {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			if got, want := d.Geometry(), (Geometry{size, sector}); got != want {
				t.Fatalf("geometry %+v, want %+v", got, want)
			}
			want := bytes.Repeat([]byte{0xFF}, size)
			check := func(what string) {
				t.Helper()
				if got := all(t, d); !bytes.Equal(got, want) {
					t.Fatalf("%s: not what was written", what)
				}
			}
			check("erased")

			// Programs across a border, up to the end, over bits that are clear, of nothing.
			for _, p := range []struct {
				off  int64
				data []byte
			}{
				{sector - 3, []byte{1, 2, 3, 4, 5, 6}},
				{size - 2, []byte{0xF0, 0}},
				{size - 2, []byte{0x10, 0}},
				{size, nil},
				{0, bytes.Repeat([]byte{0x5A}, sector/2)},
			} {
				if err := d.Program(p.data, p.off); err != nil {
					t.Fatalf("program %#x: %v", p.off, err)
				}
				copy(want[p.off:], p.data)
				check("programmed")
			}

			// What is refused, whole, though only a part of it is wrong.
			var misuse *MisuseError
			for what, err := range map[string]error{
				"a bit set":             d.Program([]byte{1, 2, 0xFF}, sector-3),
				"a bit set at the end":  d.Program(append(bytes.Repeat([]byte{0}, sector), 0xFF), 2),
				"beyond the end":        d.Program([]byte{0, 0, 0}, size-2),
				"behind the end":        d.Program([]byte{0}, size+sector),
				"before the begin":      d.Program([]byte{0}, -1),
				"erase a byte":          d.Erase(0, 1),
				"erase from within":     d.Erase(16, sector),
				"erase beyond the end":  d.Erase(3*sector, 2*sector),
				"erase before":          d.Erase(-sector, sector),
				"erase backwards":       d.Erase(sector, -sector),
				"erase an immense part": d.Erase(sector, 1<<62),
			} {
				if !errors.As(err, &misuse) || misuse.Error() == "" {
					t.Errorf("%s: %v, want a *MisuseError", what, err)
				}
				check(what)
			}

			// An erase takes its sectors, and those alone.
			if err := d.Erase(sector, sector); err != nil {
				t.Fatal(err)
			}
			copy(want[sector:], bytes.Repeat([]byte{0xFF}, sector))
			check("one sector erased")
			if err := d.Program([]byte{7}, sector); err != nil {
				t.Errorf("program what was erased: %v", err)
			}
			if err := errors.Join(d.Erase(0, size), d.Erase(size, 0), d.Sync()); err != nil {
				t.Fatal(err)
			}
			copy(want, bytes.Repeat([]byte{0xFF}, size))
			check("all erased")

			readsAtTheEnd(t, d)
		})
	}
}

// readsAtTheEnd checks that d is an io.ReaderAt as the others are.
func readsAtTheEnd(t *testing.T, d Device) {
	t.Helper()
	size := d.Geometry().Size
	if err := d.Program([]byte{1, 2, 3}, size-3); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off  int64
		n    int
		want string
		eof  bool
	}{
		{size - 3, 3, "\x01\x02\x03", false},
		{size - 3, 4, "\x01\x02\x03", true},
		{size - 1, 9, "\x03", true},
		{size, 1, "", true},
		{size + 5, 1, "", true},
	} {
		p := make([]byte, c.n)
		n, err := d.ReadAt(p, c.off)
		if string(p[:n]) != c.want || c.eof && err != io.EOF || !c.eof && err != nil && err != io.EOF {
			t.Errorf("read %d at %d: %q, %v, want %q", c.n, c.off-size, p[:n], err, c.want)
		}
	}
	if n, err := d.ReadAt(make([]byte, 1), -1); n != 0 || err == nil {
		t.Errorf("read before the begin: %d, %v", n, err)
	}
}

// TestRegionStays: a region reaches nothing around it.
func TestRegionStays(t *testing.T) {
	d := NewMemory(Geometry{6 * SectorSize, SectorSize})
	if err := d.Program(bytes.Repeat([]byte{0x33}, 6*SectorSize), 0); err != nil {
		t.Fatal(err)
	}
	r := Region(d, 2*SectorSize, 2*SectorSize)
	if err := r.Erase(0, 2*SectorSize); err != nil {
		t.Fatal(err)
	}
	if r.Erase(2*SectorSize, SectorSize) == nil || r.Program([]byte{0}, 2*SectorSize) == nil {
		t.Error("a region reaches behind its end")
	}
	got := all(t, d)
	for i, b := range got {
		if within := i >= 2*SectorSize && i < 4*SectorSize; within != (b == 0xFF) {
			t.Fatalf("byte %#x is %#02x", i, b)
		}
	}
}

// TestMemoryIsSparse: two slots of 64 MiB take what is written of them.
func TestMemoryIsSparse(t *testing.T) {
	d := NewMemory(Geometry{130 << 20, SectorSize})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, off := range []int64{0, 1 << 20, 65 << 20, 130<<20 - SectorSize} {
		if err := d.Program([]byte{1}, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Erase(0, 128<<20); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("took %d bytes", took)
	}
	if n := len(d.sectors); n != 1 {
		t.Errorf("%d sectors are kept, want 1", n)
	}
}

// TestPut: what was put is there; what a device did not take, or does not give back,
// is an error.
func TestPut(t *testing.T) {
	errIO := errors.New("io")
	for _, c := range []struct {
		name string
		d    func(Device) Device
		want error // nil: any
		ok   bool
	}{
		{name: "sound", d: func(d Device) Device { return d }, ok: true},
		{name: "cannot be synced", d: func(d Device) Device { return &failing{Device: d, sync: errIO} }, want: errIO},
		{name: "cannot be programmed", d: func(d Device) Device { return &failing{Device: d, program: errIO} }, want: errIO},
		{name: "cannot be erased", d: func(d Device) Device { return &failing{Device: d, erase: errIO} }, want: errIO},
		{name: "cannot be read", d: func(d Device) Device { return &failing{Device: d, read: errIO} }, want: errIO},
		{name: "forgets", d: func(d Device) Device { return &failing{Device: d, forgets: true} }},
	} {
		d := c.d(NewMemory(Geometry{2 * SectorSize, SectorSize}))
		err := Replace(d, SectorSize, []byte("text"))
		if c.ok != (err == nil) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.ok {
			got := all(t, d)
			if string(got[SectorSize:SectorSize+4]) != "text" {
				t.Errorf("%s: %q is there", c.name, got[SectorSize:SectorSize+4])
			}
			if err := Replace(d, SectorSize, []byte("other")); err != nil {
				t.Errorf("%s: again: %v", c.name, err)
			}
		}
	}
}

// failing is a device that fails.
type failing struct {
	Device
	read, program, erase, sync error
	forgets                    bool
}

func (b *failing) ReadAt(p []byte, off int64) (int, error) {
	if b.read != nil {
		return 0, b.read
	}
	return b.Device.ReadAt(p, off)
}

func (b *failing) Program(p []byte, off int64) error {
	if b.forgets {
		return nil
	}
	return errors.Join(b.program, b.Device.Program(p, off))
}
func (b *failing) Erase(off, n int64) error { return errors.Join(b.erase, b.Device.Erase(off, n)) }
func (b *failing) Sync() error              { return b.sync }

// TestOpenFile: a file is opened as it is, if it can be flash.
func TestOpenFile(t *testing.T) {
	d := newFile(t, 2*SectorSize)
	if err := d.Program([]byte{1, 2}, 5); err != nil {
		t.Fatal(err)
	}
	again, err := OpenFile(d.f)
	if err != nil || again.Geometry() != d.Geometry() || !bytes.Equal(all(t, again), all(t, d)) {
		t.Errorf("%+v, %v", again, err)
	}
	for _, size := range []int64{0, 1, SectorSize + 1} {
		f, err := os.Create(filepath.Join(t.TempDir(), "odd"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(f); err == nil {
			t.Errorf("%d bytes were opened", size)
		}
		if _, err := Format(f, size); err == nil {
			t.Errorf("%d bytes were formatted", size)
		}
	}
}

// TestReadOnly: a file that is only looked at stays byte for byte.
func TestReadOnly(t *testing.T) {
	d := newFile(t, 2*SectorSize)
	if err := d.Program([]byte{1}, 0); err != nil {
		t.Fatal(err)
	}
	before := all(t, d)
	r, err := OpenReadOnly(d.f)
	if err != nil {
		t.Fatal(err)
	}
	var misuse *MisuseError
	for _, err := range []error{r.Program([]byte{0}, 0), r.Erase(0, SectorSize)} {
		if !errors.As(err, &misuse) {
			t.Errorf("%v, want a *MisuseError", err)
		}
	}
	if err := r.Sync(); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(all(t, r), before) {
		t.Error("it changed")
	}
}

// TestFormat: what was in a file is gone, and it has the size asked for.
func TestFormat(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "flash.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{SectorSize, 40 * SectorSize} { // shorter, longer than a chunk
		d, err := Format(f, size)
		if err != nil {
			t.Fatal(err)
		}
		if got := all(t, d); int64(len(got)) != size || bytes.Count(got, []byte{0xFF}) != len(got) {
			t.Errorf("%d bytes, not all erased", len(got))
		}
	}
}
