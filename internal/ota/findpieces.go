package ota

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// findPieces fetches the pieces file from the first supplier that has it. There
// need not be one, and a wrong one is as good as none. Who fails to answer, not
// for want of it, is asked last for the image, and who failed before is not waited for.
func (f *filling) findPieces(ctx context.Context) {
	if f.manifest.PiecesSHA256 == "" || f.manifest.SHA256 == "" {
		return
	}
	var last *Error
	for _, s := range slices.Clone(f.order) {
		if s.silent && last != nil {
			continue
		}
		p, err := f.askPieces(ctx, s)
		if err == nil {
			f.pieces = &p
			return
		}
		if ctx.Err() != nil {
			return
		}
		last = at(err, Downloading, s.name, 0)
		if last.Cause != HTTPStatus || !permanent(last) {
			f.order = append(slices.DeleteFunc(f.order, func(o *standing) bool { return o == s }), s)
			f.failed(s, last, f.order[0])
		}
	}
	f.ignorePieces(last, last.Source)
}

func (f *filling) askPieces(ctx context.Context, s *standing) (Pieces, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.stall, fault(Timeout, fmt.Errorf("no pieces file within %s", f.stall)))
	defer cancel()
	s.Requests++
	b, _, err := Fetch(ctx, s, PiecesName(f.manifest.PiecesSHA256), MaxPieces, WrongBytes)
	if err != nil {
		return Pieces{}, err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(b)); sum != f.manifest.PiecesSHA256 {
		return Pieces{}, fault(WrongBytes, fmt.Errorf("the pieces file has the SHA-256 %s, the manifest says %s", sum, f.manifest.PiecesSHA256))
	}
	p, err := ParsePieces(b)
	if err != nil {
		return Pieces{}, fault(WrongBytes, err)
	}
	if p.SHA256 != f.manifest.SHA256 || p.Size != f.manifest.Size {
		return Pieces{}, fault(WrongBytes, errors.New("the pieces file is of another image"))
	}
	return p, nil
}

// ignorePieces says that the image has to do without pieces.
func (f *filling) ignorePieces(e *Error, source string) {
	f.log.Warn("pieces file is not used", "event", "ota_pieces_ignored", "source", source, "cause", e.Cause.String(), "err", e.Detail())
}
