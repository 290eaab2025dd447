package firmware

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// meetUpdatable is a clock that can be updated, and Home Assistant.
func meetUpdatable(t *testing.T) (*updatable, *onlooker) {
	t.Helper()
	time.Sleep(time.Until(quarterToThree)) // a broker ticks each second: not for decades
	b := openBroker(t)
	ha := lookOn(t, b.Dial)
	d := newUpdatable(t)
	d.stop()
	d.bridge = bridgeTo(t, b.Dial)
	d.powerOn()
	ha.await(0, "status", "connected_secure")
	return d, ha
}

// TestInstallByHomeAssistant: the install command of the update entity leads through all
// states to ota_complete, through the reboot, and to the verdict; all of it can be seen.
func TestInstallByHomeAssistant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ha := meetUpdatable(t)
		next := faulty(t)
		next.Size, next.IDF, next.Time = 1<<20, "v5.4.2", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		d.offers(t, "1.2.4", next)
		d.slow.Store(int64(200 * time.Millisecond))
		installs(t, ha, "1.2.3", "1.2.4", `"build_date":"2026-01-02","build_time":"03:04:05"`)
		d.came(clock.Confirmed, "1.2.4", "")
	})
}

// installs fails unless an update by Home Assistant can be seen from the check to the
// verdict.
func installs(t *testing.T, ha *onlooker, from, to, built string) {
	t.Helper()
	mark := ha.mark()
	ha.say("command", "ota_check_update")
	ha.await(mark, "status", "ota_update_available")
	ha.await(mark, "update/state", fmt.Sprintf(`"installed_version":%q,"latest_version":%q`, from, to))
	ha.say("command", "ota_start_update")
	rebooted := ha.await(ha.await(mark, "status", "ota_complete"), "availability", "offline")
	tried := ha.await(rebooted, "ota/version", fmt.Sprintf(`{"version":%q,%s,"source":"github","health":"trial"`, to, built))
	ha.await(rebooted, "availability", "online")
	ha.await(tried, "status", "ota_validated")
	ha.await(tried, "ota/version", `"health":"validated","boot_count":0,"first_boot":false`)
	ha.await(rebooted, "update/state", fmt.Sprintf(`"installed_version":%q,"latest_version":%q`, to, to))

	states, last := progress(t, ha.since(mark, "ota/progress"))
	if want := []string{"checking", "downloading", "verifying", "flashing", "complete"}; !slices.Equal(states[:min(5, len(states))], want) || last != 100 {
		t.Errorf("states %q up to %d %%, want %q", states, last, want)
	}
	rises(t, ha.since(mark, "update/state"))
	if order := firsts(ha, rebooted); !slices.IsSorted(order) {
		t.Errorf("after the reboot discovery, a state and availability came in the order %v", order)
	}
}

// rises fails unless the update entity's percentage does, to the end.
func rises(t *testing.T, payloads []string) {
	t.Helper()
	percent := -1.0
	for _, p := range payloads {
		var s struct {
			InProgress bool     `json:"in_progress"`
			Percentage *float64 `json:"update_percentage"`
		}
		if err := json.Unmarshal([]byte(p), &s); err != nil {
			t.Fatal(err)
		}
		if s.Percentage == nil {
			continue
		}
		if *s.Percentage < percent || !s.InProgress {
			t.Errorf("%s after %v %%", p, percent)
		}
		percent = *s.Percentage
	}
	if percent < 90 {
		t.Errorf("the update entity came to %v %%", percent)
	}
}

// progress returns the states of an update in their order, and the percentage it came
// to; it fails unless that only rises.
func progress(t *testing.T, payloads []string) (states []string, last int) {
	t.Helper()
	for _, p := range payloads {
		var s struct {
			State    string `json:"state"`
			Progress int    `json:"progress"`
		}
		if err := json.Unmarshal([]byte(p), &s); err != nil {
			t.Fatal(err)
		}
		if s.State == "idle" {
			continue
		}
		if len(states) == 0 || states[len(states)-1] != s.State {
			states = append(states, s.State)
		}
		if s.Progress < last {
			t.Errorf("%s after %d %%", p, last)
		}
		last = s.Progress
	}
	return states, last
}

// firsts returns where the first message of discovery, of a state and of availability
// online are, of those that came after mark.
func firsts(ha *onlooker, mark int) []int {
	ha.mu.Lock()
	defer ha.mu.Unlock()
	find := func(topic, payload string) int {
		return slices.IndexFunc(ha.all[mark:], func(s seen) bool {
			return strings.HasPrefix(s.topic, topic) && strings.HasPrefix(s.payload, payload)
		})
	}
	return []int{find("homeassistant/device/", "{"), find(ha.base+"brightness/status", "{"), find(ha.base+"availability", "online")}
}

// TestRollbackIsAnnounced: an image that crashes is given up, and Home Assistant is told
// which, for what, and why, once.
func TestRollbackIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ha := meetUpdatable(t)
		d.offers(t, "1.2.4", faulty(t, "crash@5s"))
		ha.say("command", "ota_start_update")
		ha.await(0, "status", "ota_complete")
		ha.await(0, "ota/version", `"health":"trial"`)
		mark := ha.mark()
		ha.await(mark, "events", `{"event_type":"ota_rolled_back","from":"1.2.4","to":"1.2.3","reason":"crashed"`)
		ha.await(mark, "status", `{"event":"ota_rolled_back","from":"1.2.4","to":"1.2.3","reason":"crashed"}`)
		ha.await(mark, "ota/version", `"health":"rolled_back"`)
		if v := ha.state("ota/version"); !strings.Contains(v, `"rollback_reason":"crashed"`) {
			t.Errorf("version %s", v)
		}
		time.Sleep(10 * time.Minute)
		d.stop()
		d.powerOn()
		time.Sleep(10 * time.Minute)
		if got := ha.since(mark, "events"); len(got) != 1 {
			t.Errorf("events %q", got)
		}
	})
}

// TestFailureHasItsCause: an update that comes to nothing says why, and which source.
func TestFailureHasItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ha := meetUpdatable(t)
		ha.say("command", "ota_check_update") // there is nothing
		ha.await(0, "status", "ota_check_failed")
		ha.await(0, "problems", `"update_sources":true`)
		d.offers(t, "1.2.4", faulty(t))
		files := *d.files.Load()
		files["/wordclock.bin"] = append([]byte("rubbish"), files["/wordclock.bin"][7:]...)
		time.Sleep(time.Minute)
		mark := ha.mark()
		ha.say("command", "ota_start_update")
		ha.await(mark, "ota/progress", `"state":"failed"`)
		ha.await(mark, "status", `{"event":"ota_update_failed"`)
		ha.await(mark, "problems", `"update":true`)
		ha.await(mark, "system", `"last_update_error":"Checksum mismatch","last_update_cause":"image_invalid"`)
		d.offers(t, "1.2.4", faulty(t))
		time.Sleep(time.Minute)
		ha.say("command", "ota_check_update")
		ha.await(mark, "problems", `"update_sources":false`)
	})
}

// TestCancelByMQTT: the update that is under way is given up, and says so.
func TestCancelByMQTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ha := meetUpdatable(t)
		d.offers(t, "1.2.4", faulty(t))
		d.slow.Store(int64(3 * time.Second))
		ha.say("command", "ota_start_update")
		ha.await(0, "ota/progress", `"state":"downloading"`)
		ha.say("command", "ota_start_update")
		ha.await(0, "status", "ota_already_running")
		ha.say("command", "ota_cancel_update")
		ha.await(0, "status", "ota_cancelled")
		ha.await(0, "update/state", `"in_progress":false`)
		time.Sleep(time.Minute)
		ha.say("command", "ota_cancel_update")
		ha.await(0, "status", "ota_cancel_failed")
		d.came(clock.Failed, "1.2.3", "")
	})
}

// TestNoMQTTImage: an image that loses the broker is rolled back for that.
func TestNoMQTTImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ha := meetUpdatable(t)
		d.offers(t, "1.2.4", faulty(t, "no-mqtt@2s"))
		ha.say("command", "ota_start_update")
		ha.await(0, "status", "ota_complete")
		mark := ha.mark()
		ha.await(mark, "events", `{"event_type":"ota_rolled_back","from":"1.2.4","to":"1.2.3","reason":"check_failed"`)
		d.came(clock.RolledBack, "1.2.3", "mqtt")
	})
}
