package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	if link != nil {
		s.aboutLink(*link)
	}
	switch c.MQTT.URL {
	case config.Off:
		s.add(Note, theBroker, "for Home Assistant: mqtt.url of the configuration", "mqtt.url is off: the clock speaks with none")
		return s.findings
	case config.Embedded:
		if link == nil {
			s.add(Note, theBroker, "for one in the network: mqtt.url of the configuration", "the clock brings its own along, which is there while it runs")
		}
		return s.findings
	}
	results, err := examine(ctx, []look[section]{{
		run: func(ctx context.Context) section { return aboutBroker(ctx, c, link, p) },
		late: section{findings: []Finding{{Fault, s.topic, theBroker, "it hangs, and was left behind",
			"check the network of this host and its DNS server: resolvectl status"}}},
	}})
	if err != nil {
		s.add(Fault, "doctor", remedyBug, "%v", err)
		return s.findings
	}
	return append(s.findings, results[0].findings...)
}

// aboutLink says what the clock that runs knows of its connection.
func (s *section) aboutLink(m control.MQTT) {
	const subject = "clock"
	switch m.State {
	case clock.LinkUp.String():
		s.add(OK, subject, "", "is connected to %s as %s since %s", m.Broker, m.ClientID, m.Since)
	case clock.LinkDown.String():
		s.add(Fault, subject, "if nothing below says why: wordclockd journal", "is not connected to %s since %s: %s", m.Broker, m.Since, cmp.Or(m.Error, "it is about to try"))
	}
	if m.Twin {
		s.add(Fault, subject, "give one of both another device.name or mqtt.device_id", "another client seems to be %s too: the broker throws out one for the other", m.ClientID)
	}
	if len(m.Refused) > 0 {
		s.add(Fault, subject, seeACL, "may not read %s", strings.Join(m.Refused, " "))
	}
}

// aboutBroker looks at a broker in the network.
func aboutBroker(ctx context.Context, c mqttbridge.Config, link *control.MQTT, p Preference) section {
	s := section{topic: "mqtt"}
	found, err := mqttbridge.Inspect(ctx, c, link == nil)
	if e, ok := errors.AsType[*mqttbridge.ReachError](err); ok {
		s.add(Fault, subjects[e.Cause], e.Remedy, "%s: %v", found.Broker, e)
		return s
	}
	s.add(OK, theBroker, "", "%s lets %s in", found.Broker, who(c.MQTT))
	s.aboutTLS(found)
	s.aboutTopics(found)
	if link != nil && link.State == clock.LinkUp.String() && len(found.Missing) > 0 {
		s.add(Fault, "states", seeACL, "the broker has nothing on %s: it says nothing, and does not let the clock publish there", some(found.Missing))
	}
	s.aboutSource(found.Kept[c.MQTT.TopicPrefix+"/"+c.Device+"/ota/source/status"], p)
	return s
}

// subjects is what a connection fails of, by the cause.
var subjects = map[string]string{
	"file": "files", "name": "name", "certificate_name": "TLS", "certificate_expired": "TLS", "certificate_untrusted": "TLS",
	"certificate": "TLS", "no_tls": "TLS", "client_certificate": "TLS", "password": "login", "not_authorised": "login", "id": "login",
	"refused": "connection", "unreachable": "connection", "timeout": "connection", "hung_up": "connection",
	"protocol": theBroker, "unavailable": theBroker, "packet": theBroker, "other": theBroker,
}

func who(m config.MQTT) string {
	if m.Username == "" {
		return "anybody"
	}
	return "user " + m.Username
}

func (s *section) aboutTLS(found *mqttbridge.Inspection) {
	if found.TLS == nil {
		s.add(Note, "TLS", "unless it is on this host: mqtts:// in mqtt.url", "nothing is encrypted, the password is not either")
		return
	}
	s.valid(*found.TLS, "whoever runs the broker has to renew it")
}

func (s *section) aboutTopics(found *mqttbridge.Inspection) {
	switch {
	case len(found.Refused) > 0:
		s.add(Fault, "subscriptions", seeACL, "the broker refuses %s", some(found.Refused))
	default:
		s.add(OK, "subscriptions", "", "the broker takes all of them; one without an ACL for subscriptions, such as mosquitto, may keep back messages all the same")
	}
	switch {
	case len(found.Silent) > 0:
		s.add(Fault, "publishing", seeACL, "what is published on %s does not come back: it may not be written, or not be read", some(found.Silent))
	default:
		s.add(OK, "publishing", "", "what is published below the clock's topics comes back")
	}
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
	if want := p.effective().String(); p.Note == "" && status.Source != want {
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
