package firmware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// frame is how long a change of the face may take.
const frame = 20 * time.Millisecond

// TestDays watches whole days, those on which the clocks change among them:
// every minute the words are right from one frame after its boundary until the
// next one, whether the time comes from the host or from the RTC. They do not fade, so
// that this can be seen.
func TestDays(t *testing.T) {
	begin := time.Now()
	minutes := 0
	zone := vienna(t)
	sources := min(len(proof.Seeds(t, 1)), 2)
	most := proof.Shorter(2 * sources) // the hours round both changes are in TestChangesOfTheClocks, too
	days := []struct {
		name string
		from time.Time
		want int // minutes
	}{
		{"a day", time.Date(2026, 6, 15, 0, 0, 0, 0, zone), 24 * 60},
		{"a leap day", time.Date(2028, 2, 29, 0, 0, 0, 0, zone), 24 * 60},
		{"spring forward", time.Date(2026, 3, 29, 0, 0, 0, 0, zone), 23 * 60},
		{"fall back", time.Date(2026, 10, 25, 0, 0, 0, 0, zone), 25 * 60},
	}
	for n, day := range days[:most] {
		for _, synced := range []bool{n%2 == 0, n%2 != 0}[:sources] {
			name := day.name + " by the host's clock"
			if !synced {
				name = day.name + " by the RTC"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					end := day.from.AddDate(0, 0, 1)
					// The RTC needs a second until it is believed.
					d := start(t, day.from.Add(-2*time.Second), func(d *clockwork) { d.synced.Store(synced) })
					if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Transition.Off = true; return nil }); err != nil {
						t.Fatal(err)
					}
					n := 0
					for at := day.from; at.Before(end) && !t.Failed(); at = at.Add(time.Minute) {
						time.Sleep(time.Until(at.Add(frame)))
						d.sees(t, says(at))
						time.Sleep(time.Until(at.Add(time.Minute - time.Nanosecond)))
						d.sees(t, says(at))
						n++
					}
					if n != day.want {
						t.Errorf("%d minutes, want %d", n, day.want)
					}
					d.logged(t, "time_known")
					minutes += n
				})
			})
		}
	}
	proof.Row(t, begin, "firmware: whole days, both changes of the clocks, by host and by RTC", fmt.Sprintf("%d minutes", minutes))
}

// TestChange of the clocks, spelled out.
func TestChangeOfTheClocks(t *testing.T) {
	zone := vienna(t)
	for _, c := range []struct{ at, want string }{
		{"2026-03-29T00:59:30Z", "ES IST FÜNF VOR ZWEI ····"},
		{"2026-03-29T01:00:00Z", "ES IST DREI UHR"},
		{"2026-10-25T00:59:30Z", "ES IST FÜNF VOR DREI ····"},
		{"2026-10-25T01:00:00Z", "ES IST ZWEI UHR"},
		{"2026-10-25T02:00:00Z", "ES IST DREI UHR"},
	} {
		synctest.Test(t, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			d := start(t, at.In(zone), nil)
			s, _ := d.service.Watch()
			if got := s.Face.Phrase.String(); got != c.want {
				t.Errorf("%s: %q, want %q", c.at, got, c.want)
			}
			d.sees(t, s.Face.Phrase)
		})
	}
}

// TestFailures is what the owner of a clock sees when parts of it die.
func TestFailures(t *testing.T) {
	noHost := func(d *clockwork) { d.synced.Store(false) }
	noRTC := func(d *clockwork) { d.board.SensorBus.Detach(d.board.RTC) }
	noRow := func(d *clockwork) { d.board.LEDBus.Detach(d.board.Rows[4]); d.board.Rows[4].Reset() }
	hang := func(d *clockwork) { d.board.SensorBus.Inject(sim.Fault{Kind: sim.Stuck}) }
	for _, c := range []struct {
		name    string
		hurt    []func(*clockwork)
		unknown bool
		dark    []int
		events  []string // beside those of the healthy clock
	}{
		{"one chip dead", []func(*clockwork){noRow}, false, []int{4}, []string{"leds_dark", "leds_line", "validation_hardware"}},
		{"RTC dead", []func(*clockwork){noRTC}, false, nil, []string{"rtc_lost"}},
		{"both dead", []func(*clockwork){noRow, noRTC}, false, []int{4}, []string{"leds_dark", "leds_line", "validation_hardware", "rtc_lost"}},
		{"sensor bus hangs", []func(*clockwork){hang}, false, nil, []string{"rtc_lost", "sensor_lost"}},
		{"no network", []func(*clockwork){noHost}, false, nil, nil},
		{"no network, RTC dead", []func(*clockwork){noHost, noRTC}, true, nil, []string{"time_unknown"}},
		{"no network, sensor bus hangs", []func(*clockwork){noHost, hang}, true, nil, []string{"time_unknown", "sensor_lost"}},
	} {
		hurt := func(d *clockwork) {
			for _, f := range c.hurt {
				f(d)
			}
		}
		check := func(t *testing.T, d *clockwork, unknown bool) {
			t.Helper()
			for range 10 {
				time.Sleep(time.Minute)
				synctest.Wait()
				s, _ := d.service.Watch()
				switch now := time.Now().In(d.zone); {
				case !unknown:
					d.sees(t, says(now), c.dark...)
				case !s.Face.Unknown || s.Time.Quality != clock.Unknown:
					t.Errorf("%s: says %+v of a time nobody knows", now, s.Time)
				default:
					lit := d.board.Seen()
					for row := range 9 {
						if lit[row] != 0 {
							t.Errorf("%s: lights row %d, %04X", now, row, lit[row])
						}
					}
				}
			}
		}
		t.Run(c.name+" at start", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), hurt)
				check(t, d, c.unknown)
				events := slices.Clone(c.events)
				if len(events) > 0 {
					events = append(events, "health_failed")
				}
				if !c.unknown {
					events = append([]string{"time_known"}, events...)
				}
				d.logged(t, events...)
			})
		})
		t.Run(c.name+" while running", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), nil)
				time.Sleep(3*time.Minute + time.Second) // not just when the chips are looked at
				hurt(d)
				time.Sleep(90 * time.Second)
				check(t, d, false) // what was known for sure is counted on from
				events := append([]string{"time_known"}, c.events...)
				if i := slices.Index(events, "time_unknown"); i >= 0 {
					events[i] = "rtc_lost"
				}
				if !d.synced.Load() {
					events = append(events, "time_known") // by holdover now
				}
				d.logged(t, events...)
			})
		})
	}
}

func TestSurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), nil)
		time.Sleep(11 * time.Second) // not just when the chips are looked at
		d.board.Surge()
		if d.board.Seen() != (face.Mask{}) {
			t.Fatal("a surge left LEDs lit")
		}
		time.Sleep(5100 * time.Millisecond)
		d.sees(t, face.Say(14, 30, face.Default))
		d.logged(t, "time_known", "leds_reset")
	})
}

// TestSharedBus has all chips on two wires, where a surge makes ten LED drivers
// answer for the RTC; the time comes from there.
func TestSharedBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), func(d *clockwork) {
			d.board = sim.NewSharedBoard()
			d.synced.Store(false)
		})
		for n := range 20 {
			time.Sleep(61*time.Second + time.Duration(n)*317*time.Millisecond + time.Microsecond)
			d.sees(t, says(time.Now().In(d.zone)))
			d.board.Surge()
			time.Sleep(5100 * time.Millisecond)
			d.sees(t, says(time.Now().In(d.zone)))
		}
	})
}

// TestStop: within 2 s of being told, the LEDs are dark and everything is gone
// (the bubble sees to that), whatever hangs.
func TestStop(t *testing.T) {
	for name, hurt := range map[string]func(*clockwork){
		"healthy":          func(*clockwork) {},
		"sensor bus hangs": func(d *clockwork) { d.board.SensorBus.Inject(sim.Fault{Kind: sim.Stuck}) },
		"slow wires": func(d *clockwork) {
			d.board.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 2 * time.Millisecond})
			d.board.SensorBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 2 * time.Millisecond})
		},
		"no RTC yet": func(d *clockwork) { d.synced.Store(false) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), hurt)
				time.Sleep(300 * time.Millisecond)
				asked := time.Now()
				d.stop()
				if took := time.Since(asked); took > 2*time.Second {
					t.Errorf("took %s", took)
				}
				d.sees(t, face.Phrase{})
			})
		})
	}
}

func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 14, 45, 5, 0, vienna(t)), nil)
		before, changed := d.service.Watch()
		if before.Version != "1.2.3" || before.Boot != 1 || before.Settings != clock.DefaultSettings() || before.Time.Quality != clock.Synced {
			t.Errorf("status %+v", before)
		}
		set := func(s *clock.Settings) error { s.Style, s.Global = face.HalbCentric, 90; return nil }
		if _, err := d.service.Change(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second) // the fade is over
		d.sees(t, face.Say(14, 45, face.HalbCentric))
		select {
		case <-changed:
		default:
			t.Error("a watcher was not told")
		}

		after, _ := d.service.Watch()
		errUser := errors.New("second thoughts")
		for want, f := range map[string]func(*clock.Settings) error{
			"second thoughts": func(s *clock.Settings) error { s.Style = face.Default; return errUser },
			"brightness.individual: 200: want 5 to 80, the safety limit": func(s *clock.Settings) error {
				s.Style, s.Individual = face.Default, 200
				return nil
			},
		} {
			if _, err := d.service.Change(t.Context(), f); err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		synctest.Wait()
		if now, _ := d.service.Watch(); now.Settings != after.Settings {
			t.Errorf("half a change was applied: %+v", now.Settings)
		}
	})
}

// TestStatus: each part of the status follows by itself, and is there from the
// first moment on.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 14, 30, 20, 0, vienna(t)), nil)
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Global = 90; return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Settings.Global != 90 {
			t.Errorf("settings %+v, want a global level of 90", s.Settings)
		}
		d.synced.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s, _ := d.service.Watch(); s.Time.Quality != clock.Holdover {
			t.Errorf("time %+v, want it to be counted on", s.Time)
		}
	})
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		app := App(Config{
			Board: sim.NewBoard().Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
			Front: func(_ context.Context, s clock.Service, _ *slog.Logger) error {
				if st, _ := s.Watch(); st.Settings != clock.DefaultSettings() {
					t.Errorf("first of all, settings are %+v", st.Settings)
				}
				cancel()
				return nil
			},
		})
		l := plainLoader(t)
		if err := l.Run(ctx, app); err != nil {
			t.Fatal(err)
		}
	}
}

// asks counts signs of life.
type asks struct {
	boot.Asks
	alive atomic.Int64
}

func (a *asks) Alive() { a.alive.Add(1) }

func (a *asks) Confirm() error { return nil }

func (a *asks) Reject(boot.Reason, string) error { return nil }

// TestAlive: the boot loader hears of the display each second.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var a asks
		app := App(Config{
			Board: sim.NewBoard().Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
		})
		if err := app(ctx, boot.Info{}, &a); err != nil {
			t.Fatal(err)
		}
		if n := a.alive.Load(); n < 60 {
			t.Errorf("%d signs of life in a minute", n)
		}
	})
}

// TestRestarts restarts the firmware fifty times on one board: each start is
// right, the face stays lit all the while, and nothing is left of the one before
// (the bubble sees to goroutines).
func TestRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const restarts = 50
		time.Sleep(time.Until(time.Date(2026, 6, 15, 14, 30, 5, 0, time.UTC)))
		board := sim.NewBoard()
		var starts uint32
		app := App(Config{
			Board: board.Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
			Front: func(_ context.Context, s clock.Service, _ *slog.Logger) error {
				starts++
				if starts > 1 && board.Seen() == (face.Mask{}) {
					t.Errorf("start %d: the face went dark", starts)
				}
				time.Sleep(time.Second)
				st, _ := s.Watch()
				if want := says(time.Now().UTC()); st.Boot != starts || st.Face.Phrase != want || board.Seen() != want.Mask() {
					t.Errorf("start %d: says %+v, sees %04X, want %s", starts, st, board.Seen(), want)
				}
				if starts > restarts {
					return nil
				}
				return &boot.Restart{Reason: boot.User}
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*restarts*time.Second)
		defer cancel()
		l := plainLoader(t)
		if err := l.Run(ctx, app); err != nil {
			t.Fatal(err)
		}
		if starts != restarts+1 {
			t.Errorf("%d starts, want %d", starts, restarts+1)
		}
	})
}

// TestOpenFiles: a start leaves no file open.
func TestOpenFiles(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	run := func() {
		ctx, cancel := context.WithCancel(t.Context())
		l := plainLoader(t)
		if err := l.Run(ctx, App(Config{
			Board: sim.NewBoard().Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
			Front:  func(context.Context, clock.Service, *slog.Logger) error { cancel(); return nil },
		})); err != nil {
			t.Fatal(err)
		}
	}
	run() // opens what the runtime keeps
	before := count()
	for range 50 {
		run()
	}
	if after := count(); after > before {
		t.Errorf("%d open files, %d after fifty starts", before, after)
	}
}

// TestCrash: a panic of a task stops all of them and comes back as an error
// with its stack; the LEDs are dark then too.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.NewBoard()
		path := filepath.Join(t.TempDir(), "nvs.db")
		app := App(Config{
			Board: board.Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler), Store: path,
			Synced: func() (bool, error) { return true, nil },
			Front: func(context.Context, clock.Service, *slog.Logger) error {
				time.Sleep(time.Second)
				panic("out of words")
			},
		})
		err := app(t.Context(), boot.Info{}, &asks{})
		if err == nil || !strings.Contains(err.Error(), "front: panic: out of words") {
			t.Errorf("error %v", err)
		}
		if board.Lit() != ([10][16]uint8{}) {
			t.Error("LEDs are still lit")
		}
		if err := board.LEDs.Tx(hal.LEDAddrs[0], []byte{0}, nil); err != nil {
			t.Errorf("the board cannot be used again: %v", err)
		}
		// The next start finds it in the journal.
		d := start(t, time.Now(), func(d *clockwork) { d.store = path })
		s, _ := d.service.Watch()
		if e := s.Journal.Entries; len(e) != 1 || e[0].Event != "crash" || e[0].Severity != clock.SeverityCritical || !strings.Contains(e[0].Details, "out of words") {
			t.Errorf("journal %+v", e)
		}
	})
}
