package firmware

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// laws are what was seen of a life so far, which binds what comes.
type laws struct {
	mu      sync.Mutex
	device  *device                 // that was started last
	running boot.Info               // of it; no trial once it was seen to be confirmed
	dropped bool                    // somebody asked for the other image
	cuts    int                     // of the power
	excuses map[[32]byte]string     // reasons for which an image may be remembered as bad
	results map[uint32]clock.Result // of updates
	cutsAt  map[uint32]int          // when an update was seen to be installed
	floor   int
	level   clock.Level // the setting
	proven  []ota.Bad
}

func newLaws() *laws {
	return &laws{excuses: map[[32]byte]string{}, results: map[uint32]clock.Result{}, cutsAt: map[uint32]int{}, level: clock.DefaultSettings().Individual}
}

// front keeps the service of each start.
func (l *life) front(ctx context.Context, s clock.Service, _ *slog.Logger) error {
	l.mu.Lock()
	l.device = s.(*device)
	l.mu.Unlock()
	<-ctx.Done()
	return nil
}

// service returns the present start's, or that of the one before. Of a process that
// has none yet it is waited for.
func (l *life) service() *device {
	l.t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		d := l.device
		l.mu.Unlock()
		if d != nil {
			return d
		}
		if time.Since(begin) > time.Minute {
			l.t.Fatal("nothing is started")
		}
	}
}

// made returns the parcel that has an image; nil if none ever had.
func (l *life) made(digest [32]byte) *parcel {
	for _, p := range l.parcels {
		if p.digest == digest {
			return p
		}
	}
	return nil
}

// isFaulty reports whether what runs was made to go wrong.
func (l *life) isFaulty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.made(l.running.Digest)
	return p != nil && !p.sound
}

// excuse notes a reason for which the images that are there may be given up.
func (l *life) excuse(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.table.Slots() {
		if m, err := flash.ReadSlot(flash.Region(l.cell.flash, p.Off, p.Size), p.Size); err == nil {
			l.excuses[m.Digest] += " " + reason
		}
	}
}

// witnessed holds the laws at each start of app.
func (l *life) witnessed(app boot.App) boot.App {
	return func(ctx context.Context, in boot.Info, ask boot.Asks) error {
		if !l.cell.isDead() {
			l.started(in)
		}
		return app(ctx, in, ask)
	}
}

// started holds that what starts was verified, is what was published, byte for byte,
// and has a reason to be started.
func (l *life) started(in boot.Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what := in.Desc.Version
	fuses, err := flash.LoadFuses(l.cell.fuses)
	p := l.table.Slots()[in.Slot]
	slot := flash.Region(l.cell.flash, p.Off, p.Size)
	m, e := flash.ReadSlot(slot, p.Size)
	if err = errors.Join(err, e); err == nil {
		err = boot.Admit(m, fuses)
	}
	if err != nil {
		l.t.Errorf("%s was started: %v", what, err)
		return
	}
	from := l.made(m.Digest)
	switch old := l.running; {
	case m.Digest != in.Digest:
		l.t.Errorf("%s was started, and its slot holds another image", what)
	case from == nil:
		l.t.Errorf("%s was started, and never published", what)
	case !from.is(slot):
		l.t.Errorf("%s was started, and its slot does not hold what was published", what)
	case in.Desc.Project != "wordclock":
		l.t.Errorf("%s was started, of project %s", what, in.Desc.Project)
	case old.Boot > 0 && old.Digest != in.Digest && !old.Trial && !in.Trial && !l.dropped:
		l.t.Errorf("%s was started, though %s had proven itself", what, old.Desc.Version)
	}
	l.running, l.dropped = in, false
}

// is reports whether a slot begins with the image of p.
func (p *parcel) is(slot flash.Device) bool {
	got := make([]byte, len(p.image))
	_, err := slot.ReadAt(got, 0)
	return err == nil && bytes.Equal(got, p.image)
}

// observe holds the laws about what can be seen of the clock from outside.
func (l *life) observe() {
	l.t.Helper()
	synctest.Wait()
	if l.areAway() {
		l.excuse("check_failed")
	}
	d := l.service()
	s, _ := d.Watch()
	if s.Settings.Individual != l.level {
		l.t.Errorf("the level is %d, and was set to %d", s.Settings.Individual, l.level)
	}
	l.mu.Lock()
	if s.Boot == l.running.Boot && !s.Trial {
		l.running.Trial = false
	}
	l.mu.Unlock()
	l.observeFloor()
	l.observeHistory(s.Update.History)
	l.observeBad(d.readUpdates().Bad)
	l.observeFace()
}

func (l *life) observeFloor() {
	l.t.Helper()
	f, err := flash.LoadFuses(l.cell.fuses)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || f.Level() < l.floor || int(l.running.Desc.SecureVersion) < f.Level() {
		l.t.Errorf("%s of secure version %d runs; the floor is %d, and was %d, %v", l.running.Desc.Version, l.running.Desc.SecureVersion, f.Level(), l.floor, err)
	}
	l.floor = f.Level()
}

// follows says what a result may become.
var follows = map[clock.Result][]clock.Result{
	clock.Installed: {clock.Confirmed, clock.RolledBack, clock.Failed},
	clock.Confirmed: {clock.RolledBack},
}

// observeHistory holds that what was said of an update stays so.
func (l *life) observeHistory(history []clock.Attempt) {
	l.t.Helper()
	there := map[uint32]bool{}
	newest := uint32(0)
	for _, a := range history {
		there[a.Number], newest = true, a.Number
		old, seen := l.results[a.Number]
		l.results[a.Number] = a.Result
		switch {
		case !seen && a.Result == clock.Installed:
			l.cutsAt[a.Number] = l.cuts
			fallthrough
		case !seen:
			l.observeAttempt(a)
		case old != a.Result && !slices.Contains(follows[old], a.Result):
			l.t.Errorf("update %d is %s, and was %s", a.Number, a.Result, old)
		case old != a.Result && strings.HasPrefix(a.Reason, "another image runs") && l.cutsAt[a.Number] == l.cuts:
			l.t.Errorf("update %d was installed, and is %s without a power cut: %s", a.Number, a.Result, a.Reason)
		}
	}
	for n, was := range l.results {
		nothing := was == clock.UpToDate && l.results[n+1] == clock.UpToDate // of those in a row the last is kept
		if !there[n] && n+clock.HistorySize > newest && !nothing {
			l.t.Errorf("update %d is forgotten, after %d", n, newest)
		}
	}
}

// observeAttempt holds that nothing was installed that must not be.
func (l *life) observeAttempt(a clock.Attempt) {
	l.t.Helper()
	p := l.parcels[a.SHA256]
	installed := a.Result != clock.Failed && a.Result != clock.UpToDate && a.Result != clock.Interrupted
	switch {
	case !installed:
	case p == nil:
		l.t.Errorf("update %d installed what was never published: %s", a.Number, a.SHA256)
	case p.kind == "chip" || p.kind == "project" || p.kind == "torn" || p.kind == "unsigned" && l.signed:
		l.t.Errorf("update %d installed %s of kind %s", a.Number, a.Version, p.kind)
	case !a.Forced && slices.ContainsFunc(l.proven, func(b ota.Bad) bool { return b.SHA256 == a.SHA256 }):
		l.t.Errorf("update %d installed %s, which was known to be bad", a.Number, a.Version)
	}
}

// observeBad holds that a good image is not remembered as bad for a power cut.
func (l *life) observeBad(bad []ota.Bad) {
	l.t.Helper()
	l.proven = nil
	for _, b := range bad {
		p := l.parcels[b.SHA256]
		if !b.Proven {
			continue
		}
		l.proven = append(l.proven, b)
		if p == nil || !p.sound || p.kind == "unsigned" {
			continue
		}
		excused := slices.ContainsFunc(strings.Fields(l.excuses[p.digest]), func(reason string) bool { return strings.Contains(b.Reason, reason) })
		if !excused {
			l.t.Errorf("%s is good, and remembered as bad: %s", b.Version, b.Reason)
		}
	}
}

// observeFace holds that the right words are lit, in time.
func (l *life) observeFace() {
	l.t.Helper()
	limit := 3 * time.Second
	if l.isFaulty() {
		limit = 20 * time.Second // what hangs has to be noticed first
	}
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		got, want := l.board.Seen(), says(time.Now().In(l.zone)).Mask()
		if got == want {
			return
		}
		if time.Since(begin) > limit {
			l.t.Errorf("sees %04X, want %04X", got, want)
			return
		}
	}
}
