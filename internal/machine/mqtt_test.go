package machine

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/task"
)

// reserve returns an address that is in use, and whose next port is free.
func reserve(t *testing.T) (addr, next string) {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		above, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		if err == nil {
			above.Close()
			t.Cleanup(func() { l.Close() })
			return l.Addr().String(), above.Addr().String()
		}
		l.Close()
	}
	t.Fatal("no two ports in a row are free")
	return "", ""
}

// TestListenFrom: the default port moves, one that was asked for does not.
func TestListenFrom(t *testing.T) {
	taken, next := reserve(t)
	l, err := listenFrom(taken, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := l.Addr().String(); got != next {
		t.Errorf("%s, want %s", got, next)
	}
	for addr, want := range map[string]string{
		taken:               "listen for MQTT: " + taken + " is in use: end what has it (ss -ltnp 'sport = :" + strings.TrimPrefix(taken, "127.0.0.1:") + "'), connect to it by mqtt.url, or name another by broker.listen",
		"192.0.2.1:1883":    "listen for MQTT: 192.0.2.1:1883 is no address of this host: correct broker.listen",
		"nowhere.invalid:1": "listen for MQTT: ",
	} {
		if l, err := listenFrom(addr, false); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, error %v, want %s", addr, l, err, want)
		}
	}
}

// TestChooseMAC: an address that the maker gave is preferred.
func TestChooseMAC(t *testing.T) {
	card := func(flags net.Flags, mac ...byte) net.Interface {
		return net.Interface{Flags: flags, HardwareAddr: mac}
	}
	lo, none := card(net.FlagLoopback, 0, 0, 0, 0, 0, 1), card(net.FlagUp)
	bridge, wlan := card(net.FlagUp, 0x02, 0x42, 1, 2, 3, 4), card(0, 0xB8, 0x27, 0xEB, 0x5A, 0x1E, 0x74)
	for _, c := range []struct {
		name  string
		cards []net.Interface
		want  string
	}{
		{"nothing", nil, ""},
		{"loopback, and a tunnel", []net.Interface{lo, none, card(0, 1, 2, 3, 4, 5, 6, 7, 8), card(0, 0, 0, 0, 0, 0, 0)}, ""},
		{"container", []net.Interface{lo, bridge}, "02:42:01:02:03:04"},
		{"Raspberry Pi", []net.Interface{lo, bridge, wlan}, "B8:27:EB:5A:1E:74"},
	} {
		if got := upper(chooseMAC(c.cards)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := hostID(wlan.HardwareAddr); got != "5A1E74" {
		t.Errorf("id %s", got)
	}
}

// TestBroker: the broker is the house's. It has the clock's states, stays where it is
// when the firmware restarts, and hears its last word.
func TestBroker(t *testing.T) {
	taken, next := reserve(t)
	state := State(t.TempDir())
	var log bytes.Buffer
	m := newMachine(t, &log, nil, "WORDCLOCKD_MQTT_URL=embedded", "WORDCLOCKD_BROKER_LISTEN="+taken)
	m.c.State, m.c.BrokerMoves = state, true
	g, _ := task.NewGroup(context.Background())
	g.Go("machine", m.Run)
	c := control.NewClient(state.Socket())
	await := func(is func(control.Status) bool) (found control.Status) {
		t.Helper()
		for begin := time.Now(); ; time.Sleep(time.Millisecond) {
			s, err := c.Status(t.Context())
			if err == nil && is(s) {
				return s
			}
			if err != nil && !errors.Is(err, control.ErrNotRunning) || time.Since(begin) > time.Minute {
				t.Fatalf("%+v, %v", s.MQTT, err)
			}
		}
	}
	up := func(s control.Status) bool { return s.MQTT.State == clock.LinkUp.String() }
	s := await(up)
	if s.MQTT.Broker != next+" (embedded)" || s.MQTT.Base != "home/Clock_Stani_1" || !strings.HasPrefix(s.MQTT.ClientID, "Clock_Stani_1_") {
		t.Errorf("%+v", s.MQTT)
	}
	d, err := c.Discovery(t.Context())
	if err != nil || d.Topic != "homeassistant/device/"+s.MQTT.ClientID+"/config" || !bytes.Contains(d.Payload, []byte(s.MQTT.ClientID)) {
		t.Errorf("discovery %s %s, %v", d.Topic, d.Payload, err)
	}
	conn, err := net.Dial("tcp", next)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := c.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(func(next control.Status) bool { return next.Boot > s.Boot && up(next) })
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp", next); err != nil {
		t.Errorf("the port is not free again: %v", err)
	} else {
		l.Close()
	}
	if text := log.String(); strings.Count(text, "event=broker_up") != 1 || !strings.Contains(text, "event=broker_elsewhere wanted="+taken+" addr="+next) {
		t.Errorf("logged\n%s", text)
	}
}

// TestBrokerBusy: a port that was asked for has to be free, and the clock leaves nothing
// behind when it is not.
func TestBrokerBusy(t *testing.T) {
	taken, _ := reserve(t)
	state := State(t.TempDir())
	var log bytes.Buffer
	m := newMachine(t, &log, nil, "WORDCLOCKD_MQTT_URL=embedded", "WORDCLOCKD_BROKER_LISTEN="+taken)
	m.c.State = state
	if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), taken+" is in use") {
		t.Errorf("error %v", err)
	}
	if err := control.NewClient(state.Socket()).Reach(t.Context()); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("the socket is open: %v", err)
	}
}

// TestNoMQTT: a clock that is to speak none says so.
func TestNoMQTT(t *testing.T) {
	l := move(t, State(t.TempDir()))
	s, err := l.Status(t.Context())
	if err != nil || s.MQTT.State != "off" {
		t.Errorf("%+v, %v", s.MQTT, err)
	}
	if _, err := l.Discovery(t.Context()); err == nil || err.Error() != "mqtt.url is off: nothing is published" {
		t.Errorf("error %v", err)
	}
	if _, err := l.m.Discovery(""); err == nil || err.Error() != "mqtt.url is off: nothing is published" {
		t.Errorf("error %v", err)
	}
}

// TestDiscovery: what does not run is announced as what its configuration is.
func TestDiscovery(t *testing.T) {
	var log bytes.Buffer
	for _, c := range []struct {
		name, stored string
		environ      []string
		topic, err   string
	}{
		{"stored", "Clock_Stani_1_5A1E74", nil, "homeassistant/device/Clock_Stani_1_5A1E74/config", ""},
		{"configured", "Clock_Stani_1_5A1E74", []string{"WORDCLOCKD_MQTT_DEVICE_ID=Old_00FF00"}, "homeassistant/device/Old_00FF00/config", ""},
		{"a real board", "Clock_Stani_1_5A1E74", []string{"WORDCLOCKD_BOARD_KIND=linux", "WORDCLOCKD_MQTT_DISCOVERY_PREFIX=ha"}, "ha/device/Clock_Stani_1_5A1E74/config", ""},
		{"off", "Clock_Stani_1_5A1E74", []string{"WORDCLOCKD_MQTT_DISCOVERY=off"}, "", "mqtt.discovery is off: nothing is published"},
	} {
		m := newMachine(t, &log, nil, append([]string{"WORDCLOCKD_MQTT_URL=embedded"}, c.environ...)...)
		d, err := m.Discovery(c.stored)
		if d.Topic != c.topic || err != nil && err.Error() != c.err || (err == nil) != (c.err == "") {
			t.Errorf("%s: %s, %v, want %s, %s", c.name, d.Topic, err, c.topic, c.err)
		}
	}
}
