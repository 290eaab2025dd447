package release

import (
	"strings"
	"testing"
)

// TestFaults: each fault has one text; other spellings of it mean the same.
func TestFaults(t *testing.T) {
	for text, want := range map[string]Fault{
		"404":            {Kind: NotFound},
		"503":            {Kind: Unavailable},
		"hang":           {Kind: Hang},
		"norange":        {Kind: NoRange},
		"stale":          {Kind: Stale},
		"image:stale":    {Kind: Stale, On: Image},
		"manifest:hang":  {Kind: Hang, On: Manifest},
		"pieces:404":     {Kind: NotFound, On: Pieces},
		"other:503":      {Kind: Unavailable, On: Other},
		"cut=0":          {Kind: Cut},
		"cut=1000":       {Kind: Cut, At: Place{N: 1000}},
		"cut=90%":        {Kind: Cut, At: Place{90, true}},
		"cut=0%":         {Kind: Cut, At: Place{0, true}},
		"flip=64K":       {Kind: Flip, At: Place{N: 64 << 10}},
		"pieces:flip=1M": {Kind: Flip, On: Pieces, At: Place{N: 1 << 20}},
		"stall=1025K":    {Kind: Stall, At: Place{N: 1025 << 10}},
	} {
		if got, err := ParseFault(text); got != want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("%+v: got %s, want %s", want, got, text)
		}
	}
	for text, want := range map[string]string{"cut=1024": "cut=1K", "cut=1024k": "cut=1M", "flip=0x10": "flip=16"} {
		if f, err := ParseFault(text); f.String() != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", text, f, err, want)
		}
	}
}

func TestFaultErrors(t *testing.T) {
	const all = "want [manifest:|image:|pieces:|other:] and one of 404, 503, hang, cut=N, stall=N, flip=N, norange, stale"
	for text, want := range map[string]string{
		"":               all,
		"500":            all,
		"image:":         all,
		"image":          all,
		"photo:404":      `part "photo": want manifest, image, pieces, other`,
		":404":           `part "": want manifest`,
		"cut":            "want cut=N, with N in bytes, or such as 64K, 1M or 90%",
		"404=5":          "want 404",
		"cut=":           "want a number of bytes",
		"cut=-1":         "want a number of bytes",
		"cut=half":       "want a number of bytes",
		"cut=101%":       `"101%": want 0% to 100%`,
		"cut=-1%":        "want 0% to 100%",
		"cut=%":          "want 0% to 100%",
		"manifest:stale": "only an image can be stale",
	} {
		f, err := ParseFault(text)
		if err == nil || !strings.Contains(err.Error(), want) || f != (Fault{}) {
			t.Errorf("%q: %+v, %v; want %q", text, f, err, want)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		text       string
		size, want int64
	}{
		{"10", 100, 10}, {"10", 5, 10}, {"90%", 1000, 900}, {"90%", 99, 89}, {"100%", 7, 7}, {"0%", 7, 0}, {"50%", 1 << 62, 1 << 61},
	} {
		p, err := parsePlace(c.text)
		if got := p.of(c.size); got != c.want || err != nil {
			t.Errorf("%s of %d: got %d, %v, want %d", c.text, c.size, got, err, c.want)
		}
	}
}
