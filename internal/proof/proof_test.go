package proof

import (
	"slices"
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	var l Log
	log := l.Logger()
	log.Info("one", "event", "a", "rows", []int{1, 2}, "err", "x")
	log.Debug("not of interest", "event", "b")
	log.Error("three")
	if got, want := l.Events("rows"), []string{"a [1 2]", ""}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if s := l.String(); !strings.Contains(s, "msg=one") || !strings.Contains(s, "msg=three") {
		t.Errorf("text %q", s)
	}
}

func TestSeeds(t *testing.T) {
	t.Setenv("WORDCLOCKD_SOAK_N", "")
	t.Setenv("WORDCLOCKD_SOAK_SEED", "")
	if got := Seeds(t, 2); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("%v", got)
	}
	t.Setenv("WORDCLOCKD_SOAK_N", "3")
	t.Setenv("WORDCLOCKD_SOAK_SEED", "40")
	if got := Seeds(t, 2); !slices.Equal(got, []uint64{40, 41, 42}) {
		t.Errorf("%v", got)
	}
}
