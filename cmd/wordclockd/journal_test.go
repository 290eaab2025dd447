package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/control"
)

func TestPickEntries(t *testing.T) {
	all := []control.Entry{{Number: 9, Source: "NTP"}, {Number: 8, Source: "I2C_BUS"}, {Number: 7, Source: "NTP"}, {Number: 6, Source: "SYSTEM"}}
	for _, c := range []struct {
		name string
		o    journalOptions
		want []uint32
	}{
		{"all", journalOptions{count: 50}, []uint32{9, 8, 7, 6}},
		{"the newest two", journalOptions{count: 2}, []uint32{9, 8}},
		{"none", journalOptions{}, nil},
		{"of time servers", journalOptions{count: 50, source: "ntp"}, []uint32{9, 7}},
		{"the newest of time servers", journalOptions{count: 1, source: "NTP"}, []uint32{9}},
		{"of nobody", journalOptions{count: 50, source: "POWER"}, nil},
	} {
		var got []uint32
		for _, e := range c.o.pick(all) {
			got = append(got, e.Number)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
