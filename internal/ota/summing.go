package ota

import (
	"context"
	"fmt"
	"io"
)

// A summing reads something once, from front to back, and writes it to a sum.
type summing struct {
	ctx context.Context // when it is done, reading fails
	r   io.ReaderAt
	sum io.Writer
	off int64
	err error // of reading
}

// ReadAt implements io.ReaderAt for what is read next.
func (s *summing) ReadAt(p []byte, off int64) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	if off != s.off {
		return 0, fmt.Errorf("read offset %#x: %#x is next", off, s.off)
	}
	n, err := s.r.ReadAt(p, off)
	s.sum.Write(p[:n])
	s.off += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// upTo reads on to end.
func (s *summing) upTo(end int64) error {
	buf := make([]byte, min(max(0, end-s.off), 64<<10))
	for s.off < end {
		n, err := s.ReadAt(buf[:min(end-s.off, int64(len(buf)))], s.off)
		if n == 0 && err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}
