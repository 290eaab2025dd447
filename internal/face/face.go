// Package face is the German clock face: time to words to LEDs.
//
// # Rules
//
// Minutes are floored to fives; what is left over lights one to four minute
// LEDs. From :25 on the words name the following hour, since HALB DREI is half
// past two. UHR stands with a full hour only, and there one is EIN, not EINS.
// In the half-centric style, :20, :40 and :45 are told from the half and the next hour
// too: ZEHN VOR HALB, ZEHN NACH HALB, DREIVIERTEL.
package face

import (
	"fmt"
	"iter"
	"strings"
)

// A Style is a way to tell the time.
type Style uint8

const (
	Default     Style = iota // ZWANZIG NACH ZEHN, VIERTEL VOR ELF
	HalbCentric              // ZEHN VOR HALB ELF, DREIVIERTEL ELF
)

var styles = [...]string{Default: "default", HalbCentric: "halb"}

// ParseStyle is the inverse of [Style.String].
func ParseStyle(s string) (Style, error) {
	for i, name := range styles {
		if s == name {
			return Style(i), nil
		}
	}
	return 0, fmt.Errorf("style %q: want %s", s, strings.Join(styles[:], " or "))
}

func (s Style) String() string {
	if int(s) >= len(styles) {
		return fmt.Sprintf("Style(%d)", uint8(s))
	}
	return styles[s]
}

// maxWords is the length of the longest phrase: ES IST FÜNF VOR HALB ELF.
const maxWords = 6

// A Phrase is what the clock says: words in reading order, and minute LEDs.
// Phrases are comparable; the zero Phrase is a dark face.
type Phrase struct {
	words [maxWords]Word
	n     uint8 // words in use
	dots  uint8 // minute LEDs, 0 to 4
}

// rules holds for each style and five minutes the words of the minute, and
// whether the hour named with them is the following one.
var rules = [2][12]struct {
	minute []Word
	next   bool
}{
	Default: {
		{nil, false},
		{[]Word{FünfM, Nach}, false},
		{[]Word{ZehnM, Nach}, false},
		{[]Word{Viertel, Nach}, false},
		{[]Word{Zwanzig, Nach}, false},
		{[]Word{FünfM, Vor, Halb}, true},
		{[]Word{Halb}, true},
		{[]Word{FünfM, Nach, Halb}, true},
		{[]Word{Zwanzig, Vor}, true},
		{[]Word{Viertel, Vor}, true},
		{[]Word{ZehnM, Vor}, true},
		{[]Word{FünfM, Vor}, true},
	},
	HalbCentric: {
		{nil, false},
		{[]Word{FünfM, Nach}, false},
		{[]Word{ZehnM, Nach}, false},
		{[]Word{Viertel, Nach}, false},
		{[]Word{ZehnM, Vor, Halb}, true},
		{[]Word{FünfM, Vor, Halb}, true},
		{[]Word{Halb}, true},
		{[]Word{FünfM, Nach, Halb}, true},
		{[]Word{ZehnM, Nach, Halb}, true},
		{[]Word{Dreiviertel}, true},
		{[]Word{ZehnM, Vor}, true},
		{[]Word{FünfM, Vor}, true},
	},
}

// hours holds the word of each hour modulo twelve, away from the full hour.
var hours = [12]Word{Zwölf, Eins, Zwei, Drei, Vier, FünfH, Sechs, Sieben, Acht, Neun, ZehnH, Elf}

// Say returns the phrase for a time of day. It is total: hours and minutes
// outside 0-23 and 0-59 are carried over and wrap round the day, as time.Date
// does, and an unknown style is Default.
func Say(hour, minute int, s Style) Phrase {
	const day = 24 * 60
	m := ((hour%24)*60 + minute%day + 2*day) % day
	hour, minute = m/60, m%60
	if int(s) >= len(rules) {
		s = Default
	}

	p := Phrase{dots: uint8(minute % 5)}
	p.say(Es)
	p.say(Ist)
	rule := rules[s][minute/5]
	for _, w := range rule.minute {
		p.say(w)
	}
	if rule.next {
		hour++
	}
	h := hours[hour%12]
	full := minute < 5
	if full && h == Eins {
		h = Ein
	}
	p.say(h)
	if full {
		p.say(Uhr)
	}
	return p
}

func (p *Phrase) say(w Word) {
	p.words[p.n] = w
	p.n++
}

// Dots returns a phrase without words that lights the first n minute LEDs, up
// to four.
func Dots(n int) Phrase { return Phrase{dots: uint8(min(max(n, 0), 4))} }

// Words returns the words in reading order.
func (p Phrase) Words() []Word { return p.words[:p.n] }

// MinuteLEDs returns how many minute LEDs are lit, 0 to 4.
func (p Phrase) MinuteLEDs() int { return int(p.dots) }

// Mask returns the cells that the phrase lights, minute LEDs included.
func (p Phrase) Mask() Mask {
	var m Mask
	for _, w := range p.words[:p.n] {
		row, bits := w.bits()
		m[row] |= bits
	}
	for n := range p.MinuteLEDs() {
		led := MinuteLED(n)
		m[led.Row] |= 1 << led.Col
	}
	return m
}

// LEDs yields the cells that the phrase lights, minute LEDs included.
func (p Phrase) LEDs() iter.Seq[LED] { return p.Mask().LEDs() }

// Text returns the words as they are read: "ES IST HALB DREI".
func (p Phrase) Text() string {
	var b strings.Builder
	for i, w := range p.words[:p.n] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text())
	}
	return b.String()
}

// String returns the words and a point for each minute LED:
// "ES IST HALB DREI ··".
func (p Phrase) String() string {
	return strings.TrimSpace(p.Text() + " " + strings.Repeat("·", p.MinuteLEDs()))
}
