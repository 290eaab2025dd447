package mqttbridge

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
)

// TestRegistry holds that the tables are sound: what is echoed is a state, what is
// published is retained if it is a state, and each name stands for one thing.
func TestRegistry(t *testing.T) {
	paths := map[string]bool{}
	for _, x := range topics {
		if paths[x.path] || x.doc == "" || x.state != nil && x.take != nil || (x.take == nil) != (x.when != "") {
			t.Errorf("topic %s", x.path)
		}
		paths[x.path] = true
		if x.state != nil && !x.retain && x.path != otaProgress || x.take != nil && x.retain || x.qos != 1 && x.path != otaProgress {
			t.Errorf("%s: QoS %d, retained %t", x.path, x.qos, x.retain)
		}
		if x.take != nil {
			echoes(t, x.path, x.take.echo)
		}
	}
	names := map[string]bool{}
	for _, c := range commands {
		echoes(t, c.name, c.echo)
		for _, name := range append([]string{c.name}, c.aliases...) {
			if names[name] {
				t.Errorf("command %s: twice", name)
			}
			names[name] = true
		}
		for _, k := range c.params() {
			if k.field != "" {
				if _, err := clock.FieldOf(k.field); err != nil {
					t.Error(err)
				}
			}
		}
		if c.doc == "" && c.does == "" || c.run == nil && c.does == "" && c.sets == nil {
			t.Errorf("command %s", c.name)
		}
	}
}

func echoes(t *testing.T, who string, paths []string) {
	for _, p := range paths {
		if x := topicOf(p); x == nil || x.state == nil {
			t.Errorf("%s: %s is no state", who, p)
		}
	}
}

// TestFilters holds what the clock subscribes to: the old clock's topics, and three more.
func TestFilters(t *testing.T) {
	want := []string{
		"command", "transition/set", "brightness/set", "brightness/config/set", "brightness/config/get",
		"brightness/config/reset", "night/set", "validation/set", "error_log/query", "error_log/clear", "ota/source/set", "light/set",
	}
	got := newCounter(t).desk.filters()
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], testNames.base+"/")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSamples holds that the samples of the document are taken.
func TestSamples(t *testing.T) {
	for _, x := range topics {
		if x.take == nil {
			continue
		}
		c := newCounter(t)
		published := c.send(x.path, x.sample)
		if r := only(t, published); !r.OK {
			t.Errorf("%s %s: %+v", x.path, x.sample, r)
		}
		for _, path := range x.take.echo {
			if got, want := of(published, path), string(topicOf(path).state.payload(c.view())); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s is %q, want %s", x.path, path, got, want)
			}
		}
	}
}

// someTokens are what a request may say; others would be news to an automation.
func someTokens() map[string]bool {
	all := map[string]bool{}
	add := func(list ...string) {
		for _, token := range list {
			all[token] = token != ""
		}
	}
	for _, c := range commands {
		add(c.all()...)
		add(c.beginJSON)
	}
	for _, f := range []form{transitionForm, brightnessForm} {
		for _, w := range f.words {
			add(w.all()...)
		}
	}
	add(unknownCommand.all()...)
	return all
}

// known reports whether something that was said on status is in the tables: B28, no free
// text.
func known(token string) bool {
	for pattern := range maps.Keys(someTokens()) {
		prefix, _, ok := strings.Cut(pattern, "_N")
		if token == pattern || ok && strings.HasPrefix(token, prefix) || strings.HasPrefix(token, "time_set_to_") {
			return true
		}
	}
	return strings.HasPrefix(token, `{"result":`)
}

func seeds(f *testing.F) {
	for _, name := range []string{"accepted.tsv", "published.tsv"} {
		for _, row := range table(f, name) {
			f.Add(row[1])
		}
	}
	for _, s := range []string{`{"a":1,"a":2}`, `{"id":[{}],"global":1e2}`, "\xff", `{"light_sensor":{"dim":5}}`, `{"thresholds":[1,2,3,4]}`, `{"thresholds":[[],{},1,2]}`, `{"individual":255}`, `{"brightness":0,"state":"ON"}`, "null", `{"\u0000":1}`, `{"individual_manual":true}`, `{"windows":"mon 1:00-2:00 off"}`, `{"windows":";"}`, `{"interval_s":10,"enabled":false}`} {
		f.Add(s)
	}
}

// obeys holds the law of all that is taken: there is one answer; an error changes
// nothing; and what is accepted leads to a state that can be sent back.
func obeys(t *testing.T, path, payload string) {
	x := newCounter(t)
	before := x.clock.status.Get().Settings
	published := x.send(path, payload)
	r, after := only(t, published), x.clock.status.Get().Settings
	if r.OK != (r.Error == "") || !r.OK && after != before || len(r.Error) > maxError {
		t.Fatalf("%s %q: %+v; settings were %+v, are %+v", path, payload, r, before, after)
	}
	if err := after.Validate(); err != nil {
		t.Fatalf("%s %q: %v", path, payload, err)
	}
	for _, token := range of(published, statusPath) {
		if !known(token) {
			t.Fatalf("%s %q: said %q", path, payload, token)
		}
	}
	state := strings.TrimSuffix(path, "set") + "status"
	if path == "validation/set" {
		state = "validation/config"
	}
	if r.OK && strings.HasSuffix(path, "/set") && path != "ota/source/set" && path != "light/set" {
		if r := only(t, x.send(path, string(topicOf(state).state.payload(x.view())))); !r.OK || x.clock.status.Get().Settings != after {
			t.Fatalf("%s %q: %s cannot be sent back: %+v", path, payload, state, r)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, row := range table(f, "commands.tsv") {
		f.Add(row[2])
	}
	for _, c := range commands {
		f.Add(c.name + c.blank)
	}
	seeds(f)
	f.Fuzz(func(t *testing.T, payload string) {
		if c, _, err := readCommand(topicOf("command"), []byte(payload)); err == nil && c.command.after > 0 {
			return // see TestRestart
		}
		obeys(t, "command", payload)
	})
}

func FuzzTransitionSet(f *testing.F) { fuzzSet(f, "transition/set") }
func FuzzBrightnessSet(f *testing.F) { fuzzSet(f, "brightness/set") }
func FuzzConfigSet(f *testing.F)     { fuzzSet(f, "brightness/config/set") }
func FuzzLightSet(f *testing.F)      { fuzzSet(f, "light/set") }
func FuzzSourceSet(f *testing.F)     { fuzzSet(f, "ota/source/set") }
func FuzzNightSet(f *testing.F)      { fuzzSet(f, "night/set", "validation/set") }
func FuzzLog(f *testing.F)           { fuzzSet(f, "error_log/query", "error_log/clear") }

func fuzzSet(f *testing.F, paths ...string) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload string) {
		for _, path := range paths {
			obeys(t, path, payload)
		}
	})
}

// TestReasons holds that the reasons of a rollback that the document names are those
// there are.
func TestReasons(t *testing.T) {
	at := slices.IndexFunc(versionKeys, func(k key) bool { return k.name == "rollback_reason" })
	want := map[string]bool{}
	for r := boot.User; !strings.HasPrefix(r.String(), "Reason("); r++ {
		want["`"+r.String()+"`"] = true
	}
	list, _, _ := strings.Cut(versionKeys[at].takes, " or ")
	for _, name := range strings.Split(list, ", ") {
		if !want[name] {
			t.Errorf("there is no reason %s", name)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("reason %s is missing", name)
	}
}

// TestHeavy holds that the document names the commands that have a limit of their own,
// and those that nobody waits for.
func TestHeavy(t *testing.T) {
	_, rest, _ := strings.Cut(docsRest, "| `restart`")
	heavy, _, _ := strings.Cut("`restart`"+rest, " |")
	_, rest, _ = strings.Cut(docsRest, "\nSlow are ")
	slow, _, _ := strings.Cut(rest, ".")
	for _, c := range commands {
		if c.heavy != strings.Contains(heavy, "`"+c.name+"`") {
			t.Errorf("%s: heavy %t, and the document says %s", c.name, c.heavy, heavy)
		}
		strikes := strings.HasPrefix(c.name, "chimes_test") && strings.Contains(slow, "`chimes_test…`")
		if c.slow != (strikes || strings.Contains(slow, "`"+c.name+"`")) {
			t.Errorf("%s: slow %t, and the document says %s", c.name, c.slow, slow)
		}
	}
}
