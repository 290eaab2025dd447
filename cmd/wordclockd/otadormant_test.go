package main

import (
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
)

// TestCutOff: of an update that the clock ended in the middle of, what is in the slot
// counts, if it is of the same image.
func TestCutOff(t *testing.T) {
	present := &clock.Attempt{Number: 3, SHA256: "cafe", Bytes: 500}
	for _, c := range []struct {
		name string
		r    ota.Record
		want int64 // bytes; -1 is no update
	}{
		{"none", ota.Record{Plan: &ota.Plan{SHA256: "cafe", Size: 900, Done: 400}}, -1},
		{"begun", ota.Record{Present: present}, 500},
		{"synced", ota.Record{Present: present, Plan: &ota.Plan{SHA256: "cafe", Size: 900, Done: 400}}, 400},
		{"of another image", ota.Record{Present: present, Plan: &ota.Plan{SHA256: "beef", Size: 900, Done: 400}}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch got := cutOff(c.r); {
			case (got == nil) != (c.want < 0):
				t.Errorf("got %+v", got)
			case got != nil && got.Bytes != c.want:
				t.Errorf("%d bytes, want %d", got.Bytes, c.want)
			}
		})
	}
	if present.Bytes != 500 {
		t.Error("looking at it changed the record")
	}
}
