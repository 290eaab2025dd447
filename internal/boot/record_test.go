package boot

import (
	"fmt"
	"testing"

	"wordclockd/internal/flash"
)

// TestRecord: a record is read as it was written, whatever entry it stands behind,
// and what it is not about stays.
func TestRecord(t *testing.T) {
	s := flash.NewSelect(7, flash.Pending)
	s = mark{6, [8]byte{1, 2, 3}}.write(s)
	for starts := range trialStarts + 1 {
		for stops := range starts + 1 {
			for why := range Reason(len(reasons)) {
				want := blankRecord
				for i := range starts {
					want = want.started(uint32(100 + i))
				}
				want.stops, want.reason = stops, why
				got := want.write(s)
				if r := readRecord(got); r != want {
					t.Fatalf("read %+v, want %+v", r, want)
				}
				if m, ok := readMark(got); !ok || m.seq != 6 || got.Seq != 7 || got.State != flash.Pending || !got.Sum() {
					t.Fatalf("%+v: not the entry and the mark that were there", got)
				}
			}
		}
	}
}

// TestRecordIsProgrammed: what is noted during a trial only clears bits, so that no
// sector is erased for it.
func TestRecordIsProgrammed(t *testing.T) {
	s := blankRecord.write(flash.NewSelect(2, flash.Pending))
	next := func(what string, to flash.Select) {
		a, b := s.Marshal(), to.Marshal()
		if !clears(a[:], b[:]) {
			t.Errorf("%s:\n% x becomes\n% x", what, a, b)
		}
		s = to
	}
	for i := range trialStarts {
		next("start", readRecord(s).started(uint32(1000*i+7)).write(s))
		next("stop", stopped(s))
	}
	next("reason", noted(s, Hung))
	if got := noted(s, Crashed); got != s {
		t.Error("the second reason replaced the first")
	}
	if got := stopped(s); got != s {
		t.Error("more stops than starts")
	}
	next("mark", mark{0x01020304, [8]byte{9, 8, 7, 6, 5, 4, 3, 2}}.write(s))
}

// TestEnd: how a trial ended that nobody judged.
func TestEnd(t *testing.T) {
	for _, c := range []struct {
		record string
		want   Reason
	}{
		{"0/0", NeverConfirmed},
		{"1/0", Crashed},
		{"1/0~", PowerLost},
		{"1/1", None},
		{"2/1", Crashed},
		{"2/1~", PowerLost},
		{"2/2", None},
		{"3/2", Crashed},
		{"3/3", NeverConfirmed},
		{"3/3~", NeverConfirmed},
		{"1/0 hung", Hung},
		{"1/1 check_failed", CheckFailed},
		{"0/0 user", User},
	} {
		if got := parseRecord(t, c.record).end(host); got != c.want {
			t.Errorf("%s: %q, want %q", c.record, got, c.want)
		}
	}
}

// TestTornRecord: of what was being programmed when the power went, any bytes may be
// there. No note that is torn so reads as another reason, and no start as a stop.
func TestTornRecord(t *testing.T) {
	begun := blankRecord.started(oldHost).write(flash.NewSelect(2, flash.Pending))
	for _, c := range []struct {
		name string
		from flash.Select
		to   flash.Select
		want []Reason // any of them
	}{
		{"first start", flash.NewSelect(2, flash.Pending), begun, []Reason{NeverConfirmed, PowerLost}},
		{"stop", begun, stopped(begun), []Reason{PowerLost, None}},
		{"second start", stopped(begun), readRecord(stopped(begun)).started(oldHost).write(stopped(begun)), []Reason{None, PowerLost}},
		{"reason", begun, noted(begun, Hung), []Reason{PowerLost, Hung}},
	} {
		for _, torn := range tears(c.from, c.to) {
			if got := readRecord(torn).end(host); !contains(c.want, got) {
				t.Errorf("%s: % x reads as %s, want any of %s", c.name, torn.Spare, got, c.want)
			}
		}
	}
}

func contains(all []Reason, r Reason) bool {
	for _, x := range all {
		if x == r {
			return true
		}
	}
	return false
}

// tears returns what may be read when from was being made to: any subset of the
// bytes in which they differ.
func tears(from, to flash.Select) (all []flash.Select) {
	a, b := from.Marshal(), to.Marshal()
	var differ []int
	for i := range a {
		if a[i] != b[i] {
			differ = append(differ, i)
		}
	}
	for set := range 1 << len(differ) {
		p := a
		for i, at := range differ {
			if set&(1<<i) != 0 {
				p[at] = b[at]
			}
		}
		all = append(all, flash.ReadSelect(p))
	}
	return all
}

// TestReasonByte: none of the values that a byte can have but those written is a
// reason.
func TestReasonByte(t *testing.T) {
	for b := range 256 {
		s := flash.BlankSelect
		s.Spare[2] = byte(b)
		r := readRecord(s).reason
		if again := r.mustWrite(); r != None && again != byte(b) {
			t.Errorf("%#02x reads as %s, which is %#02x", b, r, again)
		}
	}
}

func (r Reason) mustWrite() byte { return record{reason: r}.write(flash.BlankSelect).Spare[2] }

// TestMark: a mark is read as it was written, and is none as long as a byte of its
// number or the complement is missing.
func TestMark(t *testing.T) {
	blank := flash.NewSelect(1, flash.Valid)
	if _, ok := readMark(blank); ok || !canMark(blank) {
		t.Error("no mark is one")
	}
	for _, seq := range []uint32{2, 0x01020304, flash.NoSeq - 1} {
		want := mark{seq, [8]byte{1, 2, 3, 4, 5, 6, 7, 0xFF}}
		s := want.write(blank)
		if m, ok := readMark(s); !ok || m != want || canMark(s) {
			t.Errorf("got %+v, %v, want %+v", m, ok, want)
		}
		if !want.isAbout([32]byte{1, 2, 3, 4, 5, 6, 7, 0xFF, 9}) || want.isAbout([32]byte{1, 2, 3, 4, 5, 6, 7}) {
			t.Error("a mark is about a digest that begins otherwise")
		}
		for _, torn := range tears(blank, s) {
			m, ok := readMark(torn)
			if ok && m.seq != seq {
				t.Errorf("% x is a mark about %d, want %d", torn.Spare, m.seq, seq)
			}
		}
	}
}

func TestReasonNames(t *testing.T) {
	for r := range Reason(len(reasons)) {
		if got, err := ParseReason(r.String()); got != r || err != nil {
			t.Errorf("ParseReason(%q) = %v, %v", r, got, err)
		}
	}
	if _, err := ParseReason("boredom"); err == nil {
		t.Error("an unknown reason was accepted")
	}
	if got := Reason(200).String(); got != "Reason(200)" {
		t.Errorf("%q", got)
	}
}

// ExampleReset shows how a log or a person would see the end of a start.
func ExampleReset() {
	fmt.Println(Reset{Hung, "no sign of life for 10s"})
	// Output: {hung no sign of life for 10s}
}
