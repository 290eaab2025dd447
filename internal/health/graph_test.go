package health

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A bench is a monitor that runs, in a bubble.
type bench struct {
	*Monitor
	value watch.Value[clock.Health]
	log   proof.Log
	stop  func() error // and wait
}

// run runs a monitor for the rest of the test; change, if not nil, changes what it is
// made of.
func run(t *testing.T, checks []Check, change func(*Config)) *bench {
	t.Helper()
	b := &bench{}
	c := Config{Checks: checks, Times: times, Value: &b.value, Log: b.log.Logger()}
	if change != nil {
		change(&c)
	}
	b.Monitor = New(c)
	g, _ := task.NewGroup(t.Context())
	g.Go("health", b.Run)
	b.stop = func() error { g.Stop(nil); return g.Wait() }
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return b
}

var times = config.Health{Settle: 30 * time.Second, Attempts: 3, Interval: 30 * time.Second}

// sees fails unless an examination now finds these states, in order.
func (b *bench) sees(t *testing.T, want string) clock.Health {
	t.Helper()
	h, err := b.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := states(h); got != want {
		t.Errorf("%s, want %s (%s)", got, want, h.Text)
	}
	return h
}

func states(h clock.Health) string {
	var all []string
	for _, c := range h.Checks {
		all = append(all, c.Name+" "+string(c.State))
	}
	return strings.Join(all, ", ")
}

func passes(context.Context) ([]Fault, error) { return nil, nil }

func fails(context.Context) ([]Fault, error) { return nil, errors.New("broken") }

// rows is a probe of which rows are dark.
func rows(dark ...int) Probe {
	return func(context.Context) (faults []Fault, err error) {
		for _, n := range dark {
			faults = append(faults, Fault{fmt.Sprintf("row %d", n), "dark"})
		}
		return faults, nil
	}
}

func hangs(ctx context.Context) ([]Fault, error) { <-ctx.Done(); return nil, ctx.Err() }

func TestGraph(t *testing.T) {
	for _, c := range []struct {
		name   string
		checks []Check
		known  Known
		want   string
		text   string
	}{
		{"all well", []Check{{Name: "a", Probe: passes}, {Name: "b", Needs: []string{"a"}, Probe: passes}},
			nil, "a ok, b ok", ""},
		{"one cause is one complaint", []Check{{Name: "a", Probe: fails}, {Name: "b", Needs: []string{"a"}, Probe: fails}, {Name: "c", Needs: []string{"b"}, Probe: fails}},
			nil, "a failed, b skipped, c skipped", "a: broken"},
		{"nothing to check is no obstacle", []Check{{Name: "a"}, {Name: "b", Needs: []string{"a"}, Probe: passes}},
			nil, "a absent, b ok", ""},
		{"two failures", []Check{{Name: "a", Probe: fails}, {Name: "b", Probe: fails}},
			nil, "a failed, b failed", "a: broken; b: broken"},
		{"still within its time", []Check{{Name: "a", Grace: time.Minute, Probe: fails}, {Name: "b", Needs: []string{"a"}, Probe: passes}},
			nil, "a waiting, b skipped", ""},
		{"failed before", []Check{{Name: "a", Probe: fails}, {Name: "b", Needs: []string{"a"}, Probe: passes}},
			Known{"a": {""}}, "a known_bad, b skipped", ""},
		{"mended since", []Check{{Name: "a", Probe: passes}}, Known{"a": {""}}, "a ok", ""},
		{"another one failed before", []Check{{Name: "a", Probe: fails}}, Known{"b": {""}}, "a failed", "a: broken"},
		{"dark row", []Check{{Name: "leds", Probe: rows(3)}}, nil, "leds failed", "leds: row 3: dark"},
		{"row that was dark before", []Check{{Name: "leds", Probe: rows(3)}}, Known{"leds": {"row 3"}}, "leds known_bad", ""},
		{"one more dark row", []Check{{Name: "leds", Probe: rows(3, 4)}}, Known{"leds": {"row 3"}}, "leds failed", "leds: row 4: dark"},
		{"all of it, and only a row before", []Check{{Name: "leds", Probe: fails}}, Known{"leds": {"row 3"}}, "leds failed", "leds: broken"},
		{"a row, and all of it before", []Check{{Name: "leds", Probe: rows(3)}}, Known{"leds": {""}}, "leds known_bad", ""},
		{"many rows", []Check{{Name: "leds", Probe: rows(0, 1, 2, 3, 4)}}, nil, "leds failed", "leds: row 0: dark; row 1: dark; row 2: dark; and 2 more"},
		{"silent", []Check{{Name: "a", Probe: hangs}, {Name: "b", Probe: passes}}, nil, "a failed, b ok", "a: no answer within 5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for i := range c.checks {
					c.checks[i].Limit = 5 * time.Second
				}
				b := run(t, c.checks, func(cfg *Config) {
					if c.known != nil {
						cfg.Trial = &Trial{Known: c.known}
					}
				})
				if h := b.sees(t, c.want); h.Text != c.text || h.Healthy != (c.text == "") {
					t.Errorf("healthy %t, %q, want %q", h.Healthy, h.Text, c.text)
				}
			})
		})
	}
}

// TestNoOrder refuses graphs in which nobody could begin.
func TestNoOrder(t *testing.T) {
	for name, checks := range map[string][]Check{
		"itself":         {{Name: "a", Needs: []string{"a"}}},
		"each other":     {{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}},
		"what is not":    {{Name: "a", Needs: []string{"b"}}},
		"the same twice": {{Name: "a"}, {Name: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			New(Config{Checks: checks})
		})
	}
}

// TestStuckProbe never comes back: it holds up nobody, is not started a second time, and
// works again when it does.
func TestStuckProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		free := make(chan struct{})
		b := run(t, []Check{
			{Name: "card", Limit: time.Second, Probe: func(context.Context) ([]Fault, error) {
				calls.Add(1)
				<-free
				return nil, nil
			}},
			{Name: "b", Limit: time.Second, Probe: passes},
		}, nil)
		for _, want := range []string{"no answer within 1s", "its probe has not come back from an earlier examination"} {
			begin := time.Now()
			if h := b.sees(t, "card failed, b ok"); h.Checks[0].Text != want || time.Since(begin) > time.Second {
				t.Errorf("%q after %s, want %q", h.Checks[0].Text, time.Since(begin), want)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("started %d times", n)
		}
		close(free)
		synctest.Wait()
		b.sees(t, "card ok, b ok")
	})
}

// TestTogether: whoever asks while an examination is under way gets its result.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		b := run(t, []Check{{Name: "slow", Limit: time.Minute, Probe: func(context.Context) ([]Fault, error) {
			calls.Add(1)
			time.Sleep(10 * time.Second)
			return nil, nil
		}}}, nil)
		g, _ := task.NewGroup(t.Context())
		for n := range 5 {
			g.Go("asks", func(ctx context.Context) error {
				time.Sleep(time.Duration(n) * time.Second)
				h, err := b.Examine(ctx)
				if err == nil && states(h) != "slow ok" {
					t.Errorf("%+v", h)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil || calls.Load() != 1 {
			t.Errorf("%d examinations, %v", calls.Load(), err)
		}
		b.sees(t, "slow ok")
		if calls.Load() != 2 {
			t.Error("who asks later gets an old answer")
		}
		if h := b.value.Get(); states(h) != "slow ok" || h.At.IsZero() {
			t.Errorf("published: %+v", h)
		}
	})
}

// TestEnd: who waits when the monitor ends, or asks later, is told.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, []Check{{Name: "a", Limit: time.Minute, Probe: hangs}}, nil)
		g, _ := task.NewGroup(context.Background())
		g.Go("asks", func(ctx context.Context) error {
			if _, err := b.Examine(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			return nil
		})
		time.Sleep(time.Second)
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if _, err := b.Failing(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("afterwards: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Examine(ctx); err == nil {
			t.Error("no error")
		}
	})
}

// TestPanic of a probe is a bug, and ends the firmware as any other.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Times: times, Value: new(watch.Value[clock.Health]), Log: new(proof.Log).Logger(),
			Checks: []Check{{Name: "a", Limit: time.Second, Probe: func(context.Context) ([]Fault, error) { panic("out of luck") }}}})
		err := m.Run(t.Context())
		if p, ok := errors.AsType[*task.Panic](err); !ok || p.Value != "out of luck" {
			t.Errorf("error %v", err)
		}
	})
}

// TestFailing has everything that does not work, and what cannot be judged.
func TestFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, []Check{
			{Name: "network", Grace: time.Hour, Limit: time.Second, Probe: fails},
			{Name: "mqtt", Needs: []string{"network"}, Limit: time.Second, Probe: passes},
			{Name: "leds", Limit: time.Second, Probe: rows(2, 7)},
			{Name: "memory", Limit: time.Second, Probe: passes},
			{Name: "rtc"},
		}, nil)
		k, err := b.Failing(t.Context())
		if got, want := k.String(), "leds (row 2, row 7); mqtt; network"; err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	})
}

// TestNews: the log is told what fails when that changes, not each time.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dark atomic.Pointer[[]int]
		dark.Store(&[]int{})
		b := run(t, []Check{{Name: "leds", Limit: time.Second, Probe: func(ctx context.Context) ([]Fault, error) {
			return rows(*dark.Load()...)(ctx)
		}}}, nil)
		for _, d := range [][]int{{}, {3}, {3}, {3, 4}, {3, 4}, {}, {}} {
			dark.Store(&d)
			if _, err := b.Examine(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want := "health_failed leds leds: row 3: dark|health_failed leds leds: row 3: dark; row 4: dark|health_ok"
		if got := strings.Join(b.log.Events("checks", "text"), "|"); got != want {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}
