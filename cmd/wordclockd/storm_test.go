package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"wordclockd/internal/broker/brokertest"
	"wordclockd/internal/control"
	"wordclockd/internal/face"
	"wordclockd/internal/machine"
	"wordclockd/internal/proof"
)

// A besieged is a clock that runs as a process, and somebody who means it no good at the
// broker.
type besieged struct {
	*control.Client
	t    *testing.T
	pid  int
	zone *time.Location
	foe  mqtt.Client

	answers chan string // what comes on topic result
}

// expose starts a clock in an environment. broker returns how the foe gets to its
// broker, if that is the embedded one at an address.
func expose(t *testing.T, bin string, env []string, broker func(embedded string) *mqtt.ClientOptions) *besieged {
	t.Helper()
	state := t.TempDir()
	cmd := exec.Command(bin, "run", "--json", "--state", state)
	cmd.Env = append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	zone, e := time.LoadLocation("Europe/Vienna")
	if err = errors.Join(err, e); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &besieged{Client: control.NewClient(machine.State(state).Socket()), t: t, pid: cmd.Process.Pid, zone: zone, answers: make(chan string, 100)}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines, addr := bufio.NewScanner(stderr), ""
	for lines.Scan() {
		var line struct {
			Event     string
			Addresses []string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if line.Event == "broker_up" {
			addr = line.Addresses[0]
		}
		if line.Event == "mqtt_up" {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // it ends with the process
	b.foe = mqtt.NewClient(broker(addr).SetClientID("foe").SetWriteTimeout(10 * time.Second))
	b.done(b.foe.Connect())
	t.Cleanup(func() { b.foe.Disconnect(100) })
	b.done(b.foe.Subscribe("home/Clock_Stani_1/result", 1, func(_ mqtt.Client, m mqtt.Message) {
		select {
		case b.answers <- string(m.Payload()):
		default:
		}
	}))
	return b
}

func (b *besieged) done(token mqtt.Token) {
	b.t.Helper()
	if !token.WaitTimeout(time.Minute) || token.Error() != nil {
		b.t.Fatalf("foe: %v", token.Error())
	}
}

// flood publishes so many commands a second, for a while, and looks at the clock
// meanwhile.
func (b *besieged) flood(perSecond int, d time.Duration) {
	const ticks = 100 // a second
	every := time.NewTicker(time.Second / ticks)
	defer every.Stop()
	for n := range int(d / (time.Second / ticks)) {
		<-every.C
		for range perSecond / ticks {
			b.foe.Publish("home/Clock_Stani_1/command", 0, false, "status")
		}
		if n%(ticks/2) == 0 {
			b.isRight()
		}
	}
}

// isRight fails the test unless the lit LEDs are those of the present.
func (b *besieged) isRight() {
	b.t.Helper()
	for try := 0; ; try++ {
		var lit machine.Lit
		before := time.Now().In(b.zone)
		err := b.Sim(b.t.Context(), "lit", nil, &lit)
		if err != nil && (!isSlow(err) || try == 20) {
			b.t.Fatal(err)
		}
		got, after := face.Mask(lit.Rows), time.Now().In(b.zone)
		if err == nil && (got == said(before) || got == said(after)) {
			return
		}
		if err == nil && before.Minute() == after.Minute() && before.Second() > 0 {
			b.t.Errorf("between %s and %s %04X is lit, want %04X", before, after, got, said(before))
			return
		}
	}
}

// said is what is lit at a time.
func said(at time.Time) face.Mask { return face.Say(at.Hour(), at.Minute(), face.Default).Mask() }

// storm is what a clock has to bear, and fails the test if it does not, or takes more
// than 16 MB for it.
func (b *besieged) storm(largest int) {
	const limit = 16 << 20
	begin := time.Now()
	idle := resident(b.t, b.pid)
	seconds := min(10, len(proof.Seeds(b.t, 1)))
	b.flood(10_000, time.Duration(seconds)*time.Second)
	topic := func(name string) string { return "home/Clock_Stani_1/" + name }
	for _, set := range []string{"command", "light/set", "brightness/config/set", "ota/source/set"} {
		for _, payload := range []string{
			strings.Repeat("x", largest), "\xff\xfe{\x80", strings.Repeat(`{"a":`, 1000), "[" + strings.Repeat("[", 4000), `{"state":`, "",
		} {
			b.done(b.foe.Publish(topic(set), 1, false, payload))
		}
	}
	b.isRight()
	if most := memory(b.t, b.pid, "VmHWM"); most > idle+limit {
		b.t.Errorf("it takes %.1f MB more than when it had nothing to do, want %.1f at most", float64(most-idle)/1e6, float64(limit)/1e6)
	} else {
		b.t.Logf("%.1f MB more than idle", float64(most-idle)/1e6)
	}
	b.answersAgain(topic("command"))
	proof.Row(b.t, begin, "MQTT: storm on "+path.Base(b.t.Name())+", the face right throughout, 16 MB at most", fmt.Sprintf("%d commands, 10000 a second", seconds*10_000))
}

// answersAgain fails the test unless a command is answered once the storm is over.
func (b *besieged) answersAgain(topic string) {
	b.t.Helper()
	limit := time.After(time.Minute)
	for n := 0; ; n++ {
		b.foe.Publish(topic, 1, false, fmt.Sprintf(`{"command":"status","id":"again %d"}`, n))
		retry := time.After(time.Second)
		for waiting := true; waiting; {
			select {
			case a := <-b.answers:
				if strings.Contains(a, `"again `) && strings.Contains(a, `"ok":true`) {
					return
				}
			case <-retry:
				waiting = false
			case <-limit:
				b.t.Fatal("no command is answered any more")
			}
		}
	}
}

// TestStorm: ten thousand messages a second, and what makes no sense, are borne by a
// clock that goes on showing the time, in little memory, at its own broker and at a real
// one.
func TestStorm(t *testing.T) { // not beside others, which would have to bear it, too
	bin := build(t)
	t.Run("embedded", func(t *testing.T) {
		b := expose(t, bin, []string{mqttURL + "=embedded"}, func(addr string) *mqtt.ClientOptions {
			return mqtt.NewClientOptions().AddBroker("tcp://" + addr)
		})
		b.storm(200 << 10) // it takes no packet that is larger than 256 KiB
	})
	t.Run("mosquitto", func(t *testing.T) {
		m := brokertest.Start(t, "../../docs", nil)
		c := m.MQTT(brokertest.Clock)
		env := []string{
			mqttURL + "=" + c.URL, "WORDCLOCKD_MQTT_USERNAME=" + c.Username, "WORDCLOCKD_MQTT_PASSWORD_FILE=" + c.PasswordFile,
			"WORDCLOCKD_MQTT_CA_FILE=" + c.CAFile,
		}
		roots := x509.NewCertPool()
		if pem, err := os.ReadFile(c.CAFile); err != nil || !roots.AppendCertsFromPEM(pem) {
			t.Fatal(err)
		}
		b := expose(t, bin, env, func(string) *mqtt.ClientOptions {
			return mqtt.NewClientOptions().AddBroker("ssl://localhost:" + m.Port).SetTLSConfig(&tls.Config{RootCAs: roots}).
				SetUsername(brokertest.Home).SetPassword(brokertest.Password)
		})
		b.storm(1 << 20)
	})
}
