package firmware

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/nvs"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

var good = flash.Build{Desc: flash.Desc{Version: "1.2.3", Project: "wordclock"}}

// faulty is an image that goes wrong.
func faulty(t testing.TB, faults ...string) flash.Build {
	t.Helper()
	b := flash.Build{Desc: flash.Desc{Version: "1.2.4", Project: "wordclock"}, Profile: &flash.Profile{}}
	for _, text := range faults {
		f, err := flash.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		b.Profile.Faults = append(b.Profile.Faults, f)
	}
	return b
}

// TestBrokenImages puts images on trial that go wrong: the old one is back, and
// its face, and the log says why.
func TestBrokenImages(t *testing.T) {
	for _, c := range []struct {
		fault  string
		within time.Duration // until the old image runs, from the start
		reason string
	}{
		{"crash", time.Second, "crashed"},
		{"crash@5s", 6 * time.Second, "crashed"},
		{"hang", 12 * time.Second, "hung"},
		{"hang@10s", 22 * time.Second, "hung"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, quarterToThree, func(d *clockwork) {
					d.board.Pot = nil
					d.loader = newLoader(t, good, faulty(t, c.fault))
				})
				time.Sleep(c.within)
				d.sees(t, says(time.Now().In(d.zone)))
				if s, _ := d.service.Watch(); s.Version != "1.2.3" || s.Trial || s.Boot != 2 {
					t.Errorf("%+v", s)
				}
				if events := d.log.Events("from", "to", "reason"); !slices.Contains(events, "rolled_back 1.2.4 1.2.3 "+c.reason) {
					t.Errorf("events %q", events)
				}
				time.Sleep(time.Hour)
				if s, _ := d.service.Watch(); s.Boot != 2 {
					t.Errorf("after an hour: %+v", s)
				}
			})
		})
	}
}

// TestWedgedImage does not end when it is told to: the process has to, and the next
// one starts the old image.
func TestWedgedImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, good, faulty(t, "wedge@10s"))
		c := Config{
			Board: sim.NewBoard().Board, Kind: "sim", Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
		}
		begin := time.Now()
		err := l.Run(t.Context(), App(c))
		if e, ok := errors.AsType[*boot.StuckError](err); !ok || e.Reason != boot.Hung || !errors.Is(err, task.ErrNotStopped) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("that took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.Board = sim.NewBoard().Board // the other one is still held
		next := boot.Loader{Store: l.Store, Log: l.Log}
		err = next.Run(ctx, func(_ context.Context, in boot.Info, _ boot.Asks) error {
			if in.Desc.Version != "1.2.3" || in.Last.Reason != boot.Hung || in.GaveUp == nil || !in.GaveUp.Now || in.GaveUp.Desc.Version != "1.2.4" {
				t.Errorf("%+v, gave up %+v", in, in.GaveUp)
			}
			cancel()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		time.Sleep(2 * wedged)
	})
}

// TestImagesWithoutChips do not reach what is there, so the face stands still; on a
// real board they would.
func TestImagesWithoutChips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.loader = newLoader(t, faulty(t, "no-leds@10s", "no-rtc@20s")) })
		frozen := says(time.Now().In(d.zone))
		d.sees(t, frozen)
		time.Sleep(5 * time.Minute)
		d.sees(t, frozen)
		events := d.log.Events()
		for _, want := range []string{"profile", "leds_dark", "rtc_lost"} {
			if !slices.Contains(events, want) {
				t.Errorf("no %s in %q", want, events)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC, loader: newLoader(t, faulty(t, "crash", "no-leds"))}
		d.synced.Store(true)
		d.run(t, func(c *Config) { c.Kind = "linux" })
		time.Sleep(time.Minute + faded)
		d.sees(t, says(time.Now().UTC()))
		if events := d.log.Events(); !slices.Contains(events, "profile_ignored") || slices.Contains(events, "crash") {
			t.Errorf("events %q", events)
		}
	})
}

// TestTrialKeys are boot_count and first_boot, from one start to the next: they
// report, and are repaired from what the loader says.
func TestTrialKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nvs.db")
	kept := func() (count uint32, first uint8) {
		store, err := nvs.OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := store.View(func(tx *nvs.Tx) (err error) {
			count, err = nvs.BootCount.Get(tx)
			first, _ = nvs.FirstBoot.Get(tx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return count, first
	}
	app := App(Config{
		Board: sim.NewBoard().Board, Kind: "sim", Zone: time.UTC, Log: slog.New(slog.DiscardHandler), Store: path,
		Synced: func() (bool, error) { return true, nil },
		Front: func(ctx context.Context, s clock.Service, _ *slog.Logger) error {
			if st, _ := s.Watch(); st.Version == "confirm" {
				_, err := s.Do(ctx, clock.Command{Name: clock.ConfirmOTA})
				if st, _ := s.Watch(); st.Trial || err != nil {
					t.Errorf("%+v, %v", st, err)
				}
			}
			return &boot.Restart{Reason: boot.User}
		},
	})
	for _, x := range []struct {
		name  string
		in    boot.Info
		count uint32
		first uint8
	}{
		{"the first start", boot.Info{}, 1, 0},
		{"another", boot.Info{}, 2, 0},
		{"a trial", boot.Info{Trial: true}, 3, 1},
		{"still on trial", boot.Info{Trial: true}, 4, 1},
		{"the older one is back", boot.Info{GaveUp: &boot.GaveUp{Slot: 1, Reason: boot.Crashed, Now: true}}, 0, 0},
		{"and again", boot.Info{GaveUp: &boot.GaveUp{Slot: 1, Reason: boot.Crashed}}, 1, 0},
		{"confirmed", boot.Info{Trial: true, Desc: flash.Desc{Version: "confirm"}}, 0, 0},
	} {
		if err := app(t.Context(), x.in, &asks{}); !errors.As(err, new(*boot.Restart)) {
			t.Fatal(err)
		}
		if count, first := kept(); count != x.count || first != x.first {
			t.Errorf("%s: boot_count %d, first_boot %d, want %d and %d", x.name, count, first, x.count, x.first)
		}
	}
}

// TestRollbackCommand gives the image up that runs, unless there is no other.
func TestRollbackCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) { d.loader = newLoader(t, good, faulty(t)) })
		if s, _ := d.service.Watch(); s.Version != "1.2.4" || !s.Trial {
			t.Errorf("%+v", s)
		}
		for _, version := range []string{"1.2.4", "1.2.3"} {
			if s, _ := d.service.Watch(); s.Version != version {
				t.Errorf("%s runs, want %s", s.Version, version)
			}
			_, err := d.service.Do(t.Context(), clock.Command{Name: clock.RollBackOTA})
			if refused := errors.Is(err, &clock.UnavailableError{Code: "ota_rollback_failed"}); refused != (version == "1.2.3") {
				t.Errorf("%s: error %v", version, err)
			}
			time.Sleep(time.Second)
			synctest.Wait() // for the next start
		}
		if events := d.log.Events("from", "to", "reason"); !slices.Contains(events, "rolled_back 1.2.4 1.2.3 user") {
			t.Errorf("events %q", events)
		}
	})
}

// TestRollbackOfStaged: what is to be tried next is what whoever asks for another image
// gets.
func TestRollbackOfStaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dev flash.Device
		d := start(t, quarterToThree, func(d *clockwork) { d.loader, dev = newFlash(t, good) })
		image, err := faulty(t).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(flash.Put(dev, flash.Intended().Slots()[1].Off, image), d.loader.Store.Stage(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err = d.service.Do(t.Context(), clock.Command{Name: clock.RollBackOTA})
		want := `1.2.4 is installed and tried at the next restart: say "wordclockd reboot"`
		if !errors.Is(err, &clock.UnavailableError{Code: "ota_rollback_failed"}) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
}

// TestDamagedImage: that another image runs than the one that is selected, is said, and
// so is that the start before hung.
func TestDamagedImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, func(d *clockwork) {
			d.loader = newLoader(t, good)
			d.loader.Last = boot.Reset{Reason: boot.Hung}
		})
		if events := d.log.Events("slot"); !slices.Contains(events, "hung_before") || slices.Contains(events, "image_damaged 1") {
			t.Errorf("events %q", events)
		}
	})
	var log proof.Log
	err := App(Config{
		Board: sim.NewBoard().Board, Zone: time.UTC, Log: log.Logger(),
		Synced: func() (bool, error) { return true, nil },
		Front:  func(context.Context, clock.Service, *slog.Logger) error { return &boot.Restart{Reason: boot.User} },
	})(t.Context(), boot.Info{Instead: &boot.Instead{Slot: 1, Text: "rotten"}}, &asks{})
	if events := log.Events("slot", "err"); !slices.Contains(events, "image_damaged 1 rotten") {
		t.Errorf("events %q, %v", events, err)
	}
}
