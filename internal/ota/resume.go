package ota

import (
	"context"
	"errors"
	"fmt"
	"io"

	"wordclockd/internal/flash"
)

// of tells whether a plan is for the image of m, and makes sense.
func (p *Plan) of(m Manifest) bool {
	return p != nil && m.SHA256 != "" && p.SHA256 == m.SHA256 && p.Size == m.Size &&
		p.Done >= 0 && p.Done <= p.Size && (p.Done%PieceSize == 0 || p.Done == p.Size)
}

// keepDone keeps how far the slot is filled durably. What has no hash cannot be
// recognised, and is not kept.
func (f *filling) keepDone(off int64) {
	if f.manifest.SHA256 == "" {
		return
	}
	p := Plan{SHA256: f.manifest.SHA256, Size: f.manifest.Size, Done: off}
	if f.last != nil {
		p.Source = f.last.name
	}
	f.keep(p)
}

// drop begins anew, and keeps nothing of what the slot holds.
func (f *filling) drop() {
	f.slot.off, f.slot.erased, f.earlier = 0, 0, false
	for _, s := range f.all {
		s.delivered = false
	}
	f.keep(Plan{})
}

// resume takes over what the slot holds of the image already. With pieces that
// is what they vouch for; without, the whole is verified when it is there.
func (f *filling) resume(ctx context.Context) error {
	if !f.plan.of(f.manifest) {
		return nil
	}
	held := f.written
	if f.pieces != nil {
		held = f.vouched
	}
	off, err := held(ctx)
	if err != nil || off == 0 {
		return err
	}
	if err := f.judgeHeld(); err != nil {
		if f.pieces != nil {
			return final{err}
		}
		return nil // the judge has learned since, or that is not the image
	}
	if err := f.dev.Sync(); err != nil { // who wrote it may not have come to that
		return final{inFlash(err, "fill slot")}
	}
	f.slot.off, f.slot.erased, f.earlier = off, off, f.pieces == nil
	f.meter.source = f.plan.Source
	f.log.Info("update goes on where it was", "event", "ota_resumed", "off", off, "size", f.manifest.Size)
	return nil
}

// vouched returns how far the slot holds pieces that are right.
func (f *filling) vouched(ctx context.Context) (off int64, err error) {
	for off < f.slot.size {
		p, err := f.read(ctx, off, min(off+PieceSize, f.slot.size))
		if err != nil {
			return 0, err
		}
		if !f.pieces.holds(off/PieceSize, p) {
			break
		}
		off += int64(len(p))
	}
	return off, nil
}

// written returns how far whole pieces were written: to what is durable, and
// behind it to the last byte of the chunk that is not erased.
func (f *filling) written(ctx context.Context) (int64, error) {
	end := f.plan.Done
	for off, stop := end, min(f.slot.chunkEnd(end), f.slot.size); off < stop; {
		p, err := f.read(ctx, off, min(off+PieceSize, stop))
		if err != nil {
			return 0, err
		}
		if n := programmed(p); n > 0 {
			end = off + int64(n)
		}
		off += int64(len(p))
	}
	if end == f.slot.size {
		return end, nil
	}
	return end / PieceSize * PieceSize, nil
}

// programmed returns how much of p is before the bytes at its end that are
// erased.
func programmed(p []byte) int {
	n := len(p)
	for n > 0 && p[n-1] == 0xFF {
		n--
	}
	return n
}

// read returns what the slot holds from begin to end, one piece at most.
func (f *filling) read(ctx context.Context, begin, end int64) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p := f.buf[:end-begin]
	if n, err := f.dev.ReadAt(p, begin); n < len(p) {
		return nil, final{at(fault(FlashIO, fmt.Errorf("read slot: offset %#x: %w", begin, err)), Downloading, "", 0)}
	}
	return p, nil
}

// judgeHeld asks the judge about the head that the slot holds.
func (f *filling) judgeHeld() error {
	p := f.buf[:min(flash.HeadSize, f.slot.size)]
	if _, err := f.dev.ReadAt(p, 0); err != nil && !errors.Is(err, io.EOF) {
		return fault(FlashIO, fmt.Errorf("read slot: %w", err))
	}
	return f.judge(p)
}
