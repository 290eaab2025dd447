package flash

import "fmt"

// A FormatError says that what was read is damaged, or is no such thing at all.
type FormatError struct {
	What string // "image", "partition table", ...
	Off  int64
	Msg  string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("read %s: offset %#x: %s", e.What, e.Off, e.Msg)
}

// An UnsupportedError says that what was read may be sound, but is not for this
// clock: an ESP32-S3.
type UnsupportedError struct {
	What string
	Off  int64
	Msg  string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("read %s: offset %#x: %s", e.What, e.Off, e.Msg)
}

func corrupt(what string, off int64, format string, args ...any) error {
	return &FormatError{what, off, fmt.Sprintf(format, args...)}
}

func unsupported(what string, off int64, format string, args ...any) error {
	return &UnsupportedError{what, off, fmt.Sprintf(format, args...)}
}

// moved returns an error of this package with its offset counted from off less.
func moved(err error, off int64) error {
	switch e := err.(type) {
	case *FormatError:
		return &FormatError{e.What, e.Off + off, e.Msg}
	case *UnsupportedError:
		return &UnsupportedError{e.What, e.Off + off, e.Msg}
	}
	return err
}
