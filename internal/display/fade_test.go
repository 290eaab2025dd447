package display

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
)

// inOut and straight are levels of the firmware on their way from 0 to 60, and back, in
// steps of 5 % of the duration.
var (
	inOut    = [2][21]int{{0, 0, 1, 2, 4, 7, 10, 14, 19, 24, 30, 35, 40, 45, 49, 52, 55, 57, 58, 59, 60}, {60, 59, 58, 57, 55, 52, 49, 45, 40, 35, 30, 24, 19, 14, 10, 7, 4, 2, 1, 0, 0}}
	straight = [2][21]int{{0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57, 60}, {60, 57, 54, 51, 48, 45, 42, 39, 36, 33, 30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 0}}
)

// TestFade watches a change: what is in both faces stays, the other words follow their
// curve, minute LEDs go straight in half the time, and at the end all is exact.
func TestFade(t *testing.T) {
	for _, c := range []struct{ name, from, to string }{
		{"words come", "ES IST HALB DREI ····", "ES IST FÜNF NACH HALB DREI"},
		{"words come and go", "ES IST FÜNF NACH HALB DREI ····", "ES IST ZWANZIG VOR DREI"},
		{"minute LEDs alone", "ES IST HALB DREI", "ES IST HALB DREI ·"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := map[string]int{"ES IST HALB DREI": 30, "ES IST HALB DREI ····": 34, "ES IST FÜNF NACH HALB DREI ····": 39}[c.from]
				r := start(t, june(14, at, 57), nil)
				from, to := mask(c.from), mask(c.to)
				time.Sleep(3*time.Second - time.Nanosecond)
				r.sees(t, c.from)
				time.Sleep(time.Nanosecond)
				for n := range 21 {
					synctest.Wait()
					if got, want := r.Duty(), midway(from, to, n); got != want {
						t.Fatalf("at %d %%: %v, want %v", 5*n, got, want)
					}
					time.Sleep(100 * time.Millisecond)
				}
				r.sees(t, c.to)
				r.logged(t)
			})
		})
	}
}

// midway returns the duties in step n of 20 of a fade in default settings.
func midway(from, to face.Mask, n int) (duty [10][16]uint16) {
	for row := range duty {
		for col := range duty[row] {
			curve, step := inOut, n
			if col >= face.Letters {
				curve, step = straight, min(2*n, 20)
			}
			switch was, is := from.Lit(row, col), to.Lit(row, col); {
			case was && is:
				duty[row][col] = 60 * 180
			case was:
				duty[row][col] = uint16(curve[1][step] * 180)
			case is:
				duty[row][col] = uint16(curve[0][step] * 180)
			}
		}
	}
	return duty
}

// Duty returns for how much of the time each LED is on, in 1/255².
func (r *rig) Duty() (duty [10][16]uint16) {
	for row, c := range r.Rows {
		duty[row] = c.Duty()
	}
	return duty
}

// TestWordsBeginInTime watches each minute of hours: within a frame of the boundary the
// face moves, and when the fade has to be over it is.
func TestWordsBeginInTime(t *testing.T) {
	begin := time.Now()
	minutes := 10 * len(proof.Seeds(t, 24))
	synctest.Test(t, func(t *testing.T) {
		at := june(0, 0, 0)
		r := start(t, at, nil, unchecked)
		for n := 1; n <= minutes && !t.Failed(); n++ {
			was := r.Duty()
			at = at.Add(time.Minute)
			time.Sleep(time.Until(at.Add(frame)))
			synctest.Wait()
			if r.Duty() == was {
				t.Errorf("%s: no change within %s", at, frame)
			}
			time.Sleep(2*time.Second - frame)
			r.sees(t, face.Say(at.Hour(), at.Minute(), face.Default).String())
		}
	})
	proof.Row(t, begin, "display: fades begin within 20 ms of their minute, and end in time and exactly", fmt.Sprintf("%d minutes", minutes))
}

// TestRetarget changes the time and the levels at random moments, mostly in the middle of
// fades: no LED ever jumps, and in the end the face is exact.
func TestRetarget(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 20)
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) { retarget(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	proof.Row(t, begin, "display: faces and levels change during fades, no LED jumps", fmt.Sprintf("%d seeds x 30 changes", len(seeds)))
}

func retarget(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	r := start(t, june(14, 30, 3), nil, unchecked)
	// In 20 ms: the steepest curve goes 2 x 20 ms / 2 s of the way, a glide from 40 to
	// 80 goes 5 % on in 20 ms, one of the group from 90 to 180 1.4 %; and a count is 1.
	const most = (80*(2*0.01+0.05)+1)*180 + 80*180*0.015
	was := r.Duty()
	for range 30 {
		switch rng.IntN(4) {
		case 0:
			r.light.Update(func(l *clock.Light) { l.Individual = clock.Level(40 + rng.IntN(41)) })
		case 1:
			r.light.Update(func(l *clock.Light) { l.Group = clock.Level(90 + rng.IntN(91)) })
		default:
			r.time.Set(clock.FromHost(time.Now(), time.FixedZone("", 60*rng.IntN(24*60))))
		}
		for range rng.IntN(80) {
			time.Sleep(fadeFrame)
			synctest.Wait()
			is := r.Duty()
			for row := range is {
				for col := range is[row] {
					if step := int(is[row][col]) - int(was[row][col]); step > most || -step > most {
						t.Fatalf("LED %d,%d jumps from %d to %d, that is %.1f counts", row, col, was[row][col], is[row][col], float64(step)/180)
					}
				}
			}
			was = is
		}
	}
	time.Sleep(2100 * time.Millisecond)
	local, _ := r.time.Get().At(time.Now())
	r.sees(t, face.Say(local.Hour(), local.Minute(), face.Default).String())
}

// TestFadeIsNotHeldUp: a driver that holds the bus when it is tried again waits for the end
// of a fade.
func TestFadeIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stuck = 8
		at := june(12, 4, 0)
		r := start(t, june(12, 3, 5), func(b *sim.Board) {
			b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[stuck], Delay: 137 * time.Millisecond})
		})
		for range 30 {
			from, to := face.Say(at.Hour(), at.Minute()-1, face.Default).Mask(), face.Say(at.Hour(), at.Minute(), face.Default).Mask()
			for n := 1; n <= 20; n++ {
				time.Sleep(time.Until(at.Add(time.Duration(n) * 100 * time.Millisecond)))
				synctest.Wait()
				got, want := r.Duty(), midway(from, to, n)
				if got[stuck] = want[stuck]; got != want {
					t.Fatalf("%s, at %d %%: %v, want %v", at, 5*n, got, want)
				}
			}
			at = at.Add(time.Minute)
		}
	})
}

// TestFadeIsOver: a fade that is switched off, or told to be another one, is at its end.
func TestFadeIsOver(t *testing.T) {
	for name, change := range map[string]func(*clock.Transition){
		"off":       func(how *clock.Transition) { how.Off = true },
		"curve in":  func(how *clock.Transition) { how.In = clock.Bounce },
		"curve out": func(how *clock.Transition) { how.Out = clock.Linear },
		"duration":  func(how *clock.Transition) { how.Duration = 5 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, june(14, 34, 59), nil)
				time.Sleep(2 * time.Second) // halfway
				if r.Lit()[3][7] == 43 {
					t.Fatal("the fade is over by itself")
				}
				r.settings.Update(func(s *clock.Settings) { change(&s.Transition) })
				r.sees(t, "ES IST FÜNF NACH HALB DREI")
			})
		})
	}
}

// TestUnknownInFade: a time that is not known any more is not faded to, nor from.
func TestUnknownInFade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, june(14, 34, 58), nil)
		time.Sleep(4 * time.Second)
		r.time.Set(clock.FromHost(time.Now(), time.FixedZone("", 3600)))
		time.Sleep(time.Second)
		r.time.Set(clock.Time{})
		r.sees(t, "")
		time.Sleep(time.Second)
		r.sees(t, "····")
		r.time.Set(clock.FromHost(time.Now(), nil))
		r.sees(t, "ES IST FÜNF NACH HALB DREI")
	})
}
