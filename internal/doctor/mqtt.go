package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/mqttbridge"
)

const (
	theBroker = "broker"
	seeACL    = "allow it in the broker's ACL: docs/mosquitto has an example"
)

// MQTT looks at the broker as a clock would that is configured like c. Link is what the
// clock that runs says of its connection, nil if none runs. The broker is told nothing
// that it keeps.
func MQTT(ctx context.Context, c mqttbridge.Config, link *control.MQTT, p Preference) []Finding {
	s := section{topic: "mqtt"}
	s.aboutConfiguration(c, link)
	if !s.locate(&c, link) {
		s.aboutLink(link, nil)
		return s.findings
	}
	results, err := examine(ctx, []look[visit]{{
		run: func(ctx context.Context) visit { return visitBroker(ctx, c, link, p) },
		late: visit{section: section{findings: []Finding{{Fault, s.topic, theBroker, "it hangs, and was left behind",
			"check the network of this host and its DNS server: resolvectl status"}}}},
	}})
	if err != nil {
		s.add(Fault, "doctor", remedyBug, "%v", err)
		return s.findings
	}
	s.aboutLink(link, results[0].failed)
	return append(s.findings, results[0].findings...)
}

// inside ends what a clock says of the broker that it brings along.
const inside = " (embedded)"

// aboutConfiguration says that the clock that runs is configured otherwise.
func (s *section) aboutConfiguration(c mqttbridge.Config, link *control.MQTT) {
	if link == nil || link.State == "" {
		return
	}
	has, wants := cmp.Or(link.Broker, "none"), mqttbridge.Where(c.MQTT)
	if c.MQTT.URL == config.Embedded && strings.HasSuffix(has, inside) {
		return
	}
	if has != wants {
		s.add(Warning, "configuration", "ask with the configuration of the clock: --config, --mqtt, WORDCLOCKD_MQTT_…",
			"the broker of the clock that runs is %s, but here it is %s", has, wants)
	}
}

// locate has c say where the broker is, and reports whether there is one to look at.
func (s *section) locate(c *mqttbridge.Config, link *control.MQTT) bool {
	switch c.MQTT.URL {
	case config.Off:
		s.add(Note, theBroker, "for Home Assistant: mqtt.url of the configuration", "mqtt.url is off: the clock speaks with none")
		return false
	case config.Embedded:
		if link == nil {
			s.add(Note, theBroker, "for one in the network: mqtt.url of the configuration", "the clock brings its own along, which is there while it runs")
			return false
		}
		addr, found := strings.CutSuffix(link.Broker, inside)
		c.MQTT.URL = "mqtt://" + addr
		return found
	}
	return true
}

// aboutLink says what the clock that runs knows of its connection. failed is what the
// doctor's own visit failed of, nil if of nothing: then the clock's trouble is the same.
func (s *section) aboutLink(m *control.MQTT, failed error) {
	const subject = "clock"
	if m == nil {
		return
	}
	switch {
	case m.State == "":
		s.add(Note, subject, "wordclockd status says why", "cannot be asked for its connection")
	case m.State == clock.LinkUp.String():
		s.add(OK, subject, "", "is connected to %s as %s since %s", m.Broker, m.ClientID, m.Since)
	case m.State == clock.LinkDown.String() && m.Error == "":
		s.add(Note, subject, "", "is about to connect to %s, since %s", m.Broker, m.Since)
	case m.State == clock.LinkDown.String() && failed != nil:
		why := ": " + m.Error
		if strings.HasPrefix(m.Error, failed.Error()) {
			why = ""
		}
		s.add(Note, subject, "", "is not connected to %s since %s%s", m.Broker, m.Since, why)
	case m.State == clock.LinkDown.String():
		s.add(Fault, subject, "if nothing below says why: wordclockd journal", "is not connected to %s since %s: %s", m.Broker, m.Since, m.Error)
	}
	if m.Twin {
		s.add(Fault, subject, "give one of both another device.name or mqtt.device_id", "another client seems to be %s too: the broker throws out one for the other", m.ClientID)
	}
	if len(m.Refused) > 0 {
		s.add(Fault, subject, seeACL, "may not read %s", strings.Join(m.Refused, " "))
	}
}

// A visit is what came of looking at a broker.
type visit struct {
	section
	failed error // nil if the broker could be spoken with
}

// visitBroker looks at a broker in the network.
func visitBroker(ctx context.Context, c mqttbridge.Config, link *control.MQTT, p Preference) visit {
	s := section{topic: "mqtt"}
	up := link != nil && link.State == clock.LinkUp.String()
	found, err := mqttbridge.Inspect(ctx, c, link == nil)
	if e, ok := errors.AsType[*mqttbridge.ReachError](err); ok {
		remedy := e.Remedy
		if up && subjects[e.Cause] == "login" {
			remedy += "; the clock that runs is let in: ask with its configuration"
		}
		s.add(Fault, subjects[e.Cause], remedy, "%s: %v", found.Broker, e)
		return visit{s, e}
	}
	s.add(OK, theBroker, "", "%s lets %s in", found.Broker, who(c.MQTT))
	s.aboutTLS(found)
	if link == nil && !found.Alone {
		s.add(Note, "clock", "to ask that one, too: on its host, or with its --state", "one is there as %s, though none runs on this state", c.Device)
		p = Preference{Note: "what the clock prefers is known where it runs"}
	}
	s.aboutTopics(found)
	if up && len(found.Missing) > 0 {
		s.add(Fault, "states", seeACL, "the broker has nothing on %s: it says nothing, and does not let the clock publish there", some(found.Missing))
	}
	s.aboutSource(found.Kept[c.MQTT.TopicPrefix+"/"+c.Device+"/ota/source/status"], p)
	return visit{s, nil}
}

// subjects is what a connection fails of, by the cause.
var subjects = map[string]string{
	"file": "files", "name": "name", "certificate_name": "TLS", "certificate_expired": "TLS", "certificate_untrusted": "TLS",
	"certificate": "TLS", "no_tls": "TLS", "client_certificate": "TLS", "password": "login", "not_authorised": "login", "id": "login",
	"acl": "publishing", "refused": "connection", "unreachable": "connection", "timeout": "connection", "hung_up": "connection",
	"protocol": theBroker, "unavailable": theBroker, "packet": theBroker, "other": theBroker,
}

func who(m config.MQTT) string {
	if m.Username == "" {
		return "anybody"
	}
	return "user " + m.Username
}

func (s *section) aboutTLS(found *mqttbridge.Inspection) {
	host, _, _ := net.SplitHostPort(found.Broker)
	switch ip := net.ParseIP(host); {
	case found.TLS == nil && (host == "localhost" || ip.IsLoopback()):
		return // it does not leave this host
	case found.TLS == nil:
		s.add(Note, "TLS", "in a network that others use: mqtts:// in mqtt.url", "nothing is encrypted, the password is not either")
		return
	}
	s.valid(*found.TLS, "whoever runs the broker has to renew it")
}

func (s *section) aboutTopics(found *mqttbridge.Inspection) {
	switch {
	case len(found.Refused) > 0:
		s.add(Fault, "subscriptions", seeACL, "the broker refuses %s", some(found.Refused))
	case len(found.Deaf) > 0:
		s.add(Fault, "subscriptions", seeACL, "what others publish on %s does not arrive, unlike what they do on other topics", some(found.Deaf))
	case found.Alone:
		s.add(OK, "subscriptions", "", "the broker takes all of them")
	default:
		s.add(OK, "subscriptions", "", "the broker takes all of them; whether its ACL keeps back what others publish there can be seen while no clock runs")
	}
	if len(found.Silent) > 0 {
		s.add(Fault, "publishing", seeACL, "what is published on %s does not come back: it may not be written, or not be read", some(found.Silent))
		return
	}
	s.add(OK, "publishing", "", "what is published below the clock's topics comes back")
}

// aboutSource compares what Home Assistant shows as preferred source with what is.
func (s *section) aboutSource(kept []byte, p Preference) {
	var status struct {
		Source string `json:"source"`
	}
	if kept == nil || json.Unmarshal(kept, &status) != nil {
		return
	}
	level, remedy, text := OK, "", "the broker has "+status.Source+", as the clock"
	if want := p.effective().String(); p.Note != "" {
		level, text = Note, "the broker has "+status.Source+"; "+p.Note
	} else if status.Source != want {
		level, remedy = Warning, "let the clock run, and look again: it publishes the source when it connects"
		text = fmt.Sprintf("the broker has %s, but the clock prefers %s", status.Source, want)
	}
	s.add(level, "source", remedy, "%s", text)
}

// some names the first of many.
func some(topics []string) string {
	const most = 4
	if n := len(topics); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(topics[:most], " "), n-most)
	}
	return strings.Join(topics, " ")
}
