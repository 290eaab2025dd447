// Package flashtest cuts the power of flash: it keeps what devices went through, and
// yields all that can be found on them after a cut. It is for tests only.
//
// # Model
//
// What was there at the last Sync is durable. Since then, of each [HostSector] bytes
// any state can be found that they had: as they were at the Sync, after each erase
// and each programming, and after each byte of those. They are independent of each
// other: a later change may be found where an earlier one is not.
package flashtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"wordclockd/internal/flash"
)

// HostSector is how many bytes a host writes at once, or not at all unless the power
// fails meanwhile.
const HostSector = 64

// A Piece is what one host sector holds.
type Piece = [HostSector]byte

// Content is what some of a device holds; the rest is erased.
type Content map[int64]*block // by offset / blockSize

// A block is as many host sectors as there are bits in a word.
type block struct {
	has    uint64
	pieces [64]Piece
}

const blockSize = 64 * HostSector

// Store writes p at off, a multiple of [HostSector], whatever was there.
func (c Content) Store(p []byte, off int64) {
	for len(p) > 0 {
		piece := c.piece(off / HostSector)
		n := copy(piece[:], p)
		c.set(off/HostSector, piece)
		p, off = p[n:], off+int64(n)
	}
}

func (c Content) set(n int64, p Piece) {
	b := c[n/64]
	if b == nil {
		b = &block{}
		c[n/64] = b
	}
	b.has |= 1 << (n % 64)
	b.pieces[n%64] = p
}

func (c Content) piece(n int64) (p Piece) {
	read(p[:], n*HostSector, c)
	return p
}

// read reads p at off from layers, of which an earlier one hides a later one.
func read(p []byte, off int64, layers ...Content) {
	for len(p) > 0 {
		within := off % blockSize
		part := p[:min(int64(len(p)), blockSize-within)]
		for i := range part {
			part[i] = 0xFF
		}
		for _, c := range slices.Backward(layers) {
			if b := c[off/blockSize]; b != nil {
				b.read(part, within)
			}
		}
		p, off = p[len(part):], off+int64(len(part))
	}
}

func (b *block) read(p []byte, off int64) {
	for len(p) > 0 {
		within := off % HostSector
		n := min(int64(len(p)), HostSector-within)
		if b.has&(1<<(off/HostSector)) != 0 {
			copy(p[:n], b.pieces[off/HostSector][within:])
		}
		p, off = p[n:], off+n
	}
}

// A Place is a host sector of a device.
type Place struct {
	Device int // as they were made, from 0
	Sector int64
}

// A Line is the time that devices share. It is for one goroutine.
type Line struct {
	// Watch is asked before each change, which its error prevents; nil is no watch.
	Watch func(d *Device, c Change) error

	devices  []*Device
	dirty    map[Place]*history
	order    []Place // of dirty, as they became so
	segments []Segment
	err      error
}

// A Change is an erase or a programming.
type Change struct {
	Off  int64
	Data []byte // what will be there
	Op   string // "erase" or "program"
}

// Device returns a device that holds what is in layers, of which an earlier one hides
// a later one. It does not change them.
func (l *Line) Device(g flash.Geometry, layers ...Content) *Device {
	now := Content{}
	d := &Device{line: l, number: len(l.devices), g: g, layers: append([]Content{now}, layers...), now: now}
	l.devices = append(l.devices, d)
	return d
}

// Err returns the first thing that Watch objected to.
func (l *Line) Err() error { return l.err }

// Unsynced reports whether any of n bytes at off were changed since the last Sync.
func (d *Device) Unsynced(off, n int64) bool {
	for p := range d.line.dirty {
		if p.Device == d.number && p.Sector*HostSector < off+n && (p.Sector+1)*HostSector > off {
			return true
		}
	}
	return false
}

// A Device is flash that keeps what it went through.
type Device struct {
	line   *Line
	number int
	g      flash.Geometry
	layers []Content
	now    Content // the first of them
}

// Geometry implements flash.Device.
func (d *Device) Geometry() flash.Geometry { return d.g }

// Number returns which device of the line it is, from 0.
func (d *Device) Number() int { return d.number }

// ReadAt implements flash.Device.
func (d *Device) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, &flash.MisuseError{Op: "read", Off: off, Msg: "below zero"}
	}
	if most := d.g.Size - min(off, d.g.Size); int64(len(p)) > most {
		p, err = p[:most], io.EOF
	}
	read(p, off, d.layers...)
	return len(p), err
}

// Program implements flash.Device.
func (d *Device) Program(p []byte, off int64) error {
	if err := d.within("program", off, int64(len(p))); err != nil {
		return err
	}
	old := make([]byte, len(p))
	if _, err := d.ReadAt(old, off); err != nil && err != io.EOF {
		return err
	}
	for i := range p {
		if p[i]&^old[i] != 0 {
			return &flash.MisuseError{Op: "program", Off: off + int64(i), Msg: fmt.Sprintf("%#02x there cannot become %#02x without an erase", old[i], p[i])}
		}
	}
	return d.change(Change{off, p, "program"})
}

// Erase implements flash.Device.
func (d *Device) Erase(off, n int64) error {
	if err := d.within("erase", off, n); err != nil {
		return err
	}
	if off%d.g.Sector != 0 || n%d.g.Sector != 0 {
		return &flash.MisuseError{Op: "erase", Off: off, Msg: fmt.Sprintf("%d bytes there are not whole sectors of %d", n, d.g.Sector)}
	}
	return d.change(Change{off, bytes.Repeat([]byte{0xFF}, int(n)), "erase"})
}

func (d *Device) within(op string, off, n int64) error {
	if off < 0 || n < 0 || off > d.g.Size || n > d.g.Size-off {
		return &flash.MisuseError{Op: op, Off: off, Msg: fmt.Sprintf("%d bytes there reach beyond the end at %#x", n, d.g.Size)}
	}
	return nil
}

func (d *Device) change(c Change) error {
	if w := d.line.Watch; w != nil {
		if err := w(d, c); err != nil {
			if d.line.err == nil {
				d.line.err = err
			}
			return err
		}
	}
	for p, off := c.Data, c.Off; len(p) > 0; {
		n := off / HostSector
		var from Piece
		read(from[:], n*HostSector, d.layers...)
		now, begin := from, int(off%HostSector)
		count := copy(now[begin:], p)
		if now != from {
			d.line.note(Place{d.number, n}, step{from, now, begin, begin + count, len(c.Data)})
			d.now.set(n, now)
		}
		p, off = p[count:], off+int64(count)
	}
	return nil
}

// Sync implements flash.Device.
func (d *Device) Sync() error {
	d.line.synced(d.number)
	return nil
}
