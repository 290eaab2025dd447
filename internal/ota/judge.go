package ota

import (
	"errors"
	"fmt"

	"wordclockd/internal/flash"
)

// A bench judges images by what the clock is.
type bench struct {
	running flash.Desc
	fuses   flash.Fuses
	force   bool // an older version will do
}

// head judges the begin of an image. The error is an *Error.
func (b bench) head(p []byte) error {
	h, err := flash.ReadHead(p)
	if err != nil {
		return unfit(err)
	}
	return b.desc(h.Desc)
}

// desc judges what an image says of itself.
func (b bench) desc(d flash.Desc) error {
	switch {
	case d.Project != b.running.Project:
		return fault(WrongProject, fmt.Errorf("it is %q, and here runs %q", flash.Printable(d.Project), flash.Printable(b.running.Project)))
	case int64(d.SecureVersion) < int64(b.fuses.Level()):
		return fault(BelowFloor, fmt.Errorf("secure version %d is below %d, which the fuses demand", d.SecureVersion, b.fuses.Level()))
	case !b.force && Compare(b.running.Version, Normalise(d.Version)) > 0:
		return fault(WrongVersion, fmt.Errorf("it calls itself %s, which is older than %s, which runs: only a forced update goes back",
			flash.Printable(d.Version), flash.Printable(b.running.Version)))
	}
	return nil
}

// image judges a whole image.
func (b bench) image(m *flash.Image) error {
	if err := b.desc(m.Desc); err != nil || len(b.fuses.Keys) == 0 {
		return err
	}
	err := m.Signature.Trusted(m.Signed, b.fuses.Keys)
	switch _, foreign := errors.AsType[*flash.ForeignError](err); {
	case err == nil:
		return nil
	case foreign && m.Signature == nil:
		return fault(Unsigned, err)
	}
	return fault(BadSignature, err)
}

// unfit gives what package flash says of an image a cause.
func unfit(err error) *Error {
	if is[*flash.UnsupportedError](err) {
		return fault(WrongChip, err)
	}
	return fault(ImageInvalid, err)
}

// lasts reports whether an error is about an image whatever the clock is: others change
// with what runs, and with what the fuses demand.
func lasts(c Cause) bool { return c == ImageInvalid || c == WrongChip }

// condemns reports whether an error is about an image, so that another try would come
// to the same.
func condemns(c Cause) bool {
	switch c {
	case ImageInvalid, WrongChip, WrongProject, WrongVersion, BelowFloor, Unsigned, BadSignature:
		return true
	}
	return false
}
