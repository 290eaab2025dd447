package release

import (
	"strings"
	"testing"
)

// TestMisses: a fault behind the end of its file is told of, one within is not.
func TestMisses(t *testing.T) {
	raw := firmware(t, "2.12.0")
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	for text, want := range map[string]string{
		"404":                 "",
		"flip=0":              "",
		"cut=100%":            "fault cut=100% does not happen: wordclock.bin has ",
		"stall=1M":            "fault stall=1M does not happen: wordclock.bin has ",
		"image:flip=1M":       "fault image:flip=1M does not happen: wordclock.bin has ",
		"manifest:flip=64K":   "fault manifest:flip=64K does not happen: version.json has ",
		"pieces:cut=1M":       "fault pieces:cut=1M does not happen: targets/",
		"pieces:cut=10":       "",
		"other:cut=1M":        "",
		"manifest:flip=99%":   "",
		"pieces:stall=100000": "fault pieces:stall=100000 does not happen: targets/",
	} {
		x, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Misses([]Fault{x})
		if all := strings.Join(got, "|"); err != nil || !strings.HasPrefix(all, want) || (all == "") != (want == "") {
			t.Errorf("%s: got %q, %v, want %q", text, all, err, want)
		}
	}
	last := Fault{Kind: Flip, At: Place{N: int64(len(raw)) - 1}}
	behind := Fault{Kind: Flip, At: Place{N: int64(len(raw))}}
	if got, err := f.Misses([]Fault{last, behind}); len(got) != 1 || err != nil {
		t.Errorf("the last byte, and the one behind it: %q, %v", got, err)
	}
}
