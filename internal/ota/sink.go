package ota

import (
	"errors"
	"fmt"
	"syscall"

	"wordclockd/internal/flash"
)

// chunkSize is how much is erased at once, and made durable before what follows
// is erased. It is a multiple of PieceSize.
const chunkSize = 4 << 20

// A sink fills a slot, from off on. Its errors have the cause FlashIO or
// FlashFull.
type sink struct {
	// Immutable.
	dev  flash.Device
	size int64           // of the image
	done func(off int64) // what is before off is durable, what follows in its chunk erased

	off    int64 // what is before it is filled
	erased int64 // from off to here all is erased
}

func (s *sink) full() bool { return s.off == s.size }

// chunkEnd returns where the chunk ends in which off is.
func (s *sink) chunkEnd(off int64) int64 {
	sector := s.dev.Geometry().Sector
	return min((off/chunkSize+1)*chunkSize, (s.size+sector-1)/sector*sector)
}

// write programs a piece, or all that lacks.
func (s *sink) write(p []byte) error {
	if s.off >= s.erased {
		if err := s.advance(); err != nil {
			return inFlash(err, "fill slot")
		}
	}
	if err := s.dev.Program(p, s.off); err != nil {
		return inFlash(err, "fill slot")
	}
	s.off += int64(len(p))
	if !s.full() {
		return nil
	}
	return s.sync()
}

// advance makes durable what there is, and then erases the rest of the chunk.
func (s *sink) advance() error {
	if s.off > 0 {
		if err := s.dev.Sync(); err != nil {
			return err
		}
	}
	end := s.chunkEnd(s.off)
	if err := s.dev.Erase(s.off, end-s.off); err != nil {
		return err
	}
	s.erased = end
	s.done(s.off)
	return nil
}

func (s *sink) sync() error {
	if err := s.dev.Sync(); err != nil {
		return inFlash(err, "fill slot")
	}
	s.done(s.off)
	return nil
}

// inFlash returns an error of the flash, or of what lies beside it, with its cause. One
// that has a cause keeps it.
func inFlash(err error, doing string) *Error {
	if is[*Error](err) {
		return at(err, Downloading, "", 0)
	}
	c := FlashIO
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		c = FlashFull
		err = fmt.Errorf("%w: make room where flash.img is", err)
	}
	return at(fault(c, fmt.Errorf("%s: %w", doing, err)), Downloading, "", 0)
}
