package flash

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// File is flash in a file, byte for byte as a flash chip would be read out. Whoever
// writes to it holds a lock on the file.
type File struct {
	f        *os.File
	g        Geometry
	readOnly bool
}

// OpenReadOnly is [OpenFile] for a file that is only to be looked at.
func OpenReadOnly(f *os.File) (*File, error) {
	d, err := OpenFile(f)
	if err != nil {
		return nil, err
	}
	d.readOnly = true
	return d, nil
}

// OpenFile returns the flash in f, which is as large as f is. It stays the
// caller's to close.
func OpenFile(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size == 0 || size%SectorSize != 0 {
		return nil, fmt.Errorf("open flash %s: %d bytes, want whole sectors of %d", f.Name(), size, SectorSize)
	}
	return &File{f: f, g: Geometry{size, SectorSize}}, nil
}

// Format makes all of f erased flash of size bytes, durably.
func Format(f *os.File, size int64) (*File, error) {
	if size <= 0 || size%SectorSize != 0 {
		return nil, fmt.Errorf("format flash %s: %d bytes, want whole sectors of %d", f.Name(), size, SectorSize)
	}
	if err := f.Truncate(size); err != nil {
		return nil, fmt.Errorf("format flash: %w", err)
	}
	d := &File{f: f, g: Geometry{size, SectorSize}}
	return d, errors.Join(d.Erase(0, size), d.Sync())
}

// Geometry implements Device.
func (d *File) Geometry() Geometry { return d.g }

// ReadAt implements Device.
func (d *File) ReadAt(p []byte, off int64) (int, error) { return d.f.ReadAt(p, off) }

func (d *File) check(op string, off, n int64) error {
	if d.readOnly {
		return &MisuseError{op, off, "it is open for reading"}
	}
	return d.g.check(op, off, n)
}

// chunk is how much is moved at once.
const chunk = 64 << 10

// Program implements Device.
func (d *File) Program(p []byte, off int64) error {
	if err := d.check("program", off, int64(len(p))); err != nil {
		return err
	}
	var buf [SectorSize]byte
	for i := 0; i < len(p); i += len(buf) {
		part := p[i:min(i+len(buf), len(p))]
		if _, err := d.f.ReadAt(buf[:len(part)], off+int64(i)); err != nil && err != io.EOF {
			return err
		}
		if err := clears(buf[:len(part)], part, off+int64(i)); err != nil {
			return err
		}
	}
	_, err := d.f.WriteAt(p, off)
	return err
}

var erased = bytes.Repeat([]byte{0xFF}, chunk)

// Erase implements Device.
func (d *File) Erase(off, n int64) error {
	if err := d.check("erase", off, n); err != nil {
		return err
	}
	for n > 0 {
		m := min(n, chunk)
		if _, err := d.f.WriteAt(erased[:m], off); err != nil {
			return err
		}
		off, n = off+m, n-m
	}
	return nil
}

// Sync implements Device.
func (d *File) Sync() error {
	if d.readOnly {
		return nil
	}
	return d.f.Sync()
}
