package ota

// FetchError is why an image could not be had: the last error of each source
// that was asked, the one that was asked first before the others.
type FetchError struct{ Errs []*Error }

func (e *FetchError) Error() string { return "no source delivers the image: " + joined(e.Errs) }

func (e *FetchError) Unwrap() []error { return each(e.Errs) }
