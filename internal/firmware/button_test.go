package firmware

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/hal/sim"
)

// pushed starts a clock whose button begins a demonstration.
func pushed(t *testing.T) *clockwork {
	d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
	d.synced.Store(true)
	d.run(t, func(c *Config) { c.Button = config.Button{Command: clock.StartDemo, Hold: 5 * time.Second} })
	synctest.Wait()
	return d
}

// does reports whether the button's command was carried out.
func (d *clockwork) does() bool {
	synctest.Wait()
	s, _ := d.service.Watch()
	return s.Demo
}

// TestButton: a long press gives the command, on the release; a short one does nothing.
func TestButton(t *testing.T) {
	for _, c := range []struct {
		held time.Duration
		want bool
	}{{200 * time.Millisecond, false}, {4999 * time.Millisecond, false}, {5 * time.Second, true}, {20 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			d := pushed(t)
			if s, _ := d.service.Watch(); !s.Can(clock.HasButton) {
				t.Error("there is no button")
			}
			time.Sleep(time.Second)
			d.board.Push.PressFor(c.held)
			time.Sleep(c.held - time.Millisecond)
			if d.does() {
				t.Errorf("%s: done before the release", c.held)
			}
			time.Sleep(time.Millisecond + debounce)
			if got := d.does(); got != c.want {
				t.Errorf("%s: done %t, want %t", c.held, got, c.want)
			}
			if told := slices.Contains(d.log.Events("command"), "button "+clock.StartDemo); told != c.want {
				t.Errorf("%s: logged %t", c.held, told)
			}
		})
	}
}

// TestButtonHeldAtStart: a press that began before the clock did is none.
func TestButtonHeldAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.synced.Store(true)
		d.board.Push.Press()
		d.run(t, func(c *Config) { c.Button = config.Button{Command: clock.StartDemo, Hold: 5 * time.Second} })
		time.Sleep(10 * time.Second)
		d.board.Push.Release()
		time.Sleep(time.Second)
		if d.does() {
			t.Error("done")
		}
		d.board.Push.PressFor(5 * time.Second)
		time.Sleep(6 * time.Second)
		if !d.does() {
			t.Error("not done by the next press")
		}
	})
}

// TestButtonLost: a button that cannot be read is told of once, and works again when it
// can.
func TestButtonLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pushed(t)
		time.Sleep(time.Second)
		d.board.Push.Fail(errors.New("gone"))
		time.Sleep(time.Minute)
		if n := strings.Count(d.log.String(), "event=sensor_lost sensor=button"); n != 1 {
			t.Errorf("told %d times", n)
		}
		d.board.Push.Fail(nil)
		time.Sleep(buttonPause + time.Second)
		d.board.Push.PressFor(6 * time.Second)
		time.Sleep(7 * time.Second)
		if !d.does() {
			t.Error("not done")
		}
		if n := strings.Count(d.log.String(), "event=sensor_back sensor=button"); n != 1 {
			t.Errorf("told %d times that it is back", n)
		}
	})
}

// TestButtonFails: what the button is for cannot be done, which the log has with its
// reason.
func TestButtonFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.synced.Store(true)
		d.run(t, func(c *Config) { c.Button = config.Button{Command: clock.ResetWiFi, Hold: time.Second} })
		time.Sleep(time.Second)
		d.board.Push.PressFor(2 * time.Second)
		time.Sleep(3 * time.Second)
		if s := d.log.String(); !strings.Contains(s, "event=button_failed") || !strings.Contains(s, "hooks.reset_wifi") {
			t.Errorf("logged %s", s)
		}
	})
}

// TestButtonRestarts: a press that ends one start of the firmware is none of the next,
// and the next one hears of the button too.
func TestButtonRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &clockwork{board: sim.NewBoard(), zone: time.UTC}
		d.synced.Store(true)
		d.run(t, func(c *Config) { c.Button = config.Button{Command: clock.Restart, Hold: time.Second} })
		for want := uint32(1); want < 4; want++ {
			time.Sleep(time.Second)
			synctest.Wait()
			if s, _ := d.service.Watch(); s.Boot != want {
				t.Errorf("start %d, want %d", s.Boot, want)
			}
			d.board.Push.PressFor(time.Second)
			time.Sleep(2 * time.Second)
		}
	})
}
