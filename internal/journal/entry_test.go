package journal

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wordclockd/internal/clock"
)

func parseJSON(t *testing.T, b []byte) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLayout holds the firmware's 112 bytes.
func TestLayout(t *testing.T) {
	e := clock.Entry{
		Time: time.Unix(1763200000, 0).UTC(), Uptime: 258 * time.Second, Origin: clock.OriginBus, Severity: clock.SeverityError,
		Code: 0x0201, Event: "leds_dark", Message: "dunkel " + strings.Repeat("ü", 40), Details: "rows=[3]",
	}
	b := appendEntry(nil, e)
	want := "004c186900000000" + "02010000" + "02" + "02" + "0102" + strings.Repeat("00", 32) + hex.EncodeToString([]byte("dunkel "+strings.Repeat("ü", 28))) + "00"
	if got := hex.EncodeToString(b[:entrySize]); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	got, err := parseEntry(b)
	if err != nil || got != e {
		t.Errorf("%+v, %v", got, err)
	}
	// As a real clock has it.
	if got, err := parseEntry(b[:entrySize]); err != nil || got.Message != "dunkel "+strings.Repeat("ü", 28) || got.Event != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, b[:entrySize-1], append([]byte(strings.Repeat("\x00", 12)+"\x0c"), b[13:]...), append([]byte(strings.Repeat("\x00", 13)+"\x04"), b[14:]...)} {
		if got, err := parseEntry(bad); err == nil || got != (clock.Entry{}) {
			t.Errorf("% x: %+v, %v", bad, got, err)
		}
	}
}

// TestContext is what the firmware keeps of a validation, and meant to: another program
// reads it, and what another program wrote is read.
func TestContext(t *testing.T) {
	for _, c := range []struct {
		name    string
		e       clock.Entry
		context string // what it begins with, the rest is zero
		alone   string // details of the firmware's structure without what is behind it
	}{
		{"rows", clock.Entry{Origin: clock.OriginValidation, Code: 4, Details: `mismatches=3 rows="[2 9]"`}, "03" + "04" + "0402", `mismatches=3 rows="[2 9]"`},
		{"one row, among other details", clock.Entry{Origin: clock.OriginValidation, Code: 1, Details: `took=3ms rows=[0] mismatches=16`}, "10" + "01" + "01", `mismatches=16 rows="[0]"`},
		{"all", clock.Entry{Origin: clock.OriginValidation, Code: 3, Details: `mismatches=1000 rows="[0 1 2 3 4 5 6 7 8 9]"`}, "ff" + "03" + "ff03", `mismatches=255 rows="[0 1 2 3 4 5 6 7 8 9]"`},
		{"software", clock.Entry{Origin: clock.OriginValidation, Code: 6}, "00" + "06", `mismatches=0 rows="[]"`},
		{"nonsense", clock.Entry{Origin: clock.OriginValidation, Details: `mismatches=-1 rows="[10 x -1]"`}, "", ""},
		{"not of a validation", clock.Entry{Origin: clock.OriginBus, Code: 4, Details: `mismatches=3 rows="[2 9]"`}, "", ""},
	} {
		b := appendEntry(nil, c.e)
		want := c.context + strings.Repeat("0", 2*contextSize-len(c.context))
		if got := hex.EncodeToString(b[contextAt:messageAt]); got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
		if got, err := parseEntry(b); err != nil || got != c.e {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if got, err := parseEntry(b[:entrySize]); err != nil || got.Details != c.alone || got.Code != c.e.Code {
			t.Errorf("%s, alone: %+v, %v", c.name, got, err)
		}
	}
}

func TestLongTexts(t *testing.T) {
	e := clock.Entry{Event: strings.Repeat("e", 100), Message: strings.Repeat("ö", 1000), Details: strings.Repeat("d", 9000)}
	b := appendEntry(nil, e)
	if len(b) > entrySize+maxEvent+maxMessage+maxDetails+2 {
		t.Errorf("%d bytes", len(b))
	}
	got, err := parseEntry(b)
	if err != nil || !utf8.ValidString(got.Message) || len(got.Message) != maxMessage || len(got.Details) != maxDetails || len(got.Event) != maxEvent {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzEntry: what is parsed is written as bytes that parse to the same.
func FuzzEntry(f *testing.F) {
	f.Add(appendEntry(nil, clock.Entry{Time: time.Unix(1763200000, 0), Event: "leds_dark", Message: "m", Details: "a=b"}))
	f.Add(make([]byte, entrySize))
	f.Add(appendEntry(nil, clock.Entry{Origin: clock.OriginValidation, Code: 4, Details: `mismatches=3 rows="[2 9]"`})[:entrySize])
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEntry(b)
		if err != nil {
			if e != (clock.Entry{}) {
				t.Error("an entry in spite of an error")
			}
			return
		}
		if again, err := parseEntry(appendEntry(nil, e)); err != nil || again != e {
			t.Errorf("%+v, %v, want %+v", again, err, e)
		}
	})
}
