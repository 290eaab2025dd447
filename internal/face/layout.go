package face

import (
	"fmt"
	"iter"
)

// Size of the logical grid: a row is one LED driver, a column one of its
// outputs. Letters stand in the first Letters columns; the rest is unused but
// for the minute LEDs.
const (
	Rows    = 10
	Cols    = 16
	Letters = 11
)

// An LED is a cell of the grid, zero based from the top left.
type LED struct{ Row, Col int }

// A Mask says for each row which columns are lit: bit k is column k.
type Mask [Rows]uint16

// LEDs yields the lit cells in reading order.
func (m Mask) LEDs() iter.Seq[LED] {
	return func(yield func(LED) bool) {
		for row, bits := range m {
			for col := 0; bits != 0; col, bits = col+1, bits>>1 {
				if bits&1 != 0 && !yield(LED{row, col}) {
					return
				}
			}
		}
	}
}

// Lit reports whether the cell is lit.
func (m Mask) Lit(row, col int) bool { return m[row]>>col&1 != 0 }

// letters is the front of the clock; a dot is a cell without a letter.
var letters = [Rows][Letters]rune{
	[Letters]rune([]rune("ES.IST.FÜNF")),
	[Letters]rune([]rune("ZEHNZWANZIG")),
	[Letters]rune([]rune("DREIVIERTEL")),
	[Letters]rune([]rune("VOR....NACH")),
	[Letters]rune([]rune("HALB.ELFÜNF")),
	[Letters]rune([]rune("EINS...ZWEI")),
	[Letters]rune([]rune("DREI...VIER")),
	[Letters]rune([]rune("SECHS..ACHT")),
	[Letters]rune([]rune("SIEBENZWÖLF")),
	[Letters]rune([]rune("ZEHNEUN.UHR")),
}

// Letter returns what is printed on a cell, or 0 if there is nothing.
func Letter(row, col int) rune {
	if col >= Letters || letters[row][col] == '.' {
		return 0
	}
	return letters[row][col]
}

// MinuteLED returns the cell of minute LED n, 0 to 3.
func MinuteLED(n int) LED { return LED{9, 11 + n} }

// A Word is one of the words on the front. Words that are spelled the same
// but stand for a minute and for an hour are two: FünfM and FünfH.
type Word uint8

// The words in reading order.
const (
	Es Word = iota
	Ist
	FünfM
	ZehnM
	Zwanzig
	Dreiviertel
	Viertel
	Vor
	Nach
	Halb
	Elf
	FünfH
	Ein
	Eins
	Zwei
	Drei
	Vier
	Sechs
	Acht
	Sieben
	Zwölf
	ZehnH
	Neun
	Uhr

	NumWords = iota
)

// words is the one table of places: the id, and the cells that the word covers.
var words = [NumWords]struct {
	id            string
	row, col, len int
}{
	Es:          {"ES", 0, 0, 2},
	Ist:         {"IST", 0, 3, 3},
	FünfM:       {"FÜNF_M", 0, 7, 4},
	ZehnM:       {"ZEHN_M", 1, 0, 4},
	Zwanzig:     {"ZWANZIG", 1, 4, 7},
	Dreiviertel: {"DREIVIERTEL", 2, 0, 11},
	Viertel:     {"VIERTEL", 2, 4, 7},
	Vor:         {"VOR", 3, 0, 3},
	Nach:        {"NACH", 3, 7, 4},
	Halb:        {"HALB", 4, 0, 4},
	Elf:         {"ELF", 4, 5, 3},
	FünfH:       {"FÜNF_H", 4, 7, 4},
	Ein:         {"EIN", 5, 0, 3},
	Eins:        {"EINS", 5, 0, 4},
	Zwei:        {"ZWEI", 5, 7, 4},
	Drei:        {"DREI", 6, 0, 4},
	Vier:        {"VIER", 6, 7, 4},
	Sechs:       {"SECHS", 7, 0, 5},
	Acht:        {"ACHT", 7, 7, 4},
	Sieben:      {"SIEBEN", 8, 0, 6},
	Zwölf:       {"ZWÖLF", 8, 6, 5},
	ZehnH:       {"ZEHN_H", 9, 0, 4},
	Neun:        {"NEUN", 9, 3, 4},
	Uhr:         {"UHR", 9, 8, 3},
}

// String returns the id of the word, such as FÜNF_M.
func (w Word) String() string {
	if int(w) >= NumWords {
		return fmt.Sprintf("Word(%d)", uint8(w))
	}
	return words[w].id
}

// Text returns the word as it is printed on the front.
func (w Word) Text() string {
	p := words[w]
	return string(letters[p.row][p.col : p.col+p.len])
}

// bits returns the row of the word and the columns that it covers.
func (w Word) bits() (row int, mask uint16) {
	p := words[w]
	return p.row, (1<<p.len - 1) << p.col
}
