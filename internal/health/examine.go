package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// A finding is what a check came to.
type finding struct {
	clock.HealthCheck
	failing []string // items, known or not
}

// bad reports whether what needs the check cannot be judged.
func (f finding) bad() bool { return f.State != clock.Passed && f.State != clock.Absent }

// examine examines the clock, publishes what was found, and tells who waits for it.
// judge, if not nil, hears it before that. ok is false if it was broken off.
func (m *Monitor) examine(ctx context.Context, next time.Time, judge func(clock.Health) time.Time) (h clock.Health, ok bool) {
	e := m.begin()
	found := m.look(ctx)
	if ctx.Err() != nil {
		return h, false
	}
	h = summed(found)
	if judge != nil {
		next = judge(h)
	}
	m.c.Value.Update(func(v *clock.Health) {
		h.Trial = m.onTrial(next)
		*v = h
	})
	e.health, e.failing = h, Known{}
	for _, f := range found {
		if len(f.failing) > 0 {
			e.failing[f.Name] = f.failing
		}
	}
	m.end()
	m.tell(h, found)
	return h, true
}

// look carries out all checks, each when those that it needs are over.
func (m *Monitor) look(ctx context.Context) []finding {
	found := make([]finding, len(m.c.Checks))
	over := make([]chan struct{}, len(found))
	for i := range over {
		over[i] = make(chan struct{})
	}
	g, _ := task.NewGroup(ctx)
	for i := range found {
		g.Go("check", func(ctx context.Context) error {
			defer close(over[i])
			missing := ""
			for _, n := range m.needs[i] {
				if <-over[n]; found[n].bad() && missing == "" {
					missing = found[n].Name
				}
			}
			found[i] = m.check(ctx, &m.c.Checks[i], missing)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		panic(err) // a bug of ours: probes run elsewhere
	}
	return found
}

// check carries out one check. missing names one that it needs and that does not
// work.
func (m *Monitor) check(ctx context.Context, c *Check, missing string) (f finding) {
	f.Name = c.Name
	switch {
	case c.Probe == nil:
		f.State, f.Text = clock.Absent, c.Absent
		return f
	case missing != "":
		f.State, f.Text, f.failing = clock.Skipped, "needs "+missing, []string{""}
		return f
	}
	begin := time.Now()
	faults := m.probe(ctx, c)
	f.TookMS = float64(time.Since(begin).Microseconds()) / 1000
	var fresh []Fault
	for _, x := range faults {
		f.failing = append(f.failing, x.Item)
		if !m.known.has(c.Name, x) {
			fresh = append(fresh, x)
		}
	}
	switch {
	case len(faults) == 0:
		f.State = clock.Passed
	case len(fresh) == 0:
		f.State, f.Text = clock.KnownBad, listed(faults)
	case time.Since(m.begun) < c.Grace:
		f.State, f.Text = clock.Waiting, listed(fresh)
	default:
		f.State, f.Text = clock.Failing, listed(fresh)
	}
	return f
}

// probe runs the probe of a check for as long as it may take.
func (m *Monitor) probe(ctx context.Context, c *Check) []Fault {
	if !m.hold(c.Name) {
		return []Fault{{Text: "its probe has not come back from an earlier examination"}}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	silent := []Fault{{Text: fmt.Sprintf("no answer within %s", c.Limit)}}
	came := make(chan []Fault, 1)
	m.probes.Go("probe "+c.Name, func(context.Context) error {
		faults, err := c.Probe(ctx)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded):
			faults = silent
		case err != nil:
			faults = append(faults, Fault{Text: err.Error()})
		}
		m.free(c.Name)
		came <- faults
		return nil
	})
	select {
	case faults := <-came:
		return faults
	case <-ctx.Done():
		return silent
	}
}

// hold notes that the probe of a check is under way, unless it is already.
func (m *Monitor) hold(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	free := !m.busy[name]
	m.busy[name] = true
	return free
}

func (m *Monitor) free(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy[name] = false
}

// most is how many faults of a check are told of.
const most = 3

func listed(faults []Fault) string {
	var texts []string
	for _, f := range faults[:min(len(faults), most)] {
		texts = append(texts, f.String())
	}
	if n := len(faults) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, "; ")
}

// summed makes one report of what was found.
func summed(found []finding) clock.Health {
	h := clock.Health{Healthy: true, At: time.Now().UTC().Round(0), Checks: []clock.HealthCheck{}}
	var texts []string
	for _, f := range found {
		h.Checks = append(h.Checks, f.HealthCheck)
		if f.State == clock.Failing {
			h.Healthy = false
			texts = append(texts, f.Name+": "+f.Text)
		}
	}
	h.Text = strings.Join(texts, "; ")
	return h
}

// tell logs what fails, when that changed.
func (m *Monitor) tell(h clock.Health, found []finding) {
	var names []string
	what := ""
	for _, f := range found {
		if f.State == clock.Failing {
			names = append(names, f.Name)
			what += f.Name + " " + strings.Join(slices.Sorted(slices.Values(f.failing)), ",") + ";"
		}
	}
	if what == m.told {
		return
	}
	m.told = what
	if what == "" {
		m.c.Log.Info("nothing fails any more", "event", "health_ok")
		return
	}
	m.c.Log.Warn("the clock is not healthy", "event", "health_failed", "checks", strings.Join(names, " "), "text", h.Text)
}
