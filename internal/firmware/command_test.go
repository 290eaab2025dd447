package firmware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
)

// TestEveryCommand is there, and no other.
func TestEveryCommand(t *testing.T) {
	for _, c := range clock.Commands {
		if commands[c.Name] == nil {
			t.Errorf("%s: is documented and missing", c.Name)
		}
	}
	if len(commands) != len(clock.Commands) {
		t.Errorf("%d commands, %d are documented", len(commands), len(clock.Commands))
	}
}

// TestLastWords: what a restart was asked for can be seen before the start ends, however
// late the status is.
func TestLastWords(t *testing.T) {
	c := Config{Board: sim.NewBoard().Board, Kind: "sim", Zone: time.UTC, Log: new(clockwork).log.Logger(), Proc: ampleMemory,
		Synced: func() (bool, error) { return true, nil }}
	d := build(c, boot.Info{}, &asks{}, openStore(""))
	d.update.Update(func(u *clock.Update) { u.History = []clock.Attempt{{Number: 1, Result: clock.Installed}} })
	d.askRestart(0)
	if err := d.awaitRestart(t.Context()); err == nil {
		t.Fatal("no restart")
	}
	if s, _ := d.Watch(); len(s.Update.History) != 1 {
		t.Errorf("updates %+v", s.Update.History)
	}
}

// TestRestartCommand: the answer comes, the firmware starts anew on the same
// board, the face stays lit, settings and journal are there again.
func TestRestartCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		d := start(t, quarterToThree, func(d *clockwork) { d.store = path })
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error {
			s.Style, s.Source = face.HalbCentric, clock.Cloudflare
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		old := d.service
		for range 2 { // the second one comes while the first is under way
			if v, err := old.Do(t.Context(), clock.Command{Name: "restart"}); v != nil || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		d.sees(t, face.Say(14, 45, face.HalbCentric))
		s, _ := d.service.Watch()
		if s.Boot != 2 || s.Settings.Style != face.HalbCentric {
			t.Errorf("%+v", s)
		}
		var events []string
		for _, e := range s.Journal.Entries {
			events = append(events, e.Event)
		}
		if got := strings.Join(events, " "); got != "ota_source_set" {
			t.Errorf("journal %s", got)
		}
	})
}

// TestRestartWhileBusHangs: who hangs in the bus is left behind, and nobody is
// started beside it.
func TestRestartWhileBusHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := sim.NewBoard()
		board.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Hour})
		starts := 0
		app := App(Config{
			Board: board.Board, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
			Synced: func() (bool, error) { return true, nil },
			Front: func(ctx context.Context, s clock.Service, _ *slog.Logger) error {
				starts++
				time.Sleep(time.Second)
				_, err := s.Do(ctx, clock.Command{Name: "restart"})
				return err
			},
		})
		l := plainLoader(t)
		if err := l.Run(t.Context(), app); !errors.Is(err, task.ErrNotStopped) || starts != 1 {
			t.Errorf("%d starts, %v", starts, err)
		}
		board.LEDBus.Heal()
		time.Sleep(3 * time.Hour) // the bubble wants to see it end
	})
}

// TestRestartThenStop: the face that is left lit for the next start goes dark when
// there is none.
func TestRestartThenStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		d.board.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: time.Millisecond})
		if _, err := d.service.Do(t.Context(), clock.Command{Name: "restart"}); err != nil {
			t.Fatal(err)
		}
		d.stop()
		d.sees(t, face.Phrase{})
	})
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		do := func(name string, args ...string) error {
			c := clock.Command{Name: name, Args: map[string]string{}}
			for _, a := range args {
				k, v, _ := strings.Cut(a, "=")
				c.Args[k] = v
			}
			_, err := d.service.Do(t.Context(), c)
			return err
		}
		for name, want := range map[string]string{
			"reset_wifi":     "wifi_reset_not_available",
			"force_ntp_sync": "ntp_sync_start_failed",
			"sync_time":      "ntp_sync_start_failed",

			"test_audio":       "test_audio_failed",
			"test_audio_file":  "test_audio_file_failed",
			"chimes_test":      "chimes_test_failed",
			"list_chime_files": "chime_files_list_failed",
		} {
			if err := do(name); !errors.Is(err, &clock.UnavailableError{Code: want}) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if _, ok := errors.AsType[*clock.InvalidError](do("juggle")); !ok {
			t.Error("can juggle")
		}
		for _, text := range []string{"", "14", "24:00", "14:60", "-1:00", "14:30:00", "14:30 ", "1430", "now"} {
			if e, ok := errors.AsType[*clock.InvalidError](do("set_time", "time="+text)); !ok || e.Key != "time" {
				t.Errorf("%q is a time", text)
			}
		}
		if err := do("set_time", "time=9:5"); !errors.Is(err, &clock.UnavailableError{Code: "time_set_failed"}) || !strings.Contains(err.Error(), "corrected by itself") {
			t.Errorf("error %v", err)
		}
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Source = clock.Cloudflare; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := do("error_log_clear", "what=stats"); err != nil {
			t.Error(err)
		}
		if s, _ := d.service.Watch(); len(s.Journal.Entries) != 1 || s.Journal.Stats.Total != 0 {
			t.Errorf("%+v", s.Journal)
		}
		if err := do("error_log_clear"); err != nil {
			t.Error(err)
		}
		if s, _ := d.service.Watch(); len(s.Journal.Entries) != 0 {
			t.Errorf("%+v", s.Journal)
		}
	})
}

// TestSetTimeCommand of a clock that nothing else tells the time.
func TestSetTimeCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, time.Date(2026, 6, 15, 14, 30, 5, 0, vienna(t)), func(d *clockwork) {
			d.synced.Store(false)
			d.board.RTC.PowerLoss()
		})
		time.Sleep(10 * time.Second)
		if _, err := d.service.Do(t.Context(), clock.Command{Name: "set_time", Args: map[string]string{"time": "9:05"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(frame)
		d.sees(t, face.Say(9, 5, face.Default))
		d.stop()
		d = start(t, time.Now().In(d.zone).Add(25*time.Minute-10*time.Second), func(next *clockwork) {
			next.board = d.board
			next.synced.Store(false)
		})
		time.Sleep(20 * time.Second)
		d.sees(t, face.Say(9, 30, face.Default))
	})
}

// TestResetLEDs: what the reset line is for, and what can go wrong with it.
func TestResetLEDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		do := func() error {
			_, err := d.service.Do(t.Context(), clock.Command{Name: "tlc_hardware_reset"})
			return err
		}
		if err := do(); err != nil || d.board.Pin.Pulses() != 1 {
			t.Errorf("%d pulses, %v", d.board.Pin.Pulses(), err)
		}
		d.sees(t, says(quarterToThree))
		d.board.LEDBus.Detach(d.board.Rows[2])
		if err := do(); !errors.Is(err, &clock.UnavailableError{Code: "tlc_reset_reinit_failed"}) || err.Error() != "LED rows [2] do not answer" {
			t.Errorf("error %v", err)
		}
		d.board.Pin.Fail(errors.New("no such line"))
		if err := do(); !errors.Is(err, &clock.UnavailableError{Code: "tlc_reset_failed"}) || !strings.Contains(err.Error(), "no such line") {
			t.Errorf("error %v", err)
		}
	})
}

// TestListChimes names the files of the folder of sounds, and those one level below.
func TestListChimes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.pcm", "a.pcm", "westminster/hour.pcm", "westminster/quarter.pcm", "x/y/deep.pcm"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list := func(folder string) ([]string, error) {
		v, err := (&device{sounds: folder}).doListChimes(t.Context(), nil)
		names, _ := v.([]string)
		return names, err
	}
	names, err := list(dir)
	if got := strings.Join(names, " "); got != "a.pcm b.pcm westminster/hour.pcm westminster/quarter.pcm" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if names, err := list(filepath.Join(dir, "x", "y", "..")); names == nil || len(names) != 1 || err != nil {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := list(filepath.Join(dir, "gone")); !errors.Is(err, &clock.UnavailableError{Code: "chime_files_list_failed"}) {
		t.Errorf("error %v", err)
	}
	for n := range 300 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("c%03d.pcm", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := list(dir); len(names) != mostSounds || err != nil {
		t.Errorf("%d names, %v", len(names), err)
	}
}

// TestCheckCommand asks sources that refuse: the answer says so, and is to be
// seen in the status.
func TestCheckCommand(t *testing.T) {
	refused := config.Source{Manifest: "https://127.0.0.1:1/version.json", Image: "https://127.0.0.1:1/wordclock.bin", Base: "https://127.0.0.1:1"}
	w := &clockwork{board: sim.NewBoard(), zone: time.UTC}
	w.synced.Store(true)
	ready := make(chan clock.Service, 1)
	w.run(t, func(c *Config) {
		c.OTA = config.OTA{GitHub: refused, Cloudflare: refused, CompareSources: true}
		c.Front = func(ctx context.Context, s clock.Service, _ *slog.Logger) error {
			ready <- s
			<-ctx.Done()
			return nil
		}
	})
	d := <-ready
	v, err := d.Do(t.Context(), clock.Command{Name: "check_ota_update", Args: map[string]string{"source": "cloudflare", "only": "true"}})
	check, ok := v.(clock.Check)
	if err != nil || !ok || check.Error == "" || check.CurrentVersion != "1.2.3" || len(check.Sources) != 1 || check.Sources["cloudflare"].Cause != "refused" {
		t.Errorf("%+v, %v", v, err)
	}
	if s, _ := d.Watch(); s.Update.Checking || s.Update.Last != nil {
		t.Errorf("shown of one source alone: %+v", s.Update)
	}
	v, err = d.Do(t.Context(), clock.Command{Name: "check_ota_update", Args: map[string]string{"source": "cloudflare"}})
	check, ok = v.(clock.Check)
	if s, _ := d.Watch(); err != nil || !ok || len(check.Sources) != 2 || s.Update.Last == nil || s.Update.Last.Error != check.Error {
		t.Errorf("%+v, %v: %+v", v, err, s.Update)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Do(ctx, clock.Command{Name: "ota_check_update"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
