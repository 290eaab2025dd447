package boot

import "testing"

func TestNextSlot(t *testing.T) {
	for _, c := range []struct {
		name       string
		n, running int
		want       int
		ok         bool
	}{
		{"the other one", 2, 0, 1, true},
		{"after the last the first", 2, 1, 0, true},
		{"of three", 3, 1, 2, true},
		{"from factory", 2, Factory, 0, true},
		{"from factory, one slot", 1, Factory, 0, true},
		{"one slot, which runs", 1, 0, 0, false},
		{"no slot", 0, Factory, NoSlot, false},
	} {
		if got, ok := NextSlot(c.n, c.running); got != c.want || ok != c.ok {
			t.Errorf("%s: %d, %t, want %d, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}
