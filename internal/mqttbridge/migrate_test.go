package mqttbridge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wordclockd/internal/clock"
)

type oldEntity struct{ platform, object, suffix string }

// oldEntities are those of the old clock's discovery.
func oldEntities(t *testing.T) (list []oldEntity) {
	t.Helper()
	f, err := os.Open("testdata/discovery/old.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); fields[0] != "#" {
			list = append(list, oldEntity{fields[0], fields[1], fields[2]})
		}
	}
	return list
}

// oldMessages returns what an old clock of that name left at the broker.
func oldMessagesOf(t *testing.T, device, station string) (list []message) {
	t.Helper()
	for _, e := range oldEntities(t) {
		list = append(list, e.message(device, station))
	}
	return list
}

func (e oldEntity) message(device, station string) message {
	id := device + "_" + station
	payload, err := json.MarshalIndent(map[string]any{
		"~": "home/" + device, "name": e.object, "unique_id": id + "_" + e.suffix, "state_topic": "~/x", "command_topic": "~/x",
		"device": map[string]any{
			"identifiers": []string{id}, "connections": [][]string{{"mac", "AA:BB:CC:5A:1E:74"}},
			"name": "Word Clock " + strings.ReplaceAll(device, "_", " "), "model": "ESP32 LED Matrix Clock", "manufacturer": "Custom Build",
			"sw_version": "2.0.0", "hw_version": "1.0", "configuration_url": "http://esp32_wordclock.local",
		},
	}, "", "\t")
	if err != nil {
		panic(err)
	}
	return message{topic: "homeassistant/" + e.platform + "/esp32_wordclock/" + e.object + "/config", payload: payload, qos: 1, retain: true}
}

func find(n names, messages []message) (o old) {
	for _, m := range messages {
		o.add(n, m)
	}
	return o
}

// TestMigrate replays the way from the old clock to this one in a model of Home
// Assistant: every entity whose kind stays keeps its entry in the registry, and none of
// the others is left behind.
func TestMigrate(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			v := profileView("Clock_Stani_1", p.board, p.has)
			ha := newHomeAssistant(t)
			before := oldMessagesOf(t, "Clock_Stani_1", "5A1E74")
			for _, m := range before {
				ha.receive(m)
			}
			had := ha.entries()
			o := find(v.names, ha.retained())
			if o.id != v.id || len(o.topics) != len(before) {
				t.Fatalf("found %q, %d topics", o.id, len(o.topics))
			}
			moving, removed := o.moving(v)
			for _, m := range slices.Concat(moving, []message{discovery(v)}, removed) {
				ha.receive(m)
			}
			ha.settled(t, v)
			var gone []string
			for key, number := range had {
				if now, ok := ha.registry[key]; !ok {
					gone = append(gone, key)
				} else if now != number {
					t.Errorf("%s was created anew", key)
				}
			}
			for _, e := range announced(v) {
				key := e.config.Platform + " " + e.unique(v.names)
				if i := slices.Index(gone, key); i >= 0 {
					t.Errorf("%s is gone", key)
				}
			}
			// Again, as at a connection later: nothing of the old clock is found.
			if o := find(v.names, ha.retained()); o.id != "" {
				t.Errorf("found again: %v", o.topics)
			}
		})
	}
}

// TestMigrateCutOff holds that a clock which is cut off at any message of the move ends
// where one does that is not, when it is back.
func TestMigrateCutOff(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", virtual)
	before := oldMessagesOf(t, "Clock_Stani_1", "5A1E74")
	o := find(v.names, before)
	moving, removed := o.moving(v)
	all := slices.Concat(moving, []message{discovery(v)}, removed)
	for cut := range all {
		ha := newHomeAssistant(t)
		for _, m := range slices.Concat(before, all[:cut]) {
			ha.receive(m)
		}
		had := ha.entries()
		o := find(v.names, ha.retained())
		moving, removed := o.moving(v)
		for _, m := range slices.Concat(moving, []message{discovery(v)}, removed) {
			ha.receive(m)
		}
		ha.settled(t, v)
		for _, e := range announced(v) {
			key := e.config.Platform + " " + e.unique(v.names)
			if was, ok := had[key]; ok && ha.registry[key] != was {
				t.Fatalf("cut off before message %d: %s was created anew", cut, key)
			}
		}
	}
}

// TestOtherClocks holds that what other clocks left is let alone, though its topics are
// the same.
func TestOtherClocks(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", virtual)
	theirs := oldMessagesOf(t, "Bedroom", "000001")
	ours := oldMessagesOf(t, "Clock_Stani_1", "5A1E74")
	mixed := slices.Concat(theirs[:20], ours[20:]) // who published last has the topic
	o := find(v.names, mixed)
	moving, removed := o.moving(v)
	for _, m := range slices.Concat(moving, removed) {
		if slices.ContainsFunc(theirs[:20], func(other message) bool { return other.topic == m.topic }) {
			t.Errorf("%s is another clock's: %q", m.topic, m.payload)
		}
	}
	if len(o.topics) != len(ours)-20 || len(moving) != len(ours)-20 {
		t.Errorf("%d topics, %d moving, want %d", len(o.topics), len(moving), len(ours)-20)
	}
	o = find(v.names, theirs)
	if moving, removed := o.moving(v); o.id != "" || moving != nil || removed != nil {
		t.Errorf("found %q: moving %v, removed %v", o.id, moving, removed)
	}
}

// TestOtherID holds that nothing is touched for a clock that was given another id.
func TestOtherID(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", virtual)
	o := find(v.names, oldMessagesOf(t, "Clock_Stani_1", "ABCDEF"))
	if o.id != "Clock_Stani_1_ABCDEF" {
		t.Errorf("found %q", o.id)
	}
	if moving, removed := o.moving(v); moving != nil || removed != nil {
		t.Errorf("moving %v, removed %v", moving, removed)
	}
}

// TestSeveralBoards holds that of several boards under one name the one counts of which
// most is left, in whatever order the broker delivers.
func TestSeveralBoards(t *testing.T) {
	n := profileView("Clock_Stani_1", "sim", nil).names
	mixed := slices.Concat(oldMessagesOf(t, "Clock_Stani_1", "000001")[:20], oldMessagesOf(t, "Clock_Stani_1", "5A1E74")[20:])
	for range 2 {
		if o := find(n, mixed); o.id != "Clock_Stani_1_5A1E74" || len(o.topics) != 35 {
			t.Errorf("found %q, %d topics", o.id, len(o.topics))
		}
		slices.Reverse(mixed)
	}
}

// TestNotOld holds that nothing else is taken for an old clock's message.
func TestNotOld(t *testing.T) {
	n := profileView("Clock_Stani_1", "sim", nil).names
	good := oldEntity{"sensor", "wifi_status", "wifi"}.message("Clock_Stani_1", "5A1E74")
	with := func(f func(*message)) message {
		m := good
		f(&m)
		return m
	}
	payload := func(format string, a ...any) message {
		return with(func(m *message) { m.payload = fmt.Appendf(nil, format, a...) })
	}
	for _, c := range []struct {
		name string
		m    message
	}{
		{"not retained", with(func(m *message) { m.retain = false })},
		{"empty", payload("")},
		{"no JSON", payload("online")},
		{"a list", payload("[]")},
		{"cut", payload("%s", good.payload[:len(good.payload)-1])},
		{"too long", payload("%s%s", good.payload, strings.Repeat(" ", 4096))},
		{"a request to unload", payload(`{"migrate_discovery":true}`)},
		{"no device", payload(`{"unique_id":"Clock_Stani_1_5A1E74_wifi"}`)},
		{"two identifiers", payload(`{"unique_id":"Clock_Stani_1_5A1E74_wifi","device":{"identifiers":["Clock_Stani_1_5A1E74","x"]}}`)},
		{"a longer name", payload(`{"unique_id":"Clock_Stani_1_1_5A1E74_wifi","device":{"identifiers":["Clock_Stani_1_1_5A1E74"]}}`)},
		{"lower case", payload(`{"unique_id":"Clock_Stani_1_5a1e74_wifi","device":{"identifiers":["Clock_Stani_1_5a1e74"]}}`)},
		{"a line more", payload(`{"unique_id":"Clock_Stani_1_5A1E74\n_wifi","device":{"identifiers":["Clock_Stani_1_5A1E74\n"]}}`)},
		{"of another device", payload(`{"unique_id":"x","device":{"identifiers":["Clock_Stani_1_5A1E74"]}}`)},
		{"another prefix", with(func(m *message) { m.topic = "x" + m.topic })},
		{"another node", with(func(m *message) { m.topic = "homeassistant/sensor/other/wifi_status/config" })},
		{"no node", with(func(m *message) { m.topic = "homeassistant/sensor/esp32_wordclock/config" })},
		{"deeper", with(func(m *message) { m.topic += "/config" })},
	} {
		if o := find(n, []message{c.m}); o.id != "" || len(o.topics) != 0 {
			t.Errorf("%s: found %q, %v", c.name, o.id, o.topics)
		}
	}
	if o := find(n, []message{good, good}); o.id != n.id || len(o.topics) != 1 {
		t.Errorf("found %q, %v", o.id, o.topics)
	}
}

// TestOldBounded holds that who fills the broker with such messages does not fill the
// clock's memory.
func TestOldBounded(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", nil)
	var all []message
	for i := range 1000 {
		all = append(all, oldEntity{"sensor", fmt.Sprint("x", i), "wifi"}.message("Clock_Stani_1", "5A1E74"))
	}
	if o := find(v.names, all); len(o.topics) != 64 || len(o.found) != 64 {
		t.Errorf("%d topics, %d found, want 64", len(o.topics), len(o.found))
	}
}

// TestOlderTopics holds that the topics which the old clock cleared are cleared for its
// id, once something of it was found, and never by a wildcard.
func TestOlderTopics(t *testing.T) {
	v := profileView("Clock_Stani_1", "sim", []clock.Capability{clock.HasRTC})
	_, removed := new(old).moving(v)
	if removed != nil {
		t.Errorf("nothing was found, and %v are removed", removed)
	}
	got := olderTopics(v.names)
	if len(got) != 45 { // of the 48; three have the node of all old clocks
		t.Errorf("%d topics, want 45", len(got))
	}
	for _, want := range []string{
		"homeassistant/number/Clock_Stani_1_5A1E74_light_very_dark_min_lux/config",
		"homeassistant/number/Clock_Stani_1_5A1E74_light_very_bright_max_brightness/config",
		"homeassistant/number/Clock_Stani_1_5A1E74_zone_brightness_dim/config",
		"homeassistant/number/Clock_Stani_1_5A1E74_threshold_3/config",
		"homeassistant/number/Clock_Stani_1_5A1E74_Animation_5/config",
		"homeassistant/select/Clock_Stani_1_5A1E74_pot_curve_brightness/config",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	o := find(v.names, oldMessagesOf(t, "Clock_Stani_1", "5A1E74"))
	_, removed = o.moving(v)
	for _, m := range removed {
		if strings.ContainsAny(m.topic, "+#*") || len(m.payload) != 0 || !m.retain || m.qos != 1 {
			t.Errorf("removal %+v", m)
		}
	}
	if tail := removed[len(removed)-45:]; !cmp.Equal(topicsOf(tail), got) {
		t.Errorf("the last removed are %v", topicsOf(tail))
	}
}

func topicsOf(list []message) (topics []string) {
	for _, m := range list {
		topics = append(topics, m.topic)
	}
	return topics
}
