package flash

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeasure agrees with who reads all of it.
func TestMeasure(t *testing.T) {
	for name, b := range map[string]Build{
		"smallest": {},
		"timed":    {Desc: Desc{Version: "2.12.0", Project: "wordclock"}, Time: afternoon, IDF: "v5.4.2"},
		"profile":  {Profile: &Profile{}},
		"large":    {Size: 200_000},
	} {
		p := built(t, b)
		for _, after := range []int{0, 5000} {
			slot := append(bytes.Clone(p), bytes.Repeat([]byte{0xFF}, after)...)
			m, err := ReadSlot(bytes.NewReader(slot), int64(len(slot)))
			if err != nil {
				t.Fatal(err)
			}
			h, size, err := Measure(bytes.NewReader(slot), int64(len(slot)))
			if d := cmp.Diff(m.Head, h); d != "" || size != m.Size || err != nil {
				t.Errorf("%s: %d bytes, %v, want %d\n%s", name, size, err, m.Size, d)
			}
		}
		for n := range min(len(p), 2000) {
			if _, size, err := Measure(bytes.NewReader(p[:n]), int64(n)); err == nil && n < len(p) {
				t.Errorf("%s: %d of %d bytes are an image of %d", name, n, len(p), size)
			}
		}
		if _, _, err := Measure(bytes.NewReader(p), int64(len(p)-1)); err == nil {
			t.Errorf("%s: is longer than its slot", name)
		}
	}
	if _, _, err := Measure(bytes.NewReader(nil), 0); err == nil {
		t.Error("nothing is an image")
	}
}
