package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
)

// openFuses opens the fuses of the directory, and makes them unless they are
// there.
func (s State) openFuses() (*os.File, error) {
	f, err := os.OpenFile(s.Fuses(), os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	unblown := bytes.Repeat([]byte{0xFF}, int(flash.FuseGeometry.Size))
	if err := durable.WriteFile(s.Fuses(), unblown, 0o640); err != nil {
		return nil, fmt.Errorf("make fuses: %w", err)
	}
	return os.OpenFile(s.Fuses(), os.O_RDWR, 0)
}

// fusesIn returns the fuses in a file.
func fusesIn(f *os.File) (flash.Device, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if want := flash.FuseGeometry.Size; info.Size() != want {
		return nil, &flash.FormatError{What: "fuses", Off: info.Size(),
			Msg: fmt.Sprintf("%s has %d bytes, want %d: the clock moves it aside when it starts", f.Name(), info.Size(), want)}
	}
	return flash.OpenFile(f)
}

// repairFuses moves fuses aside that are damaged beyond reading: who could damage
// them could as well have replaced them, and the clock must not stay dark for that.
// But it is said, and so it is if there are none though there should be.
func (s State) repairFuses(expected bool, log *slog.Logger) error {
	if _, err := os.Stat(s.Fuses()); errors.Is(err, fs.ErrNotExist) {
		if expected {
			log.Error("fuses are gone: no key is trusted, and no image too old; trust keys again", "event", "fuses_replaced")
		}
		return nil
	}
	f, err := s.openFuses()
	if err != nil {
		return err
	}
	d, err := fusesIn(f)
	if err == nil {
		_, err = flash.LoadFuses(d)
	}
	if _, damaged := errors.AsType[*flash.FormatError](err); !damaged {
		return errors.Join(err, f.Close())
	}
	aside := durable.Free(s.Fuses() + ".damaged")
	log.Error("fuses are damaged: they were moved aside; no key is trusted, and no image too old; trust keys again", "event", "fuses_replaced", "aside", aside, "err", err)
	return errors.Join(f.Close(), os.Rename(s.Fuses(), aside), durable.SyncDir(string(s)))
}
