package display

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/watch"
)

// A bench is a panel that shows HALB DREI, and its self-check.
type bench struct {
	*sim.Board
	panel   *Panel
	check   *selfCheck
	want    Frame
	checked *watch.Value[*clock.Validation]
	written [face.Rows]int // transactions that write to a row
	log     proof.Log
}

func newBench(t *testing.T, options ...func(*Config)) *bench {
	t.Helper()
	b := &bench{
		Board: sim.NewBoard(), checked: new(watch.Value[*clock.Validation]),
		want: still(face.Say(14, 30, face.Default)),
	}
	c := Config{Bus: hal.NewWire(scribe{b.LEDBus, b}), Time: watch.NewValue(clock.FromHost(time.Now(), nil)), Checked: b.checked, Log: b.log.Logger()}
	for _, o := range options {
		o(&c)
	}
	b.panel, b.check = NewPanel(c.Bus, c.Log), newSelfCheck(c)
	b.panel.Wire(c.Reset)
	b.panel.Show(&b.want, time.Time{})
	return b
}

// A scribe writes down which rows are written to.
type scribe struct {
	i2c.Bus
	b *bench
}

func (s scribe) Tx(addr uint16, w, r []byte) error {
	if len(r) == 0 {
		s.b.written[slices.Index(hal.LEDAddrs[:], addr)]++
	}
	return s.Bus.Tx(addr, w, r)
}

// run runs the self-check, and returns what it published, and which rows it wrote to.
func (b *bench) run(t *testing.T) (clock.Validation, []int) {
	t.Helper()
	b.written = [face.Rows]int{}
	b.check.run(b.panel, &b.want, true, clock.DefaultSettings().SelfCheck)
	v := b.checked.Get()
	if v == nil {
		t.Fatal("nothing is published")
	}
	var rows []int
	for row, n := range b.written {
		if n > 0 {
			rows = append(rows, row)
		}
	}
	return *v, rows
}

// poke writes a register of row 3 behind the panel's back.
func poke(reg, value byte) func(*bench) { return pokeRow(3, reg, value) }

func pokeRow(row int, reg, value byte) func(*bench) {
	return func(b *bench) { _ = b.LEDBus.Tx(hal.LEDAddrs[row], []byte{reg, value}, nil) }
}

// dim writes n LEDs of rows 1, 2 and 3 behind the panel's back.
func dim(n int) func(*bench) {
	return func(b *bench) {
		for i := range n {
			pokeRow(1+i/16, byte(2+i%16), 7)(b)
		}
	}
}

func inject(f sim.Fault) func(*bench) { return func(b *bench) { b.LEDBus.Inject(f) } }

func unplug(rows ...int) func(*bench) {
	return func(b *bench) {
		for _, row := range rows {
			b.LEDBus.Detach(b.Rows[row])
		}
	}
}

// TestClassify: what a read-back finds, what it calls that, and that it writes to the rows
// that are wrong alone.
func TestClassify(t *testing.T) {
	well := clock.Validation{SoftwareValid: true, HardwareValid: true, Recovered: true}
	leds := func(f clock.FailureType, n int) clock.Validation {
		return clock.Validation{Failure: f, SoftwareValid: true, Mismatches: n, Recovered: true}
	}
	dead := func(f clock.FailureType, rows int) clock.Validation {
		return clock.Validation{Failure: f, SoftwareValid: true, HardwareFaults: true, ReadFailures: 16 * rows}
	}
	group := clock.Validation{Failure: clock.GroupMismatch, SoftwareValid: true, HardwareValid: true, GroupDiffers: true, Recovered: true}
	for _, c := range []struct {
		name   string
		hurt   func(*bench)
		want   clock.Validation
		wrote  []int
		events []string
	}{
		{"all well", func(*bench) {}, well, nil, nil},
		{"never written", func(b *bench) { b.panel.Forget() }, well, nil, nil},
		{"every level is 255", func(b *bench) {
			for row := range b.want.PWM {
				for col := range b.want.PWM[row] {
					b.want.PWM[row][col] = 255
				}
			}
			b.want.Group = 255
			b.panel.Show(&b.want, time.Time{})
		}, well, nil, nil},
		{"a dark LED glows", poke(0x0C, 1), leds(clock.PartialMismatch, 1), []int{3}, []string{"validation_partial [3]"}},
		{"a fifth of all", dim(32), leds(clock.PartialMismatch, 32), []int{1, 2}, []string{"validation_partial [1 2]"}},
		{"more than a fifth", dim(33), leds(clock.SystematicMismatch, 33), []int{1, 2, 3}, []string{"validation_systematic [1 2 3]"}},
		{"output off", poke(0x15, 0xFC), leds(clock.PartialMismatch, 1), []int{3}, []string{"validation_partial [3]"}},
		{"outputs full on", poke(0x15, 0x55), leds(clock.PartialMismatch, 4), []int{3}, []string{"validation_partial [3]"}},
		{"outputs not dimmed by the group", poke(0x15, 0xAA), leds(clock.PartialMismatch, 4), []int{3}, []string{"validation_partial [3]"}},
		{"group level", poke(0x12, 120), group, []int{3}, []string{"validation_group [3]"}},
		{"blinks", poke(0x01, 0x20), group, []int{3}, []string{"validation_group [3]"}},
		{"LED and group level", func(b *bench) { poke(0x12, 9)(b); pokeRow(5, 0x03, 9)(b) },
			clock.Validation{Failure: clock.PartialMismatch, SoftwareValid: true, GroupDiffers: true, Mismatches: 1, Recovered: true}, []int{3, 5}, []string{"validation_partial [3 5]"}},
		{"reset, which is a surge", func(b *bench) { b.Rows[3].Reset() }, well, []int{3}, []string{"leds_reset [3]"}},
		{"all were reset", func(b *bench) { b.Surge() }, well, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []string{"leds_reset [0 1 2 3 4 5 6 7 8 9]"}},
		{"told to share an address", poke(0x00, 0x01), well, []int{3}, []string{"leds_reset [3]"}},
		{"one read fails", inject(sim.Fault{Kind: sim.Nack, Addr: 0x63, Times: 1}), well, nil, nil},
		{"one read hangs", inject(sim.Fault{Kind: sim.Stuck, Addr: 0x63, Times: 1}), well, nil, nil},
		{"one read is clocked badly", inject(sim.Fault{Kind: sim.SDA, Addr: 0x63, Byte: 9, Times: 1}), well, nil, nil},
		{"one read lies", inject(sim.Fault{Kind: sim.Flip, Addr: 0x63, Byte: 9, Mask: 4, Times: 1}), well, nil, nil},
		{"each read lies", inject(sim.Fault{Kind: sim.Flip, Addr: 0x63, Byte: 21, Mask: 1}),
			clock.Validation{Failure: clock.PartialMismatch, SoftwareValid: true, Mismatches: 1}, []int{3}, []string{"validation_partial [3]"}},
		{"two reads fail", inject(sim.Fault{Kind: sim.Nack, Addr: 0x63, Times: 2}), dead(clock.HardwareFault, 1), nil, []string{"leds_dark [3]", "validation_hardware [3]"}},
		{"a driver is gone", unplug(3), dead(clock.HardwareFault, 1), nil, []string{"leds_dark [3]", "validation_hardware [3]"}},
		{"nine drivers are gone", unplug(0, 1, 2, 4, 5, 6, 7, 8, 9), dead(clock.HardwareFault, 9), nil,
			[]string{"leds_dark [0 1 2 4 5 6 7 8 9]", "validation_hardware [0 1 2 4 5 6 7 8 9]"}},
		{"all are gone", unplug(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), dead(clock.BusFailure, 10), nil,
			[]string{"leds_dark [0 1 2 3 4 5 6 7 8 9]", "validation_bus [0 1 2 3 4 5 6 7 8 9]"}},
		{"the bus hangs", inject(sim.Fault{Kind: sim.Stuck}), dead(clock.BusFailure, 10), nil, []string{"leds_hung", "validation_bus [0 1 2 3 4 5 6 7 8 9]"}},
		{"one is gone, an LED of another is wrong", func(b *bench) { unplug(3)(b); pokeRow(5, 0x03, 9)(b) },
			clock.Validation{Failure: clock.HardwareFault, SoftwareValid: true, HardwareFaults: true, Mismatches: 1, ReadFailures: 16}, []int{5},
			[]string{"leds_dark [3]", "validation_hardware [3 5]"}},
		{"cannot be repaired", func(b *bench) {
			poke(0x0C, 1)(b)
			b.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x63, Byte: 2}) // no write of a register
		}, clock.Validation{Failure: clock.PartialMismatch, SoftwareValid: true, Mismatches: 1}, []int{3}, []string{"leds_dark [3]", "validation_partial [3]"}},
		{"another face was written", func(b *bench) {
			b.want = still(face.Say(14, 31, face.Default))
		}, clock.Validation{Failure: clock.SoftwareError, HardwareValid: true, SoftwareErrors: 1, Recovered: true}, []int{9}, []string{"validation_software [9]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				c.hurt(b)
				got, wrote := b.run(t)
				c.want.Repaired = c.want.Mismatches > 0 || c.want.GroupDiffers || c.want.SoftwareErrors > 0
				if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(clock.Validation{}, "At", "Took", "Periodic", "LEDs", "Stats")); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if len(got.LEDs) != got.Mismatches || !slices.Equal(wrote, c.wrote) {
					t.Errorf("%d mismatches, wrote to %v, want %v", len(got.LEDs), wrote, c.wrote)
				}
				if e := b.log.Events("rows"); !slices.Equal(e, c.events) {
					t.Errorf("events %q, want %q\n%s", e, c.events, &b.log)
				}
				if got.Recovered {
					if got, wrote := b.run(t); got.Failure != clock.FailureNone || wrote != nil {
						t.Errorf("afterwards: %+v, wrote to %v", got, wrote)
					}
				}
			})
		})
	}
}

// TestValidation is published as a whole, and the log has what the journal needs of it.
func TestValidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 90 * time.Microsecond})
		poke(0x0C, 9)(b)
		pokeRow(0, 0x02, 0)(b)
		pokeRow(0, 0x14, 0x7F)(b)
		at := time.Now().UTC()
		got, _ := b.run(t)
		stats := clock.ValidationStats{Total: 1, Failed: 1, Consecutive: 1, Attempts: 1, Recoveries: 1, Health: 83}
		stats.By[clock.PartialMismatch] = 1
		want := clock.Validation{
			At: at, Took: got.Took, Periodic: true, Failure: clock.PartialMismatch, SoftwareValid: true, Mismatches: 3, Repaired: true, Recovered: true,
			LEDs:  []clock.Mismatch{{Row: 0, Col: 0, Expected: 60, Software: 60}, {Row: 0, Col: 3, Expected: 60, Software: 60, Hardware: 255}, {Row: 3, Col: 10, Hardware: 9}},
			Stats: stats,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got.Took < 20*time.Millisecond || got.Took > 60*time.Millisecond {
			t.Errorf("took %s", got.Took)
		}
		if s := b.log.String(); !strings.Contains(s, `level=WARN msg="Validation failed: PARTIAL_MISMATCH (3 mismatches)" event=validation_partial mismatches=3 rows="[0 3]" repaired=true`) {
			t.Errorf("logged %s", s)
		}
		dim(160 - 16)(b)
		if got, _ := b.run(t); got.Mismatches <= 50 || len(got.LEDs) != 50 {
			t.Errorf("%d of %d mismatches are listed", len(got.LEDs), got.Mismatches)
		}
	})
}

// TestLevelsOfLog: failures are as severe as the firmware held them.
func TestLevelsOfLog(t *testing.T) {
	for f, level := range map[clock.FailureType]string{
		clock.HardwareFault: "ERROR+4", clock.BusFailure: "ERROR+4", clock.SystematicMismatch: "ERROR",
		clock.PartialMismatch: "WARN", clock.GroupMismatch: "WARN", clock.SoftwareError: "WARN",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.check.tell(f, clock.Validation{Mismatches: 7}, []int{4})
			if want := fmt.Sprintf(`level=%s msg="Validation failed: %s (7 mismatches)"`, level, f); !strings.Contains(b.log.String(), want) {
				t.Errorf("%s: logged %s", f, &b.log)
			}
		})
	}
}

// TestDeadRowIsOneFailure: as long as a driver does not answer the other rows are judged,
// and the last result goes on showing it.
func TestDeadRowIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for range 20 {
			b.run(t)
		}
		unplug(3)(b)
		for n := range 500 {
			v, wrote := b.run(t)
			health := 90
			if n == 0 {
				health = 85 // and it was the last one
			}
			if v.Failure != clock.HardwareFault || v.ReadFailures != 16 || !v.HardwareFaults || v.Recovered || wrote != nil ||
				v.Stats.Failed != 1 || v.Stats.By[clock.HardwareFault] != 1 || v.Stats.Attempts != 0 || v.Stats.Health != health {
				t.Fatalf("%d: %+v, wrote to %v", n, v, wrote)
			}
			time.Sleep(time.Minute)
		}
		poke(0x0C, 1)(b) // nobody hears it
		pokeRow(5, 0x0C, 1)(b)
		if v, wrote := b.run(t); v.Failure != clock.PartialMismatch || v.Recovered || !slices.Equal(wrote, []int{5}) || v.Stats.Failed != 2 || v.Stats.Recoveries != 1 {
			t.Errorf("%+v, wrote to %v", v, wrote)
		}
		if e := b.log.Events("rows"); !slices.Equal(e, []string{"leds_dark [3]", "validation_hardware [3]", "validation_partial [3 5]"}) {
			t.Errorf("events %q", e)
		}
		time.Sleep(window)
		if v, _ := b.run(t); v.Stats.Failed != 0 || v.Stats.Health != 90 {
			t.Errorf("a day later: %+v", v)
		}
		b.LEDBus.Attach(b.Rows[3])
		b.panel.Show(&b.want, time.Time{})
		if v, _ := b.run(t); v.Failure != clock.FailureNone || v.Stats.Health != 100 {
			t.Errorf("back: %+v", v)
		}
	})
}

// TestOutages: each is counted once, one that flickers is one, and each bus failure is.
func TestOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		step := func(change func(), wait time.Duration) {
			change()
			for range 3 {
				b.panel.Show(&b.want, time.Time{})
				b.run(t)
				time.Sleep(wait)
			}
		}
		gone, there := func() { b.LEDBus.Detach(b.Rows[3]) }, func() { b.LEDBus.Detach(b.Rows[3]); b.LEDBus.Attach(b.Rows[3]) }
		for range 4 {
			step(gone, 2*time.Second)
			step(there, 2*time.Second)
		}
		step(there, 30*time.Second)
		step(gone, 2*time.Second)
		var heal func()
		step(func() { heal = b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) }, 10*time.Second)
		step(func() { heal() }, 10*time.Second)
		step(func() { heal = b.LEDBus.Inject(sim.Fault{Kind: sim.Nack}) }, 10*time.Second)
		step(func() { heal(); there() }, 30*time.Second)
		v, _ := b.run(t)
		if v.Stats.By[clock.HardwareFault] != 2 || v.Stats.By[clock.BusFailure] != 2 || v.Stats.Failed != 4 || v.Stats.Attempts != 0 {
			t.Errorf("%+v\n%s", v.Stats, &b.log)
		}
	})
}

// TestSameFailureAgain: the log hears of what no repair ends once an hour.
func TestSameFailureAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.LEDBus.Inject(sim.Fault{Kind: sim.Flip, Addr: 0x63, Byte: 21, Mask: 1})
		for range 5 * 60 {
			b.run(t)
			time.Sleep(time.Minute)
		}
		if n := len(b.log.Events()); n != 5 {
			t.Errorf("%d entries in 5 h", n)
		}
		v, _ := b.run(t)
		if v.Stats.Total != v.Stats.Failed || v.Stats.Recoveries != 0 || v.Stats.Health != 0 {
			t.Errorf("%+v", v.Stats)
		}
	})
}

// TestDue counts from the last run of either kind, and never if it is off.
func TestDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s := clock.DefaultSettings().SelfCheck
		due := func() time.Duration { return time.Until(b.check.due(time.Now(), s)) }
		if got := due(); got != 350*time.Second {
			t.Errorf("first after %s", got)
		}
		time.Sleep(time.Minute)
		if got := due(); got != 290*time.Second {
			t.Errorf("a minute later: after %s", got)
		}
		b.check.run(b.panel, &b.want, false, s)
		if got := due(); got != 350*time.Second || b.checked.Get().Periodic {
			t.Errorf("after a run: after %s", got)
		}
		s.Off = true
		b.checked.Set(nil)
		b.check.run(b.panel, &b.want, false, s)
		if at := b.check.due(time.Now(), s); !at.IsZero() || b.checked.Get() != nil {
			t.Errorf("off: due at %s, %v", at, b.checked.Get())
		}
	})
}

// TestUnknownTime: what is published has no time then, and is published all the same.
func TestUnknownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Time.Set(clock.Time{}) })
		if v, _ := b.run(t); !v.At.IsZero() || v.Stats.Total != 1 {
			t.Errorf("%+v", v)
		}
		b.check.value = nil
		b.check.run(b.panel, &b.want, true, clock.DefaultSettings().SelfCheck)
	})
}
