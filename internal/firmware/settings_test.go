package firmware

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/durable"
	"wordclockd/internal/face"
	"wordclockd/internal/nvs"
)

var quarterToThree = time.Date(2026, 6, 15, 14, 45, 5, 0, time.UTC)

// everything is other than by default.
var everything = clock.Settings{
	Style: face.HalbCentric, Individual: 91, Global: 33, SafetyLimit: 120, Source: clock.Cloudflare,
	Transition: clock.Transition{Off: true, Duration: 1500 * time.Millisecond, In: clock.Linear, Out: clock.Bounce},
	Zones:      [...]clock.Zone{{Min: 1, Max: 2}, {Min: 3, Max: 3}, {Min: 200, Max: 255}, {Min: 7, Max: 9}, {Min: 254, Max: 254}},
	Thresholds: [...]uint16{1, 2, 1499, 10000},
	Knob:       clock.Knob{Min: 20, Max: 21, Curve: clock.KnobExponential},
	Manual:     clock.Manual{Individual: true, Global: true, For: 168 * time.Hour},
	Night:      clock.Night{Windows: "mon-fri 14:00-15:00 dim 20; sat 22:00-06:00 off", Paused: true},
	SelfCheck:  clock.SelfCheck{Off: true, Every: time.Hour},
	Chimes:     clock.Chimes{On: true, Volume: 5, QuietStart: 0, QuietEnd: 23},
}

// TestSettingsSurvive a restart, all of them.
func TestSettingsSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		with := func(d *clockwork) { d.store = path }
		want := everything
		d := start(t, quarterToThree, with)
		c, err := d.service.Change(t.Context(), func(s *clock.Settings) error { *s = want; return nil })
		if err != nil || c.Revision != 1 || c.Settings != want {
			t.Fatalf("%+v, %v", c, err)
		}
		if s, _ := d.service.Watch(); s.Settings != want || s.Revision != 1 || *s.Update.Stored != clock.Cloudflare {
			t.Errorf("at once: %+v", s)
		}
		d.stop()
		d = start(t, time.Now(), with)
		s, _ := d.service.Watch()
		if s.Settings != want || s.Revision != 0 || *s.Update.Stored != clock.Cloudflare {
			t.Errorf("after a restart: %+v", s)
		}
		d.sees(t, face.Say(14, 45, face.HalbCentric))
		d.logged(t, "time_known")
	})
}

// TestNothingToChange is no write and no number.
func TestNothingToChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		d := start(t, quarterToThree, func(d *clockwork) { d.store = path })
		time.Sleep(5 * time.Second) // the journal is stored
		before, _ := os.ReadFile(path)
		c, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Global = 180; return nil })
		if err != nil || c.Revision != 0 {
			t.Errorf("%+v, %v", c, err)
		}
		if after, _ := os.ReadFile(path); string(before) != string(after) {
			t.Error("was written")
		}
	})
}

// TestForeignSettings: what makes no sense is the default, and what is right
// beside it holds.
func TestForeignSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		store, err := nvs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		knob := nvs.Knob.Default
		knob.Min, knob.Safety = 17, 100
		if err := store.Update(func(tx *nvs.Tx) error {
			return errors.Join(
				tx.Set("brightness", "halb_style", nvs.Value{Type: nvs.String, Data: []byte("yes")}),
				nvs.Knob.Put(tx, knob), nvs.Individual.Put(tx, 95), nvs.Global.Put(tx, 3), nvs.OTASource.Put(tx, 9))
		}); err != nil {
			t.Fatal(err)
		}
		_ = store.Close()
		d := start(t, quarterToThree, func(d *clockwork) { d.store = path })
		s, _ := d.service.Watch()
		want := clock.DefaultSettings()
		want.Individual, want.SafetyLimit, want.Knob.Min = 95, 100, 17
		if s.Settings != want {
			t.Errorf("%+v, want %+v", s.Settings, want)
		}
		d.logged(t, "time_known", "settings_invalid")
		for _, want := range []string{"brightness/halb_style: holds string of 3 bytes", "brightness.global: 3: want 5 to 255", `ota.source: \"Source(9)\"`} {
			if !strings.Contains(d.log.String(), want) {
				t.Errorf("want %s in\n%s", want, &d.log)
			}
		}
		// A change keeps what it does not know.
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.SafetyLimit = 99; return nil }); err != nil {
			t.Fatal(err)
		}
		d.stop()
		store, err = nvs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		_ = store.View(func(tx *nvs.Tx) error {
			if k, err := nvs.Knob.Get(tx); k.Min != 17 || k.Safety != 99 || err != nil {
				t.Errorf("%+v, %v", k, err)
			}
			return nil
		})
	})
}

// TestStoreLost: the clock runs, and refuses what it could not keep.
func TestStoreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := start(t, quarterToThree, func(d *clockwork) { d.store = dir }) // is no file
		d.sees(t, face.Say(14, 45, face.Default))
		_, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Global = 9; return nil })
		if !errors.Is(err, errUnstored) {
			t.Errorf("error %v", err)
		}
		s, _ := d.service.Watch()
		if s.Settings != clock.DefaultSettings() {
			t.Errorf("half applied: %+v", s.Settings)
		}
		if e := s.Journal.Entries; len(e) == 0 || e[len(e)-1].Event != "store_lost" {
			t.Errorf("journal %+v", e)
		}
		d.logged(t, "store_lost", "time_known")
	})
}

// TestStoreFails while the clock runs: a change that cannot be stored is none.
func TestStoreFails(t *testing.T) {
	d := &device{changing: make(chan struct{}, 1)}
	store, err := nvs.Open(filepath.Join(t.TempDir(), "nvs.db"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := start(t, quarterToThree, nil)
		*d = *w.service.(*device)
		d.store = opened{Store: store}
		_ = store.Close()
		_, err := d.Change(t.Context(), func(s *clock.Settings) error { s.Global = 9; return nil })
		if !errors.Is(err, errUnstored) || d.settings.Get().Settings.Global != 180 {
			t.Errorf("%v, %+v", err, d.settings.Get())
		}
		w.logged(t, "settings_unstored", "time_known")
	})
}

// TestStoreDamaged: it is moved aside, and a new one takes its place.
func TestStoreDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		if err := os.WriteFile(path, []byte("no store"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := start(t, quarterToThree, func(d *clockwork) { d.store = path })
		if _, err := d.service.Change(t.Context(), func(s *clock.Settings) error { s.Global = 9; return nil }); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(path + ".damaged"); string(b) != "no store" {
			t.Errorf("aside lies %q, %v", b, err)
		}
		d.logged(t, "store_replaced", "time_known")
		d.stop()
		// Another one does not replace the first.
		if name := durable.Free(path + ".damaged"); name != path+".damaged-2" {
			t.Errorf("the next is %s", name)
		}
		d = start(t, time.Now(), func(d *clockwork) { d.store = path })
		if s, _ := d.service.Watch(); s.Settings.Global != 9 {
			t.Errorf("%+v", s.Settings)
		}
	})
}

// TestChangesInTurn: of a thousand changes at once none is lost, and each knows
// its number.
func TestChangesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, quarterToThree, nil)
		const n = 1000
		numbers := make(chan uint64, n)
		for range n {
			go func() {
				c, err := d.service.Change(t.Context(), func(s *clock.Settings) error {
					s.Global = clock.MinLevel + (s.Global-clock.MinLevel+1)%250
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				numbers <- c.Revision
			}()
		}
		seen := map[uint64]bool{}
		for range n {
			seen[<-numbers] = true
		}
		s, _ := d.service.Watch()
		if want := clock.MinLevel + (180-clock.MinLevel+n%250)%250; len(seen) != n || s.Revision != n || s.Settings.Global != want {
			t.Errorf("%d numbers, revision %d, level %d, want %d", len(seen), s.Revision, s.Settings.Global, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d.service.(*device).changing <- struct{}{}
		if _, err := d.service.Change(ctx, func(*clock.Settings) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		<-d.service.(*device).changing
	})
}
