package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"wordclockd/internal/task"
)

// read takes what has come, message by message. What takes time is done by others.
func (v *visit) read(ctx context.Context, g *task.Group) error {
	defer v.refuse()
	for {
		var err error
		select {
		case m := <-v.s.inbox:
			err = v.take(ctx, g, m)
			v.flood(time.Now(), false)
		case p := <-v.probes:
			err = v.probe(ctx, p)
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (v *visit) take(ctx context.Context, g *task.Group, m message) error {
	switch {
	case m.topic == v.availability("").topic:
		return v.returned(ctx, m)
	case v.prefix != "" && m.topic == v.birthTopic():
		if !m.retain && string(m.payload) == "online" {
			offer(v.births)
		}
		return nil
	case !strings.HasPrefix(m.topic, v.base+"/"):
		return nil // of a subscription that is over
	case m.retain:
		v.ignore(m.topic)
		return nil
	}
	out, j := v.desk.take(m, time.Now())
	if err := v.tell(ctx, out); err != nil || j.do == nil {
		return err
	}
	return v.do(ctx, g, m, j)
}

// offer puts a token into a channel that has room for one.
func offer(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ignore logs once that a topic has a retained message, which asks for what somebody
// wanted long ago.
func (v *visit) ignore(topic string) {
	if !v.ignored[topic] {
		v.ignored[topic] = true
		v.c.Log.Warn("ignored a retained message; remove it from the broker", "event", "mqtt_ignored", "topic", topic)
	}
}

// tell publishes what a message came to.
func (v *visit) tell(ctx context.Context, o outcome) error {
	if err := v.s.publish(ctx, o.say...); err != nil {
		return err
	}
	if len(o.echo) > 0 {
		select {
		case v.echo <- o.echo:
		case <-ctx.Done():
			return nil
		}
	}
	if o.last != nil {
		select {
		case v.anew <- o.last:
		case <-ctx.Done():
		}
	}
	return nil
}

// renew announces everything anew, and publishes last what says so.
func (v *visit) renew(ctx context.Context, last []message) error {
	if err := v.everything(ctx); err != nil {
		return err
	}
	return v.s.publish(ctx, last...)
}

// do has a job done, or says that there is too much to do.
func (v *visit) do(ctx context.Context, g *task.Group, m message, j job) error {
	done := func() {}
	switch {
	case j.promised:
	case j.slow:
		select {
		case v.slow <- struct{}{}:
			done = func() { <-v.slow }
		default:
			return v.tell(ctx, v.desk.busy(m))
		}
	default:
		select {
		case v.jobs <- j:
			return nil
		default:
			return v.tell(ctx, v.desk.busy(m))
		}
	}
	g.Go("job", func(ctx context.Context) error {
		defer done()
		return v.tell(ctx, j.do(ctx))
	})
	return nil
}

// work does jobs one after the other.
func (v *visit) work(ctx context.Context) error {
	for {
		select {
		case j := <-v.jobs:
			if err := v.tell(ctx, j.do(ctx)); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// probe publishes the clock's availability, which is to come back, if the clock may read
// all it has to.
func (v *visit) probe(ctx context.Context, p chan<- error) error {
	if refused := v.c.Link.Get().Refused; len(refused) > 0 {
		p <- fmt.Errorf("subscribe to %s: the MQTT broker refuses it; allow it in the broker's ACL", strings.Join(refused, ", "))
		return nil
	}
	v.waiting = append(v.waiting, p)
	return v.s.publish(ctx, v.availability("online"))
}

// returned is that somebody has said whether the clock is there. It is.
func (v *visit) returned(ctx context.Context, m message) error {
	switch {
	case m.retain:
		return nil // from before
	case string(m.payload) == "online":
		v.answer(nil)
		return nil
	}
	return v.s.publish(ctx, v.availability("online"))
}

func (v *visit) answer(err error) {
	for _, p := range v.waiting {
		p <- err // has room for one
	}
	v.waiting = nil
}

// refuse ends the probes that wait, as the connection has ended.
func (v *visit) refuse() { v.answer(errors.New("lost the MQTT broker")) }

// flood logs how many messages had to be dropped, once a minute at most.
func (v *visit) flood(now time.Time, last bool) {
	if v.s.missed.Load() == 0 || !last && now.Sub(v.flooded) < time.Minute {
		return
	}
	v.flooded = now
	v.c.Log.Warn("dropped messages that came faster than they can be read", "event", "mqtt_flood", "count", v.s.missed.Swap(0))
}
