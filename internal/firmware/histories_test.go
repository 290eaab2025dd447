package firmware

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/proof"
)

// TestHistories lets clocks live through whatever can come together: releases of all
// kinds, sources that fail in all ways, updates that are begun, cancelled and forced,
// rollbacks, restarts, processes that are killed, and power that goes at any moment.
// After each event the laws of a life hold; and once the sources are well again, so
// that a good release can be had, it is installed and confirmed.
func TestHistories(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, proof.Shorter(30))
	var mu sync.Mutex
	results, happened := map[clock.Result]int{}, 0
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel() // they wait for the disk, most of the time
				synctest.Test(t, func(t *testing.T) {
					l := lived(t, seed)
					mu.Lock()
					defer mu.Unlock()
					happened += len(l.told)
					for _, r := range l.results {
						results[r]++
					}
				})
			})
		}
	})
	proof.Row(t, begin, "firmware: random histories of updates, faults, kills and power cuts: the laws hold after each event, and a good release is installed in the end",
		fmt.Sprintf("%d seeds, %d events; %d updates confirmed, %d rolled back, %d failed, %d interrupted", len(seeds), happened,
			results[clock.Confirmed], results[clock.RolledBack], results[clock.Failed], results[clock.Interrupted]))
}

// lived returns a life that is over.
func lived(t *testing.T, seed uint64) *life {
	l := born(t, seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d: %s\n%s", seed, strings.Join(l.told, "; "), l.log.String())
		}
	})
	for range 10 + l.random.IntN(10) {
		l.event()
		l.observe()
		if t.Failed() {
			return l
		}
	}
	l.recovers()
	return l
}

// An event is something that happens to a clock, and how often it comes.
type event struct {
	often int
	do    func(*life) string
}

var events = []event{
	{6, (*life).publish},
	{4, (*life).disturb},
	{8, (*life).update},
	{2, (*life).rollBack},
	{1, (*life).confirm},
	{2, func(l *life) string { l.restart(); return "restart" }},
	{3, func(l *life) string { l.kill(false); return "kill" }},
	{4, func(l *life) string { l.kill(true); return "cut" }},
	{2, (*life).set},
	{2, (*life).check},
	{2, func(l *life) string { l.do(clock.Restart, nil); return "reboot" }},
	{4, func(l *life) string { l.pause(15 * time.Minute); return "wait" }},
}

// event lets something happen, and some time pass.
func (l *life) event() {
	e := draw(l, events, func(e event) int { return e.often })
	l.told = append(l.told, e.do(l))
	l.pause([]time.Duration{time.Second, 10 * time.Second, 2 * time.Minute}[l.random.IntN(3)])
}

// draw returns one of all, by how often each comes.
func draw[T any](l *life, all []T, often func(T) int) T {
	n := 0
	for _, x := range all {
		n += often(x)
	}
	n = l.random.IntN(n)
	for _, x := range all {
		if n -= often(x); n < 0 {
			return x
		}
	}
	panic("nothing to draw from")
}

// publish brings a release to both sources, or to one: a new one, or one that was there
// before.
func (l *life) publish() string {
	p := l.published[l.random.IntN(len(l.published))]
	if l.random.IntN(6) > 0 {
		p = l.pack(draw(l, slices.Sorted(maps.Keys(kinds)), func(k string) int { return kinds[k] }))
	}
	told := fmt.Sprintf("publish %s %s", p.kind, p.manifest.Version)
	for i, d := range l.depots {
		if where := l.random.IntN(4); where == i {
			told += ", not at " + d.host
			continue
		}
		d.stock(l.t, p)
	}
	return told
}

// disturb lets a source go wrong, or be well again.
func (l *life) disturb() string {
	d := l.depots[l.random.IntN(2)]
	faults := []string{
		"", "", "", "", "", "404", "503", "hang", "refuse", "manifest:404", "image:404", "image:hang", "pieces:hang", "pieces:503", "norange", "stale", "manifest:flip=30",
		fmt.Sprintf("cut=%d%%", l.random.IntN(100)), fmt.Sprintf("stall=%d%%", l.random.IntN(100)), fmt.Sprintf("flip=%d%%", l.random.IntN(100)),
	}
	how := faults[l.random.IntN(len(faults))]
	d.fail(how)
	return fmt.Sprintf("%s: %q", d.host, how)
}

// areAway reports whether no source can be reached.
func (l *life) areAway() bool {
	return !slices.ContainsFunc(l.depots, func(d *depot) bool { _, refuse := d.state(); return !refuse })
}

// do has the clock do something, which it may have reasons not to do.
func (l *life) do(name string, args map[string]string) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	_, err := l.service().Do(ctx, clock.Command{Name: name, Args: args})
	return err
}

// update begins an update, and may let something happen in the middle of it.
func (l *life) update() string {
	args := map[string]string{"force": fmt.Sprint(l.random.IntN(4) == 0)}
	if n := l.random.IntN(4); n < 2 {
		args["source"] = clock.Sources[n].String()
	}
	told := fmt.Sprintf("update %v %v", args, l.do(clock.StartOTA, args))
	if l.random.IntN(2) == 0 {
		return told
	}
	l.pause(500 * time.Millisecond)
	switch l.random.IntN(4) {
	case 0:
		return told + fmt.Sprint(", cancel ", l.do(clock.CancelOTA, nil))
	case 1:
		l.kill(false)
		return told + ", kill"
	case 2:
		l.kill(true)
		return told + ", cut"
	}
	return told + ", " + l.disturb()
}

func (l *life) rollBack() string {
	l.mu.Lock()
	l.dropped = true
	l.mu.Unlock()
	l.excuse("user")
	err := l.do(clock.RollBackOTA, nil)
	if err != nil {
		l.mu.Lock()
		l.dropped = false
		l.mu.Unlock()
	}
	return fmt.Sprint("rollback ", err)
}

// confirm keeps an image on trial, as a user would who sees that it is good.
func (l *life) confirm() string {
	if l.isFaulty() {
		return "no confirm"
	}
	return fmt.Sprint("confirm ", l.do(clock.ConfirmOTA, nil))
}

func (l *life) set() string {
	level := clock.Level(5 + l.random.IntN(76))
	_, err := l.service().Change(l.t.Context(), func(s *clock.Settings) error { s.Individual = level; return nil })
	if err == nil {
		l.level = level
	}
	return fmt.Sprint("set ", level, " ", err)
}

func (l *life) check() string {
	err := l.do(clock.CheckOTA, map[string]string{"source": clock.Sources[l.random.IntN(2)].String()})
	return fmt.Sprint("check ", err)
}

// recovers holds that once the sources are well, a good release is installed.
func (l *life) recovers() {
	l.t.Helper()
	for _, d := range l.depots {
		d.fail("")
	}
	l.settles(isIdle)
	l.observe()
	p := l.pack("newer")
	for _, d := range l.depots {
		d.stock(l.t, p)
	}
	err := l.do(clock.StartOTA, nil)
	l.told = append(l.told, fmt.Sprint("last update ", err))
	if err != nil && !errors.Is(err, &clock.UnavailableError{Code: "ota_already_running"}) {
		l.t.Errorf("the last update: %v", err)
	}
	l.settles(func(s clock.Status) bool { return s.Version == p.desc.Version && !s.Trial })
	l.observe()
}

// isIdle reports whether an update can be begun.
func isIdle(s clock.Status) bool {
	h := s.Update.History
	return s.Update.Present == nil && !s.Trial && (len(h) == 0 || h[len(h)-1].Result != clock.Installed)
}

// settles waits until the clock is as it is wanted to be, for as long as an update and
// its trial can take.
func (l *life) settles(as func(clock.Status) bool) {
	l.t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Second) {
		s, _ := l.service().Watch()
		if as(s) {
			return
		}
		if time.Since(begin) > 15*time.Minute {
			l.t.Fatalf("it does not settle: %s, trial %t, update %+v", s.Version, s.Trial, s.Update)
		}
	}
}
