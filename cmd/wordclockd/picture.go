package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"wordclockd/internal/face"
)

// Colours of a lit and a dark letter (ECMA-48, SGR).
const (
	sgrLit   = "\x1b[1;93m"
	sgrDark  = "\x1b[2m"
	sgrReset = "\x1b[0m"
)

// picture draws the front as text, line by line: ten rows of letters, then the
// four minute LEDs. Without colour, what is dark is a point.
func picture(lit face.Mask, color bool) (lines []string) {
	for row := range face.Rows {
		var b strings.Builder
		for col := range face.Letters {
			b.WriteByte(' ')
			cell(&b, face.Letter(row, col), "·", lit.Lit(row, col), color)
		}
		lines = append(lines, b.String())
	}
	var b strings.Builder
	b.WriteString("       ")
	for n := range 4 {
		led := face.MinuteLED(n)
		b.WriteByte(' ')
		cell(&b, '●', "○", lit.Lit(led.Row, led.Col), color)
	}
	return append(lines, "", b.String())
}

func cell(b *strings.Builder, letter rune, dark string, lit, color bool) {
	switch {
	case letter == 0:
		b.WriteByte(' ')
	case color && lit:
		b.WriteString(sgrLit + string(letter) + sgrReset)
	case color:
		b.WriteString(sgrDark + string(letter) + sgrReset)
	case lit:
		b.WriteRune(letter)
	default:
		b.WriteString(dark)
	}
}

// isTerminal reports whether w is a terminal that can move its cursor.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// paints reports whether w takes colour (https://no-color.org).
func paints(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == ""
}
