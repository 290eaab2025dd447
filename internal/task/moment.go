package task

import "time"

// Later returns the later one of two moments.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Soonest returns the first of some moments, of which zero is never.
func Soonest(moments ...time.Time) (first time.Time) {
	for _, at := range moments {
		if first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}
