package display

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// TestStuckSDA: a chip that lost a clock holds the bus. The adapter frees it, if clocks
// help; else the reset line does, if there is one; and the face is there again within 5 s.
func TestStuckSDA(t *testing.T) {
	for _, c := range []struct {
		name       string
		firm, line bool
		events     []string
		pulses     int
		want       string // a minute later
	}{
		{"clocks help", false, false, []string{"leds_dark [0]", "leds_back [0]"}, 0, "ES IST HALB DREI ·"},
		{"clocks help, and there is a line", false, true, []string{"leds_dark [0]", "leds_back [0]"}, 0, "ES IST HALB DREI ·"},
		{"a reset helps", true, true, []string{"leds_hung", "leds_line", "leds_free"}, 1, "ES IST HALB DREI ·"},
		{"nothing helps", true, false, []string{"leds_hung", "validation_bus [0 1 2 3 4 5 6 7 8 9]"}, 0, "ES IST HALB DREI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var board *sim.Board
				r := start(t, june(14, 30, 7), func(b *sim.Board) { board = b }, func(x *Config) {
					if c.line {
						x.Reset = board.Reset
					}
				})
				r.LEDBus.Inject(sim.Fault{Kind: sim.SDA, Byte: 1, Times: 1, Firm: c.firm})
				time.Sleep(10 * time.Second) // 5 s until it is seen, and 5 s to recover
				r.sees(t, "ES IST HALB DREI")
				time.Sleep(time.Minute)
				r.sees(t, c.want)
				r.logged(t, c.events...)
				if got := r.Pin.Pulses(); got != c.pulses {
					t.Errorf("%d pulses, want %d", got, c.pulses)
				}
				r.LEDBus.Heal()
			})
		})
	}
}

// TestHangsOn: the line is pulsed before each try while the bus hangs, the face is dark
// instead of wrong, and the log has one event of it.
func TestHangsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		heal := r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		time.Sleep(5*time.Minute + 10*time.Second)
		r.sees(t, "")
		pulses := r.Pin.Pulses()
		if pulses < 50 || pulses > 70 { // each 5 s
			t.Errorf("%d pulses", pulses)
		}
		heal()
		time.Sleep(5 * time.Second)
		r.sees(t, "ES IST FÜNF NACH HALB DREI")
		time.Sleep(time.Minute)
		r.logged(t, "leds_hung", "leds_line", "validation_bus [0 1 2 3 4 5 6 7 8 9]", "leds_free")
		if n := r.Pin.Pulses(); n > pulses+1 {
			t.Errorf("%d pulses of a bus that is free", n-pulses)
		}
	})
}

// TestStubborn: a driver that goes on failing has the line pulsed once, and once an hour
// at most if it comes and goes; the others are there again at once.
func TestStubborn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.LEDBus.Detach(r.Rows[3])
		r.Rows[3].Reset()
		others := r.levels("ES IST HALB DREI")
		others[3] = [16]uint8{}
		disturbed := 0
		time.Sleep(4900 * time.Millisecond) // nobody knows yet
		for range 1000 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if r.Lit() != others {
				disturbed++
			}
		}
		if disturbed > 2 {
			t.Errorf("the other rows are disturbed for %d ms", disturbed)
		}
		if got := r.Pin.Pulses(); got != 1 {
			t.Errorf("%d pulses of one outage", got)
		}
		r.LEDBus.Detach(r.Rows[5]) // and another
		time.Sleep(10 * time.Second)
		if got := r.Pin.Pulses(); got != 2 {
			t.Errorf("%d pulses of two outages", got)
		}
		begin := r.Pin.Pulses()
		for range 3 * 60 { // it comes and goes each minute
			r.LEDBus.Attach(r.Rows[3])
			time.Sleep(30 * time.Second)
			r.LEDBus.Detach(r.Rows[3])
			time.Sleep(30 * time.Second)
		}
		if got := r.Pin.Pulses() - begin; got != 3 {
			t.Errorf("%d pulses in 3 h of a row that comes and goes", got)
		}
	})
}

// TestResetHelps: a chip that answers nobody until it is reset is back by itself.
func TestResetHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.LEDBus.Detach(r.Rows[3])
		lost := &lost{TLC59116: r.Rows[3], before: r.Pin.Pulses(), pin: r.Pin}
		r.LEDBus.Attach(lost)
		time.Sleep(6 * time.Second)
		r.sees(t, "ES IST HALB DREI")
		time.Sleep(20 * time.Second)
		r.logged(t, "leds_dark [3]", "validation_hardware [3]", "leds_line", "leds_back [3]")
	})
}

// lost answers nobody until the line was pulsed.
type lost struct {
	*sim.TLC59116
	pin    *sim.ResetPin
	before int
}

func (c *lost) Start(addr uint16, read bool) bool {
	return c.pin.Pulses() > c.before && c.TLC59116.Start(addr, read)
}

// TestCannotLeaveReset: a chip that stays in reset is dark, and the others do not flicker.
func TestCannotLeaveReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.LEDBus.Detach(r.Rows[3])
		r.LEDBus.Attach(forgetful{r.Rows[3]})
		r.Rows[3].Reset()
		time.Sleep(10 * time.Second)
		for range 1000 {
			time.Sleep(37 * time.Millisecond)
			r.sees(t, "ES IST HALB DREI", 3)
		}
		r.logged(t, "leds_reset [3]", "leds_dark [3]", "validation_hardware [3]", "leds_line")
		if got := r.Pin.Pulses(); got != 1 {
			t.Errorf("%d pulses", got)
		}
	})
}

// TestLineFails: a line that cannot be set is told once an outage, and stops nobody.
func TestLineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.Pin.Fail(errors.New("no such line"))
		heal := r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		time.Sleep(time.Minute)
		heal()
		time.Sleep(20 * time.Second)
		r.sees(t, "ES IST HALB DREI ·")
		r.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: hal.LEDAddrs[3]})
		time.Sleep(20 * time.Second)
		r.logged(t, "leds_hung", "leds_line", "validation_bus [0 1 2 3 4 5 6 7 8 9]", "leds_free", "leds_dark [3]", "validation_hardware [3]", "leds_line")
		if n := strings.Count(r.log.String(), "LED drivers cannot be reset"); n != 2 || !strings.Contains(r.log.String(), "no such line") {
			t.Errorf("logged %d times\n%s", n, &r.log)
		}
	})
}

// TestStopInReset: at the end of a clock whose bus hangs, the line puts the LEDs out.
func TestStopInReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startWired(t)
		r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		r.stop()
		r.sees(t, "")
	})
}
