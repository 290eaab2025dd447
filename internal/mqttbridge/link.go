package mqttbridge

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/watch"
)

// A link keeps clock.Link true, and says once what is to be said. It belongs to the
// goroutine that connects; while there is a connection, to those that serve it: up and
// refused to the one that announces, calm to the one that watches.
type link struct {
	value *watch.Value[clock.Link]
	log   *slog.Logger
	twin  twin

	down  time.Time            // since when there is no connection
	ups   int                  // connections that were up
	early int                  // connections in a row that the broker ended before they were up
	said  map[string]time.Time // when troubles of a cause were logged, in this outage
}

// again is how long a trouble goes on until it is logged once more.
const again = time.Hour

// begin says who connects to whom.
func (l *link) begin(broker, base, id string) {
	l.down = time.Now()
	l.value.Set(clock.Link{State: clock.LinkDown, Broker: broker, Base: base, ClientID: id, Since: l.down})
}

// named is that another client id is used from now on.
func (l *link) named(id string) { l.value.Update(func(v *clock.Link) { v.ClientID = id }) }

// trying is that a try to connect begins.
func (l *link) trying() { l.value.Update(func(v *clock.Link) { v.Tries++ }) }

// failed is that a try failed.
func (l *link) failed(err error) {
	l.twin.failed()
	l.early = 0
	t := troubleOf(err)
	defer l.value.Update(func(v *clock.Link) { v.Err = t.text }) // who sees it finds more in the log
	now := time.Now()
	if at, ok := l.said[t.cause]; ok && now.Sub(at) < again {
		return
	}
	if l.said == nil {
		l.said = map[string]time.Time{}
	}
	l.said[t.cause] = now
	v := l.value.Get()
	l.log.Warn("no connection to the MQTT broker", "event", "mqtt_failed", "broker", v.Broker, "cause", t.cause, "err", t.text, "tries", v.Tries)
}

// refused are the topics that the broker does not let the clock read. What is known of
// the connection before is not logged again.
func (l *link) refused(topics []string) {
	known := slices.Equal(topics, l.value.Get().Refused)
	defer l.value.Update(func(v *clock.Link) { v.Refused = topics })
	if len(topics) > 0 && !known {
		l.log.Warn("the broker does not let the clock read all it needs to; allow them in its ACL", "event", "mqtt_refused", "topics", topics)
	}
}

// up is that all is out, and the clock is subscribed.
func (l *link) up() {
	now := time.Now()
	v := l.value.Get()
	attrs := []any{"event", "mqtt_up", "broker", v.Broker, "id", v.ClientID}
	if l.ups > 0 {
		attrs = append(attrs, "gone", now.Sub(l.down).Round(time.Millisecond))
	}
	l.ups, l.early, l.said = l.ups+1, 0, nil
	l.log.Info("connected to the MQTT broker", attrs...)
	l.value.Update(func(v *clock.Link) { v.State, v.Since, v.Tries, v.Err = clock.LinkUp, now, 0, "" })
}

// calm is that the connection has been up for twinGone.
func (l *link) calm() {
	if l.twin.seen {
		l.twin = twin{}
		l.value.Update(func(v *clock.Link) { v.Twin = false })
	}
}

// lost is that a connection ended that the broker had let come about at that time.
func (l *link) lost(since time.Time, err error) {
	now := time.Now()
	wasUp := l.value.Get().State == clock.LinkUp
	text, known := l.hungUp(wasUp, err)
	first := l.twin.ended(since, now, isHungUp(err), wasUp)
	if wasUp {
		l.down = now
	}
	level := slog.LevelWarn
	if known || l.twin.seen && !first {
		level = slog.LevelInfo // it is known why, and goes on
	}
	v := l.value.Get()
	l.log.Log(context.Background(), level, "lost the MQTT broker", "event", "mqtt_lost", "broker", v.Broker, "err", text, "up", now.Sub(since).Round(time.Millisecond))
	if first {
		l.log.Error("another client seems to use the clock's id, so that both are thrown out by turns; give one of them another device.name or mqtt.device_id",
			"event", "mqtt_twin", "id", v.ClientID)
	}
	l.value.Update(func(v *clock.Link) { // who sees it finds the reason in the log
		v.Losses++
		v.Err, v.Twin = text, l.twin.seen
		if wasUp {
			v.State, v.Since = clock.LinkDown, now
		}
	})
}

// earlyMany is how many connections in a row the broker ends early until that is no
// accident.
const earlyMany = 3

// hungUp returns what a lost connection is reported with, and whether that was logged as
// a fault before. Who never comes up is most likely not let say what it has to.
func (l *link) hungUp(wasUp bool, err error) (text string, known bool) {
	if wasUp || !isHungUp(err) {
		l.early = 0
		return plain(err), false
	}
	if l.early++; l.early < earlyMany || l.twin.seen {
		return plain(err), false
	}
	return "the broker hangs up while the clock announces itself; its log tells why: its ACL, its limit on packets, or another client of the clock's id", l.early > earlyMany
}

// stopped is that the clock stops.
func (l *link) stopped() {
	l.value.Update(func(v *clock.Link) {
		if v.State == clock.LinkUp {
			v.State, v.Since = clock.LinkDown, time.Now()
		}
	})
}
