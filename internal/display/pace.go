package display

import (
	"time"

	"wordclockd/internal/task"
)

// A pace has frames follow each other in equal times, and less often on a bus that is
// too slow for that: a tenth of the time is left to others.
type pace struct {
	due time.Time // the next frame
}

// next returns when the frame after the one is due that was drawn from began to ended.
// One that was drawn for another reason, before it was due, does not count.
func (p *pace) next(began, ended time.Time, period time.Duration) time.Time {
	if began.Sub(p.due) >= period {
		p.due = began // nothing moved, or something held us up
	}
	if !began.Before(p.due) {
		p.due = p.due.Add(period)
	}
	p.due = task.Later(p.due, ended.Add(ended.Sub(began)/9))
	return p.due
}
