package ota

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// TestUpdate goes the whole way, in the order that the crash law wants.
func TestUpdate(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		a := r.update(Start{})
		if a.Result != clock.Installed || a.State != "complete" || a.Number != 1 || a.From != "2.11.3" || a.Version != "2.12.0" ||
			a.SHA256 != next.manifest.SHA256 || a.Slot != "ota_1" || a.Source != "github" || a.Bytes != a.Size || a.Size != next.manifest.Size ||
			a.Fetched != a.Size || a.Error != "" || a.Cause != "" || len(a.Causes) != 0 || a.Sources["github"].Bytes != a.Size {
			t.Errorf("%+v", a)
		}
		r.holds(next)
		r.called("free", "program", "switch", "stage")
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		r.called()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		r.called("reboot")
		r.reboot(next)
		if h := r.history(); h[0].Result != clock.Installed {
			t.Errorf("%+v", h)
		}
		r.trial.Store(false)
		r.Confirmed()
		if h := r.history(); len(h) != 1 || h[0].Result != clock.Confirmed {
			t.Errorf("%+v", h)
		}
	})
}

func (r *rig) history() []clock.Attempt { return r.Updater.c.Value.Get().History }

// TestSteps: no state is missed, nor 10 % of the image; they are numbered.
func TestSteps(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", func(b *flash.Build) { b.Size = 25 * PieceSize })
		r := newRig(t, running, next.site(), next.site(), nil)
		a := r.update(Start{})
		var states []string
		last := 0
		for i, s := range a.Steps {
			if s.Number != i+1 {
				t.Errorf("step %d is number %d", i+1, s.Number)
			}
			if !slices.Contains(states, s.State) {
				states = append(states, s.State)
			}
			if s.Percent > last+10 {
				t.Errorf("%d %% follows %d %%", s.Percent, last)
			}
			last = s.Percent
		}
		if got := strings.Join(states, " "); got != "checking downloading verifying flashing complete" || last != 100 {
			t.Errorf("states %s, %d %%", got, last)
		}
	})
}

// TestRefused are updates that do not begin.
func TestRefused(t *testing.T) {
	next := built("2.12.0", nil)
	hung := next.site().but(func(_ http.ResponseWriter, q *http.Request, _ http.HandlerFunc) { <-q.Context().Done() })
	for _, c := range []struct {
		name, code, text string
		prepare          func(*rig)
	}{
		{"one is under way", "ota_already_running", "already running", func(r *rig) {
			if _, err := r.Start(Start{}); err != nil {
				r.t.Error(err)
			}
		}},
		{"one is under way, and far", "ota_already_running", "already running", func(r *rig) {
			if _, err := r.Start(Start{}); err != nil {
				r.t.Error(err)
			}
			r.reaches(Downloading)
		}},
		{"on trial", "ota_on_trial", "on_trial: 2.11.3 has yet to be confirmed", func(r *rig) { r.trial.Store(true) }},
		{"no slot", "ota_no_slot", "No OTA partition available", func(r *rig) { r.Updater.c.Slot = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, hung, hung, nil)
				c.prepare(r)
				before := r.history()
				_, err := r.Start(Start{})
				if !errors.Is(err, &clock.UnavailableError{Code: c.code}) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("error %v, want %s", err, c.code)
				}
				if len(r.history()) != len(before) {
					t.Errorf("%+v", r.history())
				}
				r.called()
			})
		})
	}
}

// TestCancelUpdate in every state: before the switch it takes effect at once, and changes
// nothing; then it is refused.
func TestCancelUpdate(t *testing.T) {
	next := built("2.12.0", nil)
	for _, c := range []struct {
		name    string
		site    site
		prepare func(*rig)
		state   State
		calls   []string
	}{
		{"checking", site{handler: hangs}, nil, Checking, nil},
		{"before the image", next.site().but(func(w http.ResponseWriter, q *http.Request, _ http.HandlerFunc) { hangs(w, q) }), nil, Downloading, nil},
		{"downloading", next.site().dies(3*PieceSize+5, stays), nil, Downloading, []string{"free", "program"}},
		{"verifying", next.site(), func(r *rig) { r.slow = time.Second / 2 }, Verifying, []string{"free", "program"}},
		{"before the switch", next.site(), func(r *rig) { r.hold = make(chan struct{}) }, Verifying, []string{"free", "program"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, c.site, c.site, nil)
				if c.prepare != nil {
					c.prepare(r)
				}
				n, err := r.Start(Start{})
				if err != nil {
					t.Fatal(err)
				}
				r.reaches(c.state)
				time.Sleep(time.Second)
				begin := time.Now()
				if err := r.Cancel(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("took %s", took)
				}
				a := r.wait(n)
				if a.Result != clock.Failed || a.Cause != "cancelled" || a.State != "failed" || !slices.Contains(r.log.Events("number"), "ota_cancelled 1") {
					t.Errorf("%+v\n%s", a, &r.log)
				}
				r.called(c.calls...)
				if n := r.open.Load(); n != 0 {
					t.Errorf("%d connections are open", n)
				}
				if err := r.Cancel(t.Context()); !errors.Is(err, &clock.UnavailableError{Code: "ota_cancel_failed"}) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
	t.Run("after the switch", func(t *testing.T) {
		in(t, func(t *testing.T) {
			r := newRig(t, running, next.site(), next.site(), nil)
			if a := r.update(Start{}); a.Result != clock.Installed {
				t.Errorf("%+v", a)
			}
			if err := r.Cancel(t.Context()); !errors.Is(err, &clock.UnavailableError{Code: "ota_cancel_failed"}) || !strings.Contains(err.Error(), "too late") {
				t.Errorf("error %v", err)
			}
			if _, err := r.Start(Start{}); !errors.Is(err, &clock.UnavailableError{Code: "ota_already_running"}) {
				t.Errorf("error %v", err) // it is about to be restarted
			}
		})
	})
}

// TestCancelAndStart: the update after one that was cancelled is another one (O-5).
func TestCancelAndStart(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site().dies(3*PieceSize, stays).once(next.site()), next.site(), nil)
		if _, err := r.Start(Start{}); err != nil {
			t.Fatal(err)
		}
		r.reaches(Downloading)
		if err := r.Cancel(t.Context()); err != nil {
			t.Error(err)
		}
		if a := r.update(Start{}); a.Number != 2 || a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
		r.holds(next)
	})
}

// TestStageWithoutReboot: another update can follow one that waits for its start (O-28),
// and the same one is not made again by itself.
func TestStageWithoutReboot(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed || a.State != "complete" {
			t.Errorf("%+v", a)
		}
		time.Sleep(time.Hour)
		r.called("free", "program", "switch", "stage")
		if c := r.check(false); c.UpdateAvailable || !strings.Contains(c.Warnings[0], "2.12.0 is installed, and starts at the next restart") {
			t.Errorf("%+v", c)
		}
		if a := r.update(Start{NoReboot: true, Force: true}); a.Result != clock.Installed || a.Number != 2 {
			t.Errorf("%+v", a)
		}
		h := r.history()
		if h[0].Result != clock.Failed || h[0].Reason != "update 2 took its slot before it was started" || h[1].Result != clock.Installed {
			t.Errorf("%+v", h)
		}
	})
}

// TestRefusals: what the flash, or the boot loader, refuses is said, and changes
// nothing that is not in the idle slot.
func TestRefusals(t *testing.T) {
	broken := errors.New("worn out")
	next := built("2.12.0", nil)
	for _, c := range []struct {
		at    string
		err   error
		cause Cause
		kind  Kind
		calls []string
	}{
		{"free", broken, FlashIO, FlashFailed, []string{"free"}},
		{"free", fault(OnTrial, broken), OnTrial, DownloadFailed, []string{"free"}},
		{"program", broken, FlashIO, FlashFailed, []string{"free", "program"}},
		{"read", broken, FlashIO, FlashFailed, []string{"free", "program"}},
		{"stage", broken, FlashIO, FlashFailed, []string{"free", "program", "switch", "stage", "undo"}},
		{"stage", fault(BadSignature, broken), BadSignature, FlashFailed, []string{"free", "program", "switch", "stage", "undo"}},
	} {
		t.Run(c.at+" "+c.cause.String(), func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, next.site(), next.site(), nil)
				r.fail[c.at] = c.err
				a := r.update(Start{})
				if a.Result != clock.Failed || a.Cause != c.cause.String() || a.Error != c.kind.String() || !strings.Contains(a.Reason, "worn out") {
					t.Errorf("%+v", a)
				}
				r.called(c.calls...)
			})
		})
	}
}

// TestDeadline ends what takes too long, whatever it is.
func TestDeadline(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		slow := next.site().but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
			for p := range slices.Chunk(next.image, 64) {
				if _, err := w.Write(p); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				select {
				case <-q.Context().Done():
					return
				case <-time.After(32 * time.Millisecond):
				}
			}
		})
		r := newRig(t, running, slow, slow, func(c *UpdaterConfig) { c.OTA.Deadline = time.Minute })
		begin := time.Now()
		a := r.update(Start{})
		if took := time.Since(begin); a.Result != clock.Failed || a.Cause != "timeout" || !strings.Contains(a.Reason, "more than 1m0s") || took != time.Minute {
			t.Errorf("%s: %+v", took, a)
		}
	})
}

// TestCheckMeanwhile leaves an update alone (O-2).
func TestCheckMeanwhile(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		slow := next.site().but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
			time.Sleep(3 * time.Second)
			well(w, q)
		})
		r := newRig(t, running, slow, slow, nil)
		n, err := r.Start(Start{})
		if err != nil {
			t.Fatal(err)
		}
		r.reaches(Downloading)
		if c := r.check(false); !c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
		if v := r.Updater.c.Value.Get(); v.Present == nil || v.Present.State != "downloading" || v.Checking {
			t.Errorf("%+v", v)
		}
		if a := r.wait(n); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
	})
}

// TestChecksTogether: who asks the same gets the same answer, and who was cancelled takes nobody along.
func TestChecksTogether(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, running, offers("2.12.0").late(time.Second), offers("2.12.0").late(time.Second), nil)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := r.Updater.Check(ctx, Request{})
			first <- err
		}()
		synctest.Wait()
		second := make(chan clock.Check)
		go func() { second <- r.check(false) }()
		synctest.Wait()
		if !r.Updater.c.Value.Get().Checking {
			t.Error("not checking")
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if c := <-second; !c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
		if n := r.asked[clock.GitHub].Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestUnnoted: without a note of what does not work the trial would be unfair, so
// there is none.
func TestUnnoted(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		r.fail["switch"] = syscall.ENOSPC
		if a := r.update(Start{}); a.Result != clock.Failed || a.Cause != "flash_full" || !strings.Contains(a.Reason, "what the trial has to know") {
			t.Errorf("%+v", a)
		}
		r.called("free", "program", "switch")
	})
}

// TestFileLeavesWhatWaits: a file that is no good is refused before anything is
// written, and an update that waits for its start goes on waiting; one that is good
// takes its place, and says so.
func TestFileLeavesWhatWaits(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), nil)
		r.update(Start{NoReboot: true})
		r.taken()
		r.update(Start{File: t.TempDir()})
		r.called()
		if h := r.history(); h[0].Result != clock.Installed {
			t.Errorf("%+v", h)
		}
		newer := built("2.13.0", nil)
		r.swap(newer.site(), newer.site())
		if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed || !slices.Contains(a.Warnings, "2.12.0, which update 1 had installed and nobody started, makes way for this one") {
			t.Errorf("%+v", a)
		}
	})
}

// TestDisplaced: an update that waits and loses its slot to one that fails is offered
// again.
func TestDisplaced(t *testing.T) {
	in(t, func(t *testing.T) {
		next, newer := built("2.12.0", nil), built("2.13.0", nil)
		r := newRig(t, running, next.site(), next.site(), func(c *UpdaterConfig) { c.OTA.Deadline = 10 * time.Second })
		r.update(Start{NoReboot: true})
		if c := r.check(false); c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
		r.swap(newer.site().dies(4*PieceSize, hangsUp).once(newer.site().without()), newer.site().without())
		if a := r.update(Start{}); a.Result != clock.Failed || len(a.Warnings) != 1 {
			t.Errorf("%+v", a)
		}
		if a := r.history()[0]; a.Result != clock.Failed || !strings.Contains(a.Reason, "took its slot") {
			t.Errorf("%+v", a)
		}
		r.swap(next.site(), next.site())
		if c := r.check(false); !c.UpdateAvailable {
			t.Errorf("%+v", c)
		}
	})
}

// TestEnded: when the updater has ended, nothing is begun, and nobody waits.
func TestEnded(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, running, offers("2.12.0"), offers("2.12.0"), nil)
		r.stop()
		if n, err := r.Start(Start{}); err == nil {
			t.Errorf("update %d begins", n)
		}
		if err := r.Cancel(t.Context()); err == nil {
			t.Error("there was something to cancel")
		}
	})
}

// TestSpeedMeanwhile: how fast a source is can be seen while it serves.
func TestSpeedMeanwhile(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		slow := next.site().but(func(w http.ResponseWriter, q *http.Request, _ http.HandlerFunc) {
			for off := 0; off < len(next.image); off += 1 << 10 {
				select {
				case <-q.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
				w.Write(next.image[off:min(len(next.image), off+1<<10)])
				http.NewResponseController(w).Flush()
			}
		})
		r := newRig(t, running, slow, next.site(), nil)
		if _, err := r.Start(Start{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := r.Updater.c.Value.Get().Present.Sources["github"]; s.MBps < 0.05 || s.MBps > 0.15 {
			t.Errorf("%+v, want a tenth of a megabyte each second", s)
		}
	})
}
