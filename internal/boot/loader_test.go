package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/task"
)

// TestUpdate: from the first start over an update to its confirmation, and the next.
func TestUpdate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "-|-", "1.0")
		confirm := func(_ context.Context, _ Info, ask Asks) error {
			if err := ask.Confirm(); err != nil {
				t.Error(err)
			}
			return &Restart{User}
		}
		if err := r.run(r.install(1, build(t, "2.0", 0)), confirm, restart, r.install(0, build(t, "3.0", 0)), confirm, restart); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0", "1 2.0 trial, last user", "1 2.0, last user", "1 2.0, last user", "0 3.0 trial, last user", "0 3.0, last user", "0 3.0, last user")
		r.holds("3V|2V")
		if got := r.loader.Running(); got != "ota_0" {
			t.Errorf("running is %s", got)
		}
		if e := r.loader.View().Entry(0); e == nil || e.State != flash.Valid {
			t.Errorf("the view has entry %+v", e)
		}
	})
}

// TestInfo: an image is told what it was made to do wrong, and all of its descriptor.
func TestInfo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "-|-")
		fault, err := flash.ParseFault("crash@5s")
		if err != nil {
			t.Fatal(err)
		}
		desc := flash.Desc{Version: "1.0", Project: "wordclock", SecureVersion: 3}
		image, err := flash.Build{Desc: desc, Profile: &flash.Profile{Faults: []flash.Fault{fault}}}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		r.write(0, image)
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		in := r.starts[0]
		if in.Desc != desc || !slices.Equal(in.Profile.Faults, []flash.Fault{fault}) || in.GaveUp != nil || in.Last != (Reset{}) {
			t.Errorf("%+v", in)
		}
	})
}

// TestTrialEnds: however a trial ends badly, the image before it is started at once,
// and told why.
func TestTrialEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		life life
		want string // what the next one is told
		text string // likewise
		at   time.Duration
	}{
		{"an error", crash, "crashed", "broken", 0},
		{"a panic", func(context.Context, Info, Asks) error { panic("ouch") }, "crashed", "ouch", 0},
		{"an end that nobody asked for", func(context.Context, Info, Asks) error { return nil }, "crashed", "without being told", 0},
		{"a restart for a reason", func(context.Context, Info, Asks) error { return &Restart{CheckFailed} }, "check_failed", "", 0},
		{"no sign of life", silent, "hung", "", HangLimit},
		{"no more sign of life", after(30*time.Second, silent), "hung", "", 30*time.Second - tick + HangLimit},
		{"no sign of life, and an error", func(ctx context.Context, _ Info, _ Asks) error { <-ctx.Done(); return errBroken }, "hung", "broken", HangLimit},
		{"a verdict", after(time.Minute, func(ctx context.Context, _ Info, ask Asks) error {
			if err := ask.Reject(CheckFailed, "the LEDs are dark"); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}), "check_failed", "the LEDs are dark", time.Minute},
		{"a verdict, and an error then", func(ctx context.Context, _ Info, ask Asks) error {
			return errors.Join(ask.Reject(User, "somebody did"), errBroken)
		}, "user", "somebody did", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, "1V|2NEW", "1.0", "2.0")
				if err := r.run(c.life, restart); err != nil {
					t.Fatal(err)
				}
				r.started("1 2.0 trial", fmt.Sprintf("0 1.0, last %s, gave up 1 2.0 %[1]s now", c.want),
					fmt.Sprintf("0 1.0, last user, gave up 1 2.0 %s", c.want))
				r.at(0, c.at, c.at)
				if got := r.starts[1].Last.Text; !strings.Contains(got, c.text) {
					t.Errorf("told %q, want %q", got, c.text)
				}
			})
		})
	}
}

// TestOldNews: what was given up before is no news when another image breaks for the
// same reason.
func TestOldNews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		if err := r.run(crash, crash, restart); err != nil {
			t.Fatal(err)
		}
		r.started("1 2.0 trial", "0 1.0, last crashed, gave up 1 2.0 crashed now",
			"0 1.0, last crashed, gave up 1 2.0 crashed", "0 1.0, last user, gave up 1 2.0 crashed")
	})
}

// TestBackOff: an image that is not on trial is started again, later and later.
func TestBackOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		lives := slices.Repeat([]life{crash}, 9)
		lives = append(lives, after(61*time.Second, crash), silent)
		if err := r.run(lives...); err != nil {
			t.Fatal(err)
		}
		var at []time.Duration
		now := time.Duration(0)
		for _, s := range []int{0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 61 + 1, 10 + 2} {
			now += time.Duration(s) * time.Second
			at = append(at, now)
		}
		r.at(at...)
		if got := r.starts[1].Last; got.Reason != Crashed || !strings.Contains(got.Text, "broken") {
			t.Errorf("told %+v", got)
		}
		if got := r.starts[11].Last; got.Reason != Hung {
			t.Errorf("told %+v", got)
		}
		if events := r.log.Events("reason"); !slices.Contains(events, "restart crashed") || !slices.Contains(events, "hung") {
			t.Errorf("logged %q", events)
		}
		r.holds("1V|-")
	})
}

// TestStopWhileBackingOff: who waits to start again ends at once when told to.
func TestStopWhileBackingOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		l := &Loader{Store: r.store(), Log: r.log.Logger()}
		if err := l.Run(ctx, crash); err != nil || time.Since(begin) != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestAlive: an image that gives a sign of life now and then is not hung, however
// long it runs.
func TestAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		if err := r.run(func(ctx context.Context, _ Info, ask Asks) error {
			for range 100 {
				time.Sleep(HangLimit - 1500*time.Millisecond)
				ask.Alive()
				if ctx.Err() != nil || !r.loader.Fresh() {
					return errBroken
				}
			}
			return &Restart{User}
		}); err != nil {
			t.Fatal(err)
		}
		r.started("1 2.0 trial", "1 2.0 trial, last user")
	})
}

// TestHeld: a loader that was held itself, as a process that is stopped, does not
// take its image for hung: its ticks are what counts, not the time.
func TestHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		if err := r.run(func(ctx context.Context, in Info, ask Asks) error {
			r.faults.slow = 40 * time.Second
			err := ask.Confirm()
			r.faults.slow = 0
			if ctx.Err() != nil || err != nil {
				return errBroken
			}
			return after(time.Minute, restart)(ctx, in, ask)
		}); err != nil {
			t.Fatal(err)
		}
		r.started("1 2.0 trial", "1 2.0, last user")
	})
}

// TestWedged: an image that does not end makes Run end. What was noted makes the
// next process start another one, if it was on trial. It is a reason to replace the
// process, but not if that is to end.
func TestWedged(t *testing.T) {
	for _, c := range []struct {
		name, otadata string
		told          bool // it was told to end by a restart
		stop          bool // or by the loader's own end
		next          string
		within        time.Duration
	}{
		{"on trial", "1V|2NEW", false, false, "0 1.0, last hung, gave up 1 2.0 hung now", HangLimit + StopLimit},
		{"not on trial", "1V|2V", false, false, "1 2.0", HangLimit + StopLimit},
		{"on trial, told to restart", "1V|2NEW", true, false, "0 1.0, last hung, gave up 1 2.0 hung now", StopLimit},
		{"on trial, while all stops", "1V|2NEW", false, true, "0 1.0, last hung, gave up 1 2.0 hung now", StopLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, c.otadata, "1.0", "2.0")
				release := make(chan struct{})
				defer close(release)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begin := time.Now()
				l := &Loader{Store: r.store(), Log: r.log.Logger()}
				asked := make(chan error, 1)
				err := l.Run(ctx, func(ctx context.Context, _ Info, ask Asks) error {
					if c.told {
						l.Restart(User)
					}
					if c.stop {
						cancel()
					}
					<-release
					asked <- ask.Confirm()
					return nil
				})
				stuck, isStuck := errors.AsType[*StuckError](err)
				if isStuck == c.stop || isStuck && stuck.Reason != Hung || !errors.Is(err, task.ErrNotStopped) {
					t.Errorf("Run() = %v, a *StuckError is %v, want %v", err, isStuck, !c.stop)
				}
				if d := time.Since(begin); d != c.within {
					t.Errorf("after %v, want %v", d, c.within)
				}
				release <- struct{}{}
				if err := <-asked; err == nil {
					t.Error("an image that was left behind confirmed itself")
				}
				if err := r.run(); err != nil {
					t.Fatal(err)
				}
				r.started(c.next)
			})
		})
	}
}

// TestWedgedTask: an image that says itself that something did not stop is as stuck.
func TestWedgedTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		err := r.run(func(context.Context, Info, Asks) error { return fmt.Errorf("bus: %w", task.ErrNotStopped) })
		var stuck *StuckError
		if !errors.As(err, &stuck) || stuck.Reason != Hung || len(r.starts) != 1 {
			t.Errorf("Run() = %v after %d starts, want a *StuckError", err, len(r.starts))
		}
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0, last hung, gave up 1 2.0 hung now")

		r.entries(parseOtadata(t, "1V|2NEW")) // and so it is while all stops
		ctx, cancel := context.WithCancel(t.Context())
		l := &Loader{Store: r.store(), Log: r.log.Logger()}
		err = l.Run(ctx, func(context.Context, Info, Asks) error {
			cancel()
			return fmt.Errorf("bus: %w", task.ErrNotStopped)
		})
		if errors.As(err, &stuck) || !errors.Is(err, task.ErrNotStopped) || !strings.Contains(err.Error(), "bus") {
			t.Errorf("Run() = %v, want %v", err, task.ErrNotStopped)
		}
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0, last hung, gave up 1 2.0 hung now")
	})
}

// TestCleanStops: to be stopped is no failure of an image on trial, but three starts
// are enough to be judged.
func TestCleanStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		for range trialStarts {
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.started("1 2.0 trial")
		}
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0, last never_confirmed, gave up 1 2.0 never_confirmed now")
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0, gave up 1 2.0 never_confirmed")
	})
}

// TestKilled: a process that ended without a word in a trial was killed, or lost its
// power if the host was started since.
func TestKilled(t *testing.T) {
	for _, c := range []struct{ host, want string }{{"boot id", "crashed"}, {"another", "power_lost"}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, "1V|2NEW", "1.0", "2.0")
			s, err := Open(r.dev, r.fuses, r.table, c.host)
			if err != nil {
				t.Fatal(err)
			}
			l := Loader{Store: s, Log: r.log.Logger()}
			if in, err := l.choose(Reset{}); err != nil || !in.Trial {
				t.Fatalf("%+v, %v", in, err)
			} // and that is all that it did
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.started(fmt.Sprintf("0 1.0, last %s, gave up 1 2.0 %[1]s now", c.want))
		})
	}
}

// TestRestartThenStop: the image that leaves the board to a successor gets one, if
// only to end.
func TestRestartThenStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		ctx, cancel := context.WithCancel(t.Context())
		var told []Info
		l := &Loader{Store: r.store(), Log: r.log.Logger()}
		err := l.Run(ctx, func(ctx context.Context, in Info, _ Asks) error {
			if told = append(told, in); len(told) == 1 {
				cancel()
				return &Restart{User}
			}
			if ctx.Err() == nil {
				t.Error("the successor is not told to end")
			}
			return errBroken
		})
		if !errors.Is(err, errBroken) || len(told) != 2 || told[1].Boot != 2 || told[1].Last.Reason != User {
			t.Errorf("%+v, %v", told, err)
		}
		// A successor that does not end is stuck as well.
		release := make(chan struct{})
		defer close(release)
		ctx, cancel = context.WithCancel(t.Context())
		starts := 0
		err = l.Run(ctx, func(context.Context, Info, Asks) error {
			if starts++; starts == 1 {
				cancel()
				return &Restart{User}
			}
			<-release
			return nil
		})
		if _, stuck := errors.AsType[*StuckError](err); stuck || !errors.Is(err, task.ErrNotStopped) {
			t.Errorf("Run() = %v, want %v", err, task.ErrNotStopped)
		}
	})
}

// TestLastWords: what breaks while all stops is broken too, but no stop is an error.
func TestLastWords(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		for _, want := range []error{nil, errBroken} {
			ctx, cancel := context.WithCancel(t.Context())
			l := &Loader{Store: r.store(), Log: r.log.Logger()}
			if err := l.Run(ctx, func(ctx context.Context, _ Info, _ Asks) error {
				cancel()
				<-ctx.Done()
				return want
			}); !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("Run() = %v, want %v", err, want)
			}
		}
	})
}

// TestRestartFromOutside: an image that does not ask is started again all the same,
// and one that breaks meanwhile is broken.
func TestRestartFromOutside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		(&Loader{}).Restart(User) // nobody runs
		told := func(then error) life {
			return func(ctx context.Context, in Info, _ Asks) error {
				if r.loader.Boot() != in.Boot {
					t.Errorf("start %d of %d", r.loader.Boot(), in.Boot)
				}
				r.loader.Restart(User)
				<-ctx.Done()
				return then
			}
		}
		if err := r.run(told(nil), told(nil), told(errBroken)); err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0", "0 1.0, last user", "0 1.0, last user", "0 1.0, last crashed")
		r.at(0, 0, 0, time.Second)
	})
}

// TestAsksAfterTheEnd: an image that does not run any more changes nothing.
func TestAsksAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		var old Asks
		err := r.run(func(_ context.Context, _ Info, ask Asks) error {
			old = ask
			return &Restart{User}
		}, func(context.Context, Info, Asks) error {
			old.Alive()
			for what, err := range map[string]error{
				"free": old.Free(0), "changed": old.Changed(0), "stage": old.Stage(0), "confirm": old.Confirm(), "reject": old.Reject(User, ""),
			} {
				if err == nil {
					t.Errorf("%s: it was done", what)
				}
			}
			return &Restart{User}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.started("1 2.0 trial", "1 2.0 trial, last user", "1 2.0 trial, last user")
	})
}

// TestAsksRefused: what an image must not have is refused, and changes nothing.
func TestAsksRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		if err := flash.BurnFuses(r.fuses, flash.Fuses{}.Raise(1)); err != nil {
			t.Fatal(err)
		}
		r.write(0, build(t, "1.0", 1))
		damaged := build(t, "2.0", 1)
		damaged[len(damaged)/2] ^= 1
		err := r.run(func(_ context.Context, in Info, ask Asks) error {
			if in.Trial || ask.Confirm() != nil {
				t.Error("what is confirmed is on trial")
			}
			var rollback *RollbackError
			if err := ask.Reject(User, ""); !errors.As(err, &rollback) {
				t.Errorf("reject the only image: %v, want a *RollbackError", err)
			}
			for _, why := range []Reason{None, 200} {
				if err := ask.Reject(why, ""); err == nil || errors.As(err, &rollback) {
					t.Errorf("rejected for %s: %v", why, err)
				}
			}
			for what, slot := range map[string]int{"its own slot": 0, "none": -1, "one that is not there": 2} {
				if ask.Free(slot) == nil || ask.Changed(slot) == nil || ask.Stage(slot) == nil {
					t.Errorf("%s: it was staged, or said to be overwritten", what)
				}
			}
			if err := ask.Stage(1); !errors.Is(err, ErrBlank) {
				t.Errorf("stage nothing: %v", err)
			}
			r.write(1, damaged)
			var format *flash.FormatError
			if err := ask.Stage(1); !errors.As(err, &format) {
				t.Errorf("stage what is damaged: %v", err)
			}
			r.write(1, build(t, "0.9", 0))
			var floor *FloorError
			if err := ask.Stage(1); !errors.As(err, &floor) || floor.Floor != 1 {
				t.Errorf("stage what is below the floor: %v", err)
			}
			return &Restart{User}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.started("0 1.0", "0 1.0, last user")
		r.holds("1V|-")
	})
}

// TestChanged: once a slot is overwritten nothing is known of what was in it, neither
// to who looks nor at the next start. What counts stays, and so does the image.
func TestChanged(t *testing.T) {
	for _, c := range []struct{ otadata, told, then string }{
		{"1V|2ABRT:1/0 hung", "0 1.0, gave up 1 2.0 hung now", "1V|-"},
		{"1V|2INV", "0 1.0", "1V|-"},
		{"1V|2V", "1 2.0", "1V|2V"},
		{"1INV|2V", "1 2.0", "-|2V"},
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, c.otadata, "1.0", "2.0")
			err := r.run(func(_ context.Context, in Info, ask Asks) error {
				other := 1 - in.Slot
				if err := r.slot(other).Erase(0, flash.SectorSize); err != nil {
					t.Fatal(err)
				}
				if err := ask.Changed(other); err != nil {
					t.Errorf("%s: %v", c.otadata, err)
				}
				v := r.loader.View()
				if e := v.Entry(other); e != nil && !e.Counts() || v.GivenUp(other) != None || !errors.Is(v.at(other).Err, ErrBlank) {
					t.Errorf("%s: slot %d is shown with %+v, %v", c.otadata, other, e, v.at(other).Err)
				}
				return &Restart{User}
			})
			if err != nil {
				t.Fatal(err)
			}
			r.started(c.told, strings.Split(c.told, ",")[0]+", last user")
			r.holds(c.then)
		})
	}
}

// TestAsksWhileHung: what an image asks is answered though its watchdog is not fed,
// and though it was told to end.
func TestAsksWhileHung(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		err := r.run(func(ctx context.Context, _ Info, ask Asks) error {
			time.Sleep(5 * time.Second)
			if err := ask.Free(0); !errors.Is(err, ErrTrial) {
				t.Errorf("free what it falls back to: %v, want %v", err, ErrTrial)
			}
			<-ctx.Done() // at 10 s
			time.Sleep(5 * time.Second)
			return ask.Confirm()
		}, restart)
		if err != nil {
			t.Fatal(err)
		}
		r.started("1 2.0 trial", "1 2.0, last hung", "1 2.0, last user")
	})
}

// TestWornOut: a flash that cannot be written is no reason to go dark, but no trial
// begins on it.
func TestWornOut(t *testing.T) {
	for _, c := range []struct{ otadata, want string }{
		{"1V|-", "0 1.0"},
		{"-|-", "0 1.0"},
		{"1V|2NEW", "0 1.0"},
		{"1V|2PEND:1/1", "0 1.0"},
		{"1V|2PEND:1/0 hung", "0 1.0, last hung, gave up 1 2.0 hung now"},
		{"-|2NEW", "1 2.0"}, // and there is nothing else
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, c.otadata, map[bool]string{true: "1.0"}[c.otadata != "-|2NEW"], "2.0")
			before := r.otadata()
			r.faults.write = errors.New("worn out")
			err := r.run(func(_ context.Context, in Info, ask Asks) error {
				if in.Slot == 0 && ask.Stage(1) == nil {
					t.Errorf("%s: staged on a flash that cannot be written", c.otadata)
				}
				return &Restart{User}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.starts[0].brief(); got != c.want {
				t.Errorf("%s: started %s, want %s", c.otadata, got, c.want)
			}
			if c.otadata != "1V|-" && !slices.Contains(r.log.Events(), "flash_io") {
				t.Errorf("%s: logged %q", c.otadata, r.log.Events())
			}
			r.holds(before)
		})
	}
}

// TestUnreadable: from a flash that cannot be read nothing is started.
func TestUnreadable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		r.faults.read = io.ErrUnexpectedEOF
		err := r.run(restart)
		if _, nothing := errors.AsType[*NothingError](err); !nothing || !errors.Is(err, io.ErrUnexpectedEOF) || len(r.starts) > 0 {
			t.Errorf("Run() = %v after %d starts", err, len(r.starts))
		}
	})
}

// TestNothing: if nothing can be started, the error says why of each slot.
func TestNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2V", "1.0")
		if err := r.slot(0).Program(bytes.Repeat([]byte{0}, 64), 256); err != nil {
			t.Fatal(err)
		}
		err := r.run(restart)
		nothing, ok := errors.AsType[*NothingError](err)
		if !ok || len(nothing.Contents) != 2 || len(r.starts) > 0 {
			t.Fatalf("Run() = %v after %d starts, want a *NothingError", err, len(r.starts))
		}
		for _, want := range []string{"ota_0: read image", "ota_1: " + ErrBlank.Error()} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q says nothing of %q", err, want)
			}
		}
		if _, ok := errors.AsType[*NothingError]((&Loader{Store: r.store(), Log: r.log.Logger()}).Run(t.Context(), restart)); !ok {
			t.Error("the second time it is another error")
		}
	})
}

// TestFresh: a loader is well while its image is, or while it is about to start one;
// when that hangs it is until nobody can help any more.
func TestFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		l := &Loader{Store: r.store(), Log: r.log.Logger()}
		if l.Fresh() {
			t.Error("it is well before it runs")
		}
		release, ended := make(chan struct{}), make(chan error)
		starts := 0
		go func() {
			ended <- l.Run(t.Context(), func(ctx context.Context, in Info, ask Asks) error {
				if starts++; starts < 7 { // back-off of 1 to 32 s
					return errBroken
				}
				ask.Alive()
				<-release
				return nil
			})
		}()
		for s := 1; s < 63+20; s++ {
			time.Sleep(time.Second)
			synctest.Wait()
			if !l.Fresh() {
				t.Fatalf("it is not well after %d s", s)
			}
		}
		if _, stuck := errors.AsType[*StuckError](<-ended); !stuck {
			t.Error("it is not stuck")
		}
		time.Sleep(time.Second)
		if l.Fresh() {
			t.Error("it is well though it hangs")
		}
		close(release)
	})
}

// TestFiftyRestarts: nothing is left of an image that ended: neither a goroutine nor
// a timer, or the bubble would not end.
func TestFiftyRestarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		begin := time.Now()
		if err := r.run(slices.Repeat([]life{restart}, 50)...); err != nil {
			t.Fatal(err)
		}
		if n := len(r.starts); n != 51 || time.Since(begin) != 0 {
			t.Errorf("%d starts took %v", n, time.Since(begin))
		}
	})
}

// TestInstead: an image that is told of the one that should run, and cannot.
func TestInstead(t *testing.T) {
	for otadata, want := range map[string]int{"1V|2V": 1, "1V|2NEW": 1, "1V|-": NoSlot, "1V|2ABRT": NoSlot} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, otadata, "1.0") // nothing is in slot 1
			if err := r.run(func(_ context.Context, in Info, _ Asks) error {
				switch {
				case want == NoSlot && in.Instead != nil:
					t.Errorf("%s: instead of %+v", otadata, in.Instead)
				case want != NoSlot && (in.Instead == nil || in.Instead.Slot != want || in.Instead.Text != ErrBlank.Error()):
					t.Errorf("%s: instead of %+v, want slot %d", otadata, in.Instead, want)
				}
				return &Restart{User}
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
