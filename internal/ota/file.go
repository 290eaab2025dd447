package ota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"wordclockd/internal/flash"
)

// FileName is what a file is called where others are called by the name of a source.
const FileName = "file"

// A File is a source that has one image.
type File struct{ Path string }

// Image returns the image, and what a manifest would say of it, if the file has no more
// than limit bytes. The error is an *Error.
func (f File) Image(ctx context.Context, limit int64) (*flash.Image, Manifest, error) {
	x, size, err := f.open()
	if err != nil {
		return nil, Manifest{}, err
	}
	defer x.Close()
	if size > limit {
		return nil, Manifest{}, f.at(fault(TooLarge, fmt.Errorf("%s has %d bytes, and the slot %d", f.Path, size, limit)))
	}
	image, sum, bad, err := readBack(ctx, x, size)
	switch {
	case ctx.Err() != nil:
		return nil, Manifest{}, f.at(context.Cause(ctx))
	case err != nil:
		return nil, Manifest{}, f.at(fault(FlashIO, fmt.Errorf("read %s: %w", f.Path, err)))
	case bad != nil:
		return nil, Manifest{}, f.at(unfit(fmt.Errorf("%s: %w", f.Path, bad)))
	}
	return image, Manifest{
		Version: Normalise(image.Version), BuildDate: image.Date, SHA256: sum, Size: size,
		Project: image.Project, SecureVersion: int64(image.SecureVersion),
	}, nil
}

// Open implements [Source]: whatever the name, it is the image.
func (f File) Open(ctx context.Context, _ string, off int64) (*Body, error) {
	x, size, err := f.open()
	if err != nil {
		return nil, err
	}
	if _, err := x.Seek(off, io.SeekStart); err != nil {
		return nil, f.at(errors.Join(err, x.Close()))
	}
	return &Body{ReadCloser: &fileBody{x, ctx, f}, Size: size, URL: f.Path}, nil
}

// open opens the file if it is one, and returns its size.
func (f File) open() (*os.File, int64, error) {
	x, err := os.OpenFile(f.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold us
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fault(ImageInvalid, fmt.Errorf("%w: there is no image", err))
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: the user that the clock runs as has to be able to read it, and to enter its directories", err)
	}
	if err != nil {
		return nil, 0, f.at(err)
	}
	info, err := x.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault(ImageInvalid, fmt.Errorf("read %s: it is no file", f.Path))
	}
	if err != nil {
		x.Close()
		return nil, 0, f.at(err)
	}
	return x, info.Size(), nil
}

func (f File) at(err error) *Error { return at(err, Idle, FileName, 0) }

// A fileBody is what is read from a file.
type fileBody struct {
	*os.File
	ctx  context.Context
	file File
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.file.at(context.Cause(b.ctx))
	}
	n, err := b.File.Read(p)
	if err != nil && err != io.EOF {
		err = b.file.at(err)
	}
	return n, err
}
