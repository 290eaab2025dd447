package mqttbridge

import (
	"context"
	"errors"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// errAdopted is that the clock has another id now, and has to connect with it.
var errAdopted = errors.New("the clock took over the id of the one it replaces")

// announce subscribes, says all there is to say, and last that the clock is there.
func (v *visit) announce(ctx context.Context) error {
	for _, step := range []func(context.Context) error{v.subscribe, v.settle, v.everything, v.arrive} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) subscribe(ctx context.Context) error {
	filters := append(v.subscriptions(), v.availability("").topic)
	refused, err := v.s.subscribe(ctx, nil, filters...)
	if err != nil {
		return err
	}
	v.link.refused(refused)
	return nil
}

// subscriptions are the topics that the clock listens to: those for it, and that on which
// Home Assistant says that it starts.
func (n names) subscriptions() []string {
	if n.prefix == "" {
		return n.filters()
	}
	return append(n.filters(), n.birthTopic())
}

func (n names) birthTopic() string { return n.prefix + "/status" }

// everything publishes discovery, and all states.
func (v *visit) everything(ctx context.Context) error {
	if v.prefix != "" {
		if err := v.s.publish(ctx, discovery(v.now())); err != nil {
			return err
		}
	}
	return v.s.publish(ctx, v.states.all(v.now())...)
}

// now is the clock as it is at this moment.
func (v *visit) now() view {
	status, _ := v.c.Service.Watch()
	return v.view(status)
}

func (v *visit) view(s clock.Status) view {
	return view{names: v.names, Status: s, now: time.Now()}
}

// arrive says that the clock is there.
func (v *visit) arrive(ctx context.Context) error {
	if err := v.s.publish(ctx, v.availability("online")); err != nil {
		return err
	}
	v.retry.tries = 0
	v.link.up()
	return v.s.publish(ctx, message{topic: v.base + "/status", payload: []byte("connected_secure"), qos: 1})
}

// settle brings Home Assistant from what the old clock has left there to this one. It
// does so once in a life; without discovery it leaves nothing there at all.
func (v *visit) settle(ctx context.Context) error {
	if v.prefix == "" {
		n := v.names
		n.prefix = v.c.MQTT.DiscoveryPrefix
		return v.s.publish(ctx, retraction(n))
	}
	if v.settled {
		return nil
	}
	o, err := v.lookBack(ctx)
	if err != nil {
		return err
	}
	if v.adopt(o.id) {
		return errAdopted
	}
	v.settled = true
	moving, removed := o.moving(v.now())
	if len(moving)+len(removed) == 0 {
		return nil
	}
	if err := v.s.publish(ctx, moving...); err != nil {
		return err
	}
	if len(moving) > 0 {
		task.Sleep(ctx, unloading)
	}
	if err := v.s.publish(ctx, append([]message{discovery(v.now())}, removed...)...); err != nil {
		return err
	}
	v.c.Log.Info("moved the old clock's entities in Home Assistant to this one", "event", "mqtt_migrated", "messages", len(o.topics))
	return nil
}

// adopt takes over an id, and reports whether there is another one now.
func (v *visit) adopt(id string) bool {
	if id == "" || id == v.id || v.c.MQTT.DeviceID != "" || v.c.Adopt == nil {
		return false
	}
	if err := v.c.Adopt(id); err != nil {
		v.c.Log.Warn("cannot keep the old clock's id: Home Assistant gets new entities", "event", "mqtt_unadopted", "id", id, "err", err)
		return false
	}
	v.c.Log.Info("this clock goes on under the id of the one it replaces", "event", "mqtt_adopted", "id", id, "instead_of", v.id)
	v.c.ID, v.life.id = id, id
	v.link.named(id)
	return true
}

const (
	oldQuiet    = time.Second            // without a retained message: there are no more
	oldQuietNow = 100 * time.Millisecond // the same, of a broker in this process
	oldLimit    = 3 * time.Second
	maxOld      = 256 // more than an old clock has ever had

	unloading = time.Second // within which Home Assistant gives up entities that move
)

// lookBack returns what the broker has of an old clock. What is retained comes right
// behind the answer to a subscription.
func (v *visit) lookBack(ctx context.Context) (old, error) {
	var o old
	found := make(chan message, maxOld)
	refused, err := v.s.subscribe(ctx, func(_ mqtt.Client, m mqtt.Message) {
		select {
		case found <- received(m):
		default:
		}
	}, oldFilter(v.names))
	if err != nil || len(refused) > 0 {
		return o, err
	}
	quiet := oldQuiet
	if v.c.Dial != nil {
		quiet = oldQuietNow
	}
	limit := time.After(oldLimit)
	for waiting := true; waiting; {
		select {
		case m := <-found:
			if m.retain {
				o.add(v.names, m)
			}
		case <-time.After(quiet):
			waiting = false
		case <-limit:
			waiting = false
		case <-ctx.Done():
			return o, ctx.Err()
		}
	}
	return o, v.s.unsubscribe(ctx, oldFilter(v.names))
}
