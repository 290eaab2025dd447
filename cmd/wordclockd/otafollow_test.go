package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
)

// TestFollowReplacedProcess: what counts is how long the clock is gone, and not for how
// long it had nothing to tell before.
func TestFollowReplacedProcess(t *testing.T) {
	t.Parallel()
	const away = time.Second
	p := newActor(t, "sim")
	under, over := course(clock.Installed, "")
	p.present(under[2])
	shown := 0
	f := follower{client: p.client(), number: 7, away: away, see: func(clock.Attempt, *clock.Trial) error {
		if shown++; shown == 1 {
			time.AfterFunc(away+away/10, func() {
				p.vanish()
				p.over(over)
				p.boot()
			})
		}
		return nil
	}}
	if a, err := f.run(t.Context()); err != nil || a.Result != clock.Installed || shown != 2 {
		t.Errorf("%+v, %v, shown %d times", a, err, shown)
	}
}

// TestFollowRestart: a clock that answers only that it restarts is gone too, and one that
// was seen again is not.
func TestFollowRestart(t *testing.T) {
	f := follower{away: time.Hour}
	for _, err := range []error{control.ErrNotRunning, &control.Error{Code: control.CodeRestarting}, &unknownUpdateError{7}} {
		if !comesBack(err) {
			t.Errorf("%v: is not waited for", err)
		}
	}
	if err := errors.New("permission denied"); comesBack(err) {
		t.Errorf("%v: is waited for", err)
	}
	if f.isLost() || f.gone.IsZero() {
		t.Errorf("gone since %s", f.gone)
	}
	first := f.gone.Add(-2 * time.Hour)
	f.gone = first
	if !f.isLost() || f.gone != first {
		t.Errorf("gone since %s, want %s", f.gone, first)
	}
}

// TestFollowNothing: a clock that never shows the update is not waited for forever, even
// if it has nothing else to say.
func TestFollowNothing(t *testing.T) {
	t.Parallel()
	p := newActor(t, "sim")
	f := follower{client: p.client(), number: 7, away: 100 * time.Millisecond, see: func(clock.Attempt, *clock.Trial) error { return nil }}
	a, err := f.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not know of update 7") || a.Number != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestStepsOnce: a step is printed once, however often it is shown, and none is left out.
func TestStepsOnce(t *testing.T) {
	var got []int
	s := steps{print: func(l stepLine) error { got = append(got, l.Number); return nil }}
	under, over := course(clock.Installed, "")
	for _, a := range []clock.Attempt{under[0], under[0], under[2], under[2], over, over} {
		if err := s.see(a, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []int{1, 2, 3, 4, 5, 6}
	if len(got) != len(want) {
		t.Fatalf("printed %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("printed %v, want %v", got, want)
		}
	}
}
