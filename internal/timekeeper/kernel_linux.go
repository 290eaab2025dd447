package timekeeper

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// KernelSynced reports whether the kernel says that its clock is disciplined.
// It needs no privilege.
func KernelSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, fmt.Errorf("adjtimex: %w", err)
	}
	return disciplined(state, t.Status), nil
}

// disciplined judges the answer of adjtimex(2): STA_UNSYNC is set at start, by
// whoever sets the clock by hand, and when nobody disciplined it for long.
func disciplined(state int, status int32) bool {
	return state != unix.TIME_ERROR && status&unix.STA_UNSYNC == 0
}
