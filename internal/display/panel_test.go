package display

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

func panelOn(b *sim.Board, log *proof.Log) (*Panel, *hal.Wire) {
	w := hal.NewWire(b.LEDBus)
	return NewPanel(w, log.Logger()), w
}

// full lights everything.
func full() *Frame {
	f := Frame{Group: 180}
	for row := range f.PWM {
		for col := range f.PWM[row] {
			f.PWM[row][col] = 60
		}
	}
	return &f
}

// TestOneShowIsEnough: the other rows do not wait for the next Show, and the
// log says why one is dark.
func TestOneShowIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		b.LEDBus.Detach(b.Rows[0])
		var log proof.Log
		p, _ := panelOn(b, &log)
		p.Show(full(), time.Time{})
		for row := 1; row < face.Rows; row++ {
			if b.Rows[row].Lit()[0] == 0 {
				t.Errorf("row %d waits for row 0", row)
			}
		}
		b.LEDBus.Detach(b.Rows[5])
		p.Check(true)
		for _, want := range []string{"configure tlc59116 0x60: leds 0x60: write 3, read 0 bytes: remote I/O error", "read back tlc59116 0x65: "} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, &log)
			}
		}
	})
}

// TestPauses: a chip that fails is left alone for 0.1 s, 0.2 s … 5 s, however
// often the panel is drawn or checked meanwhile.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		b.LEDBus.Detach(b.Rows[0])
		var log proof.Log
		p, _ := panelOn(b, &log)
		want := 100 * time.Millisecond
		for n := range 100 {
			p.Show(full(), time.Time{})
			p.Check(true)
			p.Show(full(), time.Time{})
			at, ok := p.Retry()
			if got := time.Until(at); !ok || got != want {
				t.Fatalf("pause %d is %s, want %s", n, got, want)
			}
			time.Sleep(want)
			want = min(2*want, 5*time.Second)
		}
	})
}

// TestHang: a bus that hangs costs three time-outs to be known, and then three a
// pause.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		var log proof.Log
		p, wire := panelOn(b, &log)
		begin := time.Now()
		p.Show(full(), time.Time{})
		if took := time.Since(begin); took != 3*sim.Timeout {
			t.Errorf("finding out took %s, want %s", took, 3*sim.Timeout)
		}
		pause := 100 * time.Millisecond
		for n := range 20 {
			before := wire.Traffic().Transactions
			p.Show(full(), time.Time{})
			p.Check(true)
			if got := wire.Traffic().Transactions - before; got != 0 {
				t.Fatalf("pause %d: %d transactions", n, got)
			}
			at, _ := p.Retry()
			if got := time.Until(at); got != pause {
				t.Fatalf("pause %d is %s, want %s", n, got, pause)
			}
			time.Sleep(pause)
			p.Show(full(), time.Time{})
			if got := wire.Traffic().Transactions - before; got != 3 {
				t.Fatalf("after pause %d: %d probes, want 3", n, got)
			}
			pause = min(2*pause, 5*time.Second)
		}
	})
}

// TestProbeTurns: chips that go on holding a bus that is free do not keep the
// others dark.
func TestProbeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), nil)
		stuck := []int{0, 1, 2}
		for _, row := range stuck {
			r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[row]})
		}
		time.Sleep(2 * time.Minute)
		r.sees(t, "ES IST HALB DREI ··", stuck...)
	})
}

// TestTwoCauses: a chip that holds the bus and one that is not there are two
// events, each with its own error.
func TestTwoCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[1]})
			b.LEDBus.Detach(b.Rows[6])
		})
		time.Sleep(time.Minute)
		r.logged(t, "leds_dark [6]", "leds_dark [1]", "validation_hardware [1 6]")
		for _, want := range []string{"tlc59116 0x66", "tlc59116 0x61"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("the log does not name %s:\n%s", want, &r.log)
			}
		}
	})
}

// TestAfterHang: the bus is free again but for some chips; the others do not
// wait for them, and are not called dark.
func TestAfterHang(t *testing.T) {
	for stuck := range 5 {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, june(14, 30, 3), nil)
			heal := r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
			time.Sleep(2 * time.Minute)
			var rows []int
			for row := range stuck {
				r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[row]})
				rows = append(rows, row)
			}
			heal()
			time.Sleep(12 * time.Second)
			r.sees(t, "ES IST HALB DREI ··", rows...)
			time.Sleep(30 * time.Second)
			var told []int
			for _, e := range r.log.Events("rows") {
				for row := range 10 {
					if strings.HasPrefix(e, "leds_dark") && strings.Contains(e, fmt.Sprint(row)) {
						told = append(told, row)
					}
				}
			}
			if !slices.Equal(told, rows) {
				t.Errorf("rows %v are stuck, the log names %v", rows, told)
			}
		})
	}
}

// TestFreeAgain: when the bus is free, nobody waits for the end of a pause.
func TestFreeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		b.LEDBus.Detach(b.Rows[3])
		var log proof.Log
		p, _ := panelOn(b, &log)
		for range 10 {
			p.Show(full(), time.Time{})
			at, _ := p.Retry()
			time.Sleep(time.Until(at))
		}
		p.Show(full(), time.Time{}) // row 3 is in a pause of 5 s
		heal := b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
		p.Show(&Frame{Group: 9}, time.Time{})
		b.LEDBus.Attach(b.Rows[3])
		heal()
		at, _ := p.Retry()
		time.Sleep(time.Until(at))
		p.Show(full(), time.Time{})
		if d := p.Dark(); d != nil {
			t.Errorf("rows %v are dark on a bus that is free", d)
		}
	})
}

// TestPutOff: a try that could make the others late waits for the boundary; one
// that fails at once does not.
func TestPutOff(t *testing.T) {
	for hold, want := range map[time.Duration]time.Duration{
		0:                      100 * time.Millisecond, // refused: the pause
		100 * time.Millisecond: 200 * time.Millisecond, // hung: the boundary
	} {
		synctest.Test(t, func(t *testing.T) {
			b := sim.NewBoard()
			kind := sim.Nack
			if hold > 0 {
				kind = sim.Stuck
			}
			b.LEDBus.Inject(sim.Fault{Kind: kind, Addr: hal.LEDAddrs[2], Delay: hold})
			var log proof.Log
			p, _ := panelOn(b, &log)
			p.Show(full(), time.Time{})
			begin := time.Now()
			next := begin.Add(200 * time.Millisecond)
			at, _ := p.Retry()
			time.Sleep(time.Until(at))
			p.Show(full(), next)
			if at, _ = p.Retry(); hold > 0 && at.Sub(begin) != want {
				t.Errorf("held %s: next try after %s, want %s", hold, at.Sub(begin), want)
			}
			if hold == 0 && at.Sub(begin) != want+200*time.Millisecond {
				t.Errorf("refused: next try after %s, want it to have been tried at %s", at.Sub(begin), want)
			}
		})
	}
}
