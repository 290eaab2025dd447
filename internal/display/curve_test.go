package display

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

// TestCurves holds the levels of the firmware, in steps of 5 % of the duration.
func TestCurves(t *testing.T) {
	for c, want := range map[clock.Curve][2][21]uint8{
		clock.Linear: {
			{0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57, 60},
			{60, 57, 54, 51, 48, 45, 42, 39, 36, 33, 30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 0},
		},
		clock.EaseIn: {
			{0, 0, 0, 1, 2, 3, 5, 7, 9, 12, 15, 18, 21, 25, 29, 33, 38, 43, 48, 54, 60},
			{60, 59, 59, 58, 57, 56, 54, 52, 50, 47, 45, 41, 38, 34, 30, 26, 21, 16, 11, 5, 0},
		},
		clock.EaseOut: {
			{0, 5, 11, 16, 21, 26, 30, 34, 38, 41, 45, 47, 50, 52, 54, 56, 57, 58, 59, 59, 60},
			{60, 54, 48, 43, 38, 33, 29, 25, 21, 18, 15, 12, 9, 7, 5, 3, 2, 1, 0, 0, 0},
		},
		clock.EaseInOut: {
			{0, 0, 1, 2, 4, 7, 10, 14, 19, 24, 30, 35, 40, 45, 49, 52, 55, 57, 58, 59, 60},
			{60, 59, 58, 57, 55, 52, 49, 45, 40, 35, 30, 24, 19, 14, 10, 7, 4, 2, 1, 0, 0},
		},
		clock.Bounce: {
			{0, 11, 14, 13, 17, 26, 34, 36, 36, 38, 45, 50, 51, 51, 52, 56, 58, 59, 59, 59, 60},
			{60, 48, 45, 46, 42, 33, 25, 23, 23, 21, 15, 9, 8, 8, 7, 3, 1, 0, 0, 0, 0},
		},
	} {
		var got [2][21]uint8
		for n := range 21 {
			at := float32(n) / 20
			got[0][n], got[1][n] = between(0, 60, at, c), between(60, 0, at, c)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want, got:\n%s", c, diff)
		}
	}
}
