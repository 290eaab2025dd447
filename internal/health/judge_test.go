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
)

// script is a probe that fails where its script has an x, and hangs where it has an h;
// afterwards it is as it was last.
func script(s string) Probe {
	n := -1
	return func(ctx context.Context) ([]Fault, error) {
		n++
		switch s[min(n, len(s)-1)] {
		case 'x':
			return nil, errors.New("broken")
		case 'h':
			return hangs(ctx)
		}
		return nil, nil
	}
}

// A court notes verdicts, and when they came; refused, if not nil, refuses them.
type court struct {
	begin   time.Time
	said    []string
	refused func(n int) error
}

func (c *court) trial(known Known) *Trial {
	c.begin = time.Now()
	say := func(what string) error {
		c.said = append(c.said, fmt.Sprintf("%s after %s", what, time.Since(c.begin)))
		if c.refused != nil {
			return c.refused(len(c.said))
		}
		return nil
	}
	return &Trial{Known: known, Confirm: func() error { return say("confirm") }, Reject: func(text string) error { return say("reject " + text) }}
}

func TestJudge(t *testing.T) {
	refuse := errors.New("flash cannot be written")
	for _, c := range []struct {
		name    string
		script  string
		grace   time.Duration
		known   Known
		refused func(n int) error
		want    string
		events  string
	}{
		{"at once", ".", 0, nil, nil, "confirm after 30s", "trial_examined 1"},
		{"at the second", "x.", 0, nil, nil, "confirm after 1m0s", "health_failed|trial_examined 1|health_ok|trial_examined 2"},
		{"at the third", "xx.", 0, nil, nil, "confirm after 1m30s", "health_failed|trial_examined 1|trial_examined 2|health_ok|trial_examined 3"},
		{"never", "x", 0, nil, nil, "reject a: broken after 1m30s", "health_failed|trial_examined 1|trial_examined 2|trial_examined 3|trial_rejected"},
		{"too late", "xxx.", 0, nil, nil, "reject a: broken after 1m30s", "health_failed|trial_examined 1|trial_examined 2|trial_examined 3|trial_rejected"},
		{"silent once", "h.", 0, nil, nil, "confirm after 1m0s", "health_failed|trial_examined 1|health_ok|trial_examined 2"},
		{"silent", "h", 0, nil, nil, "reject a: no answer within 5s after 1m35s", "health_failed|trial_examined 1|trial_examined 2|trial_examined 3|trial_rejected"},
		{"broken before", "x", 0, Known{"a": {""}}, nil, "confirm after 30s", "trial_examined 1"},
		{"within its time, that does not count", "xxx.", 100 * time.Second, nil, nil, "confirm after 2m0s", "trial_examined 0|trial_examined 1"},
		{"its time is over", "x", 40 * time.Second, nil, nil, "reject a: broken after 2m0s",
			"trial_examined 0|health_failed|trial_examined 1|trial_examined 2|trial_examined 3|trial_rejected"},
		{"flash fails twice", ".", 0, nil, func(n int) error {
			if n < 3 {
				return refuse
			}
			return nil
		}, "confirm after 30s, confirm after 1m0s, confirm after 1m30s", "trial_examined 1|verdict_failed|trial_examined 2|trial_examined 3"},
		{"nothing to go back to, then well", "xxxx.", 0, nil, func(n int) error {
			if n < 3 {
				return errors.New("no other image")
			}
			return nil
		}, "reject a: broken after 1m30s, reject a: broken after 2m0s, confirm after 2m30s",
			"health_failed|trial_examined 1|trial_examined 2|trial_examined 3|trial_rejected|verdict_failed|trial_examined 3|health_ok|trial_examined 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &court{refused: c.refused}
				b := run(t, []Check{{Name: "a", Grace: c.grace, Limit: 5 * time.Second, Probe: script(c.script)}}, func(cfg *Config) { cfg.Trial = j.trial(c.known) })
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := strings.Join(j.said, ", "); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				if shown := b.value.Get().Trial != nil; shown != strings.Contains(j.said[len(j.said)-1], "reject") {
					t.Errorf("shown as on trial: %t", shown)
				}
				if got := strings.Join(b.log.Events("attempt"), "|"); got != c.events {
					t.Errorf("events %s, want %s", got, c.events)
				}
			})
		})
	}
}

// TestWaitingExcusesNobody: an examination counts in which something fails, though
// something else may still have its time.
func TestWaitingExcusesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &court{}
		run(t, []Check{
			{Name: "a", Limit: time.Second, Probe: fails},
			{Name: "b", Grace: time.Hour, Limit: time.Second, Probe: fails},
		}, func(cfg *Config) { cfg.Trial = j.trial(nil) })
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, want := strings.Join(j.said, ", "), "reject a: broken after 1m30s"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestWaitingIsTold once for the same checks, and not as an examination that went well.
func TestWaitingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, []Check{
			{Name: "a", Grace: 100 * time.Second, Limit: time.Second, Probe: script("xxx.")},
			{Name: "b", Grace: 100 * time.Second, Limit: time.Second, Probe: script("x.")},
		}, func(cfg *Config) { cfg.Trial = new(court).trial(nil) })
		time.Sleep(time.Hour)
		synctest.Wait()
		got := strings.Join(b.log.Events("attempt", "healthy", "waiting"), "|")
		if want := "trial_examined 0 a b|trial_examined 0 a|trial_examined 1 true"; got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

// TestTrialIsShown: how far a trial is, and when it goes on.
func TestTrialIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &court{}
		b := run(t, []Check{{Name: "a", Limit: time.Second, Probe: script("xxx.")}}, func(cfg *Config) { cfg.Trial = j.trial(nil) })
		shows := func(attempt int, next time.Duration) {
			t.Helper()
			synctest.Wait()
			got := b.value.Get().Trial
			if got == nil || got.Attempt != attempt || got.Attempts != 3 || !got.Next.Equal(j.begin.Add(next)) {
				t.Errorf("%+v, want attempt %d and the next after %s", got, attempt, next)
			}
		}
		shows(0, 30*time.Second)
		b.sees(t, "a failed") // who asks does not judge
		shows(0, 30*time.Second)
		time.Sleep(30 * time.Second)
		shows(1, time.Minute)
		time.Sleep(30 * time.Second)
		shows(2, 90*time.Second)
		b.Acquit()
		if h := b.value.Get(); h.Trial != nil {
			t.Errorf("confirmed by hand: %+v", h.Trial)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(j.said) > 0 {
			t.Errorf("confirmed by hand, and then %q", j.said)
		}
	})
}

// TestWithoutTrial there is one examination, and none without a configuration.
func TestWithoutTrial(t *testing.T) {
	for attempts, want := range map[int]int64{3: 1, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			b := run(t, []Check{{Name: "a", Limit: time.Second, Probe: func(context.Context) ([]Fault, error) { n.Add(1); return nil, nil }}},
				func(cfg *Config) { cfg.Times.Attempts = attempts })
			if h := b.value.Get(); !h.Healthy || !h.At.IsZero() || h.Checks == nil {
				t.Errorf("first of all: %+v", h)
			}
			time.Sleep(29 * time.Second)
			synctest.Wait()
			if n.Load() != 0 {
				t.Error("examined before it had settled")
			}
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if n := n.Load(); n != want {
				t.Errorf("%d examinations in a day, want %d", n, want)
			}
			b.sees(t, "a ok")
			if h := b.value.Get(); h.Trial != nil || h.Checks[0].State != clock.Passed {
				t.Errorf("%+v", h)
			}
		})
	}
}
