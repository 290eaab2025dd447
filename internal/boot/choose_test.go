package boot

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

// Entries are written as in tables of otadata: the sequence number and the state, as
// in "2PEND"; "-" is an erased one, "2NEW!" one with a wrong checksum. A record of
// this loader stands behind: "2PEND:1/0" was started once and never stopped, in the
// host's present start; "~" is in the one before; a reason may follow.
var states = map[string]flash.State{
	"NEW": flash.New, "PEND": flash.Pending, "V": flash.Valid, "INV": flash.Invalid, "ABRT": flash.Aborted, "U": flash.Undefined,
	"JUNK": 0x17,
}

// What tells starts of the host apart in tests.
const host, oldHost = 0xCAFE, 0xBEEF

func parseEntry(t testing.TB, text string) flash.Select {
	t.Helper()
	if text == "-" {
		return flash.BlankSelect
	}
	text, rec, recorded := strings.Cut(text, ":")
	text, damaged := strings.CutSuffix(text, "!")
	digits := strings.TrimRight(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	seq, err := strconv.ParseUint(digits, 10, 32)
	state, ok := states[text[len(digits):]]
	if err != nil || !ok {
		t.Fatalf("entry %q: %v", text, err)
	}
	s := flash.NewSelect(uint32(seq), state)
	if damaged {
		s.CRC ^= 1
	}
	if recorded {
		s = parseRecord(t, rec).write(s)
	}
	return s
}

func parseRecord(t testing.TB, text string) record {
	t.Helper()
	h := uint32(host)
	text, old := strings.CutSuffix(text, "~")
	if old {
		h = oldHost
	}
	text, why, _ := strings.Cut(text, " ")
	r := blankRecord
	var starts int
	if _, err := fmt.Sscanf(text, "%d/%d", &starts, &r.stops); err != nil {
		t.Fatalf("record %q: %v", text, err)
	}
	for range starts {
		r = r.started(h)
	}
	var err error
	if r.reason, err = ParseReason(why); err != nil {
		t.Fatal(err)
	}
	return r
}

func parseOtadata(t testing.TB, text string) [2]flash.Select {
	t.Helper()
	a, b, ok := strings.Cut(text, "|")
	if !ok {
		t.Fatalf("otadata %q", text)
	}
	return [2]flash.Select{parseEntry(t, a), parseEntry(t, b)}
}

// plain writes otadata as parseOtadata reads it, records left out.
func plain(o [2]flash.Select) string {
	var texts []string
	for _, s := range o {
		switch {
		case s.Seq == flash.NoSeq:
			texts = append(texts, "-")
			continue
		case !s.Sum():
			texts = append(texts, "damaged")
			continue
		}
		for name, state := range states {
			if state == s.State {
				texts = append(texts, fmt.Sprint(s.Seq, name))
			}
		}
	}
	return strings.Join(texts, "|")
}

func apply(o [2]flash.Select, puts []Put) [2]flash.Select {
	for _, p := range puts {
		o[p.Sector] = p.Entry
	}
	return o
}

var errCorrupt = errors.New("corrupt")

// parseSlots makes slots of a word for each: "good", "bad", or a secure version.
// "factory" and "test" are good ones of those, "badfactory" is not.
func parseSlots(t testing.TB, text string) (s Slots) {
	t.Helper()
	for i, word := range strings.Fields(text) {
		x := Slot{Digest: [32]byte{byte(i) + 1}}
		switch word {
		case "good":
		case "bad":
			x.Err = errCorrupt
		case "factory", "badfactory":
			s.Factory = &x
			if word != "factory" {
				x.Err = errCorrupt
			}
			continue
		case "test":
			s.Test = &x
			continue
		default:
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatalf("slot %q", word)
			}
			x.SecureVersion = uint32(n)
		}
		s.OTA = append(s.OTA, x)
	}
	return s
}

// TestBootModel is a model of the boot loader of ESP-IDF 5.4.2 (bootloader_utility.c,
// esp_ota_ops.c), row by row: two slots, no factory image. Its steps are "boot",
// which has to start a slot and is by a loader that did nothing but boot before,
// "confirm", and "to N", which makes slot N the one to start.
func TestBootModel(t *testing.T) {
	for _, c := range []struct {
		rollback string
		start    string
		slots    string
		steps    string // with what they lead to
	}{
		{"on", "-|-", "good good", "boot 0 = 1V|-"},
		{"on", "1V|-", "good good", "to 1 = 1V|2NEW"},
		{"on", "1V|2NEW", "good good", "boot 1 = 1V|2PEND"},
		{"on", "1V|2PEND", "good good", "boot 0 = 1V|2ABRT"},
		{"on", "1V|2ABRT", "good good", "to 1 = 1V|2NEW"},
		{"on", "1V|2PEND", "good good", "confirm = 1V|2V, to 0 = 3NEW|2V"},
		{"on", "1V|2NEW", "good bad", "boot 0 = 1V|2PEND, boot 0 = 1V|2ABRT"},
		{"on", "-|2PEND", "good good", "boot 0 = -|2ABRT, boot 0 = -|2ABRT"},
		{"on", "-|2PEND", "bad good", "boot 1 = -|2ABRT, boot 1 = -|2ABRT"},
		{"on", "3INV|2ABRT", "good good", "boot 0 = 3INV|2ABRT"},
		{"on", "1V|2V", "good good", "to 1 = 2NEW|2V, boot 1 = 2PEND|2V"},
		{"off", "1V|-", "good good", "to 1 = 1V|2U, boot 1 = 1V|2U, boot 1 = 1V|2U"},
		{"off", "1V|2U", "good good", "to 0 = 3U|2U"},
		{"off", "1V|2U", "good bad", "boot 0 = 1V|2U, boot 0 = 1V|2U, to 1 = 2U|2U"},
	} {
		t.Run(strings.Join([]string{c.rollback, c.start, c.slots, c.steps}, ", "), func(t *testing.T) {
			o, slots := parseOtadata(t, c.start), parseSlots(t, c.slots)
			for _, step := range strings.Split(c.steps, ", ") {
				do, want, _ := strings.Cut(step, " = ")
				verb, arg, _ := strings.Cut(do, " ")
				slot, _ := strconv.Atoi(arg)
				switch verb {
				case "boot":
					p := Choose(o, slots, 0, host)
					if len(p.Try) == 0 || p.Try[0] != slot {
						t.Fatalf("%s: try %v, want %d first", plain(o), p.Try, slot)
					}
					o = apply(o, p.Write)
				case "confirm":
					o = apply(o, confirm(o, 1, slots.OTA[1].Digest))
				case "to":
					state := flash.New
					if c.rollback == "off" {
						state = flash.Undefined
					}
					p, err := switchTo(o, 2, slot, state)
					if err != nil {
						t.Fatal(err)
					}
					o[p.Sector] = p.Entry
				}
				if got := plain(o); got != want {
					t.Fatalf("%s: got %s", step, got)
				}
			}
		})
	}
}

// TestChoose covers what ESP-IDF leaves open, or has otherwise.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name    string
		otadata string
		slots   string
		floor   int
		try     []int
		want    string // otadata after it
		trial   bool
		reason  Reason // and gave is slot 1 then
		level   int
	}{
		// The order of what is tried.
		{name: "downward, factory, upward, test", otadata: "2V|-", slots: "good good good factory test", try: []int{1, 0, Factory, 2, Test}, want: "2V|-"},
		{name: "no entry: factory", otadata: "-|-", slots: "good good factory", try: []int{Factory, 0, 1}, want: "-|-"},
		{name: "no entry, and a bad factory image", otadata: "-|-", slots: "good good badfactory", try: []int{0, 1}, want: "1V|-"},
		{name: "no entry, and the second slot alone is good", otadata: "-|-", slots: "bad good", try: []int{1}, want: "2V|-"},
		{name: "factory alone", otadata: "-|-", slots: "factory", try: []int{Factory}, want: "-|-"},
		{name: "entries, but no slots", otadata: "1PEND|2V", slots: "factory", try: []int{Factory}, want: "1PEND|2V"},
		{name: "test alone", otadata: "-|-", slots: "bad bad test", try: []int{Test}, want: "-|-"},
		{name: "nothing", otadata: "1V|2V", slots: "bad bad", want: "1V|2V"},
		{name: "no slots at all", otadata: "-|-", slots: "", want: "-|-"},
		{name: "of two, the later one", otadata: "3V|2V", slots: "good good", try: []int{0, 1}, want: "3V|2V"},
		{name: "the sequence is unsigned", otadata: "2147483649V|2147483646V", slots: "good good", try: []int{0, 1}, want: "2147483649V|2147483646V"},
		{name: "number 0 is the last slot", otadata: "0V|-", slots: "good good good", try: []int{2, 1, 0}, want: "0V|-"},
		{name: "undefined counts, and is no trial", otadata: "1V|2U", slots: "good good", try: []int{1, 0}, want: "1V|2U"},

		// What was rejected comes last; a power cut does not reject.
		{name: "invalid", otadata: "1V|2INV", slots: "bad good good", try: []int{2, 1}, want: "1V|2INV"},
		{name: "crashed", otadata: "1V|2ABRT:1/0 crashed", slots: "bad good good", try: []int{2, 1}, want: "1V|2ABRT"},
		{name: "aborted by another loader", otadata: "1V|2ABRT", slots: "bad good good", try: []int{2, 1}, want: "1V|2ABRT"},
		{name: "lost power", otadata: "1V|2ABRT:1/0 power_lost", slots: "bad good good", try: []int{2, 1}, want: "1V|2ABRT"},
		{name: "rejected before it was tried again", otadata: "4NEW|2INV", slots: "good good", try: []int{1, 0}, want: "4PEND|2INV", trial: true},
		{name: "both rejected, the factory image is not", otadata: "1INV|2INV", slots: "good good factory", try: []int{Factory, 0, 1}, want: "1INV|2INV"},
		{name: "rejected is better than nothing", otadata: "1V|2INV", slots: "bad good", try: []int{1}, want: "1V|2INV"},

		// Garbage.
		{name: "no state of the six", otadata: "1V|2JUNK", slots: "good good", try: []int{0, 1}, want: "1V|2JUNK"},
		{name: "wrong checksum", otadata: "1V|2V!", slots: "good good", try: []int{0, 1}, want: "1V|damaged"},
		{name: "two wrong checksums are as none", otadata: "1V!|2PEND!", slots: "good good", try: []int{0, 1}, want: "1V|damaged"},
		{name: "a damaged trial is none", otadata: "1V|2PEND!", slots: "good good", try: []int{0, 1}, want: "1V|damaged"},

		// The floor.
		{name: "below the floor", otadata: "1V|2V", slots: "1 2 3", floor: 2, try: []int{1, 2}, want: "1V|2V", level: 2},
		{name: "at once when what is valid is started", otadata: "1V|2V", slots: "1 2", try: []int{1, 0}, want: "1V|2V", level: 2},
		{name: "not by a trial", otadata: "1V|2NEW", slots: "1 2", try: []int{1, 0}, want: "1V|2PEND", trial: true},
		{name: "not by what is undefined", otadata: "1V|2U", slots: "1 2", try: []int{1, 0}, want: "1V|2U"},
		{name: "not by a fallback", otadata: "1V|2V", slots: "3 bad", try: []int{0}, want: "1V|2V"},
		{name: "by the first image", otadata: "-|-", slots: "5 0", try: []int{0, 1}, want: "1V|-", level: 5},
		{name: "no higher than there are fuses", otadata: "1V|2V", slots: "0 4000000000", try: []int{1, 0}, want: "1V|2V", level: 16},
		{name: "a trial below the floor", otadata: "1V|2NEW", slots: "2 1", floor: 2, try: []int{0}, want: "1V|2PEND"},

		// Trials.
		{name: "begins", otadata: "1V|2NEW", slots: "good good", try: []int{1, 0}, want: "1V|2PEND", trial: true},
		{name: "goes on after a clean stop", otadata: "1V|2PEND:1/1", slots: "good good", try: []int{1, 0}, want: "1V|2PEND", trial: true},
		{name: "in any start of the host", otadata: "1V|2PEND:2/2~", slots: "good good", try: []int{1, 0}, want: "1V|2PEND", trial: true},
		{name: "ends after three", otadata: "1V|2PEND:3/3", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: NeverConfirmed},
		{name: "ends when it was killed", otadata: "1V|2PEND:1/0", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: Crashed},
		{name: "or the power went", otadata: "1V|2PEND:1/0~", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: PowerLost},
		{name: "or went after a clean stop", otadata: "1V|2PEND:3/2~", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: PowerLost},
		{name: "ends for what was noted", otadata: "1V|2PEND:1/0 hung~", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: Hung},
		{name: "ends if another loader began it", otadata: "1V|2PEND", slots: "good good", try: []int{0, 1}, want: "1V|2ABRT", reason: NeverConfirmed},
		{name: "ends when the image rots", otadata: "1V|2PEND:1/1", slots: "good bad", try: []int{0}, want: "1V|2ABRT", reason: ImageInvalid},
		{name: "of an older entry ends as well", otadata: "3V|2PEND:1/0", slots: "good good", try: []int{0, 1}, want: "3V|2ABRT", reason: Crashed},
		{name: "does not begin with a bad image", otadata: "1V|2NEW", slots: "good bad", try: []int{0}, want: "1V|2PEND"},
		{name: "is none if nothing else is there, but begins", otadata: "-|2NEW", slots: "bad good", try: []int{1}, want: "-|2PEND", trial: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := parseOtadata(t, c.otadata)
			p := Choose(o, parseSlots(t, c.slots), c.floor, host)
			if !slices.Equal(p.Try, c.try) || p.Trial != c.trial || p.Reason != c.reason || p.Floor != c.level {
				t.Errorf("try %v, trial %v, reason %q, floor %d,\nwant %v, %v, %q, %d",
					p.Try, p.Trial, p.Reason, p.Floor, c.try, c.trial, c.reason, c.level)
			}
			if c.reason != None && p.Gave != 1 {
				t.Errorf("gave slot %d up, want 1", p.Gave)
			}
			after := apply(o, p.Write)
			if got := plain(after); got != c.want {
				t.Errorf("otadata %s, want %s", got, c.want)
			}
			if c.reason != None && readRecord(after[1]).reason != c.reason {
				t.Errorf("noted is %s, want %s", readRecord(after[1]).reason, c.reason)
			}
		})
	}
}

// TestChooseAgain: a start after one that wrote its entries and had no more time
// does not find less than that one did.
func TestChooseAgain(t *testing.T) {
	slots := parseSlots(t, "good bad")
	o := parseOtadata(t, "1V|2NEW")
	for i, want := range []Reason{None, ImageInvalid, None} {
		p := Choose(o, slots, 0, host)
		if p.Reason != want || p.Trial || !slices.Equal(p.Try, []int{0}) {
			t.Errorf("start %d: try %v, %q, want %q", i, p.Try, p.Reason, want)
		}
		o = apply(o, p.Write)
	}
	if p := Choose(o, slots, 0, host); len(p.Write) > 0 {
		t.Errorf("nothing is new, but it writes %v", p.Write)
	}
}

// TestThreeStarts: an image that is stopped cleanly is started three times.
func TestThreeStarts(t *testing.T) {
	slots := parseSlots(t, "good good")
	o := parseOtadata(t, "1V|2NEW")
	for start := range trialStarts {
		p := Choose(o, slots, 0, host)
		if !p.Trial || p.Try[0] != 1 {
			t.Fatalf("start %d: %+v", start, p)
		}
		o = apply(o, p.Write)
		o[1] = stopped(o[1])
	}
	p := Choose(o, slots, 0, host)
	if p.Trial || p.Try[0] != 0 || p.Reason != NeverConfirmed {
		t.Errorf("the start after these: %+v", p)
	}
}

// TestCompleteConfirm: a confirm that was begun is completed, if it was of what is
// in the slot.
func TestCompleteConfirm(t *testing.T) {
	for _, c := range []struct {
		name, otadata string // the mark stands behind the first entry
		slots         string
		seq           uint32 // of the mark
		digest        byte   // its begin; slot 1 has 2
		want          string
		first         int
	}{
		{"before the entry was touched", "1V|2PEND:1/0~", "good good", 2, 2, "1V|2V", 1},
		{"when it was erased", "1V|-", "good good", 2, 2, "1V|2V", 1},
		{"when it was half written", "1V|2V!", "good good", 2, 2, "1V|2V", 1},
		{"when all was done", "1V|2V", "good good", 2, 2, "1V|2V", 1},
		{"behind a rejected entry", "1INV|-", "good good", 2, 2, "1INV|2V", 1},
		{"not of an image that is not there any more", "1V|-", "good good", 2, 9, "1V|-", 0},
		{"nor of one that is damaged", "1V|-", "good bad", 2, 2, "1V|-", 0},
		{"nor of another entry", "1V|4PEND:1/0~", "good good", 2, 2, "1V|4ABRT", 0},
		{"nor of one that was rejected since", "1V|2INV", "good good", 2, 2, "1V|2INV", 0},
		{"nor of a new one", "1V|2NEW", "good good", 4, 2, "1V|2PEND", 1},
		{"nor without slots", "1V|-", "factory", 2, 2, "1V|-", Factory},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := parseOtadata(t, c.otadata)
			o[0] = mark{c.seq, [8]byte{c.digest}}.write(o[0])
			p := Choose(o, parseSlots(t, c.slots), 0, host)
			if got := plain(apply(o, p.Write)); got != c.want || p.Try[0] != c.first {
				t.Errorf("got %s and slot %d, want %s and %d", got, p.Try[0], c.want, c.first)
			}
		})
	}
}
