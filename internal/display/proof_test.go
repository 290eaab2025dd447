package display

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	_ "time/tzdata"
)

// chaosSeeds returns how many seeds to try and from which on: a few, or what
// SEED and N of `make soak` say.
func chaosSeeds(t testing.TB) (n int, first uint64) {
	t.Helper()
	n, first = 20, 1
	for name, set := range map[string]func(int){
		"WORDCLOCKD_SOAK_N":    func(v int) { n = v },
		"WORDCLOCKD_SOAK_SEED": func(v int) { first = uint64(v) },
	} {
		if s := os.Getenv(name); s != "" {
			v, err := strconv.Atoi(s)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(v)
		}
	}
	return n, first
}

// proof prints what was shown as a row for docs/proofs.md.
func proof(t testing.TB, what string, n int, unit string, begin time.Time) {
	if !t.Failed() {
		fmt.Printf("proof | %s | %d %s | %.1f\n", what, n, unit, time.Since(begin).Seconds())
	}
}
