package ota

import "time"

// Settled returns what the next start makes of a record if it is that of x: what an
// [Updater] would show then. Nothing is stored.
func Settled(r Record, x Running, now time.Time) Record {
	r.settle(x, now)
	r.revise(x)
	return r
}

// KnownTo returns what a clock knows that runs x, and remembers r.
func KnownTo(x Running, r Record) *Known {
	k := NewKnown(x.Device, r.Bad)
	k.recall(x, r.History)
	return k
}
