package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// knowsSize reports whether a terminal knows how large it is: a serial line does not,
// and says 0.
func knowsSize(f *os.File) bool {
	columns, rows, err := term.GetSize(int(f.Fd()))
	return err == nil && columns > 0 && rows > 0
}

// An unsized is a terminal that does not know how large it is: a screen as small as
// they come has to do.
type unsized struct {
	bytes.Buffer // what is drawn next
	out          io.Writer
}

// IsTerminal implements mpb.ConsoleWriter.
func (u *unsized) IsTerminal() bool { return true }

// GetTermSize implements mpb.ConsoleWriter.
func (u *unsized) GetTermSize() (width, height int, err error) { return 80, 24, nil }

// Flush draws, and has the next drawing begin some lines above its end.
func (u *unsized) Flush(lines int) error {
	if _, err := u.WriteTo(u.out); err != nil || lines <= 0 {
		return err
	}
	_, err := fmt.Fprintf(u, "\x1b[%dA\x1b[J", lines)
	return err
}
