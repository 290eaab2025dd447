package firmware

import (
	"bytes"
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/ota"
)

// dated is an image that says when it was built.
func dated(t *testing.T, version string, faults ...string) flash.Build {
	b := faulty(t, faults...)
	b.Version, b.IDF, b.Time = version, "v5.4.2", time.Date(2026, 4, 5, 6, 7, 8, 0, time.UTC)
	return b
}

// TestImageOfItsLife follows what is said of the image that runs, through an update, its
// trial, and the rollback of the next one.
func TestImageOfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newUpdatable(t)
		is := func(when string, want clock.Image) {
			t.Helper()
			synctest.Wait()
			got := d.status().Image
			want.Project = "wordclock"
			if want.Slot == "" {
				want.Slot, want.SlotSize = got.Slot, got.SlotSize
			}
			if want.Digest == "" {
				want.Digest, want.Size = got.Digest, got.Size
			}
			if want.Rollback != nil && got.Rollback != nil {
				if got.Rollback.Text == "" {
					t.Errorf("%s: nothing for people", when)
				}
				want.Rollback.Text = got.Rollback.Text
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", when, diff)
			}
		}
		first, err := good.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		slot := flash.Intended().Slots()[0]
		is("as delivered", clock.Image{
			Slot: "ota_0", SlotSize: slot.Size, Digest: hex.EncodeToString(first[len(first)-32:]), Size: int64(len(first)),
			State: clock.Validated, BootCount: 1,
		})
		image := d.offers(t, "1.2.4", dated(t, "1.2.4"))
		d.begins()
		time.Sleep(examined)
		is("switched", clock.Image{State: clock.Validated, FirstBoot: true})
		time.Sleep(3 * time.Second)
		second := clock.Image{
			Slot: "ota_1", SlotSize: slot.Size, Digest: hex.EncodeToString(image[len(image)-32:]), Size: int64(len(image)),
			BuildDate: "Apr  5 2026", BuildTime: "06:07:08", IDF: "v5.4.2", Source: "github",
			State: clock.OnTrial, BootCount: 1, FirstBoot: true,
		}
		is("on trial", second)
		time.Sleep(35 * time.Second)
		second.State, second.BootCount, second.FirstBoot = clock.Validated, 0, false
		is("confirmed", second)

		d.offers(t, "1.2.5", dated(t, "1.2.5", "crash@5s"))
		d.begins()
		time.Sleep(examined + 10*time.Second)
		second.State = clock.IsRolledBack
		second.Rollback = &clock.Rollback{From: "1.2.5", To: "1.2.4", Reason: "crashed", News: true}
		is("rolled back", second)
		text := d.status().Image.Rollback.Text
		if _, err := d.tells(clock.Restart); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		second.BootCount, second.Rollback.News = 1, false
		is("no news any more", second)
		d.stop()
		d.powerOn()
		second.BootCount = 2
		is("another process", second)
		if got := d.status().Image.Rollback.Text; got != text {
			t.Errorf("then it is said that %q, and before %q", got, text)
		}

		d.offers(t, "1.2.6", dated(t, "1.2.6"))
		d.begins()
		time.Sleep(40 * time.Second)
		is("a fixed one", clock.Image{
			BuildDate: "Apr  5 2026", BuildTime: "06:07:08", IDF: "v5.4.2", Source: "github", State: clock.Validated,
		})
	})
}

// TestRollbackPending is said of an image that was rejected, until the other one runs.
func TestRollbackPending(t *testing.T) {
	c := Config{Board: sim.NewBoard().Board, Kind: "sim", Zone: time.UTC, Log: new(clockwork).log.Logger(), Proc: ampleMemory,
		Synced: func() (bool, error) { return true, nil }}
	for name, reject := range map[string]func(*device) error{
		"by its health": func(d *device) error { return d.reject("no LEDs") },
		"by a user":     func(d *device) error { _, err := d.doRollback(t.Context(), nil); return err },
	} {
		d := build(c, boot.Info{Trial: true}, &asks{}, openStore(""))
		if s, _ := d.Watch(); s.Image.State != clock.OnTrial || !s.Image.FirstBoot || s.Image.BootCount != 1 {
			t.Errorf("%s: before: %+v", name, s.Image)
		}
		if err := reject(d); err != nil {
			t.Error(err)
		}
		if s, _ := d.Watch(); s.Image.State != clock.RollbackPending {
			t.Errorf("%s: %+v", name, s.Image)
		}
	}
}

// TestRollbackIsTold: which of all that the loader and the updates remember is the
// reason that this image runs.
func TestRollbackIsTold(t *testing.T) {
	here, there := [32]byte{1}, [32]byte{2}
	came := func(n uint32, r clock.Result, digest [32]byte, why string) clock.Attempt {
		return clock.Attempt{Number: n, Result: r, Version: "2.0", Digest: hexDigest(digest), Reason: why, Slot: "ota_1", Source: "cloudflare"}
	}
	gone := &boot.GaveUp{Slot: 1, Desc: flash.Desc{Version: "2.0\xFF"}, Digest: there, Reason: boot.CheckFailed}
	news := *gone
	news.Now = true
	for _, c := range []struct {
		name    string
		in      boot.Info
		history []clock.Attempt
		want    *clock.Rollback
	}{
		{"nothing was", boot.Info{}, nil, nil},
		{"just now", boot.Info{GaveUp: &news, Last: boot.Reset{Text: "no LEDs"}}, []clock.Attempt{came(7, clock.Installed, there, "")},
			&clock.Rollback{From: "2.0\uFFFD", To: "1.0", Reason: "check_failed", Text: "no LEDs", News: true}},
		{"some time ago", boot.Info{GaveUp: gone, Last: boot.Reset{Text: "another"}}, []clock.Attempt{came(7, clock.RolledBack, there, "check_failed: no LEDs")},
			&clock.Rollback{From: "2.0\uFFFD", To: "1.0", Reason: "check_failed", Text: "no LEDs"}},
		{"no update brought it", boot.Info{GaveUp: gone}, nil, &clock.Rollback{From: "2.0\uFFFD", To: "1.0", Reason: "check_failed"}},
		{"this one came later", boot.Info{GaveUp: gone},
			[]clock.Attempt{came(7, clock.RolledBack, there, "check_failed"), came(8, clock.Confirmed, here, "")}, nil},
		{"this one came before", boot.Info{GaveUp: gone},
			[]clock.Attempt{came(6, clock.Confirmed, here, ""), came(7, clock.RolledBack, there, "check_failed")},
			&clock.Rollback{From: "2.0\uFFFD", To: "1.0", Reason: "check_failed"}},
		{"a later try failed", boot.Info{GaveUp: gone},
			[]clock.Attempt{came(7, clock.RolledBack, there, "check_failed"), came(8, clock.Failed, here, "")},
			&clock.Rollback{From: "2.0\uFFFD", To: "1.0", Reason: "check_failed"}},
		{"damaged in its slot, found now", boot.Info{Instead: &boot.Instead{Slot: 1, Text: "no image"}}, []clock.Attempt{came(7, clock.Installed, there, "")},
			&clock.Rollback{From: "2.0", To: "1.0", Reason: "image_invalid", Text: "no image", News: true}},
		{"damaged in its slot, found before", boot.Info{Instead: &boot.Instead{Slot: 1, Text: "no image"}},
			[]clock.Attempt{came(7, clock.RolledBack, there, "image_invalid: no image")},
			&clock.Rollback{From: "2.0", To: "1.0", Reason: "image_invalid", Text: "no image"}},
		{"damaged, and nobody knows what it was", boot.Info{Instead: &boot.Instead{Slot: 1, Text: "no image"}}, nil,
			&clock.Rollback{To: "1.0", Reason: "image_invalid", Text: "no image"}},
	} {
		c.in.Desc, c.in.Digest = flash.Desc{Version: "1.0", Project: "wordclock"}, here
		got := newImage(Config{}, c.in, ota.Record{Next: 9, History: c.history})
		state := clock.Validated
		if c.want != nil {
			state = clock.IsRolledBack
		}
		if d := cmp.Diff(c.want, got.Rollback); d != "" || got.State != state {
			t.Errorf("%s: %s, -want +got\n%s", c.name, got.State, d)
		}
	}
}

// TestImageThatCannotBeRead says nothing that nobody knows.
func TestImageThatCannotBeRead(t *testing.T) {
	table := flash.Intended()
	dev := flash.NewMemory(flash.Geometry{Size: 16 << 20, Sector: flash.SectorSize})
	in := boot.Info{Slot: 1, Desc: flash.Desc{Version: "1.0", Project: "word\xFFclock"}}
	got := newImage(Config{Flash: &Flash{dev, table}}, in, ota.Record{})
	want := clock.Image{Project: "word\uFFFDclock", Slot: "ota_1", SlotSize: table.Slots()[1].Size, State: clock.Validated}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if err := dev.Program(bytes.Repeat([]byte{0}, 512), table.Slots()[1].Off); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, newImage(Config{Flash: &Flash{dev, table}}, in, ota.Record{})); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
