package timekeeper

import (
	"fmt"
	"math"
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
	const near = 100 * time.Microsecond
	slept, within := time.Duration(0), time.Duration(math.MaxInt64)
	for try := 0; try < 10 && within > near; try++ { // one may be read long after the other
		var before, boot, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil ||
			unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil ||
			unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
			return 0
		}
		if d := time.Duration(after.Nano() - before.Nano()); d < within {
			slept, within = time.Duration(boot.Nano()-before.Nano())-d/2, d
		}
	}
	return max(slept, 0).Truncate(time.Millisecond)
}
