package ota

import (
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// TestSchedule over ten days: the first look is 1 to 5 min after the start, the others
// follow by the interval, give or take a tenth, and it is said when.
func TestSchedule(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, running, offers("2.12.0"), offers("2.12.0"), func(c *UpdaterConfig) { c.OTA.CheckInterval = 24 * time.Hour })
		least, most := time.Now().Add(time.Minute), time.Now().Add(5*time.Minute)
		for n := int32(0); n < 10; n++ {
			v := r.Updater.c.Value.Get()
			if v.Next.Before(least) || v.Next.After(most) {
				t.Errorf("look %d is at %s, want it from %s to %s", n+1, v.Next, least, most)
			}
			time.Sleep(time.Until(v.Next) - 1)
			synctest.Wait()
			if r.looks[0].Load() != n {
				t.Errorf("%d looks, want %d", r.looks[0].Load(), n)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if v := r.Updater.c.Value.Get(); r.looks[0].Load() != n+1 || v.Last == nil || !v.Last.UpdateAvailable {
				t.Errorf("%d looks, want %d: %+v", r.looks[0].Load(), n+1, v)
			}
			least, most = time.Now().Add(24*time.Hour*9/10), time.Now().Add(24*time.Hour*11/10)
		}
		r.called() // it only looks
		last := r.Updater.c.Value.Get().Last.At
		r.stop()
		r.boot(nil)
		if v := r.Updater.c.Value.Get(); v.Last == nil || !v.Last.At.Equal(last) {
			t.Errorf("%+v", v.Last)
		}
	})
}

// TestNoSchedule: an interval of 0 is never.
func TestNoSchedule(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newRig(t, running, offers("2.12.0"), offers("2.12.0"), nil)
		time.Sleep(100 * 24 * time.Hour)
		if v := r.Updater.c.Value.Get(); r.looks[0].Load() != 0 || !v.Next.IsZero() {
			t.Errorf("%d looks: %+v", r.looks[0].Load(), v)
		}
	})
}

// TestLookPutOff: the clock does not look while an update runs, but when it is over.
func TestLookPutOff(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), func(c *UpdaterConfig) { c.OTA.CheckInterval, c.OTA.Deadline = 24*time.Hour, time.Hour })
		r.hold = make(chan struct{})
		n, err := r.Start(Start{NoReboot: true})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(19 * time.Minute)
		if r.looks[0].Load() != 1 {
			t.Errorf("%d looks, want that of the update", r.looks[0].Load())
		}
		close(r.hold)
		if a := r.wait(n); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
		synctest.Wait()
		if r.looks[0].Load() != 2 {
			t.Errorf("%d looks, want one after the update", r.looks[0].Load())
		}
	})
}

// TestAutoInstall installs what a look has found, with one question (O-20), and not on trial.
func TestAutoInstall(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, next.site(), next.site(), func(c *UpdaterConfig) { c.OTA.CheckInterval, c.OTA.AutoInstall = 24*time.Hour, true })
		r.trial.Store(true)
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		r.called()
		r.trial.Store(false)
		time.Sleep(27 * time.Hour)
		synctest.Wait()
		r.called("free", "program", "switch", "stage", "reboot")
		if h := r.history(); len(h) != 1 || !h[0].Auto || h[0].Result != clock.Installed || h[0].Number != 1 {
			t.Errorf("%+v", h)
		}
	})
}

// hourly makes an updater that looks each hour, and installs what it finds.
func hourly(c *UpdaterConfig) {
	c.OTA.AutoInstall, c.OTA.CheckInterval = true, time.Hour
}

// TestUnhashedIsNotAutomatic: what would not be recognised once it is here is only
// installed when somebody asks for it.
func TestUnhashedIsNotAutomatic(t *testing.T) {
	in(t, func(t *testing.T) {
		plain := built("2.12.0", nil)
		plain.manifest.SHA256 = ""
		r := newRig(t, running, plain.site(), plain.site(), func(c *UpdaterConfig) { hourly(c); c.OTA.AllowUnhashed = true })
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		if h := r.history(); len(h) != 0 {
			t.Errorf("%+v", h)
		}
		if a := r.update(Start{}); a.Result != clock.Installed {
			t.Errorf("%+v", a)
		}
	})
}

// TestLookMakesWay: an update that somebody wants does not wait for a look that nobody
// asked for.
func TestLookMakesWay(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, running, site{handler: hangs}, site{handler: hangs}, hourly)
		for r.looks[0].Load() == 0 {
			time.Sleep(time.Second)
		}
		r.swap(next.site(), next.site())
		begin := time.Now()
		if a := r.update(Start{NoReboot: true}); a.Result != clock.Installed || time.Since(begin) > time.Second {
			t.Errorf("after %s: %+v", time.Since(begin), a)
		}
	})
}
