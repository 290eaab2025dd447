package timekeeper

import (
	"fmt"
	"time"

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

// KernelSlept returns for how long in all this host was suspended since it was
// booted: what CLOCK_BOOTTIME counts and CLOCK_MONOTONIC does not.
func KernelSlept() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano()).Truncate(time.Millisecond)
}
