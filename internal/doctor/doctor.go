// Package doctor looks for what keeps a clock from working, and says what to do about it.
//
// It looks at the host's buses and the chips on them ([Hardware], [Scan]), at the two
// sources of firmware ([OTA]), and at the broker ([MQTT]). It changes nothing: of a chip
// it only reads, after a write of a register number at most, of a server it only asks
// for what a clock asks for, and a broker has nothing to keep.
//
// # Dead ends
//
// Every look ends within [Limit], whatever is dead. What hangs in the kernel and
// cannot be ended is left behind, and reported.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wordclockd/internal/task"
)

// Limit is how long a look may take. The rest of ten seconds is for what has to
// be waited for even then.
const Limit = 9 * time.Second

// leave is how long after Limit something is waited for before it is left behind.
const leave = 200 * time.Millisecond

// A Level is how bad a finding is.
type Level uint8

const (
	OK      Level = iota
	Note          // worth knowing
	Warning       // works, but not as it should
	Fault         // does not work
)

var levels = [...]string{OK: "ok", Note: "note", Warning: "warning", Fault: "fault"}

func (l Level) String() string {
	if int(l) >= len(levels) {
		return fmt.Sprintf("Level(%d)", uint8(l))
	}
	return levels[l]
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (l *Level) UnmarshalText(b []byte) error {
	for i, name := range levels {
		if name == string(b) {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("level %q: there is none", b)
}

// A Finding is one thing that was found. Its JSON is a contract.
type Finding struct {
	Level   Level  `json:"level"`
	Topic   string `json:"topic"`            // what it belongs to: i2c-1, github
	Subject string `json:"subject"`          // what was looked at: /dev/i2c-1, 0x68, manifest
	Text    string `json:"text"`             // what was found
	Remedy  string `json:"remedy,omitempty"` // what to do; "" if nothing has to be done
}

// Worst returns the level of the worst finding, OK if there is none.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}

const (
	remedyBug  = "report this as a bug of wordclockd"
	leftBehind = "the adapter hangs in the kernel and was left behind"
)

// A section collects the findings of one topic.
type section struct {
	topic    string
	findings []Finding
}

func (s *section) add(l Level, subject, remedy, format string, args ...any) {
	s.findings = append(s.findings, Finding{l, s.topic, subject, fmt.Sprintf(format, args...), remedy})
}

// A look is one part of an examination. It may hang.
type look[T any] struct {
	run  func(context.Context) T
	late T // what comes of it if it hangs
}

// examine has all looks at once and returns what came of them, in their order.
// The error is that of a look that panicked.
func examine[T any](ctx context.Context, looks []look[T]) ([]T, error) {
	ctx, cancel := within(ctx, Limit)
	defer cancel()
	g, _ := task.NewGroup(ctx)
	done := make([]chan T, len(looks))
	for i, l := range looks {
		done[i] = make(chan T, 1)
		g.Go("look", func(ctx context.Context) error {
			done[i] <- l.run(ctx)
			return nil
		})
	}
	err := g.WaitWithin(leave)
	if errors.Is(err, task.ErrNotStopped) {
		err = nil // late says so
	}
	results := make([]T, len(looks))
	for i := range looks {
		select {
		case results[i] = <-done[i]:
		default:
			results[i] = looks[i].late
		}
	}
	return results, err
}

// within is context.WithTimeout with a cause that says how long was waited.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, tooLate(d))
}

type tooLate time.Duration

func (d tooLate) Error() string { return fmt.Sprintf("not done after %s", time.Duration(d)) }

// Is makes it what it stands for.
func (d tooLate) Is(target error) bool { return target == context.DeadlineExceeded }
