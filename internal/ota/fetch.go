package ota

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"wordclockd/internal/flash"
)

// request has s deliver what the slot lacks, by one request that runs to the end
// of the file. Whole pieces that came before an error are in the slot.
func (f *filling) request(ctx context.Context, s *standing) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	f.last, f.meter.source, f.meter.state = s, s.name, Downloading
	f.show()
	g := &guard{stall: f.stall, giveUp: giveUp}
	b, err := f.open(ctx, s, g)
	if err != nil {
		return err
	}
	defer b.Close()
	f.log.Info("source sends the image", "event", "ota_fetch", "source", s.name, "name", s.file(f.manifest), "off", f.slot.off, "status", b.Status)
	s.since = time.Now()
	defer s.served()
	return f.pour(s, &stream{Body: b, guard: g, count: func(n int) {
		f.meter.count(n)
		s.Bytes += int64(n)
	}})
}

// file returns the name under which s has the image.
func (s *standing) file(m Manifest) string {
	if s.plain {
		return ImageName
	}
	return TargetName(m.SHA256)
}

// open asks s for what the slot lacks. Who has no target is asked for
// ImageName, and who has nothing behind what the slot holds is asked for all,
// which then replaces it.
func (f *filling) open(ctx context.Context, s *standing, g *guard) (*Body, error) {
	b, err := f.ask(ctx, s, g)
	if missing(err) && !s.plain {
		s.plain = true
		b, err = f.ask(ctx, s, g)
	}
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable && !s.whole {
		s.whole = true
		if b, err = f.ask(ctx, s, g); err == nil {
			f.drop()
			b.Skip = 0
		}
	}
	if CauseOf(err) == RangeBroken {
		s.whole = true
	}
	return b, err
}

// missing tells whether a source says that it does not have a file. Where a
// store of objects may not be listed, that is 403.
func missing(err error) bool {
	return slices.Contains([]int{http.StatusNotFound, http.StatusForbidden, http.StatusGone}, statusOf(err))
}

func (f *filling) ask(ctx context.Context, s *standing, g *guard) (*Body, error) {
	off := f.slot.off
	if s.whole {
		off = 0
	}
	begin := time.Now()
	s.Requests++
	g.arm()
	b, err := s.Open(ctx, s.file(f.manifest), off)
	g.answered()
	if err != nil {
		return nil, err
	}
	s.answered(time.Since(begin))
	if err := f.suits(b); err != nil {
		b.Close()
		return nil, at(err, Downloading, s.name, b.Status)
	}
	b.Skip += f.slot.off - off
	return b, nil
}

// suits tells by the head of an answer whether it can be the image.
func (f *filling) suits(b *Body) error {
	switch {
	case b.Encoding != "":
		return fault(WrongBytes, fmt.Errorf("it is sent encoded as %.20q, which nobody asked for", b.Encoding))
	case b.Size >= 0 && b.Size != f.manifest.Size:
		return fault(WrongBytes, fmt.Errorf("it has %d bytes, the manifest says %d", b.Size, f.manifest.Size))
	}
	return nil
}

// pour brings what s sends into the slot.
func (f *filling) pour(s *standing, in *stream) error {
	if err := f.skip(in); err != nil {
		return err
	}
	for !f.slot.full() {
		p, err := f.piece(s, in)
		if err != nil {
			return err
		}
		if err := f.slot.write(p); err != nil {
			return final{err}
		}
		s.delivered = true
		f.show()
	}
	return nil
}

// skip passes over what the slot has already.
func (f *filling) skip(in *stream) error {
	for in.Skip > 0 {
		p := f.buf[:min(in.Skip, PieceSize)]
		if err := f.full(in, p); err != nil {
			return err
		}
		in.Skip -= int64(len(p))
	}
	return nil
}

// piece reads the next piece, which is as good as can be known of it. A head
// that is refused is the image's for certain only if its piece is right.
func (f *filling) piece(s *standing, in *stream) ([]byte, error) {
	p := f.buf[:min(PieceSize, f.slot.size-f.slot.off)]
	n, refusal, err := f.head(in, p)
	if err != nil {
		return nil, err
	}
	if refusal != nil && f.pieces == nil {
		s.refused = true
		return nil, refusal
	}
	if err := f.full(in, p[n:]); err != nil {
		return nil, err
	}
	if err := f.tooLong(in, p); err != nil {
		return nil, err
	}
	if i := f.slot.off / PieceSize; f.pieces != nil && !f.pieces.holds(i, p) {
		s.doubted = true
		return nil, fault(WrongBytes, fmt.Errorf("piece %d, at byte %d, is not what the pieces file says", i, f.slot.off))
	}
	if refusal != nil {
		return nil, final{at(refusal, Downloading, "", 0)}
	}
	return p, nil
}

// head reads the beginning of p, if that is the beginning of the image, and has
// it judged.
func (f *filling) head(in *stream, p []byte) (n int, refusal, err error) {
	if f.slot.off > 0 {
		return 0, nil, nil
	}
	n = min(flash.HeadSize, len(p))
	if err := f.full(in, p[:n]); err != nil {
		return n, nil, err
	}
	return n, f.judge(p[:n]), nil
}

// full fills p.
func (f *filling) full(in *stream, p []byte) error {
	n, err := io.ReadFull(in, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fault(Truncated, fmt.Errorf("it ended after %d bytes, the manifest says %d", f.slot.off+int64(n), f.manifest.Size))
	}
	return err
}

// tooLong returns an error if p is the last piece and more comes behind it. A
// body that announced its size was measured by that.
func (f *filling) tooLong(in *stream, p []byte) error {
	if in.Size >= 0 || f.slot.off+int64(len(p)) < f.slot.size {
		return nil
	}
	if n, _ := io.ReadFull(in, make([]byte, 1)); n > 0 {
		return fault(WrongBytes, fmt.Errorf("it has more than the %d bytes that the manifest says", f.manifest.Size))
	}
	return nil
}
