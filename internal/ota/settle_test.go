package ota

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// TestSettle are the conclusions of a start.
func TestSettle(t *testing.T) {
	one, two := [32]byte{1}, [32]byte{2}
	attempt := func(result clock.Result, digest [32]byte) clock.Attempt {
		return clock.Attempt{Number: 4, Result: result, Version: "2.12.0", SHA256: "cafe", Digest: digest32(digest)}
	}
	yes := func() bool { return true }
	crashed := &GaveUp{Digest: one, Reason: "crashed", Text: "ouch"}
	for _, c := range []struct {
		name    string
		record  Record
		running Running
		result  clock.Result
		reason  string
		bad     bool
	}{
		{"it runs, on trial", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: one, Trial: yes}, clock.Installed, "", false},
		{"it runs", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: one}, clock.Confirmed, "", false},
		{"it crashed", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: two, GaveUp: crashed}, clock.RolledBack, "crashed: ouch", true},
		{"it is gone", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: two, GaveUp: &GaveUp{Version: "2.12.0", Reason: "image_invalid"}}, clock.RolledBack, "image_invalid", true},
		{"the power went", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "power_lost", Cut: true}}, clock.RolledBack, "power_lost", false},
		{"another was given up, long ago", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: two, GaveUp: &GaveUp{Digest: [32]byte{3}, Reason: "crashed"}}, clock.RolledBack, "another image runs", false},
		{"confirmed, and given up later", Record{History: []clock.Attempt{attempt(clock.Confirmed, one)}}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "user", News: true}}, clock.RolledBack, "user", true},
		{"confirmed, and fetched again over one that was given up", Record{History: []clock.Attempt{attempt(clock.Confirmed, one)}}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "crashed"}}, clock.Confirmed, "", false},
		{"it was damaged before its start", Record{History: []clock.Attempt{attempt(clock.Installed, one)}}, Running{Digest: two, Instead: "image_invalid: torn"}, clock.RolledBack, "image_invalid: torn", false},
		{"confirmed, and it runs", Record{History: []clock.Attempt{attempt(clock.Confirmed, one)}}, Running{Digest: one, GaveUp: crashed}, clock.Confirmed, "", false},
		{"failed, whatever runs", Record{History: []clock.Attempt{attempt(clock.Failed, one)}}, Running{Digest: two, GaveUp: crashed}, clock.Failed, "", false},
		{"killed right after the switch", Record{Present: new(attempt(clock.Underway, one))}, Running{Digest: one, Trial: yes}, clock.Installed, "", false},
		{"killed right after the switch, and crashed", Record{Present: new(attempt(clock.Underway, one))}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "crashed", Text: "ouch", News: true}}, clock.RolledBack, "crashed: ouch", true},
		{"killed right before the switch, in the slot of one that was given up", Record{Present: new(attempt(clock.Underway, one))}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "hung"}}, clock.Interrupted, "begins anew", false},
		{"confirmed before, and fetched into the slot of one that was given up", Record{History: []clock.Attempt{attempt(clock.Confirmed, one)}, Plan: &Plan{Size: 100, Done: 100}}, Running{Digest: two, GaveUp: &GaveUp{Digest: one, Reason: "hung"}}, clock.Confirmed, "", false},
		{"killed right before the switch", Record{Present: new(attempt(clock.Underway, one))}, Running{Digest: two}, clock.Interrupted, "begins anew", false},
		{"killed before", Record{Present: &clock.Attempt{Number: 4}, Plan: &Plan{Size: 100, Done: 64}}, Running{Digest: two}, clock.Interrupted, "goes on where it was", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.record
			r.settle(c.running, time.Unix(0, 0))
			if r.Present != nil || len(r.History) != 1 {
				t.Fatalf("%+v", r)
			}
			a := r.History[0]
			if a.Result != c.result || a.Reason != c.reason && (len(c.reason) < 10 || !strings.Contains(a.Reason, c.reason)) || (len(r.Bad) == 1) != c.bad {
				t.Errorf("%+v, want %s, %q; bad %+v", a, c.result, c.reason, r.Bad)
			}
			again := r
			again.settle(c.running, time.Unix(9, 0))
			if d := cmp.Diff(r, again); d != "" {
				t.Errorf("the next start comes to something else: %s", d)
			}
		})
	}
}

func digest32(d [32]byte) string { return hex.EncodeToString(d[:]) }

// TestInterrupted: an update goes on after a restart, from the bytes that are there.
func TestInterrupted(t *testing.T) {
	for _, pieces := range []bool{false, true} {
		in(t, func(t *testing.T) {
			next := built("2.12.0", func(b *flash.Build) { b.Size = 20 * PieceSize })
			if pieces {
				next = next.pieced()
			}
			r := newRig(t, running, next.site().dies(10*PieceSize+7, stays).once(next.site()), next.site(), func(c *UpdaterConfig) { c.OTA.Stall = time.Hour })
			if _, err := r.Start(Start{}); err != nil {
				t.Fatal(err)
			}
			r.reaches(Downloading)
			time.Sleep(time.Second)
			r.stop()
			r.boot(nil)
			a := r.history()[0]
			if a.Result != clock.Interrupted || a.State != "failed" || !strings.Contains(a.Reason, "`ota update`") {
				t.Errorf("%+v", a)
			}
			synctest.Wait()
			b := r.update(Start{})
			if b.Result != clock.Installed || b.Number != 2 || b.Fetched > b.Size-9*PieceSize {
				t.Errorf("%+v", b)
			}
			r.holds(next)
		})
	}
}

// TestPlanDropped: what the slot holds of another image is of no use.
func TestPlanDropped(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", func(b *flash.Build) { b.Size = 20 * PieceSize })
		r := newRig(t, running, next.site().dies(10*PieceSize+7, stays), status(404), func(c *UpdaterConfig) { c.OTA.Stall = time.Hour })
		if _, err := r.Start(Start{}); err != nil {
			t.Fatal(err)
		}
		r.reaches(Downloading)
		time.Sleep(time.Second)
		if err := r.Cancel(t.Context()); err != nil {
			t.Error(err)
		}
		other := built("2.12.1", func(b *flash.Build) { b.Size = 20 * PieceSize })
		r.swap(other.site(), other.site())
		if a := r.update(Start{}); a.Result != clock.Installed || a.Fetched != a.Size {
			t.Errorf("%+v", a)
		}
		r.holds(other)
		if must(ParseRecord(r.kept)).Plan != nil {
			t.Error("the plan is kept")
		}
	})
}

// TestRecord survives being written down, but for the steps, and stays small.
func TestRecord(t *testing.T) {
	now := time.Unix(1, 0).UTC()
	long := strings.Repeat("long ", 200)
	a := clock.Attempt{Number: 7, Result: clock.Installed, Version: "2.12.0", Begun: now, Ended: now, Causes: map[string]string{"github": "dns"},
		Sources: map[string]clock.Served{"github": {Requests: 1, Error: bounded(long)}}, Warnings: []string{bounded(long)}, Reason: bounded(long), Steps: []clock.Step{}}
	r := Record{Next: 8, Present: new(a), Plan: &Plan{SHA256: "cafe", Size: 9, Source: "github", Slot: "ota_1", Done: 9}, Last: &clock.Check{At: now, Warnings: []string{}}}
	for range 40 {
		r.History = added(r.History, a, clock.HistorySize)
		r.condemn(Bad{SHA256: string(rune('a' + len(r.Bad))), Reason: bounded(long), At: now})
	}
	p := must(AppendRecord(nil, r))
	got := must(ParseRecord(p))
	if d := cmp.Diff(r, got); d != "" {
		t.Error(d)
	}
	if len(p) > 100<<10 || len(r.History) != clock.HistorySize || len(r.Bad) != maxBad {
		t.Errorf("%d bytes, %d updates, %d bad images", len(p), len(r.History), len(r.Bad))
	}
	a.Steps = []clock.Step{{Number: 1}}
	r.History, r.Present = []clock.Attempt{a}, &a
	if p := must(AppendRecord(nil, r)); bytes.Contains(p, []byte(`"percent"`)) || len(a.Steps) != 1 {
		t.Errorf("%s", p)
	}
	for _, text := range []string{"", "x", "[]", `{"plan":{"size":1,"done":2}}`, `{"plan":{"size":-1}}`, `{"history":{}}`} {
		if r, err := ParseRecord([]byte(text)); err == nil || r.Next != 0 {
			t.Errorf("%q: %+v", text, r)
		}
	}
	got, err := ParseRecord([]byte(`{"present":{"steps":null},"history":[{"number":41,"steps":null}]}`))
	if err != nil || got.Next != 42 || got.Present.Steps == nil || got.History[0].Steps == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRevise: what the last check offered is not on offer any more once it runs, waits
// for the restart, or was bad; another version that runs is told of.
func TestRevise(t *testing.T) {
	one := [32]byte{1}
	check := func(available string) *clock.Check {
		return &clock.Check{UpdateAvailable: true, CurrentVersion: "2.11.3", AvailableVersion: available, Source: "github",
			Sources: map[string]clock.SourceAnswer{"github": {SHA256: "cafe"}}}
	}
	running := func(version string) Running { return Running{Desc: flash.Desc{Version: version}, Digest: one} }
	history := func(r clock.Result, digest string) []clock.Attempt {
		return []clock.Attempt{{Result: r, SHA256: "cafe", Digest: digest}}
	}
	for _, c := range []struct {
		name    string
		record  Record
		running Running
		want    bool
	}{
		{"as it was", Record{Last: check("2.12.0")}, running("2.11.3"), true},
		{"it runs", Record{Last: check("2.12.0")}, running("2.12.0"), false},
		{"it is bad", Record{Last: check("2.12.0"), Bad: []Bad{{SHA256: "cafe"}}}, running("2.11.3"), false},
		{"another is bad", Record{Last: check("2.12.0"), Bad: []Bad{{SHA256: "beef"}}}, running("2.11.3"), true},
		{"it waits", Record{Last: check("2.12.0"), History: history(clock.Installed, "02")}, running("2.11.3"), false},
		{"it runs by another name", Record{Last: check("2.12.0"), History: history(clock.Confirmed, hex.EncodeToString(one[:]))}, running("2.11.3"), false},
		{"it ran once", Record{Last: check("2.12.0"), History: history(clock.Confirmed, "02")}, running("2.11.3"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.record.Last
			c.record.revise(c.running)
			if got := c.record.Last; got.UpdateAvailable != c.want || got.CurrentVersion != c.running.Version || !before.UpdateAvailable {
				t.Errorf("%+v, want %t", got, c.want)
			}
		})
	}
	new(Record).revise(running("2.11.3"))
}

// TestBounded: what sources say is stored, but not all of it.
func TestBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		long := strings.Repeat("x", 50_000)
		far := site{handler: func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://192.0.2.1/"+long, http.StatusFound)
		}}
		lengthy := serves(`{"version": "2.12.0-` + long + `", "build_date": "x", "size_bytes": 1}`)
		r := newRig(t, running, far, lengthy, nil)
		for range 3 {
			r.update(Start{})
		}
		if n := len(r.kept); n > 10_000 {
			t.Errorf("%d bytes are stored", n)
		}
		if n := len(r.log.String()); n > 20_000 {
			t.Errorf("%d bytes are logged", n)
		}
	})
}
