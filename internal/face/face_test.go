package face

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// front is the clock's front once more, written down independently of the
// layout in this package; so are the rules below, which know phrases only as
// data and words only as runs of letters.
const front = `ES.IST.FÜNF
ZEHNZWANZIG
DREIVIERTEL
VOR....NACH
HALB.ELFÜNF
EINS...ZWEI
DREI...VIER
SECHS..ACHT
SIEBENZWÖLF
ZEHNEUN.UHR`

// hourCell is where the part of the front begins in which hours are named.
const hourCell = 4*Letters + 4

// phrases returns a phrase table: [hour on a 12-hour clock][minute / 5].
func phrases(t testing.TB, name string) map[int]map[int]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := map[int]map[int]string{}
	for _, row := range rows[1:] {
		hour, _ := strconv.Atoi(row[0])
		base, _ := strconv.Atoi(row[1])
		if table[hour] == nil {
			table[hour] = map[int]string{}
		}
		table[hour][base] = row[2]
	}
	return table
}

// spell lights a phrase on the front by looking for each word's letters, from
// where the last one ended; the hour is looked for among the hours.
func spell(t *testing.T, phrase string) map[LED]bool {
	t.Helper()
	cells := []rune(strings.ReplaceAll(front, "\n", ""))
	tokens := strings.Fields(phrase)
	hour := len(tokens) - 1
	if tokens[hour] == "UHR" {
		hour--
	}
	lit := map[LED]bool{}
	at := 0
	for i, token := range tokens {
		if i == hour {
			at = max(at, hourCell)
		}
		at = find(cells, []rune(token), at)
		if at < 0 {
			t.Fatalf("%s: no %s on the rest of the front", phrase, token)
		}
		for range []rune(token) {
			lit[LED{at / Letters, at % Letters}] = true
			at++
		}
	}
	return lit
}

// find returns where a row has the letters of word, at or after cell from.
func find(cells, word []rune, from int) int {
	for i := from; i+len(word) <= len(cells); i++ {
		if i%Letters+len(word) <= Letters && slices.Equal(cells[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

func TestEveryMinute(t *testing.T) {
	for style, table := range map[Style]string{Default: "phrases.csv", HalbCentric: "phrases_halb.csv"} {
		table := phrases(t, table)
		for minute := range 24 * 60 {
			h, m := minute/60, minute%60
			p := Say(h, m, style)
			name := fmt.Sprintf("%02d:%02d %s", h, m, style)

			words := table[(h+11)%12+1][m-m%5]
			want := spell(t, words)
			for n := range m % 5 {
				want[LED{9, 11 + n}] = true
			}
			got := map[LED]bool{}
			for led := range p.LEDs() {
				got[led] = true
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s: LEDs %v, want %v", name, got, want)
			}
			if p.Text() != words {
				t.Errorf("%s: text %q, want %q", name, p.Text(), words)
			}
			if want := strings.TrimSpace(words + " " + strings.Repeat("·", m%5)); p.String() != want {
				t.Errorf("%s: %q, want %q", name, p, want)
			}
			checkWords(t, name, p, m < 5)
		}
	}
}

// checkWords holds the laws that no phrase may break.
func checkWords(t *testing.T, name string, p Phrase, full bool) {
	t.Helper()
	ws := p.Words()
	if !slices.IsSorted(ws) || len(slices.Compact(slices.Clone(ws))) != len(ws) {
		t.Errorf("%s: words %v are not in reading order", name, ws)
	}
	isHour := func(w Word) bool { return w >= Elf && w <= Neun }
	if n := len(slices.DeleteFunc(slices.Clone(ws), func(w Word) bool { return !isHour(w) })); n != 1 {
		t.Errorf("%s: %d hour words in %v", name, n, ws)
	}
	if slices.Contains(ws, Uhr) != full {
		t.Errorf("%s: UHR lit is %t", name, !full)
	}
	if n := p.Mask().count(); n < 11 || n > 27 {
		t.Errorf("%s: %d LEDs lit, want 11 to 27", name, n)
	}
}

func (m Mask) count() int {
	n := 0
	for range m.LEDs() {
		n++
	}
	return n
}

// TestStylesNeverMix says which words belong to one style alone, and how
// often the styles differ.
func TestStylesNeverMix(t *testing.T) {
	differ := 0
	for minute := range 24 * 60 {
		d, h := Say(0, minute, Default), Say(0, minute, HalbCentric)
		if slices.Contains(d.Words(), Dreiviertel) {
			t.Errorf("minute %d: DREIVIERTEL in the default style", minute)
		}
		if slices.Contains(h.Words(), Zwanzig) {
			t.Errorf("minute %d: ZWANZIG in the halb style", minute)
		}
		if d != h && minute%5 == 0 {
			differ++
		}
	}
	if want := 24 * 3; differ != want {
		t.Errorf("styles differ in %d phrases a day, want %d", differ, want)
	}
}

func TestUnionAndBounds(t *testing.T) {
	want := Mask{0x07BB, 0x07FF, 0x07FF, 0x0787, 0x07EF, 0x078F, 0x078F, 0x079F, 0x07FF, 0x7F7F}
	cells := map[Style]int{Default: 94, HalbCentric: 91}
	var union Mask
	for style, cells := range cells {
		var m Mask
		least, most := math.MaxInt, 0
		for minute := range 24 * 60 {
			p := Say(0, minute, style).Mask()
			for row := range p {
				m[row] |= p[row]
			}
			least, most = min(least, p.count()), max(most, p.count())
		}
		if got := m.count(); got != cells {
			t.Errorf("%s: %d cells lit at some time, want %d", style, got, cells)
		}
		if least != 11 || most != 27 {
			t.Errorf("%s: %d to %d LEDs lit, want 11 to 27", style, least, most)
		}
		for row := range m {
			union[row] |= m[row]
		}
	}
	if union != want {
		t.Errorf("union of all phrases %04X, want %04X", union, want)
	}
	if got := union.count(); got != 98 {
		t.Errorf("%d cells in use, want 98", got)
	}
	for at, want := range map[[2]int]int{{1, 0}: 11, {6, 39}: 27} {
		if got := Say(at[0], at[1], Default).Mask().count(); got != want {
			t.Errorf("%v: %d LEDs, want %d", at, got, want)
		}
	}
	if got := Say(6, 44, HalbCentric).Mask().count(); got != 27 {
		t.Errorf("06:44 halb: %d LEDs, want 27", got)
	}
}

func TestExamples(t *testing.T) {
	for _, c := range []struct {
		h, m  int
		style Style
		want  string
	}{
		{1, 0, Default, "ES IST EIN UHR"},
		{1, 4, Default, "ES IST EIN UHR ····"},
		{13, 0, HalbCentric, "ES IST EIN UHR"},
		{1, 5, Default, "ES IST FÜNF NACH EINS"},
		{12, 24, Default, "ES IST ZWANZIG NACH ZWÖLF ····"},
		{12, 24, HalbCentric, "ES IST ZEHN VOR HALB EINS ····"},
		{12, 25, Default, "ES IST FÜNF VOR HALB EINS"},
		{14, 37, Default, "ES IST FÜNF NACH HALB DREI ··"},
		{17, 5, Default, "ES IST FÜNF NACH FÜNF"},
		{22, 10, Default, "ES IST ZEHN NACH ZEHN"},
		{23, 45, Default, "ES IST VIERTEL VOR ZWÖLF"},
		{23, 45, HalbCentric, "ES IST DREIVIERTEL ZWÖLF"},
		{0, 0, Default, "ES IST ZWÖLF UHR"},
		{0, 30, Default, "ES IST HALB EINS"},
	} {
		if got := Say(c.h, c.m, c.style).String(); got != c.want {
			t.Errorf("%02d:%02d %s: %q, want %q", c.h, c.m, c.style, got, c.want)
		}
	}
}

// FuzzSay holds that Say is total, and that it carries like time.Date.
func FuzzSay(f *testing.F) {
	f.Add(14, 37, uint8(0))
	f.Add(25, 75, uint8(1))
	f.Add(-1, -1, uint8(2))
	f.Add(math.MaxInt, math.MinInt, uint8(255))
	f.Fuzz(func(t *testing.T, hour, minute int, style uint8) {
		p := Say(hour, minute, Style(style))
		h, m := hour%24, minute%(24*60)
		at := ((h*60+m)%(24*60) + 24*60) % (24 * 60)
		if style > 1 {
			style = 0
		}
		if want := Say(at/60, at%60, Style(style)); p != want {
			t.Errorf("Say(%d, %d) = %s, want %s as at %02d:%02d", hour, minute, p, want, at/60, at%60)
		}
		checkWords(t, p.String(), p, at%60 < 5)
	})
}

func TestDots(t *testing.T) {
	for n, want := range map[int]Mask{-1: {}, 0: {}, 2: {9: 0x1800}, 4: {9: 0x7800}, 5: {9: 0x7800}} {
		if got := Dots(n).Mask(); got != want {
			t.Errorf("Dots(%d) = %04X, want %04X", n, got, want)
		}
	}
	if got := (Phrase{}).Mask(); got != (Mask{}) {
		t.Errorf("the zero phrase lights %04X", got)
	}
}

func TestStyleNames(t *testing.T) {
	for _, s := range []Style{Default, HalbCentric} {
		if got, err := ParseStyle(s.String()); got != s || err != nil {
			t.Errorf("ParseStyle(%q) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseStyle("bavarian"); err == nil || err.Error() != `style "bavarian": want default or halb` {
		t.Errorf("ParseStyle(bavarian): %v", err)
	}
}

func TestLetters(t *testing.T) {
	for row, line := range strings.Split(front, "\n") {
		for col, want := range []rune(line) {
			if want == '.' {
				want = 0
			}
			if got := Letter(row, col); got != want {
				t.Errorf("letter at %d,%d is %c, want %c", row, col, got, want)
			}
		}
	}
	if got := Letter(9, 11); got != 0 {
		t.Errorf("a minute LED carries the letter %c", got)
	}
}

func TestSayDoesNotAllocate(t *testing.T) {
	var n int
	if a := testing.AllocsPerRun(100, func() {
		for led := range Say(14, n%60, Default).LEDs() {
			n += led.Col
		}
		n++
	}); a != 0 {
		t.Errorf("%v allocations, want none", a)
	}
}

func BenchmarkSay(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		_ = Say(n/60, n%60, HalbCentric)
		n = (n + 1) % (24 * 60)
	}
}

func BenchmarkMask(b *testing.B) {
	b.ReportAllocs()
	p := Say(6, 39, Default)
	for b.Loop() {
		_ = p.Mask()
	}
}
