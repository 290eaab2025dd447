package boot

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"wordclockd/internal/flash"
)

// TestNews: that an image was given up is told once, to whichever start comes next,
// be it in another process.
func TestNews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|2NEW", "1.0", "2.0")
		store := r.store()
		l := &Loader{Store: store, Log: r.log.Logger()}
		if in, err := l.choose(Reset{}); err != nil || !in.Trial {
			t.Fatalf("%+v, %v", in, err)
		}
		if err := store.Reject(1, CheckFailed); err != nil { // and then the process is killed
			t.Fatal(err)
		}
		for n, now := range []bool{true, false, false} {
			l := &Loader{Store: r.store(), Log: r.log.Logger()}
			in, err := l.choose(Reset{})
			if err != nil || in.GaveUp == nil || in.GaveUp.Reason != CheckFailed || in.GaveUp.Now != now {
				t.Errorf("start %d: %+v, %v, want news: %t", n, in.GaveUp, err, now)
			}
		}
	})
}

// TestNewsFirst: of two images that were given up, the one that nobody was told of
// comes first, whatever its number.
func TestNewsFirst(t *testing.T) {
	o := parseOtadata(t, "1INV|2INV")
	o[0] = record{starts: 1, reason: Crashed, hosts: blankRecord.hosts}.write(o[0])
	o[1] = record{starts: 1, reason: CheckFailed, told: true, hosts: blankRecord.hosts}.write(o[1])
	v := View{Contents: []Content{{Slot: 0}, {Slot: 1}, {Slot: Factory}}, Entries: o}
	if g := v.gaveUp(Factory); g == nil || g.Slot != 0 || !g.Now || g.Reason != Crashed {
		t.Errorf("%+v", g)
	}
	v.Entries[0] = told(o[0])
	if g := v.gaveUp(Factory); g == nil || g.Slot != 1 || g.Now || g.Reason != CheckFailed {
		t.Errorf("%+v", g)
	}
}

// TestRestartWhileBackingOff: who asks for a restart while a broken image waits for its
// turn, gets it at once.
func TestRestartWhileBackingOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, "1V|-", "1.0")
		var at []time.Time
		broken := func(context.Context, Info, Asks) error {
			at = append(at, time.Now())
			if len(at) == 5 {
				time.AfterFunc(time.Second, func() { r.loader.Restart(User) })
			}
			return io.ErrUnexpectedEOF
		}
		if err := r.run(broken, broken, broken, broken, broken, restart); err != nil {
			t.Fatal(err)
		}
		if waited := at[4].Sub(at[3]); waited != 8*time.Second {
			t.Errorf("waited %s", waited)
		}
		if waited := r.starts[5].at - r.starts[4].at; waited < time.Second || waited > 1200*time.Millisecond {
			t.Errorf("waited %s, and was asked to restart after 1 s", waited)
		}
	})
}

// failing is a device that can be read a few times only.
type failing struct {
	flash.Device
	left int
}

func (d *failing) ReadAt(p []byte, off int64) (int, error) {
	if d.left--; d.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return d.Device.ReadAt(p, off)
}

// TestUnreadableFuses do not fail open: what they demanded, they still demand; and if
// nobody knows what that is, nothing is started.
func TestUnreadableFuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		reads int // that succeed
		want  []int
	}{
		{"later", 2, []int{0}},
		{"at once", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "1V|2V")
			r.write(0, build(t, "1.0", 1))
			r.write(1, build(t, "2.0", 0)) // is too old
			if err := flash.BurnFuses(r.fuses, flash.Fuses{}.Raise(1)); err != nil {
				t.Fatal(err)
			}
			s, err := Open(r.dev, &failing{r.fuses, c.reads}, r.table, "boot id")
			if err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				v, err := s.Look()
				if p := s.Plan(v); len(p.Try) != len(c.want) || len(p.Try) > 0 && p.Try[0] != c.want[0] {
					t.Errorf("look %d: try %d, want %d", n, p.Try, c.want)
				}
				if failed := n > 0 || c.reads == 0; failed != errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("look %d: error %v", n, err)
				}
			}
		})
	}
}
