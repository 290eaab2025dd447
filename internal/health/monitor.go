package health

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// Config is what a [Monitor] needs.
type Config struct {
	Checks []Check
	Times  config.Health              // Attempts 0: nothing is examined unless somebody asks
	Trial  *Trial                     // nil: the image is not on trial
	Value  *watch.Value[clock.Health] // written by the monitor
	Log    *slog.Logger
}

// A Trial is how an image is judged.
type Trial struct {
	Known   Known
	Confirm func() error
	Reject  func(text string) error
}

// A Monitor examines the clock: once when it has settled, at intervals while its
// image is on trial, and when it is asked to.
type Monitor struct {
	// Immutable.
	c     Config
	needs [][]int // by check: the checks that it needs
	known Known

	probes *task.Group // set by Run before anything else

	// Owned by serve.
	begun   time.Time
	judge   judge
	told    string // what the log was told that fails
	awaited string // checks for whose time the last examination of the trial waits
	unsaid  string // the last error of a verdict that the log was told
	doomed  bool   // the log was told that the image is rejected

	wanted chan struct{} // has an element when somebody waits

	mu      sync.Mutex
	present *examination // that is under way, or wanted; nil is none
	trial   *clock.Trial // nil when there is none any more
	busy    map[string]bool
}

// An examination is for all who ask while it is not over.
type examination struct {
	done    chan struct{} // closed when the rest is there
	health  clock.Health
	failing Known
	err     error
}

// New returns a monitor. It does no I/O. It panics over checks of the same name,
// and if one needs another that does not stand before it: such a graph has no order.
func New(c Config) *Monitor {
	m := &Monitor{c: c, wanted: make(chan struct{}, 1), busy: map[string]bool{}}
	at := map[string]int{}
	for i, x := range c.Checks {
		if _, twice := at[x.Name]; twice {
			panic(fmt.Sprintf("health: check %s is there twice", x.Name))
		}
		var needs []int
		for _, name := range x.Needs {
			n, ok := at[name]
			if !ok {
				panic(fmt.Sprintf("health: check %s needs %s, which does not stand before it", x.Name, name))
			}
			needs = append(needs, n)
		}
		m.needs = append(m.needs, needs)
		at[x.Name] = i
	}
	if c.Trial != nil {
		m.known = c.Trial.Known
		m.judge.attempts = c.Times.Attempts
		m.trial = &clock.Trial{Attempts: c.Times.Attempts}
	}
	return m
}

func (m *Monitor) String() string { return "health" }

// Run examines and judges until ctx is done.
func (m *Monitor) Run(ctx context.Context) error {
	m.probes, _ = task.NewGroup(ctx)
	m.probes.Go("examine", m.serve)
	return m.probes.Wait()
}

// Examine has the clock examined now, or joins who asked before, and returns what was
// found. It may be called at any time.
func (m *Monitor) Examine(ctx context.Context) (clock.Health, error) {
	e, err := m.ask(ctx)
	if err != nil {
		return clock.Health{}, err
	}
	return e.health, nil
}

// Failing is Examine, and returns all that does not work. What could not be judged
// counts as not working.
func (m *Monitor) Failing(ctx context.Context) (Known, error) {
	e, err := m.ask(ctx)
	if err != nil {
		return nil, err
	}
	return e.failing, nil
}

// Acquit ends the judging: the image was confirmed by somebody.
func (m *Monitor) Acquit() {
	m.mu.Lock()
	m.trial = nil
	m.mu.Unlock()
	m.c.Value.Update(func(h *clock.Health) { h.Trial = nil })
}

func (m *Monitor) ask(ctx context.Context) (*examination, error) {
	e := m.join()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-e.done:
		return e, e.err
	}
}

// join returns the examination that is under way, or asks for one.
func (m *Monitor) join() *examination {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.present == nil {
		m.present = newExamination()
		select {
		case m.wanted <- struct{}{}:
		default:
		}
	}
	return m.present
}

func newExamination() *examination { return &examination{done: make(chan struct{})} }

// begin returns the examination that is wanted, or one that nobody wants yet.
func (m *Monitor) begin() *examination {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.present == nil {
		m.present = newExamination()
	}
	return m.present
}

// end hands out the present examination.
func (m *Monitor) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.present.done)
	m.present = nil
}

// leave tells all who wait, or will, that nothing is examined any more.
func (m *Monitor) leave() {
	e := m.begin()
	e.err = context.Canceled
	close(e.done)
}

// isWanted reports whether somebody waits for an examination.
func (m *Monitor) isWanted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.present != nil
}

// serve examines when it is time to, or somebody wants it.
func (m *Monitor) serve(ctx context.Context) error {
	defer m.leave()
	m.begun = time.Now()
	at := m.begun.Add(m.c.Times.Settle)
	due := time.NewTimer(time.Until(at))
	defer due.Stop()
	if m.c.Times.Attempts == 0 {
		due.Stop()
		at = time.Time{}
	}
	m.c.Value.Set(clock.Health{Healthy: true, Checks: []clock.HealthCheck{}, Trial: m.onTrial(at)})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
			if at = m.try(ctx, at); !at.IsZero() {
				due.Reset(time.Until(at))
			}
		case <-m.wanted:
			if m.isWanted() {
				m.examine(ctx, at, nil)
			}
		}
	}
}

// onTrial returns how far the trial is, for others to keep; nil if there is none.
func (m *Monitor) onTrial(next time.Time) *clock.Trial {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trial == nil {
		return nil
	}
	t := *m.trial
	t.Attempt = min(m.judge.seen, t.Attempts)
	if !next.IsZero() {
		t.Next = next.UTC().Round(0)
	}
	return &t
}
