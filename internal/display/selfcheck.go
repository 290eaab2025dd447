package display

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/journal"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A selfCheck reads back what the chips hold, repairs what is not as it was written, and
// keeps count. It belongs to the goroutine of the panel.
type selfCheck struct {
	time  *watch.Value[clock.Time]
	value *watch.Value[*clock.Validation] // nil is nobody
	log   *slog.Logger

	last  time.Time // when it ran, or was first asked when to
	asked time.Time // when one is due since there is something to judge; zero is never
	known outages
	told  [len(complaints)]complaint
	stats statistics
}

func newSelfCheck(c Config) *selfCheck {
	return &selfCheck{time: cmp.Or(c.Believed, c.Time), value: c.Checked, log: c.Log}
}

// due returns when the next one is that follows no change of the face; the zero time is
// never. The first of them is counted from the first call.
func (c *selfCheck) due(now time.Time, s clock.SelfCheck) time.Time {
	if s.Off {
		return time.Time{}
	}
	if c.last.IsZero() {
		c.last = now
	}
	return task.Soonest(c.asked, c.last.Add(s.Every))
}

// ask makes the next one due now: the chips do not hold what was written.
func (c *selfCheck) ask(now time.Time) { c.asked = now }

// flicker is how long rows that go dark or come back make no further one due: they may do
// that many times a second.
const flicker = time.Second

// askOnce makes one due soon: a row went dark or came back.
func (c *selfCheck) askOnce(now time.Time) {
	c.asked = task.Soonest(c.asked, task.Later(now, c.last.Add(flicker)))
}

// run compares want, which is the face as it should be now, with what was written, and
// that with what the chips hold; it repairs the rows that are wrong, and no others, and
// publishes what came of it. No fade may be under way. It does nothing if s says so.
func (c *selfCheck) run(p *Panel, want *Frame, periodic bool, s clock.SelfCheck) {
	if s.Off {
		return
	}
	begin := time.Now()
	l := lookAt(p, want)
	fresh := c.known.update(p, l)
	v := l.validation()
	r := result{failure: l.classify(fresh), attempted: l.wrong != nil}
	r.recovered = p.rewrite(l.wrong, want)
	v.Failure, v.Repaired, v.Recovered = r.failure, r.attempted, r.recovered && l.dead == nil
	if r.failure == clock.FailureNone {
		v.Failure = l.lasting()
	}
	c.last, c.asked = time.Now(), time.Time{}
	c.stats.add(c.last, r)
	v.Stats = c.stats.sum(c.last, v.Failure)
	v.Periodic, v.Took = periodic, c.last.Sub(begin)
	if at, ok := c.time.Get().At(begin); ok {
		v.At = at.UTC()
	}
	c.tell(r.failure, v, l.rows())
	if c.value != nil {
		c.value.Set(&v)
	}
}

// A complaint is what the log was told of a failure.
type complaint struct {
	rows  [face.Rows]bool
	since time.Time
}

// again is after how long the log is told of a failure of the same rows.
const again = time.Hour

// tell logs a failure, unless the log knows it of all of these rows.
func (c *selfCheck) tell(f clock.FailureType, v clock.Validation, rows []int) {
	told, now := &c.told[f], time.Now()
	if now.Sub(told.since) >= again {
		*told = complaint{since: now}
	}
	fresh := false
	for _, i := range rows {
		fresh = fresh || !told.rows[i]
		told.rows[i] = true
	}
	if f == clock.FailureNone || !fresh {
		return
	}
	says := complaints[f]
	c.log.Log(context.Background(), says.level, fmt.Sprintf("Validation failed: %s (%d mismatches)", f, v.Mismatches),
		"event", says.event, "mismatches", v.Mismatches, "rows", rows, "repaired", v.Recovered)
}

// complaints is what the log says of each type, as severe as the firmware held it.
var complaints = [...]struct {
	event string
	level slog.Level
}{
	clock.HardwareFault:      {"validation_hardware", journal.Critical},
	clock.BusFailure:         {"validation_bus", journal.Critical},
	clock.SystematicMismatch: {"validation_systematic", slog.LevelError},
	clock.PartialMismatch:    {"validation_partial", slog.LevelWarn},
	clock.GroupMismatch:      {"validation_group", slog.LevelWarn},
	clock.SoftwareError:      {"validation_software", slog.LevelWarn},
}
