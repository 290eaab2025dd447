package boot

import (
	"context"
	"errors"
	"testing"

	"wordclockd/internal/flash"
)

func TestRun(t *testing.T) {
	errBroken := errors.New("broken")
	for _, c := range []struct {
		name   string
		starts []error // what the app returns, start by start
		want   error
	}{
		{"ends by itself", []error{nil}, nil},
		{"breaks", []error{errBroken}, errBroken},
		{"restarts, then breaks", []error{&Restart{User}, &Restart{Hung}, errBroken}, errBroken},
		{"restarts, then ends", []error{&Restart{User}, nil}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Loader{Desc: flash.Desc{Version: "1.2.3", Project: "wordclock"}}
			n := 0
			err := l.Run(t.Context(), func(_ context.Context, in Info, _ Asks) error {
				if int(in.Boot) != n+1 || in.Desc != l.Desc {
					t.Errorf("start %d told %+v", n+1, in)
				}
				if n > 0 {
					if r, _ := errors.AsType[*Restart](c.starts[n-1]); in.Last.Reason != r.Reason {
						t.Errorf("start %d told that the last one ended for %s, want %s", n+1, in.Last.Reason, r.Reason)
					}
				}
				n++
				return c.starts[n-1]
			})
			if !errors.Is(err, c.want) || n != len(c.starts) {
				t.Errorf("%d starts, %v, want %d and %v", n, err, len(c.starts), c.want)
			}
		})
	}
}

func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var l Loader
	if err := l.Run(ctx, func(context.Context, Info, Asks) error {
		cancel()
		return &Restart{User} // too late: the loader was told to stop
	}); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	errLast := errors.New("last words")
	if err := l.Run(ctx, func(context.Context, Info, Asks) error { return errLast }); !errors.Is(err, errLast) {
		t.Errorf("Run() = %v, want %v: what breaks while stopping is broken too", err, errLast)
	}
}

// TestAlone: with one image, nothing can be staged, confirming changes nothing.
func TestAlone(t *testing.T) {
	var l Loader
	err := l.Run(t.Context(), func(_ context.Context, in Info, ask Asks) error {
		ask.Alive()
		if ask.Stage(1) == nil {
			t.Error("staged a slot that is not there")
		}
		if in.Trial || ask.Confirm() != nil || ask.Reject(CheckFailed, "test") == nil {
			t.Error("the only image is on trial")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReasonNames(t *testing.T) {
	for r := range Reason(len(reasons)) {
		if got, err := ParseReason(r.String()); got != r || err != nil {
			t.Errorf("ParseReason(%q) = %v, %v", r, got, err)
		}
	}
	if _, err := ParseReason("boredom"); err == nil {
		t.Error("an unknown reason was accepted")
	}
	if got := Reason(200).String(); got != "Reason(200)" {
		t.Errorf("%q", got)
	}
}

// TestRestartThenStop: the image that leaves the board to a successor gets one, if
// only to end.
func TestRestartThenStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var l Loader
	starts := 0
	if err := l.Run(ctx, func(ctx context.Context, in Info, _ Asks) error {
		if starts++; starts == 1 {
			cancel()
			return &Restart{User}
		}
		if ctx.Err() == nil || in.Boot != 2 || in.Last.Reason != User {
			t.Errorf("start %d: %+v, %v", starts, in, ctx.Err())
		}
		return nil
	}); err != nil || starts != 2 {
		t.Errorf("%d starts, %v", starts, err)
	}
}

// TestRestartFromOutside: an image that does not ask is started again all the same,
// and one that breaks meanwhile is broken.
func TestRestartFromOutside(t *testing.T) {
	errBroken := errors.New("broken")
	var l Loader
	l.Restart(User) // nobody runs
	starts := 0
	err := l.Run(t.Context(), func(ctx context.Context, in Info, _ Asks) error {
		starts++
		if l.Boot() != in.Boot {
			t.Errorf("start %d of %d", l.Boot(), in.Boot)
		}
		l.Restart(User)
		<-ctx.Done()
		if starts == 3 {
			return errBroken
		}
		return nil
	})
	if !errors.Is(err, errBroken) || starts != 3 {
		t.Errorf("%d starts, %v", starts, err)
	}
}
