package display

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A rig is a display on a simulated board.
type rig struct {
	*sim.Board
	time     *watch.Value[clock.Time]
	settings *watch.Value[clock.Settings]
	light    *watch.Value[clock.Light]
	face     *watch.Value[clock.Face]
	display  *Display
	log      proof.Log
	stop     func() // and wait
}

// start runs a display from the given time on; hurt, if not nil, is done to the
// board before. To be called in a bubble.
func start(t testing.TB, at time.Time, hurt func(*sim.Board), options ...func(*Config)) *rig {
	t.Helper()
	r := build(at, hurt, options...)
	r.run(t)
	return r
}

// build makes a rig that does not run yet.
func build(at time.Time, hurt func(*sim.Board), options ...func(*Config)) *rig {
	time.Sleep(time.Until(at))
	r := &rig{
		Board:    sim.NewBoard(),
		time:     watch.NewValue(clock.FromHost(time.Now(), nil)),
		settings: watch.NewValue(clock.DefaultSettings()),
		light:    watch.NewValue(lightOf(clock.DefaultSettings())),
		face:     new(watch.Value[clock.Face]),
	}
	if hurt != nil {
		hurt(r.Board)
	}
	c := Config{
		Bus: r.LEDs, Time: r.time, Settings: r.settings, Light: r.light, Face: r.face,
		Log:  r.log.Logger(),
		Poll: DefaultPoll,
	}
	for _, o := range options {
		o(&c)
	}
	r.display = New(c)
	return r
}

// run has the display run until the test is over, or r.stop.
func (r *rig) run(t testing.TB) {
	t.Helper()
	g, _ := task.NewGroup(context.Background())
	g.Go("display", r.display.Run)
	r.stop = func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	synctest.Wait()
}

// lightOf returns the light that settings make where nothing measures anything.
func lightOf(s clock.Settings) clock.Light {
	return clock.Light{Off: s.Off, Individual: s.Individual, Group: s.Global}
}

// change edits the settings, and the light that follows from them.
func (r *rig) change(f func(*clock.Settings)) {
	r.settings.Update(f)
	r.light.Set(lightOf(r.settings.Get()))
}

// atOnce has one face follow the other without a fade.
func atOnce(c *Config) {
	c.Settings.Update(func(s *clock.Settings) { s.Transition.Off = true })
}

// unchecked has nothing read back.
func unchecked(c *Config) {
	c.Settings.Update(func(s *clock.Settings) { s.SelfCheck.Off = true })
}

// june returns a time of day on 2026-06-15.
func june(hour, minute, sec int) time.Time {
	return time.Date(2026, 6, 15, hour, minute, sec, 0, time.UTC)
}

// sees fails unless exactly the words are lit, as bright as the light says;
// dark rows are left aside.
func (r *rig) sees(t testing.TB, want string, dark ...int) {
	t.Helper()
	synctest.Wait()
	got, wanted := r.Lit(), r.levels(want)
	for _, row := range dark {
		got[row], wanted[row] = [16]uint8{}, [16]uint8{}
	}
	if got != wanted {
		t.Errorf("%s: sees %v, want %q: %v", time.Now().Format("15:04:05.000"), got, want, wanted)
	}
}

// levels returns what an eye sees of a phrase.
func (r *rig) levels(phrase string) (lit [10][16]uint8) {
	s := r.light.Get()
	for led := range mask(phrase).LEDs() {
		lit[led.Row][led.Col] = uint8((int(s.Individual)*int(s.Group) + 254) / 255)
	}
	return lit
}

// phrases is every phrase of a day in both styles, and what it lights.
var phrases = func() map[string]face.Mask {
	m := map[string]face.Mask{"": {}, "····": face.Dots(4).Mask()}
	for minute := range 24 * 60 {
		for _, s := range []face.Style{face.Default, face.HalbCentric} {
			p := face.Say(0, minute, s)
			m[p.String()] = p.Mask()
		}
	}
	return m
}()

func mask(phrase string) face.Mask {
	m, ok := phrases[phrase]
	if !ok {
		panic("no phrase " + phrase)
	}
	return m
}

// logged fails unless the log has these events, in this order, and no others.
func (r *rig) logged(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := r.log.Events("rows"); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q\n%s", got, want, &r.log)
	}
}

func TestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 0, 0), nil, atOnce)
		for m := range 61 {
			r.sees(t, face.Say(14, m, face.Default).String())
			if m == 37 {
				r.sees(t, "ES IST FÜNF NACH HALB DREI ··")
			}
			time.Sleep(time.Minute - time.Nanosecond)
			r.sees(t, face.Say(14, m, face.Default).String())
			time.Sleep(time.Nanosecond)
		}
		r.logged(t)
	})
}

// TestTraffic counts what a change costs on the wire.
func TestTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wire meter
		r := start(t, june(14, 30, 30), nil, func(c *Config) {
			wire.Wire = hal.NewWire(c.Bus)
			c.Bus, c.Poll = wire, 0
		}, atOnce, unchecked)
		// Each chip once: MODE1 and MODE2, LEDOUT, MODE1 read back, sixteen PWM
		// and GRPPWM.
		wire.costs(t, "first draw", 40, 10*(4+6+4+19))
		time.Sleep(time.Minute)
		r.sees(t, "ES IST HALB DREI ·")
		wire.costs(t, "one minute LED more", 1, 18)
		time.Sleep(4 * time.Minute)
		r.sees(t, "ES IST FÜNF NACH HALB DREI")
		wire.costs(t, "three more, then FÜNF NACH and none", 6, 6*18)
		r.change(func(s *clock.Settings) { s.Global = 179 })
		time.Sleep(2 * roomGlide)
		wire.costs(t, "group brightness, one step", 10, 10*3)
		r.change(func(s *clock.Settings) { s.Individual = 61 })
		time.Sleep(2 * handGlide)
		wire.costs(t, "individual brightness of four rows, one step", 4, 4*18)
		r.settings.Set(r.settings.Get())
		r.time.Set(r.time.Get())
		synctest.Wait()
		wire.costs(t, "nothing new", 0, 0)
	})
}

// A meter reads what went over a wire since it was read last.
type meter struct {
	*hal.Wire
	last hal.Traffic
}

func (m *meter) costs(t *testing.T, what string, transactions, bytes uint64) {
	t.Helper()
	now := m.Traffic()
	if n, b := now.Transactions-m.last.Transactions, now.Bytes-m.last.Bytes; n != transactions || b != bytes {
		t.Errorf("%s: %d transactions of %d bytes, want %d of %d", what, n, b, transactions, bytes)
	}
	m.last = now
}

func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(23, 45, 10), nil)
		r.sees(t, "ES IST VIERTEL VOR ZWÖLF")
		r.change(func(s *clock.Settings) { s.Style = face.HalbCentric })
		time.Sleep(2 * time.Second)
		r.sees(t, "ES IST DREIVIERTEL ZWÖLF")
		for _, c := range []struct{ individual, global, want uint8 }{{60, 180, 43}, {80, 255, 80}, {5, 5, 1}} {
			r.change(func(s *clock.Settings) {
				s.Individual, s.Global = clock.Level(c.individual), clock.Level(c.global)
			})
			time.Sleep(2 * roomGlide)
			if got := r.Lit()[0][0]; got != c.want {
				t.Errorf("%d x %d: level %d, want %d", c.individual, c.global, got, c.want)
			}
		}
	})
}

// TestUnknown is the honest face: no word, and the minute LEDs blink.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 0), nil)
		r.time.Set(clock.Time{})
		for range 10 {
			r.sees(t, "····")
			time.Sleep(time.Second - time.Millisecond)
			r.sees(t, "····")
			time.Sleep(time.Millisecond)
			r.sees(t, "")
			time.Sleep(time.Second)
		}
		if f := r.face.Get(); !f.Unknown {
			t.Errorf("published %+v, want an unknown time", f)
		}
		r.time.Set(clock.FromHost(time.Now(), nil))
		r.sees(t, "ES IST HALB DREI")
	})
}

// TestFailures: whatever happens to chips and bus, the face is right wherever
// light is possible, and each cause is one
// event, and one of the self-check.
func TestFailures(t *testing.T) {
	every := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	const allRows = "[0 1 2 3 4 5 6 7 8 9]"
	for _, c := range []struct {
		name   string
		before func(*sim.Board) // the clock starts
		hurt   func(*sim.Board) // while it says HALB DREI
		heal   func(*sim.Board) // 8 minutes later
		dark   []int
		frozen bool // what was lit stays
		events []string
	}{
		{name: "nothing"},
		{
			name: "a chip dies and comes back",
			hurt: func(b *sim.Board) { b.LEDBus.Detach(b.Rows[3]); b.Rows[3].Reset() },
			heal: func(b *sim.Board) { b.LEDBus.Attach(b.Rows[3]) },
			dark: []int{3}, events: []string{"leds_dark [3]", "validation_hardware [3]", "leds_back [3]"},
		},
		{
			name:   "a chip is missing at start",
			before: func(b *sim.Board) { b.LEDBus.Detach(b.Rows[0]) },
			heal:   func(b *sim.Board) { b.LEDBus.Attach(b.Rows[0]) },
			dark:   []int{0}, events: []string{"leds_dark [0]", "validation_hardware [0]", "leds_back [0]"},
		},
		{
			name:   "all chips are missing at start",
			before: func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Nack}) },
			heal:   func(b *sim.Board) { b.LEDBus.Heal() },
			dark:   every, events: []string{"leds_dark " + allRows, "validation_bus " + allRows, "leds_back " + allRows},
		},
		{
			name: "the LED supply goes and comes",
			hurt: func(b *sim.Board) { b.Surge(); b.LEDBus.Inject(sim.Fault{Kind: sim.Nack}) },
			heal: func(b *sim.Board) { b.LEDBus.Heal() },
			dark: every, events: []string{"leds_dark " + allRows, "validation_bus " + allRows, "leds_back " + allRows},
		},
		{
			name:   "the bus hangs",
			hurt:   func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) },
			heal:   func(b *sim.Board) { b.LEDBus.Heal() },
			frozen: true, dark: every, events: []string{"leds_hung", "validation_bus " + allRows, "leds_free"},
		},
		{
			name:   "the bus hangs at start",
			before: func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) },
			heal:   func(b *sim.Board) { b.LEDBus.Heal() },
			dark:   every, events: []string{"leds_hung", "validation_bus " + allRows, "leds_free"},
		},
		{
			name: "one chip holds the bus when it is addressed",
			hurt: func(b *sim.Board) {
				b.Rows[4].Reset()
				b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[4]})
			},
			heal: func(b *sim.Board) { b.LEDBus.Heal() },
			dark: []int{4}, events: []string{"leds_dark [4]", "validation_hardware [4]", "leds_back [4]"},
		},
		{
			name: "three chips die",
			hurt: func(b *sim.Board) {
				for _, row := range []int{0, 4, 6} {
					b.LEDBus.Detach(b.Rows[row])
					b.Rows[row].Reset()
				}
			},
			heal: func(b *sim.Board) { b.LEDBus.Attach(b.Rows[0], b.Rows[4], b.Rows[6]) },
			dark: []int{0, 4, 6}, events: []string{"leds_dark [0 4 6]", "validation_hardware [0 4 6]", "leds_back [0 4 6]"},
		},
		{
			name: "two chips hold the bus when they are addressed",
			hurt: func(b *sim.Board) {
				for _, row := range []int{3, 4} {
					b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[row]})
					b.Rows[row].Reset()
				}
			},
			heal: func(b *sim.Board) { b.LEDBus.Heal() },
			dark: []int{3, 4}, events: []string{"leds_dark [3 4]", "validation_hardware [3 4]", "leds_back [3 4]"},
		},
		{
			name:   "a chip was reset behind our back",
			hurt:   func(b *sim.Board) { b.Rows[4].Reset() },
			events: []string{"leds_reset [4]"},
		},
		{
			name:   "all chips were reset behind our back",
			hurt:   (*sim.Board).Surge,
			events: []string{"leds_reset " + allRows},
		},
		{
			name: "a surge between two bytes",
			hurt: func(b *sim.Board) {
				b.LEDBus.Inject(sim.Fault{Kind: sim.BrownOut, Byte: 9, Whole: true, Times: 1})
			},
			events: []string{"leds_reset [0 1 2 3 4 5 6 7 8 9]"},
		},
		{
			name:   "a byte that is not acknowledged, once",
			hurt:   func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Byte: 7, Times: 1}) },
			events: nil,
		},
		{
			name: "a slow wire",
			hurt: func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 20 * time.Millisecond}) },
			heal: func(b *sim.Board) { b.LEDBus.Heal() },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 30, 3), c.before)
				time.Sleep(11 * time.Second) // not just when the chips are looked at
				if c.hurt != nil {
					c.hurt(r.Board)
				}
				time.Sleep(5100 * time.Millisecond) // at most, for what nobody tells us
				for m := range 8 {
					time.Sleep(time.Minute)
					want := face.Say(14, 31+m, face.Default).String()
					if c.frozen {
						want = "ES IST HALB DREI"
						r.sees(t, want)
						continue
					}
					r.sees(t, want, c.dark...)
					if c.dark != nil && !slices.Equal(r.face.Get().Dark, c.dark) {
						t.Errorf("says that rows %v are dark, want %v", r.face.Get().Dark, c.dark)
					}
				}
				if c.heal != nil {
					c.heal(r.Board)
				}
				time.Sleep(5200 * time.Millisecond)
				r.sees(t, face.Say(14, 38, face.Default).String())
				if dark := r.face.Get().Dark; dark != nil {
					t.Errorf("still says that rows %v are dark", dark)
				}
				time.Sleep(2 * steady)
				r.logged(t, c.events...)
			})
		})
	}
}

// TestFailedChipsDelayNobody: the other rows change within a frame, though
// those that failed are tried again and again.
func TestFailedChipsDelayNobody(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []int
		hold time.Duration // of the bus, when addressed; 0 is not there at all
	}{
		{"three are not there", []int{0, 4, 6}, 0},
		{"one holds the bus", []int{0}, 137 * time.Millisecond},
		{"one holds the bus of a patient adapter", []int{0}, 1037 * time.Millisecond},
		{"three hold the bus", []int{0, 3, 6}, 137 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(11, 59, 30), func(b *sim.Board) {
					for _, row := range c.rows {
						if c.hold == 0 {
							b.LEDBus.Detach(b.Rows[row])
						} else {
							b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[row], Delay: c.hold})
						}
					}
				}, atOnce)
				for m := range 10 * 60 {
					at := june(12, m, 0)
					time.Sleep(time.Until(at.Add(frame)))
					r.sees(t, face.Say(at.Hour(), at.Minute(), face.Default).String(), c.rows...)
				}
			})
		})
	}
}

// TestHalfAlive: chips that answer, but not well, are one event too.
func TestHalfAlive(t *testing.T) {
	for name, sick := range map[string]func(*sim.TLC59116) sim.Chip{
		"takes writes, refuses reads":     func(c *sim.TLC59116) sim.Chip { return writeOnly{c} },
		"is reset by every configuration": func(c *sim.TLC59116) sim.Chip { return forgetful{c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 30, 3), func(b *sim.Board) {
					b.LEDBus.Detach(b.Rows[4])
					b.LEDBus.Attach(sick(b.Rows[4]))
				})
				time.Sleep(10 * time.Minute)
				r.sees(t, "ES IST ZWANZIG VOR DREI", 4)
				r.logged(t, "leds_dark [4]", "validation_hardware [4]")
			})
		})
	}
}

// writeOnly does not acknowledge reads.
type writeOnly struct{ *sim.TLC59116 }

func (c writeOnly) Start(addr uint16, read bool) bool { return c.TLC59116.Start(addr, read) && !read }

// forgetful is reset at the end of each transfer.
type forgetful struct{ *sim.TLC59116 }

func (c forgetful) Stop() { c.TLC59116.Stop(); c.Reset() }

// TestPublish: what is shown is published at once, and once.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), func(b *sim.Board) { b.LEDBus.Detach(b.Rows[0]) })
		if got := r.face.Get().Dark; !slices.Equal(got, []int{0}) {
			t.Errorf("says at once that rows %v are dark, want [0]", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), nil)
		_, changed := r.face.Watch()
		time.Sleep(50 * time.Second)
		select {
		case <-changed:
			t.Error("published what is not new")
		default:
		}
	})
	synctest.Test(t, func(t *testing.T) { // in the dark half of a blink
		r := start(t, june(14, 30, 3), nil, func(c *Config) { c.Time.Set(clock.Time{}) })
		if !r.face.Get().Unknown {
			t.Error("an unknown time is not published at once")
		}
	})
}

// TestFlicker: a chip that fails now and then is one event, until it is steady.
func TestFlicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), nil)
		for range 100 {
			r.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: hal.LEDAddrs[4], Times: 2})
			time.Sleep(5 * time.Second)
		}
		time.Sleep(20 * time.Second)
		r.sees(t, "ES IST FÜNF NACH HALB DREI ···")
		r.logged(t, "leds_dark [4]", "validation_hardware [4]", "leds_back [4]")
	})
}

// TestStop: the LEDs go out, and what cannot be reached holds nobody up.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		name   string
		hurt   func(*sim.Board)
		want   string
		events []string
	}{
		{"healthy", func(*sim.Board) {}, "", []string{"leds_out"}},
		{"one chip cannot be reached", func(b *sim.Board) { b.LEDBus.Detach(b.Rows[9]) }, "",
			[]string{"leds_dark [9]", "leds_out [9]"}},
		{"two chips cannot be reached", func(b *sim.Board) {
			b.LEDBus.Detach(b.Rows[1])
			b.LEDBus.Detach(b.Rows[2])
			time.Sleep(time.Minute)
		}, "", []string{"leds_dark [1 2]", "validation_hardware [1 2]", "leds_out [1 2]"}},
		{"two chips hold the bus", func(b *sim.Board) {
			for _, row := range []int{1, 2} {
				b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[row]})
			}
			time.Sleep(time.Minute)
		}, "", []string{"leds_dark [1 2]", "validation_hardware [1 2]", "leds_out [1 2]"}},
		{"a chip is back in its pause", func(b *sim.Board) {
			b.LEDBus.Detach(b.Rows[0])
			time.Sleep(30 * time.Second)
			b.LEDBus.Attach(b.Rows[0])
		}, "", []string{"leds_dark [0]", "validation_hardware [0]", "leds_out"}},
		{"the bus hung until just now", func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
			time.Sleep(time.Minute)
			b.LEDBus.Heal()
		}, "", []string{"leds_hung", "validation_bus [0 1 2 3 4 5 6 7 8 9]", "leds_out"}},
		{"one is back in its pause, another holds the bus", func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[1]})
			heal := b.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: hal.LEDAddrs[6]})
			time.Sleep(30 * time.Second)
			heal()
		}, "", []string{"leds_dark [6]", "leds_dark [1]", "validation_hardware [1 6]", "leds_out [1]"}},
		{"the bus hangs", func(b *sim.Board) { b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) }, "ES IST HALB DREI",
			[]string{"leds_hung", "leds_out [0 1 2 3 4 5 6 7 8 9]"}},
		{"the bus hangs since long", func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck})
			time.Sleep(time.Minute)
		}, "ES IST HALB DREI", []string{"leds_hung", "validation_bus [0 1 2 3 4 5 6 7 8 9]", "leds_out [0 1 2 3 4 5 6 7 8 9]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 30, 3), nil)
				c.hurt(r.Board)
				asked := time.Now()
				r.stop()
				if took := time.Since(asked); took > 2*time.Second {
					t.Errorf("took %s, want 2 s at most", took)
				}
				r.sees(t, c.want)
				r.logged(t, c.events...)
				f := r.face.Get()
				if out := "leds_out " + strings.ReplaceAll(fmt.Sprint(f.Dark), "[]", ""); f.Phrase != (face.Phrase{}) || strings.TrimSpace(out) != c.events[len(c.events)-1] {
					t.Errorf("published %+v at the end", f)
				}
			})
		})
	}
}

// TestAlive: the sign of life goes on whatever the bus does.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		var longest atomic.Int64
		r := start(t, june(14, 30, 3), nil, func(c *Config) {
			last = time.Now()
			c.Alive = func() {
				longest.Store(max(longest.Load(), int64(time.Since(last))))
				last = time.Now()
			}
		})
		time.Sleep(time.Minute)
		if got := time.Duration(longest.Load()); got != time.Second {
			t.Errorf("up to %s between two signs of life, want 1 s", got)
		}
		r.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Second}) // an adapter of the patient kind
		time.Sleep(time.Minute)
		if got := time.Duration(longest.Load()); got > 4*time.Second {
			t.Errorf("up to %s between two signs of life on a bus that hangs", got)
		}
	})
}

// TestBelief: what the clock believes the time to be changes between minutes,
// and the face at once.
func TestBelief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 30, 3), nil, atOnce)
		r.time.Set(clock.Time{Quality: clock.RTC, Host: time.Now(), True: time.Now().Add(-3 * time.Hour)})
		r.sees(t, "ES IST HALB ZWÖLF")
		// The chip's minute begins 20 s after the host's.
		r.time.Set(clock.Time{Quality: clock.RTC, Host: time.Now(), True: time.Now().Add(-20 * time.Second)})
		r.sees(t, "ES IST FÜNF VOR HALB DREI ····")
		time.Sleep(17*time.Second - time.Nanosecond)
		r.sees(t, "ES IST FÜNF VOR HALB DREI ····")
		time.Sleep(time.Nanosecond)
		r.sees(t, "ES IST HALB DREI")
	})
}

// TestChaos hurts the panel at random and heals it: afterwards it is right.
func TestChaos(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 20)
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	proof.Row(t, begin, "display: random faults of bus and chips, the face is right within 10 s of the last",
		fmt.Sprintf("%d seeds x 100 faults", len(seeds)))
}

func chaos(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := start(t, june(14, 30, 3), nil)
	for range 100 {
		f := sim.Fault{
			Kind:  sim.Kind(rng.IntN(6)),
			Byte:  rng.IntN(19),
			Whole: rng.IntN(2) == 0,
			Times: rng.IntN(4),
		}
		if f.Kind == sim.Slow {
			f.Delay = time.Duration(rng.IntN(5)) * time.Millisecond
		}
		if rng.IntN(3) > 0 {
			f.Addr = hal.LEDAddrs[rng.IntN(10)]
		}
		if f.Kind == sim.Flip {
			f.Mask = 1 << rng.IntN(8)
		}
		c := r.Rows[rng.IntN(10)]
		switch rng.IntN(8) {
		case 0:
			r.Surge()
		case 1:
			c.Reset()
		case 2:
			r.LEDBus.Detach(c)
		case 3:
			r.LEDBus.Detach(c) // so that it is there once
			r.LEDBus.Attach(c)
		case 4:
			r.LEDBus.Heal()
		}
		r.LEDBus.Inject(f)
		time.Sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
	}
	for _, c := range r.Rows {
		r.LEDBus.Detach(c)
		r.LEDBus.Attach(c)
	}
	r.LEDBus.Heal()
	time.Sleep(10 * time.Second)
	now := time.Now().UTC()
	time.Sleep(time.Until(now.Truncate(time.Minute).Add(clock.DefaultSettings().Transition.Duration))) // not in a fade
	r.sees(t, face.Say(now.Hour(), now.Minute(), face.Default).String())
}
