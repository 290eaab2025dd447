package ota

import (
	"context"
	"errors"
	"slices"
)

// errApart says that suppliers must not be mixed any more.
var errApart = errors.New("the whole has to come from one source")

// together fills the slot with what any supplier delivers, and has it
// verified. The error is errApart if that made other bytes than were wanted, and
// it is not for certain who is to blame.
func (f *filling) together(ctx context.Context) error {
	err := f.fill(ctx, f.order)
	switch {
	case errors.Is(err, errNobody) && f.doubtful():
		for _, s := range f.all {
			s.out = true // it had its chance, but for whom the pieces accuse
		}
		f.distrust()
		return errApart
	case errors.Is(err, errNobody):
		return f.failure()
	case err != nil:
		return err
	}
	if err = f.verified(ctx); !f.wrong(err) {
		return err
	}
	if f.pieces != nil {
		f.distrust() // each of them was right
	} else if s := f.sole(); s != nil {
		f.failed(s, f.blame(s, err, -1), after(s, f.order))
	}
	return errApart
}

// apart lets each supplier that is left deliver the whole alone, and blames it
// for what is then wrong. First comes who did not serve last.
func (f *filling) apart(ctx context.Context) error {
	for s := after(f.last, f.order); s != nil; s = after(s, f.order) {
		f.drop()
		err := f.fill(ctx, []*standing{s})
		if err == nil {
			if err = f.verified(ctx); f.wrong(err) {
				f.failed(s, f.blame(s, err, -1), after(s, f.order))
				continue
			}
		}
		if !errors.Is(err, errNobody) {
			return err
		}
		s.out = true // its turn is over
	}
	f.drop()
	return f.failure()
}

// verified has the slot verified.
func (f *filling) verified(ctx context.Context) error {
	f.meter.state = Verifying
	f.show()
	err := f.verify(ctx)
	if err != nil && !f.wrong(err) {
		return final{err}
	}
	return err
}

// wrong tells whether an error of verify says that these are other bytes than
// were wanted.
func (f *filling) wrong(err error) bool {
	c := CauseOf(err)
	return c == WrongBytes || c == ImageInvalid && f.manifest.SHA256 == ""
}

// blame notes that s delivered wrong bytes: at off, or -1 for somewhere. It is
// not asked again.
func (f *filling) blame(s *standing, err error, off int64) *Error {
	s.out, s.Blamed = true, true
	e := at(err, Downloading, s.name, 0)
	f.log.Warn("source delivers wrong bytes", "event", "ota_source_blamed", "source", s.name, "off", off, "err", e.Detail())
	return e
}

// sole returns who delivered all that the slot holds, nil if it was more than
// one.
func (f *filling) sole() (one *standing) {
	if f.earlier {
		return nil
	}
	for _, s := range f.all {
		if s.delivered && one != nil {
			return nil
		}
		if s.delivered {
			one = s
		}
	}
	return one
}

// doubtful tells whether it may be the pieces file that is wrong.
func (f *filling) doubtful() bool {
	return f.pieces != nil && slices.ContainsFunc(f.all, func(s *standing) bool { return s.doubted })
}

// distrust stops believing the pieces file, and forgives whom it accused.
func (f *filling) distrust() {
	f.pieces, f.distrusted = nil, true
	for _, s := range f.all {
		if s.doubted {
			s.out, s.Blamed, s.doubted = false, false, false
		}
	}
	f.ignorePieces(fault(WrongBytes, errors.New("no source delivers what it says")), "")
}

// failure returns the error when no supplier is left. If the judge refused what
// every one of them delivered, that is the image.
func (f *filling) failure() error {
	e := &FetchError{}
	unanimous := len(f.all) > 0 && !f.distrusted
	for _, s := range f.all {
		if s.err != nil {
			e.Errs = append(e.Errs, s.err)
		}
		unanimous = unanimous && s.refused
	}
	if unanimous {
		return e.Errs[0]
	}
	return e
}
