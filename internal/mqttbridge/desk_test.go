package mqttbridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/proof"
)

var testNames = names{
	device: "Clock_Stani_1", id: "Clock_Stani_1_5A1E74", base: "home/Clock_Stani_1", prefix: "homeassistant",
	images: [len(clock.Sources)]string{"https://example.org/wordclock.bin", "https://example.net/wordclock.bin"},
}

// A counter is a desk and a publisher before a clock, without a broker. Each message to
// it comes ten seconds after the last one.
type counter struct {
	t     testing.TB
	clock *fakeClock
	desk  *desk
	out   *publisher
	log   proof.Log
	now   time.Time
}

func newCounter(t testing.TB) *counter {
	c := &counter{t: t, clock: newFakeClock(), now: time.Now()}
	c.clock.status.Update(func(s *clock.Status) {
		s.Has = append(s.Has, clock.CanFade, clock.CanAdapt, clock.CanTurn, clock.CanValidate, clock.CanChime)
	})
	c.desk = newDesk(testNames, c.clock, c.log.Logger(), newLimits())
	c.out = newPublisher(newTeller(c.clock.status.Get()))
	c.out.all(c.view())
	return c
}

func (c *counter) view() view { return view{testNames, c.clock.status.Get(), c.now} }

// send returns what is published after a message: answers, then states.
func (c *counter) send(path, payload string) []string {
	c.t.Helper()
	c.now = c.now.Add(10 * time.Second)
	o, j := c.desk.take(message{topic: testNames.base + "/" + path, payload: []byte(payload), qos: 1}, c.now)
	all := o.say
	echo, last := o.echo, o.last
	if j.do != nil {
		after := j.do(c.t.Context())
		last = after.last
		all, echo = append(all, after.say...), append(echo, after.echo...)
	}
	c.out.again(echo...)
	states, _ := c.out.next(c.view())
	c.now = c.now.Add(time.Second)
	return shown(slices.Concat(all, states, last))
}

// shown shows messages: path=payload. Times that go on by themselves are left out.
func shown(all []message) (list []string) {
	for _, m := range all {
		path := strings.TrimPrefix(m.topic, testNames.base+"/")
		if path == statusPath && bytes.Contains(m.payload, []byte("heartbeat")) {
			continue
		}
		list = append(list, path+"="+string(m.payload))
	}
	return list
}

// of returns the payloads that were published on a topic.
func of(published []string, path string) (payloads []string) {
	for _, p := range published {
		if payload, ok := strings.CutPrefix(p, path+"="); ok {
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// results returns what was said on topic result.
func results(t testing.TB, published []string) (all []result) {
	t.Helper()
	for _, p := range of(published, resultPath) {
		var r result
		if err := json.Unmarshal([]byte(p), &r); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		all = append(all, r)
	}
	return all
}

// only returns the one result there is.
func only(t testing.TB, published []string) result {
	t.Helper()
	all := results(t, published)
	if len(all) != 1 {
		t.Fatalf("%d results in %q", len(all), published)
	}
	return all[0]
}

// table returns the lines of a file, cut at tabs.
func table(t testing.TB, name string) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/old/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
	return rows
}

// TestOldPayloads holds that what the old clock took is taken.
func TestOldPayloads(t *testing.T) {
	for _, row := range table(t, "accepted.tsv") {
		if r := only(t, newCounter(t).send(row[0], row[1])); !r.OK || r.Command != row[0] {
			t.Errorf("%s %s: %+v", row[0], row[1], r)
		}
	}
}

// TestSenseless holds that what makes no sense is answered by what is at fault, and
// changes nothing.
func TestSenseless(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	for _, c := range []struct{ name, path, payload, want string }{
		{"B2: nothing but these bytes", "transition/set", `{"duration_ms":`, "payload: is not JSON: "},
		{"B4: braces are not mended", "brightness/config/set", `{"light_sensor":{"very_bright":{"brightness":210}`, "payload: is not JSON: "},
		{"B6: too long", "brightness/set", `{"global":` + strings.Repeat(" ", maxPayload) + "9}", "payload: longer than 4096 bytes"},
		{"a long command", "command", strings.Repeat("x", maxPayload+1), "payload: longer than 4096 bytes"},
		{"not UTF-8", "command", "\xff\xfe", "payload: is not UTF-8"},
		{"not UTF-8 in JSON", "light/set", "{\"state\":\"\xff\"}", "payload: is not UTF-8"},
		{"deep", "light/set", deep, "payload: nested deeper than 8"},
		{"two objects", "light/set", `{}{}`, "payload: is not JSON: "},
		{"an array", "light/set", `[]`, "payload: want a JSON object"},
		{"text", "light/set", `ON`, "payload: is not JSON: "},
		{"a key twice", "brightness/set", `{"global":9,"global":10}`, "global: is named twice"},
		{"two names of one", "transition/set", `{"duration":300,"duration_ms":300}`, "duration_ms: is named twice"},
		{"a key that is near", "brightness/set", `{"globl":9}`, "globl: no such key, the nearest is global"},
		{"a key that is not", "brightness/set", `{"volume":9}`, "volume: no such key, there are individual, global"},
		{"a deeper key", "brightness/config/set", `{"light_sensor":{"dim":{"lux_min":3}}}`, "light_sensor.dim.lux_min: no such key, "},
		{"text for a number", "transition/set", `{"duration_ms":"1500"}`, `duration_ms: "1500": want 200 to 5000`},
		{"the name that was sent", "transition/set", `{"duration":100}`, "duration: 100: want 200 to 5000"},
		{"a field's own name", "brightness/set", `{"brightness.global":100}`, "brightness.global: no such key, "},
		{"one bad of two", "transition/set", `{"enabled":false,"duration_ms":100}`, "duration_ms: 100: want 200 to 5000"},
		{"no curve", "transition/set", `{"fadein_curve":"wobble"}`, `fadein_curve: "wobble": want linear or `},
		{"no boolean", "transition/set", `{"enabled":1}`, "enabled: 1: want true or false"},
		{"null", "brightness/set", `{"global":null}`, "global: null: want 5 to 255"},
		{"B18: a zone", "brightness/config/set", `{"light_sensor":{"dim":{"brightness":300}}}`, "light_sensor.dim.brightness: 300: want 1 to 255"},
		{"B18: thresholds that cross", "brightness/config/set", `{"threshold_0":60}`, "threshold_1: 50: want more than threshold_0, which is 60"},
		{"B18: thresholds that are equal", "brightness/config/set", `{"threshold_0":50}`, "threshold_1: 50: want more than threshold_0, which is 50"},
		{"B18: no number", "brightness/config/set", `{"threshold_0":NaN}`, "payload: is not JSON: "},
		{"B18: beyond all numbers", "brightness/config/set", `{"threshold_0":1e999}`, "threshold_0: 1e999: want 1 to 9997"},
		{"B18: no limit", "brightness/config/set", `{"potentiometer":{"safety_limit_max":0}}`, "potentiometer.safety_limit_max: 0: want 5 to 255"},
		{"a knob upside down", "brightness/config/set", `{"potentiometer":{"brightness_min":200,"brightness_max":100}}`, "potentiometer.brightness_max: 100: want more than "},
		{"three thresholds", "brightness/config/set", `{"thresholds":[1,2,3]}`, "thresholds: want an array of 4 integers"},
		{"thresholds twice", "brightness/config/set", `{"thresholds":[1,2,3,4],"threshold_0":1}`, "threshold_0: is named twice"},
		{"an object for a number", "brightness/config/set", `{"threshold_0":{"a":1}}`, `threshold_0: {"a":1}: want 1 to 9997`},
		{"too dim", "brightness/set", `{"individual":4}`, "individual: 4: want 5 to 80, the safety limit"},
		{"too bright for a byte", "brightness/set", `{"individual":256}`, "individual: 256: want 5 to 80, the safety limit"},
		{"no such source", "ota/source/set", "gitlab", `source: "gitlab": want github or cloudflare`},
		{"no source", "ota/source/set", "{}", "source: is missing: want github or cloudflare"},
		{"a source as a number", "ota/source/set", `{"source":0}`, "source: 0: want github or cloudflare"},
		{"nothing", "ota/source/set", "", `source: "": want github or cloudflare`},
		{"no light", "light/set", `{"state":"on"}`, `state: "on": want ON or OFF`},
		{"a transition", "light/set", `{"state":"ON","transition":2}`, "transition: no such key, there are state, "},
		{"a flash", "light/set", `{"flash":"short"}`, "flash: no such key, "},
		{"too much light", "light/set", `{"brightness":256}`, "brightness: 256: want 0 to 255"},
		{"half a light", "light/set", `{"brightness":7.5}`, "brightness: 7.5: want 0 to 255"},
		{"a colour", "light/set", `{"color_mode":"rgb"}`, `color_mode: "rgb": want brightness`},
		{"no effect", "light/set", `{"effect":"none"}`, `effect: "none": want smooth or instant`},
		{"count", "error_log/query", `{"count":0}`, "count: 0: want an integer from 1 on"},
		{"offset", "error_log/query", `{"offset":-1}`, "offset: -1: want an integer from 0 on"},
		{"clear what", "error_log/clear", "all", "all: want clear or reset_stats"},
		{"nothing to clear", "error_log/clear", "", ": want clear or reset_stats"},
	} {
		x := newCounter(t)
		before := x.clock.status.Get()
		r := only(t, x.send(c.path, c.payload))
		if r.OK || !strings.HasPrefix(r.Error, c.want) {
			t.Errorf("%s: %+v, want error %s", c.name, r, c.want)
		}
		if after := x.clock.status.Get(); after.Settings != before.Settings || len(x.clock.done()) > 0 {
			t.Errorf("%s: changed %+v, did %v", c.name, after.Settings, x.clock.done())
		}
	}
}

// TestExactlyTheseBytes holds B2 and B3: what was in the buffer before counts for nothing.
func TestExactlyTheseBytes(t *testing.T) {
	for path, buffer := range map[string]string{
		"transition/set": `{"enabled":true},"duration_ms":300}`,
		"command":        `{"command":"status"}"parameters":{"x":1}}`,
	} {
		x := newCounter(t)
		end := strings.IndexByte(buffer, '}') + 1
		_, j := x.desk.take(message{topic: testNames.base + "/" + path, payload: []byte(buffer)[:end]}, x.now)
		if r := only(t, shown(j.do(t.Context()).say)); !r.OK || x.clock.status.Get().Settings != clock.DefaultSettings() {
			t.Errorf("%s: %+v, %+v", path, r, x.clock.status.Get().Settings)
		}
	}
}

// TestIDs holds that an answer carries the id of what it answers.
func TestIDs(t *testing.T) {
	long := `"` + strings.Repeat("x", 62) + `"`
	for given, want := range map[string]string{
		`7`: `7`, `-1.50`: `-1.50`, `"a<b"`: `"a<b"`, `true`: `true`, `null`: `null`, `[1]`: `null`, `{"a":1}`: `null`,
		long: long, `"x` + long[1:]: `null`,
	} {
		for _, m := range [][2]string{
			{"command", `{"command":"status","id":` + given + `}`},
			{"command", `{"command":"set_time","parameters":{"time":"x"},"id":` + given + `}`},
			{"brightness/set", `{"global":100,"id":` + given + `}`},
			{"brightness/set", `{"global":1,"id":` + given + `}`},
			{"brightness/config/get", `{"id":` + given + `}`},
			{"error_log/query", `{"id":` + given + `}`},
		} {
			published := of(newCounter(t).send(m[0], m[1]), resultPath)
			if len(published) != 1 || !strings.HasPrefix(published[0], `{"id":`+want+`,"command":`) {
				t.Errorf("%s %s: %q, want id %s", m[0], m[1], published, want)
			}
		}
	}
}

// quick are the clock's commands that wait for no bus, network or person.
var quick = []string{
	clock.Restart, clock.StartDemo, clock.StopDemo, clock.ListChimes, clock.StartOTA, clock.ClearJournal,
}

// TestNothingWaits holds B8: a desk takes the next message whatever the clock is at, and
// gives up what comes to no end.
func TestNothingWaits(t *testing.T) {
	for _, row := range table(t, "commands.tsv") {
		r, e, err := readCommand(topicOf("command"), []byte(row[2]))
		if err != nil || r.command.does == "" {
			continue
		}
		if is := slices.Contains(quick, r.command.does); is == e.slow {
			t.Errorf("%s: slow %t, quick %t", r.name, e.slow, is)
		}
		synctest.Test(t, func(t *testing.T) { endless(t, row[2], e.slow) })
	}
}

// endless sends a command that the clock never gets done.
func endless(t *testing.T, payload string, slow bool) {
	c := newCounter(t)
	c.clock.answer = func(ctx context.Context, _ clock.Command) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	began, want := time.Now(), "not done within 30 s, and given up"
	_, j := c.desk.take(message{topic: testNames.base + "/command", payload: []byte(payload)}, c.now)
	if slow {
		want = "not done within 120 s, and given up"
	}
	if j.do == nil || j.slow != slow || time.Since(began) > 0 {
		t.Fatalf("%s: job %v, slow %t, after %s", payload, j.do != nil, j.slow, time.Since(began))
	}
	if r := only(t, shown(j.do(t.Context()).say)); r.OK || !strings.HasPrefix(r.Error, want) {
		t.Errorf("%s: %+v", payload, r)
	}
}

// TestLimits holds that a flood is held off, and told so once a second.
func TestLimits(t *testing.T) {
	c := newCounter(t)
	at := c.now.Add(time.Hour)
	take := func(payload string) []string {
		o, j := c.desk.take(message{topic: testNames.base + "/command", payload: []byte(payload)}, at)
		if j.do != nil {
			return shown(append(o.say, j.do(t.Context()).say...))
		}
		return shown(o.say)
	}
	taken, said := 0, 0
	for i := range 2000 { // 10 s
		at = at.Add(5 * time.Millisecond)
		switch published := take(`{"command":"status","id":7}`); {
		case len(published) == 0:
		case len(of(published, statusPath)) == 1:
			taken++
		default:
			said++
			if r := only(t, published); r.OK || string(r.ID) != "7" || r.Command != "status" || !strings.HasPrefix(r.Error, "too many requests, try again in 1 s") {
				t.Fatalf("message %d: %+v", i, r)
			}
		}
	}
	if taken < 69 || taken > 70 || said < 7 || said > 10 {
		t.Errorf("took %d of 2000, and said so %d times, want 70 and one a second", taken, said)
	}

	at = at.Add(time.Minute)
	for i, want := range []string{"", "", "too many requests, try again in 10 s"} {
		at = at.Add(50 * time.Millisecond)
		if r := only(t, take("tlc_hardware_reset")); r.Error != want {
			t.Errorf("reset %d: %+v, want error %q", i, r, want)
		}
	}
	for _, other := range []string{"ota_start_update", "ota_cancel_update", "ota_cancel_update", "ota_cancel_update"} {
		if r := only(t, take(other)); !r.OK {
			t.Errorf("%s: %+v, it has a limit of its own, or none", other, r)
		}
	}
	at = at.Add(10 * time.Second)
	if r := only(t, take("tlc_hardware_reset")); !r.OK {
		t.Errorf("after 10 s: %+v", r)
	}
}

// TestBusy holds that what nobody has time for is answered.
func TestBusy(t *testing.T) {
	c := newCounter(t)
	for payload, want := range map[string]result{
		`{"command":"ota_check_update","id":3}`: {ID: json.RawMessage("3"), Command: "ota_check_update", Error: "busy with what was asked for before, try again in some seconds"},
		`juggle`:                                {ID: json.RawMessage("null"), Command: "juggle", Error: "juggle: no such command: docs/mqtt.md lists all"},
	} {
		got := only(t, shown(c.desk.busy(message{topic: testNames.base + "/command", payload: []byte(payload)}).say))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", payload, got, want)
		}
	}
	for _, topic := range []string{"home/Clock_Stani_1/status", "home/other/command", "home/Clock_Stani_1/command/x", "homeassistant/status", ""} {
		if o, j := c.desk.take(message{topic: topic, payload: []byte("restart")}, c.now); len(o.say) > 0 || j.do != nil {
			t.Errorf("%s is taken", topic)
		}
	}
}

// TestRestart holds that a restart is said before it happens.
func TestRestart(t *testing.T) {
	for payload, token := range map[string]string{"restart": "restarting", `{"command":"restart","id":1}`: "json_restart_initiated"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCounter(t)
			o, j := c.desk.take(message{topic: testNames.base + "/command", payload: []byte(payload)}, c.now)
			said := shown(o.say)
			if !slices.Equal(of(said, statusPath), []string{token}) || !only(t, said).OK || len(c.clock.done()) > 0 {
				t.Errorf("%s: %q, did %v", payload, said, c.clock.done())
			}
			began := time.Now()
			if out := j.do(t.Context()); len(out.say) > 0 || time.Since(began) != time.Second || !slices.Equal(c.clock.done(), []string{clock.Restart}) {
				t.Errorf("%s: %q after %s, did %v", payload, shown(out.say), time.Since(began), c.clock.done())
			}
			c.clock.answer = func(context.Context, clock.Command) (any, error) { return nil, errors.New("it hangs") }
			if r := only(t, shown(j.do(t.Context()).say)); r.OK || r.Error != "it hangs" {
				t.Errorf("%s: %+v", payload, r)
			}
		})
	}
}

// TestLogged holds that what is taken is logged, without what it says.
func TestLogged(t *testing.T) {
	c := newCounter(t)
	c.send("command", "restart_"+strings.Repeat("secret", 40))
	c.send("brightness/set", `{"global":100}`)
	if text := c.log.String(); strings.Count(text, "event=mqtt_command") != 2 || strings.Count(text, "secret") > 22 || strings.Contains(text, "100") {
		t.Errorf("logged %s", text)
	}
}
