package timekeeper

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// KernelSynced reports whether the kernel says that its clock is disciplined:
// adjtimex(2), STA_UNSYNC clear. It needs no privilege.
func KernelSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, fmt.Errorf("adjtimex: %w", err)
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
}
