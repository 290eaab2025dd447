package control

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// TestBulletin: all who watch get the same line, until there is a newer status or the
// time that it tells is old.
func TestBulletin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		var b bulletin
		read := func() []byte {
			t.Helper()
			line, changed, err := b.read(s)
			if err != nil || isClosed(changed) || !bytes.HasSuffix(line, []byte("}\n")) {
				t.Fatalf("%s, %v", line, err)
			}
			return line
		}
		first := read()
		time.Sleep(watchPace - 1)
		if again := read(); &again[0] != &first[0] {
			t.Error("the same was made twice")
		}
		s.status.Update(func(st *clock.Status) { st.Boot++ })
		second := read()
		if bytes.Equal(second, first) {
			t.Error("a newer status is not told")
		}
		time.Sleep(time.Second)
		if third := read(); bytes.Equal(third, second) {
			t.Error("a second later the time is the same")
		}
	})
}
