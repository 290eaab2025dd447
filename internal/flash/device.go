package flash

import (
	"bytes"
	"fmt"
	"io"
)

// A Device is NOR flash. Erasing sets bits to one, a sector at a time;
// programming only clears them. What was programmed or erased is durable once
// Sync has returned nil; until then, a power cut may keep any part of it.
//
// A Device has one user at a time, but may be read by several.
type Device interface {
	io.ReaderAt
	// Program writes p at off. It fails, and writes nothing, if it would have to set
	// a bit, or reaches beyond the end.
	Program(p []byte, off int64) error
	// Erase fills n bytes at off with 0xFF. Both have to be multiples of the
	// sector's size.
	Erase(off, n int64) error
	Sync() error
	Geometry() Geometry
}

// Geometry is the shape of a device.
type Geometry struct {
	Size   int64 // bytes, a multiple of Sector
	Sector int64 // the smallest number of bytes that can be erased
}

// SectorSize is the sector of the flash chips that an ESP32-S3 runs from, in bytes.
const SectorSize = 4096

// A MisuseError says that a device was asked for what flash cannot do.
type MisuseError struct {
	Op  string // "program", "erase" or "read"
	Off int64
	Msg string
}

func (e *MisuseError) Error() string {
	return fmt.Sprintf("%s flash: offset %#x: %s", e.Op, e.Off, e.Msg)
}

// check asks whether n bytes at off are there, and can be erased if that is it.
func (g Geometry) check(op string, off, n int64) error {
	switch {
	case off < 0 || n < 0 || off > g.Size || n > g.Size-off:
		return &MisuseError{op, off, fmt.Sprintf("%d bytes there reach beyond the end at %#x", n, g.Size)}
	case op == "erase" && (off%g.Sector != 0 || n%g.Sector != 0):
		return &MisuseError{op, off, fmt.Sprintf("%d bytes there are not whole sectors of %d", n, g.Sector)}
	}
	return nil
}

// clears checks that new can be programmed over old at off.
func clears(old, new []byte, off int64) error {
	for i := range new {
		if new[i]&^old[i] != 0 {
			return &MisuseError{"program", off + int64(i), fmt.Sprintf("%#02x there cannot become %#02x without an erase", old[i], new[i])}
		}
	}
	return nil
}

// Region returns the n bytes at off of d as a device of their own. Both have to be
// multiples of the sector's size, and lie within d.
func Region(d Device, off, n int64) Device { return &region{d, off, n} }

type region struct {
	d      Device
	off, n int64
}

func (r *region) Geometry() Geometry { return Geometry{r.n, r.d.Geometry().Sector} }

func (r *region) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(r.d, r.off, r.n).ReadAt(p, off)
}

func (r *region) Program(p []byte, off int64) error {
	if err := r.Geometry().check("program", off, int64(len(p))); err != nil {
		return err
	}
	return r.d.Program(p, r.off+off)
}

func (r *region) Erase(off, n int64) error {
	if err := r.Geometry().check("erase", off, n); err != nil {
		return err
	}
	return r.d.Erase(r.off+off, n)
}

func (r *region) Sync() error { return r.d.Sync() }

// Replace makes p the content of the sector at off, durably, and reads it back.
// After a power cut in between the sector is the old one, blank, or a part of p.
func Replace(d Device, off int64, p []byte) error {
	if err := d.Erase(off, d.Geometry().Sector); err != nil {
		return err
	}
	return Put(d, off, p)
}

// Put programs p at off, durably, and reads it back.
func Put(d Device, off int64, p []byte) error {
	if err := d.Program(p, off); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	got := make([]byte, len(p))
	if _, err := d.ReadAt(got, off); err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(got, p) {
		return fmt.Errorf("flash: offset %#x: what is read back is not what was written", off)
	}
	return nil
}
