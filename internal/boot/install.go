package boot

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"wordclockd/internal/flash"
)

// Install makes the size bytes that r yields the content of a slot. Nothing starts
// what is in it before it is staged, however far Install came. What is written is
// read back, but not judged: [Store.Stage] does that.
func (s *Store) Install(slot, running int, r io.Reader, size int64) error {
	if err := s.idle("install", slot, running); err != nil {
		return err
	}
	p := s.slots[slot]
	if err := room(p, size); err != nil {
		return err
	}
	if err := s.Free(slot, running); err != nil {
		return err
	}
	d := flash.Region(s.dev, p.Off, p.Size)
	if err := erase(d, 0, p.Size); err != nil {
		return err
	}
	if err := s.Changed(slot, running); err != nil {
		return err
	}
	return Fill(d, r, size)
}

// room refuses what does not fit into a partition.
func room(p flash.Partition, size int64) error {
	if size > p.Size {
		return fmt.Errorf("%d bytes do not fit into %s, which has %d", size, p.Name, p.Size)
	}
	return nil
}

// fillSize is how much is programmed at once, in bytes.
const fillSize = 64 << 10

// Fill erases all of d, programs the size bytes that r yields from its begin on,
// durably, and reads them back. After a power cut d can hold anything.
func Fill(d flash.Device, r io.Reader, size int64) error {
	if err := erase(d, 0, d.Geometry().Size); err != nil {
		return err
	}
	wrote := sha256.New()
	if err := program(d, io.TeeReader(io.LimitReader(r, size), wrote), size); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	found := sha256.New()
	if _, err := io.Copy(found, io.NewSectionReader(d, 0, size)); err != nil {
		return err
	}
	if !bytes.Equal(found.Sum(nil), wrote.Sum(nil)) {
		return fmt.Errorf("flash: what is read back of %d bytes is not what was written", size)
	}
	return nil
}

// program programs the size bytes that r yields.
func program(d flash.Device, r io.Reader, size int64) error {
	buf := make([]byte, min(size, fillSize))
	for off := int64(0); off < size; {
		p := buf[:min(size-off, int64(len(buf)))]
		if _, err := io.ReadFull(r, p); err != nil {
			return fmt.Errorf("read what is to be written: offset %#x: %w", off, err)
		}
		if err := d.Program(p, off); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}
