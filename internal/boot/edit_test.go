package boot

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

// TestSwitchTo covers the sequence numbers of esp_rewrite_ota_data.
func TestSwitchTo(t *testing.T) {
	for _, c := range []struct {
		name, otadata string
		n, slot       int
		want          string // otadata after it
	}{
		{"nothing there", "-|-", 2, 1, "2NEW|-"},
		{"nothing that counts", "5INV|6ABRT", 2, 0, "1NEW|6ABRT"},
		{"nothing that counts, the other slot", "5INV|6ABRT", 2, 1, "5INV|2NEW"},
		{"the other sector", "-|2V", 2, 0, "3NEW|2V"},
		{"the next of three", "1V|2V", 3, 2, "3NEW|2V"},
		{"three, around", "3V|-", 3, 0, "3V|4NEW"},
		{"three, further around", "3V|-", 3, 1, "3V|5NEW"},
		{"one never grows", "1V|-", 1, 0, "1V|1NEW"},
		{"a high number", "4294967292V|-", 2, 0, "4294967292V|4294967293NEW"},
		{"the highest", "4294967292V|-", 3, 1, "4294967292V|4294967294NEW"},
		{"used up", "4294967293V|-", 2, 0, "4294967293V|4294967293NEW"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := parseOtadata(t, c.otadata)
			p, err := switchTo(o, c.n, c.slot, flash.New)
			if err != nil {
				t.Fatal(err)
			}
			if got := plain(apply(o, []Put{p})); got != c.want || p.Entry.Slot(c.n) != c.slot {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, otadata := range []string{"4294967294V|-", "4294967293V|4294967294V"} {
		if p, err := switchTo(parseOtadata(t, otadata), 2, 0, flash.New); !errors.Is(err, errUsedUp) {
			t.Errorf("%s: %+v, %v, want %v", otadata, p, err, errUsedUp)
		}
	}
}

// TestSwitchPastMark: a mark does not come to be about an entry that is new.
func TestSwitchPastMark(t *testing.T) {
	o := parseOtadata(t, "1V|2INV")
	o[0] = mark{2, [8]byte{7}}.write(o[0])
	p, err := switchTo(o, 2, 1, flash.New)
	if err != nil || p.Sector != 1 || p.Entry.Seq != 4 {
		t.Errorf("%+v, %v, want 4 in the second sector", p, err)
	}
}

// TestFreeAndStage: the image that runs keeps, or gets, its entry; the slot that is
// written loses what selects it before that.
func TestFreeAndStage(t *testing.T) {
	for _, c := range []struct {
		name, otadata    string
		n, slot, running int
		freed, staged    string
	}{
		{"the usual update", "1V|-", 2, 1, 0, "1V|-", "1V|2NEW"},
		{"the next one", "1V|2V", 2, 0, 1, "-|2V", "3NEW|2V"},
		{"again, after a rejected one", "1V|2INV", 2, 1, 0, "1V|2INV", "1V|2NEW"},
		{"again, after one that is staged", "1V|2NEW", 2, 1, 0, "1V|-", "1V|2NEW"},
		{"while the active image is damaged", "1V|2V", 2, 1, 0, "1V|-", "1V|2NEW"},
		{"while that is the other way round", "3V|2V", 2, 0, 1, "-|2V", "3NEW|2V"},
		{"while both entries select what is written", "1V|3V", 2, 0, 1, "4V|-", "4V|5NEW"},
		{"while the entry of the other was lost", "-|2V", 2, 1, 0, "3V|-", "3V|4NEW"},
		{"while both select what runs", "1V|3V", 2, 1, 0, "1V|3V", "4NEW|3V"},
		{"from the factory image", "-|-", 2, 0, Factory, "-|-", "1NEW|-"},
		{"from the factory image, entries there", "1V|2V", 2, 0, Factory, "-|2V", "3NEW|2V"},
		{"one slot, and the factory image", "1V|-", 1, 0, Factory, "-|-", "1NEW|-"},
		{"one slot that was rejected", "1ABRT|-", 1, 0, Factory, "1ABRT|-", "1NEW|-"},
		{"the third of three", "1V|2V", 3, 2, 1, "1V|2V", "3NEW|2V"},
		{"three, and a fallback runs", "4V|2V", 3, 0, 2, "-|6V", "7NEW|6V"},
		{"both were rejected", "3INV|2ABRT", 2, 1, 0, "3INV|2ABRT", "3INV|2NEW"},
		{"in a trial", "1V|2PEND:1/0", 2, 0, 1, "", ""},
		{"what runs was rejected", "1INV|2V", 2, 1, 0, "1INV|-", "1INV|2NEW"},
		{"none runs", "1V|2V", 2, 1, NoSlot, "1V|-", "1V|2NEW"},
		{"none runs, and nothing is there", "-|-", 2, 1, NoSlot, "-|-", "2NEW|-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := parseOtadata(t, c.otadata)
			puts, err := free(o, c.n, c.slot, c.running)
			if c.freed == "" {
				if _, e := stage(o, c.n, c.slot, c.running); !errors.Is(err, ErrTrial) || !errors.Is(e, ErrTrial) {
					t.Errorf("free: %v, stage: %v, want %v", err, e, ErrTrial)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o = apply(o, puts)
			if got := plain(o); got != c.freed {
				t.Fatalf("free: %s, want %s", got, c.freed)
			}
			if puts, err = stage(o, c.n, c.slot, c.running); err != nil {
				t.Fatal(err)
			}
			o = apply(o, puts)
			if got := plain(o); got != c.staged {
				t.Errorf("stage: %s, want %s", got, c.staged)
			}
			if a := activeOf(o); a < 0 || o[a].Slot(c.n) != c.slot || o[a].State != flash.New {
				t.Errorf("entry %d is active: it is not the new one", a)
			}
			again, err := stage(parseOtadata(t, c.otadata), c.n, c.slot, c.running)
			if err != nil || plain(apply(parseOtadata(t, c.otadata), again)) != c.staged {
				t.Errorf("without free: %v, %v, want %s", again, err, c.staged)
			}
		})
	}
}

// TestForget: that an image was given up goes with it; of another one it stays, and so
// does what an image is started by.
func TestForget(t *testing.T) {
	for otadata, want := range map[string]string{
		"1V|2INV": "1V|-", "1V|2ABRT": "1V|-", "2INV|4ABRT": "-|-", "2V|4INV": "2V|-", "1INV|2V": "1INV|2V", "1V|2NEW": "1V|2NEW",
		"1V|2PEND": "1V|2PEND", "-|-": "-|-", "3V|1INV": "3V|1INV", "1V|2V!": "1V|damaged",
	} {
		o := parseOtadata(t, otadata)
		if got := plain(apply(o, forget(o, 2, 1))); got != want {
			t.Errorf("%s becomes %s, want %s", otadata, got, want)
		}
	}
}

// TestFreeVoidsMark: an image that was confirmed once, and given up, is not
// confirmed by that once more when the same one is installed again.
func TestFreeVoidsMark(t *testing.T) {
	digest := [32]byte{2}
	for _, c := range []struct {
		otadata string
		slot    int
		voids   bool
	}{{"1V|2INV", 1, true}, {"1V|-", 1, true}, {"1V|-", 2, false}} {
		o := parseOtadata(t, c.otadata)
		o[0] = mark{2, [8]byte(digest[:])}.write(o[0])
		puts, err := free(o, 3, c.slot, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b := o[0].Marshal(), apply(o, puts)[0].Marshal()
		if !clears(a[:], b[:]) {
			t.Errorf("%s: the entry of what runs is erased", c.otadata)
		}
		if _, ok := readMark(apply(o, puts)[0]); ok == c.voids {
			t.Errorf("%s, slot %d: mark left %v", c.otadata, c.slot, ok)
		}
	}
}

// TestUsedUp: at the end of the sequence numbers nothing is changed.
func TestUsedUp(t *testing.T) {
	o := parseOtadata(t, "4294967293V|4294967294V") // two slots: the first, the second
	if _, err := stage(o, 2, 0, 1); !errors.Is(err, errUsedUp) {
		t.Errorf("stage: %v, want %v", err, errUsedUp)
	}
	if puts, err := free(o, 3, 2, 0); !errors.Is(err, errUsedUp) && len(puts) > 0 {
		t.Errorf("free: %v, %v", puts, err)
	}
}

// TestConfirmEdit: a confirm marks the other entry before it replaces its own.
func TestConfirmEdit(t *testing.T) {
	digest := [32]byte{1, 2, 3}
	o := parseOtadata(t, "1V|2PEND:1/0")
	puts := confirm(o, 1, digest)
	if len(puts) != 2 || puts[0].Sector != 0 || puts[1].Sector != 1 {
		t.Fatalf("%+v, want the other sector, then its own", puts)
	}
	if m, ok := readMark(puts[0].Entry); !ok || m.seq != 2 || !m.isAbout(digest) {
		t.Errorf("mark %+v, %v", m, ok)
	}
	o = apply(o, puts)
	if got := plain(o); got != "1V|2V" {
		t.Errorf("got %s", got)
	}
	if o[1].Spare != flash.BlankSelect.Spare {
		t.Error("the record of the trial is still there")
	}
	// The mark of an earlier confirm leaves no room for another.
	o = apply(o, []Put{{1, parseEntry(t, "4PEND:1/0")}})
	puts = confirm(o, 1, digest)
	if len(puts) != 1 || puts[0].Sector != 1 || puts[0].Entry.Seq != 4 {
		t.Errorf("%+v, want its own sector alone", puts)
	}
}

// TestRejectEdit: an image is only given up for one that was not, and that does not
// need it to fall back to.
func TestRejectEdit(t *testing.T) {
	for _, c := range []struct {
		name, otadata, slots string
		slot                 int
		want                 string // "" is a *RollbackError
	}{
		{"on trial", "1V|2PEND:1/0", "good good", 1, "1V|2INV"},
		{"confirmed", "1V|2V", "good good", 1, "1V|2INV"},
		{"nobody staged the other", "-|2V", "good good", 1, ""},
		{"the trial of the other was cut off", "1ABRT:1/0 power_lost|2V", "good good", 1, ""},
		{"for the factory image", "1V|-", "good factory", 0, "1INV|-"},
		{"for the factory image, the other was rejected", "1INV|2V", "good good factory", 1, "1INV|2INV"},
		{"the other was rejected", "1INV|2V", "good good", 1, ""},
		{"so it was, and the slots change places", "3V|2ABRT:1/0 hung", "good good", 0, ""},
		{"the other is damaged", "1V|2V", "bad good", 1, ""},
		{"the other is below the floor", "1V|2V", "0 1", 1, ""},
		{"the other is staged", "1V|2NEW", "good good", 0, ""},
		{"alone", "1V|-", "good", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, floor := parseOtadata(t, c.otadata), 0
			if c.slots == "0 1" {
				floor = 1
			}
			p, err := reject(o, parseSlots(t, c.slots), floor, host, c.slot, CheckFailed)
			if c.want == "" {
				if _, none := errors.AsType[*RollbackError](err); !none || p != (Put{}) {
					t.Errorf("%+v, %v, want a *RollbackError", p, err)
				}
				return
			}
			if got := plain(apply(o, []Put{p})); err != nil || got != c.want || readRecord(p.Entry).reason != CheckFailed {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
	for _, slot := range []int{0, Factory, Test, NoSlot} { // which no entry selects
		if _, err := reject(parseOtadata(t, "1INV|2V"), parseSlots(t, "good good factory"), 0, host, slot, User); err == nil {
			t.Errorf("slot %d was rejected", slot)
		}
	}
}

// TestGaveUp: what is left of a rejected entry tells why, and of its starts.
func TestGaveUp(t *testing.T) {
	s := gaveUp(parseEntry(t, "2PEND:2/1"), flash.Invalid, CheckFailed)
	r := readRecord(s)
	if s.Counts() || !s.Sound() || s.Seq != 2 || r.reason != CheckFailed || r.starts != 2 || r.stops != 1 {
		t.Errorf("%+v, %+v", s, r)
	}
}

// TestSelects: of two entries about a slot the later one that counts selects it.
func TestSelects(t *testing.T) {
	for otadata, want := range map[string]int{
		"1V|3V": 1, "3V|1V": 0, "3INV|1V": 1, "1V|2V": 0, "2V|4V": -1, "-|-": -1, "1V!|-": -1, "3V|3NEW": 0,
	} {
		if got := selects(parseOtadata(t, otadata), 2, 0); got != want {
			t.Errorf("%s: %d, want %d", otadata, got, want)
		}
	}
}

// TestRejectedEdit: an entry that counts outweighs one that does not.
func TestRejectedEdit(t *testing.T) {
	var got []string
	for _, otadata := range []string{"1INV|2V", "1INV|3NEW", "1ABRT:1/0 power_lost|-", "1ABRT:1/0 hung|-", "1ABRT|-", "1INV!|-", "1JUNK|-", "1ABRT:1/0 power_lost|3INV"} {
		if rejected(parseOtadata(t, otadata), 2, 0) {
			got = append(got, otadata)
		}
	}
	want := []string{"1INV|2V", "1ABRT:1/0 hung|-", "1ABRT|-", "1ABRT:1/0 power_lost|3INV"}
	if !slices.Equal(got, want) {
		t.Errorf("rejected: %s\nwant %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	if o := parseOtadata(t, "1INV|2INV"); rejected(o, 2, Factory) || rejected(o, 2, Test) {
		t.Error("what no entry is about was rejected")
	}
}
