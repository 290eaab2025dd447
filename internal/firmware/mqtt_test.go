package firmware

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/broker"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// A meeting is a whole clock and Home Assistant at one broker.
type meeting struct {
	*clockwork
	ha *onlooker
}

// meet lets them meet in memory, from the given time on. To be called in a bubble.
func meet(t testing.TB, at time.Time, change func(*Config)) *meeting {
	t.Helper()
	time.Sleep(time.Until(at))
	b := openBroker(t)
	return meetAt(t, lookOn(t, b.Dial), func(c *Config) {
		c.Zone = at.Location()
		c.Bridge = bridgeTo(t, b.Dial)
		if change != nil {
			change(c)
		}
	})
}

// meetAt has a clock come to where an onlooker is already.
func meetAt(t testing.TB, ha *onlooker, change func(*Config)) *meeting {
	t.Helper()
	m := &meeting{&clockwork{board: sim.NewBoard(), zone: time.UTC}, ha}
	m.synced.Store(true)
	m.run(t, func(fw *Config) {
		fw.Bridge = bridgeTo(t, nil)
		fw.OTA.GitHub.Image, fw.OTA.Cloudflare.Image = "https://github.test/wordclock.bin", "https://cloudflare.test/wordclock.bin"
		change(fw)
		m.zone = fw.Zone
	})
	ha.await(0, "status", "connected_secure")
	return m
}

// bridgeTo is a bridge with the defaults of the configuration.
func bridgeTo(t testing.TB, dial func(context.Context) (net.Conn, error)) *Bridge {
	t.Helper()
	c, err := config.Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Bridge{MQTT: c.MQTT, Device: c.Device.Name, Program: "0.5.0", Host: "5A1E74", Dial: dial, Broker: "memory"}
}

// openBroker runs a broker for the rest of the test.
func openBroker(t testing.TB) *broker.Broker {
	t.Helper()
	b := broker.New(broker.Config{Log: new(proof.Log).Logger()})
	g, _ := task.NewGroup(context.Background())
	g.Go("broker", b.Run)
	t.Cleanup(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// eventually fails unless something is so soon.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 6000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within a minute: %s", what)
}

// An exchange of words: what is said on a topic, and what can be seen then.
type said struct {
	path, payload string
	then          map[string]string // by topic, a part of what is published
	lit           func(*meeting) bool
}

// conversation is what an owner does to a clock from Home Assistant, and by the
// automations of the old clock.
var conversation = []said{
	{"light/set", `{"state":"OFF"}`, map[string]string{"light/state": `"state":"OFF"`, "result": `"command":"light/set","ok":true`}, dark},
	{"light/set", `{"state":"ON","brightness":255}`, map[string]string{"light/state": `"state":"ON","color_mode":"brightness","brightness":255`, "brightness/status": `"global":255`}, upTo(60)},
	{"brightness/set", `{"individual": 80}`, map[string]string{"brightness/status": `{"individual":80,"global":255,`, "status": "individual_brightness_updated"}, upTo(80)},
	{"brightness/set", `{"individual": 200, "global": 128}`, map[string]string{"brightness/status": `{"individual":80,"global":128,`, "result": "limit"}, upTo(40)},
	{"brightness/set", `{"individual": 10, "global": 300}`, map[string]string{"result": `"ok":false,"error":"global: 300`, "status": "invalid_global_brightness"}, upTo(40)},
	{"command", `{"command":"set_brightness","parameters":{"individual":60,"global":180},"id":7}`, map[string]string{"brightness/status": `{"individual":60,"global":180,"individual_manual":true,"global_manual":true,`, "result": `"id":7,"command":"set_brightness","ok":true`}, upTo(42)},
	{"brightness/config/set", `{"potentiometer":{"safety_limit_max":50}}`, map[string]string{"brightness/config/status": `"safety_limit_max":50`, "brightness/status": `"individual":50`}, nil},
	{"brightness/config/set", `{"halb_centric_style": true, "threshold_0": 12, "light_sensor":{"dim":{"brightness":35}}}`, map[string]string{"brightness/config/status": `"dim":{"brightness":35`}, shows(face.HalbCentric)},
	{"brightness/config/reset", `reset`, map[string]string{"brightness/config/status": `"thresholds":[10,50,200,500]`, "brightness/status": `{"individual":60,"global":180,"individual_manual":false,"global_manual":false,"individual_by":"knob","global_by":"light_sensor"}`}, shows(face.Default)},
	{"night/set", `{"windows":"Daily 00:00-24:00 OFF"}`, map[string]string{"night/status": `{"windows":"daily 00:00-24:00 off","paused":false,"active":true,`, "light/state": `"state":"OFF"`}, dark},
	{"light/set", `{"state":"ON"}`, map[string]string{"night/status": `"paused":true,"active":false`, "light/state": `"state":"ON"`, "result": "is paused until it ends"}, shows(face.Default)},
	{"night/set", `{"windows":""}`, map[string]string{"night/status": `{"windows":"","paused":false,"active":false,"window":""}`}, shows(face.Default)},
	{"validation/set", `{"interval_s":60}`, map[string]string{"validation/config": `{"enabled":true,"interval_s":60}`}, nil},
	{"transition/set", `{"duration_ms":1500,"enabled":false}`, map[string]string{"transition/status": `{"duration_ms":1500,"enabled":false,`, "status": "transitions_disabled"}, nil},
	{"transition/set", `{"fadein_curve":"bounce"}`, map[string]string{"transition/status": `{"duration_ms":1500,"enabled":false,"fadein_curve":"bounce"`, "status": "transition_curves_updated"}, nil},
	{"transition/set", `{"duration_ms":1}`, map[string]string{"status": "invalid_transition_duration", "result": "200 to 5000"}, nil},
	{"ota/source/set", `{"source":"Cloudflare"}`, map[string]string{"ota/source/status": `{"source":"cloudflare","github_url":"https://github.test/wordclock.bin","cloudflare_url":"https://cloudflare.test/wordclock.bin"}`}, nil},
	{"ota/source/set", `github`, map[string]string{"ota/source/status": `{"source":"github"`}, nil},
	{"ota/source/set", `{"source":"gitlab"}`, map[string]string{"result": "github or cloudflare"}, nil},
	{"command", "chimes_enable", map[string]string{"chimes/status": `{"enabled":true}`, "status": "chimes_enabled"}, nil},
	{"command", "chimes_volume_35", map[string]string{"chimes/volume": `{"volume":35}`, "status": "chime_volume_set_35"}, nil},
	{"command", "test_transitions_start", map[string]string{"status": "transition_test_started", "face/state": `"ES IST ZWEI UHR","minute_leds":0,"unknown":false,"dark_rows":[],"demo":true`}, nil},
	{"command", "test_transitions_stop", map[string]string{"status": "transition_test_stopped", "face/state": `"demo":false`}, shows(face.Default)},
	{"command", "tlc_hardware_reset", map[string]string{"status": "tlc_reset_success"}, shows(face.Default)},
	{"command", "refresh_sensors", map[string]string{"status": "sensor_values_refreshed", "sensors/status": `"light_level_lux":`}, nil},
	{"command", "set_time 07:05", map[string]string{"status": "time_set_failed", "result": `"ok":false`}, shows(face.Default)},
	{"command", "health_check", map[string]string{"health": `"name":"leds","state":"ok"`, "result": `"command":"health_check","ok":true`}, nil},
	{"command", "error_log_clear", map[string]string{"result": `"ok":true`}, nil},
	{"error_log/query", `{"count":5}`, map[string]string{"error_log/response": `"requested":5`}, nil},
	{"command", "chimes_quiet_hours 21:00-06:00", map[string]string{"result": `"ok":true`}, nil},
	{"command", `{"command":"get_config","id":"x"}`, map[string]string{"result": `"chimes.quiet_start":21`}, nil},
	{"command", "no_such_command", map[string]string{"status": "unknown_command", "result": `"ok":false`}, nil},
}

func dark(m *meeting) bool { return m.board.Seen() == face.Mask{} }

// upTo wants the brightest LED to have a level, give or take what chips round.
func upTo(level int) func(*meeting) bool {
	return func(m *meeting) bool {
		most := 0
		for _, row := range m.board.Lit() {
			most = max(most, int(slices.Max(row[:])))
		}
		return level-1 <= most && most <= level+1
	}
}

// shows wants the face of the moment.
func shows(s face.Style) func(*meeting) bool {
	return func(m *meeting) bool {
		now := time.Now().In(m.zone)
		return m.board.Seen() == face.Say(now.Hour(), now.Minute(), s).Mask()
	}
}

// talk goes through the conversation.
func (m *meeting) talk(t *testing.T) {
	for _, s := range conversation {
		mark := m.ha.mark()
		m.ha.say(s.path, s.payload)
		for path, part := range s.then {
			m.ha.await(mark, path, part)
		}
		if s.lit != nil {
			eventually(t, s.path+" "+s.payload+": LEDs", func() bool { return s.lit(m) })
		}
		time.Sleep(250 * time.Millisecond) // commands have a rate
	}
}

// slide is an owner who moves a slider: the last value is what counts.
func (m *meeting) slide(t *testing.T) {
	mark := m.ha.mark()
	for n := range 20 {
		m.ha.say("light/set", fmt.Sprintf(`{"brightness":%d}`, 100+n))
		time.Sleep(100 * time.Millisecond)
	}
	m.ha.await(mark, "light/state", `"brightness":119`)
	eventually(t, "LEDs", func() bool { return upTo(60 * 119 / 255)(m) })
	time.Sleep(time.Second)
	if got := m.ha.state("light/state"); !strings.Contains(got, `"brightness":119`) {
		t.Errorf("the light is %s", got)
	}
}

// TestConversation: whatever is said on MQTT, the state that is published follows, and
// so do the LEDs.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meet(t, time.Date(2026, 5, 1, 19, 37, 10, 0, vienna(t)), nil)
		m.slide(t)
		m.talk(t)
	})
}
