package release

import (
	"context"
	"errors"
	"io"
)

// A content is what is sent of a file by a source with faults.
type content struct {
	file io.ReadSeeker
	at   int64
	flip []int64      // bytes that are inverted
	last int64        // what begins here is not sent; -1 is all
	end  func() error // called instead, and its error returned
}

func newContent(f file) *content {
	return &content{file: io.NewSectionReader(f, 0, f.size), last: -1}
}

// add lets a fault act on a file of size bytes.
func (c *content) add(f Fault, size int64, end func() error) {
	at := f.At.of(size)
	switch {
	case !f.Kind.placed() || at >= size:
	case f.Kind == Flip:
		c.flip = append(c.flip, at)
	case c.last < 0 || at < c.last:
		c.last, c.end = at, end
	}
}

// Seek implements io.Seeker.
func (c *content) Seek(off int64, whence int) (int64, error) {
	at, err := c.file.Seek(off, whence)
	if err == nil {
		c.at = at
	}
	return at, err
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	if c.last >= 0 {
		if c.at >= c.last {
			return 0, c.end()
		}
		p = p[:min(int64(len(p)), c.last-c.at)]
	}
	n, err := c.file.Read(p)
	for _, at := range c.flip {
		if i := at - c.at; i >= 0 && i < int64(n) {
			p[i] ^= 0xFF
		}
	}
	c.at += int64(n)
	return n, err
}

// errCut ends a response that promised more, and with it the connection.
var errCut = errors.New("cut")

func cut() error { return errCut }

// stall sends what was written so far, and nothing more while ctx lasts.
func stall(ctx context.Context, flush func() error) func() error {
	return func() error {
		if err := flush(); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}
