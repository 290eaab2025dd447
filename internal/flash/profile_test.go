package flash

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wrapped is a segment with that content.
func wrapped(content string) []byte {
	p := append([]byte("WCLK\x01\x00\x01\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(p[8:], uint32(len(content)))
	binary.LittleEndian.PutUint32(p[12:], crc32.ChecksumIEEE([]byte(content)))
	p = append(p, content...)
	for len(p)%4 != 0 {
		p = append(p, 0)
	}
	return p
}

// withSegments is an image that has these besides the usual ones.
func withSegments(t testing.TB, parts ...part) []byte {
	t.Helper()
	h, err := ReadHead(built(t, Build{}))
	if err != nil {
		t.Fatal(err)
	}
	return h.marshal(append([]part{{descAddr, h.desc()}, {codeAddr, endless}}, parts...))
}

func profileIn(t testing.TB, p []byte) (*Profile, error) {
	t.Helper()
	return readImage(t, p).Profile(bytes.NewReader(p))
}

func TestProfile(t *testing.T) {
	want := &Profile{Faults: []Fault{{Crash, 5 * time.Second}, {NoMQTT, 0}, {Hang, 90 * time.Second}, {NoRTC, 1500 * time.Microsecond}, {BadMemory, 24 * time.Hour}}}
	p := built(t, Build{Profile: want, Size: 10_000})
	if text := `{"faults":["crash@5s","no-mqtt","hang@1m30s","no-rtc@1.5ms","bad-memory@24h0m0s"]}`; !bytes.Contains(p, wrapped(text)) {
		t.Errorf("no %s in the image", text)
	}
	got, err := profileIn(t, p)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
}

// TestEmptyProfile differs from none.
func TestEmptyProfile(t *testing.T) {
	got, err := profileIn(t, built(t, Build{Profile: &Profile{}}))
	if err != nil || got == nil || len(got.Faults) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestNoProfile are padding segments, and what lies elsewhere.
func TestNoProfile(t *testing.T) {
	profile := wrapped(`{"faults":["crash"]}`)
	for name, p := range map[string][]byte{
		"none":            built(t, Build{}),
		"filler":          built(t, Build{Size: 1000}),
		"real":            realShape(t),
		"empty":           withSegments(t, part{0, nil}),
		"a word":          withSegments(t, part{0, []byte("WCLX")}),
		"another address": withSegments(t, part{4, profile}),
		"in RAM":          withSegments(t, part{0x3FC88000, profile}),
	} {
		if got, err := profileIn(t, p); got != nil || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	good := `{"faults":["crash"]}`
	put := func(off int, b byte) []byte { p := wrapped(good); p[off] = b; return p }
	json := func(s string) []byte { return wrapped(s) }
	for _, c := range []struct {
		name string
		data []byte
		off  int64
		want string
	}{
		{"no header", []byte("WCLK"), 4, "ends within the first 16 bytes"},
		{"short header", []byte("WCLK\x01\x00\x01\x00\x00\x00\x00\x00"), 12, "ends within"},
		{"version", put(6, 2), 6, "version 2, want 1"},
		{"CRC", put(12, wrapped(good)[12]+1), 12, "CRC is"},
		{"content", put(20, 'F'), 12, "CRC is"},
		{"length", put(8, 21), 8, "21 bytes, in a segment of 36"},
		{"long", put(10, 1), 8, "65556 bytes, want 4096 at most"},
		{"longest", put(11, 0xFF), 8, "4278190100 bytes, want"},
		{"more data", append(wrapped(good), 0, 0, 0, 0), 8, "20 bytes, in a segment of 40"},
		{"padding", func() []byte { p := json(`{"faults":["hang"]} `); p[8]--; return p }(), 35, "0x20 behind the content"},
		{"4097 bytes", json(good + strings.Repeat(" ", 4077)), 8, "4097 bytes"},
		{"4096 bytes", json(good + strings.Repeat(" ", 4076)), 16, "not how it is written"},
		{"no JSON", json("faults"), 16, "invalid character"},
		{"nothing", json(""), 16, "unexpected end"},
		{"null", json("null"), 16, `not how it is written: "{\"faults\":[]}"`},
		{"no list", json(`{"faults":null}`), 16, "not how it is written"},
		{"a blank", json(`{"faults": ["crash"]}`), 16, "not how it is written"},
		{"another case", json(`{"Faults":["crash"]}`), 16, "not how it is written"},
		{"another key", json(`{"faults":["crash"],"x":1}`), 16, "not how it is written"},
		{"twice", json(`{"faults":["hang"],"faults":["crash"]}`), 16, "not how it is written"},
		{"escapes", json(`{"faults":["\u0063rash"]}`), 16, "not how it is written"},
		{"another duration", json(`{"faults":["crash@90s"]}`), 16, "not how it is written"},
		{"no delay", json(`{"faults":["crash@0s"]}`), 16, "not how it is written"},
		{"unknown", json(`{"faults":["burn"]}`), 16, `fault "burn": use one of crash, hang`},
		{"nameless", json(`{"faults":[""]}`), 16, `fault ""`},
		{"a day", json(`{"faults":["crash@24h0m0.000000001s"]}`), 16, "delay from 0 to 24h0m0s"},
		{"17 faults", json(`{"faults":["crash"` + strings.Repeat(`,"crash"`, 16) + `]}`), 16, "17 faults"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const at = 308 // of the segment's data
			got, err := profileIn(t, withSegments(t, part{0, c.data}))
			e, ok := errors.AsType[*FormatError](err)
			if !ok || e.What != "profile" || e.Off != at+c.off || !strings.Contains(e.Msg, c.want) || got != nil {
				t.Errorf("%v, %v, want an error at %#x with %q", got, err, at+c.off, c.want)
			}
		})
	}
}

// TestOtherKind: what a later clock may know is not damaged.
func TestOtherKind(t *testing.T) {
	data := append(wrapped(`{"faults":["crash"]}`), make([]byte, 100_000)...)
	data[4] = 2
	got, err := profileIn(t, withSegments(t, part{0, data}))
	if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.Off != 308+4 || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTwoProfiles(t *testing.T) {
	s := part{0, wrapped(`{"faults":["crash"]}`)}
	got, err := profileIn(t, withSegments(t, s, part{0, make([]byte, 40)}, s))
	if e, ok := errors.AsType[*FormatError](err); !ok || e.Off != 308+36+8+40+8 || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestProfileBroken: what cannot be read is not damaged.
func TestProfileBroken(t *testing.T) {
	p := built(t, Build{Profile: &Profile{}})
	got, err := readImage(t, p).Profile(broken{p, 310})
	if !errors.Is(err, errBroken) || is[*FormatError](err) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestFaults reads what is written, and the other way round.
func TestFaults(t *testing.T) {
	for kind, name := range map[FaultKind]string{
		Crash: "crash", Hang: "hang", Wedge: "wedge", NoMQTT: "no-mqtt", NoRTC: "no-rtc", NoLEDs: "no-leds", BadMemory: "bad-memory",
	} {
		for after, suffix := range map[time.Duration]string{
			0: "", 1: "@1ns", 5 * time.Second: "@5s", 90 * time.Minute: "@1h30m0s", 24 * time.Hour: "@24h0m0s",
		} {
			f := Fault{kind, after}
			got, err := ParseFault(name + suffix)
			if err != nil || got != f || f.String() != name+suffix {
				t.Errorf("%s%s: %v, %v", name, suffix, got, err)
			}
		}
	}
	if len(faultKinds) != 8 {
		t.Errorf("%d kinds, want those above and none", len(faultKinds))
	}
	if got := FaultKind(99).String(); got != "FaultKind(99)" {
		t.Error(got)
	}
}

// TestLooseFaults are other ways to say it.
func TestLooseFaults(t *testing.T) {
	for s, want := range map[string]Fault{
		"crash@0s":   {Crash, 0},
		"crash@0":    {Crash, 0},
		"hang@90s":   {Hang, 90 * time.Second},
		"no-leds@1h": {NoLEDs, time.Hour},
	} {
		if got, err := ParseFault(s); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
}

func TestParseFaultErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":             `fault "": use one of crash, hang, wedge, no-mqtt, no-rtc, no-leds, bad-memory`,
		"@5s":          "use one of",
		"Crash":        "use one of",
		"crash ":       "use one of",
		"crash@":       `delay "": use one such as 5s`,
		"crash@5":      `delay "5"`,
		"crash@5s@5s":  `delay "5s@5s"`,
		"crash@-1s":    "delay from 0 to 24h0m0s",
		"crash@24h1ns": "delay from 0 to 24h0m0s",
		"crash@1e9h":   `delay "1e9h"`,
	} {
		if got, err := ParseFault(s); err == nil || !strings.Contains(err.Error(), want) || got != (Fault{}) {
			t.Errorf("%s: %v, %v, want %q", s, got, err, want)
		}
	}
	for _, f := range []Fault{{}, {8, 0}, {Crash, -1}, {Crash, 24*time.Hour + 1}} {
		if p, err := json.Marshal(f); err == nil {
			t.Errorf("%v is written as %s", f, p)
		}
	}
}

// FuzzProfile holds the reader to the law, with segments as they come, or with their
// header made right.
func FuzzProfile(f *testing.F) {
	for _, s := range []string{`{"faults":[]}`, `{"faults":["crash@5s","no-mqtt"]}`, `{"faults":["hang@1m30s","wedge@1.5µs"]}`, `{"faults":["crash@90s"]}`, `null`, ``} {
		f.Add([]byte(s), true)
		f.Add(wrapped(s), false)
	}
	f.Fuzz(func(t *testing.T, p []byte, wrap bool) {
		if wrap {
			p = wrapped(string(p))
		}
		got, err := Segment{Len: int64(len(p))}.profile(bytes.NewReader(p))
		switch {
		case got == nil && err == nil:
			if bytes.HasPrefix(p, []byte("WCLK")) {
				t.Error("not seen")
			}
		case err != nil:
			if got != nil || !is[*FormatError](err) && !is[*UnsupportedError](err) {
				t.Fatalf("%v, %v (%[2]T)", got, err)
			}
		default:
			if again, err := got.marshal(); err != nil || !bytes.Equal(again, p) {
				t.Fatalf("%q became %q, %v", p, again, err)
			}
		}
	})
}
