package mqttbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// A press is a publisher, and the clock that it is of.
type press struct {
	*publisher
	v view
}

func newPress(v view) *press {
	p := &press{newPublisher(newTeller(v.Status)), v}
	p.all(v)
	return p
}

// after returns what is published some time later, if the clock is changed then.
func (p *press) after(d time.Duration, edit func(*clock.Status)) []string {
	p.v.now = p.v.now.Add(d)
	if edit != nil {
		edit(&p.v.Status)
	}
	out, _ := p.next(p.v)
	return shown(out)
}

// TestAll holds that every state is published when a connection is up, in order, and
// nothing more until something changes.
func TestAll(t *testing.T) {
	v := views()["updating"]
	p := newPublisher(newTeller(v.Status))
	out := p.all(v)
	var want []string
	for _, x := range topics {
		if x.state != nil {
			want = append(want, x.path)
		}
	}
	var got []string
	for _, m := range out {
		path := strings.TrimPrefix(m.topic, testNames.base+"/")
		got = append(got, path)
		if x := topicOf(path); m.qos != x.qos || m.retain != x.retain || len(m.payload) == 0 {
			t.Errorf("%s: QoS %d, retained %t, %q", path, m.qos, m.retain, m.payload)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if more, wait := p.next(v); len(more) > 0 || wait != time.Minute {
		t.Errorf("%q, then after %s", shown(more), wait)
	}
	if n := len(p.all(v)); n != len(out) {
		t.Errorf("%d the second time, %d the first", n, len(out))
	}
	if n := len(newPublisher(newTeller(clock.Status{})).all(views()["empty"])); n != len(out)-4 {
		t.Errorf("%d of a clock without validations, want %d", n, len(out)-4)
	}
}

// TestPace holds that a topic is published twice a second at most, that the last value
// always comes, and B20: whoever changed it.
func TestPace(t *testing.T) {
	p := newPress(views()["fine"])
	p.v.now = p.v.now.Add(time.Second)
	n := 0
	for i := range 50 {
		p.v.Light.Group = clock.Level(100 + i)
		out, wait := p.next(p.v)
		n += len(of(shown(out), "brightness/status"))
		if len(out) == 0 && (wait <= 0 || wait > pace) {
			t.Fatalf("change %d: nothing, and not for %s", i, wait)
		}
		p.v.now = p.v.now.Add(100 * time.Millisecond)
	}
	if n < 9 || n > 11 {
		t.Errorf("%d messages in 5 s", n)
	}
	if got := of(p.after(pace, nil), "brightness/status"); !slices.Equal(got, []string{levelsAre(60, 149, false, false)}) {
		t.Errorf("last is %q", got)
	}
	if got := p.after(time.Second, nil); got != nil {
		t.Errorf("and then %q", got)
	}
}

// TestAgain holds that a state that was asked for comes though it has not changed, as
// often as others.
func TestAgain(t *testing.T) {
	p := newPress(views()["fine"])
	p.again("brightness/status", "no/such", "command")
	if got := p.after(100*time.Millisecond, nil); got != nil {
		t.Errorf("at once %q", got)
	}
	if out, wait := p.next(p.v); len(out) > 0 || wait != 400*time.Millisecond {
		t.Errorf("wait %s", wait)
	}
	if got := p.after(400*time.Millisecond, nil); !slices.Equal(got, []string{"brightness/status=" + levelsAre(60, 180, false, false)}) {
		t.Errorf("after half a second %q", got)
	}
	if got := p.after(time.Second, nil); got != nil {
		t.Errorf("and then %q", got)
	}
}

// update returns an attempt that has taken steps, ten percent each.
func updateOf(number uint32, states ...string) clock.Attempt {
	a := clock.Attempt{Number: number, From: "2.11.3", Version: "2.12.0", Source: "github", Size: 1000, Begun: at}
	for i, s := range states {
		percent := min(100, 10*i)
		a.Steps = append(a.Steps, clock.Step{Number: i + 1, State: s, Source: "github", Percent: percent, Bytes: int64(percent * 10), At: at.Add(time.Duration(i) * time.Second)})
		a.State = s
	}
	return a
}

// TestSteps holds B11: each step of each update is published once, in order, however many
// came together; and the update entity's state with it.
func TestSteps(t *testing.T) {
	p := newPress(views()["fine"])
	var got []string
	see := func(edit func(*clock.Status)) {
		for _, payload := range of(p.after(10*time.Millisecond, edit), otaProgress) {
			var w progressState
			decode(t, payload, &w)
			got = append(got, fmt.Sprint(w.State, w.Progress, w.Cause))
		}
	}
	present := func(a clock.Attempt) func(*clock.Status) {
		return func(s *clock.Status) { s.Update.Present = &a }
	}
	over := func(a clock.Attempt, edit func(*clock.Attempt)) func(*clock.Status) {
		edit(&a)
		a.Ended = at.Add(time.Minute)
		return func(s *clock.Status) {
			s.Update.Present, s.Update.History = nil, append(slices.Clone(s.Update.History), a)
		}
	}
	see(present(updateOf(6, "checking")))
	see(present(updateOf(6, "checking", "downloading")))
	see(present(updateOf(6, "checking", "downloading", "downloading", "downloading", "verifying")))
	see(nil)
	see(over(updateOf(6, "checking", "downloading", "downloading", "downloading", "verifying", "failed"), func(a *clock.Attempt) {
		a.Result, a.Error, a.Cause = clock.Failed, "Checksum mismatch", "wrong_bytes"
	}))
	see(present(updateOf(7, "checking", "downloading")))
	see(over(updateOf(7, "checking", "downloading", "verifying", "flashing", "complete"), func(a *clock.Attempt) { a.Result = clock.Installed }))
	see(nil)
	want := []string{
		"checking0", "downloading10", "downloading20", "downloading30", "verifying40", "failed50wrong_bytes",
		"checking0", "downloading10", "verifying20", "flashing30", "complete40",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	var u updateState
	decode(t, string(p.sent["update/state"].payload), &u)
	if !u.InProgress || *u.Percentage != 40 || u.Latest != "2.12.0" {
		t.Errorf("before the restart: %+v", u)
	}
}

// TestStepsOfAll holds that steps that came right before everything is published anew are
// told, and that a new connection is told of the newest alone.
func TestStepsOfAll(t *testing.T) {
	p := newPress(views()["fine"])
	a := updateOf(6, "checking", "downloading", "verifying")
	p.v.Update.Present = &a
	states := func() (got []string) {
		for _, payload := range of(shown(p.all(p.v)), otaProgress) {
			var w progressState
			decode(t, payload, &w)
			got = append(got, w.State)
		}
		return got
	}
	if got, want := states(), []string{"checking", "downloading", "verifying", "verifying"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := of(p.after(time.Second, nil), otaProgress); got != nil {
		t.Errorf("and then %q", got)
	}
	p.publisher = newPublisher(p.teller)
	if got, want := states(), []string{"verifying"}; !slices.Equal(got, want) {
		t.Errorf("on the next connection %q, want %q", got, want)
	}
}

// TestUpdateStateAtOnce holds that changes of the update's state do not wait, and that
// nothing is said between.
func TestUpdateStateAtOnce(t *testing.T) {
	p := newPress(views()["fine"])
	var got []string
	for i, states := range [][]string{{"checking"}, {"checking", "downloading"}, {"checking", "downloading", "downloading"}, {"checking", "downloading", "downloading"}, nil} {
		for _, payload := range of(p.after(time.Millisecond, func(s *clock.Status) {
			s.Update.Present = nil
			if states != nil {
				a := updateOf(6, states...)
				a.Bytes, a.RemainingS = int64(i), float64(i)
				s.Update.Present = &a
			}
		}), "update/state") {
			var w updateState
			decode(t, payload, &w)
			percent := "null"
			if w.Percentage != nil {
				percent = fmt.Sprint(*w.Percentage)
			}
			got = append(got, fmt.Sprint(w.InProgress, " ", percent))
		}
	}
	if want := []string{"true null", "true 10", "true 20", "false null"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNoise holds that what goes on all the time is published once a minute.
func TestNoise(t *testing.T) {
	for _, c := range []struct {
		name, path string
		edit       func(s *clock.Status, n int)
		want       int // messages in five minutes of a change each second
	}{
		{"light that flickers", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Lux = 100 + float64(n%2)*9 }, 5},
		{"hardly any light", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Lux = 0.9 * float64(n%2) }, 5},
		{"light that goes on and off", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Lux = 100 + float64(n%2)*12 }, 300},
		{"a knob that trembles", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Knob = 0.5 + 0.009*float64(n%2) }, 5},
		{"a knob that is turned", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Knob = 0.5 + 0.011*float64(n%2) }, 300},
		{"light that rises slowly", sensorStatus, func(s *clock.Status, n int) { s.Sensors.Lux = 100 + float64(n)/100 }, 5},
		{"the error of the time", "system", func(s *clock.Status, n int) { s.Sync.Error = time.Duration(n) * time.Millisecond }, 5},
		{"a sync each second", lastSync, func(s *clock.Status, n int) {
			s.Sync.Host, s.Sync.LastSync = true, at.Add(time.Duration(n)*time.Second)
		}, 5},
		{"progress between steps", otaProgress, func(s *clock.Status, n int) {
			a := updateOf(6, "checking")
			a.RemainingS = float64(n)
			s.Update.Present = &a
		}, 1},
		{"nothing", healthPath, func(*clock.Status, int) {}, 0},
		{"nothing, of the time", "ntp", func(*clock.Status, int) {}, 5},
		{"nothing, of the network", "wifi", func(*clock.Status, int) {}, 5},
		{"what blinks", faceState, func(s *clock.Status, n int) { s.Face.Unknown, s.Face.Phrase = true, views()["fine"].Face.Phrase }, 1},
	} {
		v := views()["fine"]
		c.edit(&v.Status, -1)
		v.Face, v.Update.Present = views()["fine"].Face, nil
		p := newPress(v)
		n := 0
		for i := range 300 {
			n += len(of(p.after(time.Second, func(s *clock.Status) { c.edit(s, i) }), c.path))
		}
		if n < c.want-1 && c.want > 1 || n > c.want+1 || c.want < 2 && n != c.want {
			t.Errorf("%s: %d messages in five minutes, want %d", c.name, n, c.want)
		}
	}
}

// TestBeats holds that a heartbeat is said each minute, from a minute after the
// connection is up.
func TestBeats(t *testing.T) {
	p := newPress(views()["fine"])
	n := 0
	for range 1205 {
		p.v.now = p.v.now.Add(500 * time.Millisecond)
		out, wait := p.next(p.v)
		for _, m := range out {
			if strings.Contains(string(m.payload), "heartbeat") {
				n++
			}
		}
		if wait <= 0 || wait > time.Minute {
			t.Fatalf("wait %s", wait)
		}
	}
	if n != 10 {
		t.Errorf("%d heartbeats in ten minutes", n)
	}
}

// TestTold holds what is said of what happens, once.
func TestTold(t *testing.T) {
	check := func(edit func(*clock.Check)) func(*clock.Status) {
		return func(s *clock.Status) {
			c := clock.Check{CurrentVersion: "2.11.3", AvailableVersion: "2.12.0", At: at.Add(time.Hour)}
			edit(&c)
			s.Update.Last = &c
		}
	}
	ended := func(edit func(*clock.Attempt), states ...string) func(*clock.Status) {
		return func(s *clock.Status) {
			a := updateOf(6, states...)
			edit(&a)
			s.Update.History = append(slices.Clone(s.Update.History), a)
		}
	}
	for _, c := range []struct {
		name string
		edit func(*clock.Status)
		want []string
	}{
		{"switched", ended(func(a *clock.Attempt) { a.Result = clock.Installed }, "complete"), []string{"status=ota_complete", `events={"event_type":"ota_complete","from":"2.11.3","to":"2.12.0"}`}},
		{"switched, and seen before it is in the history", func(s *clock.Status) { a := updateOf(6, "flashing", "complete"); s.Update.Present = &a }, []string{"status=ota_complete", `events={"event_type":"ota_complete","from":"2.11.3","to":"2.12.0"}`}},
		{"failed", ended(func(a *clock.Attempt) {
			a.Result, a.Error, a.Cause, a.Reason = clock.Failed, "Checksum mismatch", "wrong_bytes", "github: other bytes"
		}, "failed"), []string{
			`status={"event":"ota_update_failed","error":"Checksum mismatch","cause":"wrong_bytes","source":"github"}`,
			`events={"event_type":"ota_failed","from":"2.11.3","to":"2.12.0","reason":"wrong_bytes","text":"github: other bytes"}`,
		}},
		{"failed, as nobody answers", ended(func(a *clock.Attempt) {
			a.Result, a.Error, a.Cause, a.Source = clock.Failed, "No internet connection", "dns", ""
			a.Causes = map[string]string{"github": "dns", "cloudflare": "refused"}
		}, "failed"), []string{
			`status={"event":"ota_update_failed","error":"No internet connection","cause":"dns","source":"cloudflare, github"}`,
			`events={"event_type":"ota_failed","from":"2.11.3","to":"2.12.0","reason":"dns","text":"No internet connection"}`,
		}},
		{"cancelled", ended(func(a *clock.Attempt) { a.Result, a.Cause = clock.Failed, "cancelled" }, "failed"), nil},
		{"nothing newer", ended(func(a *clock.Attempt) { a.Result = clock.UpToDate }, "checking", "idle"), []string{"status=ota_up_to_date"}},
		{"under way", func(s *clock.Status) { a := updateOf(6, "checking"); s.Update.Present = &a }, nil},
		{"looked in vain", check(func(c *clock.Check) { c.Error = "nobody answers" }), []string{"status=ota_check_failed"}},
		{"found", check(func(c *clock.Check) { c.UpdateAvailable = true; c.Release = &clock.Release{Description: "Fixes"} }), []string{`events={"event_type":"ota_update_available","from":"2.11.3","to":"2.12.0","text":"Fixes"}`}},
		{"found nothing", check(func(c *clock.Check) { c.AvailableVersion = "2.11.3" }), nil},
		{"surge", func(s *clock.Status) {
			s.Journal.Entries = []clock.Entry{{Number: 0, Event: "leds_reset", Message: "LED drivers were reset, redrawing"}}
			s.Journal.Stats.Written = 1
		}, []string{"status=tlc_auto_recovery_start", "status=tlc_auto_recovery_success", `events={"event_type":"surge","text":"LED drivers were reset, redrawing"}`}},
		{"surge, and a row is gone", func(s *clock.Status) {
			s.Face.Dark = []int{3}
			s.Journal.Entries = []clock.Entry{{Number: 0, Event: "leds_reset", Message: "LED drivers were reset, redrawing"}}
			s.Journal.Stats.Written = 1
		}, []string{"status=tlc_auto_recovery_start", "status=tlc_auto_recovery_partial", `events={"event_type":"surge","text":"LED drivers were reset, redrawing"}`}},
		{"a read-back that is well", func(s *clock.Status) { s.Validation = &clock.Validation{At: s.Started, Recovered: true} }, []string{"status=Recovery check: failure=0 (NONE)"}},
		{"a read-back with a repair", func(s *clock.Status) {
			s.Validation = &clock.Validation{At: s.Started, Failure: clock.PartialMismatch, Repaired: true, Recovered: true}
		}, []string{"status=Recovery check: failure=4 (PARTIAL_MISMATCH)", "status=recovery_starting", "status=validation_recovery_success"}},
		{"a periodic one with a repair in vain", func(s *clock.Status) {
			s.Validation = &clock.Validation{At: s.Started, Periodic: true, Failure: clock.GroupMismatch, Repaired: true}
		}, []string{"status=recovery_starting", "status=validation_recovery_failed"}},
		{"a periodic one that is well", func(s *clock.Status) {
			s.Validation = &clock.Validation{At: s.Started, Periodic: true, Recovered: true}
		}, nil},
		{"a row that is known to be dead", func(s *clock.Status) {
			s.Validation = &clock.Validation{At: s.Started, Failure: clock.HardwareFault}
		}, []string{"status=Recovery check: failure=1 (HARDWARE_FAULT)"}},
		{"another entry", func(s *clock.Status) {
			s.Journal = clock.Journal{Entries: []clock.Entry{{Event: "leds_dark"}}, Stats: clock.JournalStats{Written: 1}}
		}, nil},
	} {
		for _, reconnects := range []bool{false, true} {
			v := views()["fine"]
			p := newPress(v)
			if reconnects { // it happens while there is no connection
				c.edit(&p.v.Status)
				p.publisher = newPublisher(p.teller)
				p.all(p.v)
			}
			if got := told(p.after(time.Second, c.edit)); !slices.Equal(got, c.want) && !reconnects {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			} else if reconnects && !slices.Equal(got, c.want) {
				t.Errorf("%s, told with the next connection: %q, want %q", c.name, got, c.want)
			}
			if got := told(p.after(time.Second, nil)); got != nil {
				t.Errorf("%s: told twice: %q", c.name, got)
			}
		}
		v := views()["fine"]
		c.edit(&v.Status)
		if got := told(newPress(v).after(time.Second, nil)); got != nil {
			t.Errorf("%s: before the start, and told: %q", c.name, got)
		}
	}
}

// told returns what is no state.
func told(published []string) (list []string) {
	for _, p := range published {
		if strings.HasPrefix(p, statusPath+"=") || strings.HasPrefix(p, eventsPath+"=") {
			list = append(list, p)
		}
	}
	return list
}

// TestJudgementTold holds that a read-back is told of when the words have changed, as the
// old clock did, and of the minute LEDs alone when it comes to something else.
func TestJudgementTold(t *testing.T) {
	p := newPress(views()["fine"])
	var got []string
	for _, c := range []struct {
		minute  int
		failure clock.FailureType
	}{{30, 0}, {31, 0}, {32, 0}, {33, clock.HardwareFault}, {34, clock.HardwareFault}, {35, clock.HardwareFault}, {36, 0}, {37, 0}} {
		for _, said := range told(p.after(time.Minute, func(s *clock.Status) {
			s.Face.Phrase = face.Say(14, c.minute, face.Default)
			s.Validation = &clock.Validation{Failure: c.failure}
		})) {
			got = append(got, fmt.Sprint(c.minute, said[len("status=Recovery check"):]))
		}
	}
	want := []string{"30: failure=0 (NONE)", "33: failure=1 (HARDWARE_FAULT)", "35: failure=1 (HARDWARE_FAULT)", "36: failure=0 (NONE)"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestVerdictTold holds that a trial that ended well is told, after the state that shows
// it.
func TestVerdictTold(t *testing.T) {
	v := views()["fine"]
	v.Image.State = clock.OnTrial
	p := newPress(v)
	got := p.after(time.Second, func(s *clock.Status) { s.Image.State = clock.Validated })
	want := []string{"status=ota_validated", `events={"event_type":"ota_validated","to":"2.11.3"}`}
	if !slices.Equal(told(got), want) || len(of(got, otaVersion)) != 1 || !strings.HasPrefix(got[0], otaVersion) {
		t.Errorf("%q", got)
	}
	p = newPress(v)
	if got := told(p.after(time.Second, func(s *clock.Status) { s.Image.State = clock.RollbackPending })); got != nil {
		t.Errorf("rejected: %q", got)
	}
}

// TestRollbackTold holds that a rollback is told once, by the start that was told of it,
// however often it connects.
func TestRollbackTold(t *testing.T) {
	v := views()["bad"]
	v.Update.Last = nil
	p := newPress(v)
	want := []string{
		`status={"event":"ota_rolled_back","from":"2.12.0","to":"2.11.3","reason":"crashed"}`,
		`events={"event_type":"ota_rolled_back","from":"2.12.0","to":"2.11.3","reason":"crashed","text":"panic"}`,
	}
	if got := told(p.after(time.Second, nil)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	p.publisher = newPublisher(p.teller)
	p.all(p.v)
	if got := told(p.after(time.Second, nil)); got != nil {
		t.Errorf("told again: %q", got)
	}
	v.Image.Rollback = &clock.Rollback{Reason: "crashed"} // of an earlier start
	if got := told(newPress(v).after(time.Second, nil)); got != nil {
		t.Errorf("told of what is no news: %q", got)
	}
}

// TestOfferedOnce holds that the same newer firmware is told of once.
func TestOfferedOnce(t *testing.T) {
	p := newPress(views()["fine"])
	n := 0
	for i, version := range []string{"2.12.0", "2.12.0", "", "2.12.0", "2.13.0"} {
		n += len(told(p.after(time.Second, func(s *clock.Status) {
			c := clock.Check{CurrentVersion: "2.11.3", AvailableVersion: version, UpdateAvailable: version != "", At: at.Add(time.Duration(i+1) * time.Hour)}
			if version == "" {
				c.Error = "nobody answers"
			}
			s.Update.Last = &c
		})))
	}
	if n != 3 { // 2.12.0, a look that failed, 2.13.0
		t.Errorf("told %d times, want 3", n)
	}
}

// TestValidationAppears holds that the topics of validations begin with the first one.
func TestValidationAppears(t *testing.T) {
	p := newPress(views()["fine"])
	var got []string
	for _, m := range p.after(time.Second, func(s *clock.Status) { s.Validation = views()["updating"].Validation }) {
		path, _, _ := strings.Cut(m, "=")
		got = append(got, path)
	}
	want := []string{"validation/status", "validation/last_result", "validation/statistics", "validation/mismatches", statusPath}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
