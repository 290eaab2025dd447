package mqttbridge

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/config"
)

// An Inspection is what a broker does for a client of the clock's name and password.
// Topics are whole.
type Inspection struct {
	Broker string               // host and port
	TLS    *tls.ConnectionState // nil: nothing is encrypted

	Refused []string          // topics that may not be subscribed to
	Kept    map[string][]byte // what the broker has of the clock; of long ones the begin
	Missing []string          // what a clock that was there once has left, and is not there
	Silent  []string          // topics on which nothing comes back that was published there
}

// A ReachError says why a broker cannot be spoken with.
type ReachError struct {
	Cause  string // a word, as mqtt_failed has it
	Err    error
	Remedy string
}

func (e *ReachError) Error() string { return plain(e.Err) }
func (e *ReachError) Unwrap() error { return e.Err }

func reachError(err error) *ReachError {
	for _, r := range remedies {
		if r.is(err) {
			return &ReachError{r.cause, err, r.help}
		}
	}
	return &ReachError{"other", err, ""}
}

// Inspect looks at a broker under an id of its own, with name and password of the clock.
// What the broker keeps stays as it is: published is only what it keeps already, without
// being kept once more, and that only if alone says that no clock publishes meanwhile;
// and something on a topic that nobody else has. The error is a *ReachError, or that of
// ctx.
func Inspect(ctx context.Context, c Config, alone bool) (*Inspection, error) {
	b := New(c)
	found := &Inspection{Broker: b.broker(), Kept: map[string][]byte{}}
	x := inspector{names: b.naming(), found: found, back: map[string]bool{}}
	to, err := x.letter(c.MQTT)
	if err != nil {
		return found, reachError(err)
	}
	x.s, err = open(ctx, func(ctx context.Context) (net.Conn, error) {
		conn, err := b.dial(ctx)
		if e, ok := conn.(*encrypted); ok {
			state := e.ConnectionState()
			found.TLS = &state
		}
		return conn, err
	}, to)
	if err != nil {
		return found, reachError(err)
	}
	defer x.s.leave()
	for _, step := range []func(context.Context) error{x.subscribe, x.collect, func(ctx context.Context) error { return x.echo(ctx, alone) }} {
		if err := step(ctx); err != nil {
			return found, reachError(err)
		}
	}
	return found, nil
}

// An inspector is one visit to a broker.
type inspector struct {
	names
	s     *session
	found *Inspection
	back  map[string]bool // topics on which something has come that was published now
}

func (x *inspector) letter(m config.MQTT) (letter, error) {
	to := letter{id: x.id + "_doctor", will: message{topic: x.side(), payload: []byte("gone"), qos: 1}}
	if m.Username == "" {
		return to, nil
	}
	password, err := m.Secret()
	if err != nil {
		return to, &fileError{"mqtt.password_file", err}
	}
	to.username, to.password = m.Username, password
	return to, nil
}

// side is the topic that nobody else has.
func (n names) side() string { return n.base + "/doctor" }

// own returns what the clock always has the broker keep.
func (n names) own() (all []string) {
	for i := range topics {
		t := &topics[i]
		if t.retain && (t.state == nil || t.state.payload(view{names: n}) != nil) {
			all = append(all, n.base+"/"+t.path)
		}
	}
	if n.prefix != "" {
		all = append(all, discovery(view{names: n}).topic)
	}
	return all
}

// taken returns what the clock listens to.
func (n names) taken() (all []string) {
	for _, t := range topics {
		if t.take != nil {
			all = append(all, n.base+"/"+t.path)
		}
	}
	if n.prefix != "" {
		all = append(all, n.birthTopic())
	}
	return all
}

func (x *inspector) subscribe(ctx context.Context) (err error) {
	x.found.Refused, err = x.s.subscribe(ctx, nil, slices.Concat(x.taken(), x.own(), []string{x.side()})...)
	return err
}

const (
	quiet      = 300 * time.Millisecond // without a message: nothing more comes by itself
	quietLimit = 2 * time.Second
)

// collect takes what the broker has kept, which comes right behind its answer.
func (x *inspector) collect(ctx context.Context) error {
	if err := x.hear(ctx, quiet, func() bool { return false }); err != nil {
		return err
	}
	for _, topic := range x.own() {
		if x.found.Kept[topic] == nil {
			x.found.Missing = append(x.found.Missing, topic)
		}
	}
	return nil
}

// echo publishes, and looks what comes back.
func (x *inspector) echo(ctx context.Context, alone bool) error {
	all := []message{{topic: x.side(), payload: []byte("doctor"), qos: 1}}
	for _, topic := range x.own() {
		p := x.found.Kept[topic]
		if alone && 0 < len(p) && len(p) <= maxPayload && strings.HasPrefix(topic, x.base) {
			all = append(all, message{topic: topic, payload: p, qos: 1})
		}
	}
	clear(x.back)
	if err := x.s.publish(ctx, all...); err != nil {
		return err
	}
	missing := func(m message) bool { return !x.back[m.topic] }
	if err := x.hear(ctx, quietLimit, func() bool { return !slices.ContainsFunc(all, missing) }); err != nil {
		return err
	}
	for _, m := range all {
		if missing(m) {
			x.found.Silent = append(x.found.Silent, m.topic)
		}
	}
	return nil
}

// hear takes what comes, until enough did, or nothing has for a while.
func (x *inspector) hear(ctx context.Context, calm time.Duration, enough func() bool) error {
	limit := time.After(quietLimit)
	for !enough() {
		select {
		case m := <-x.s.inbox:
			if m.retain && len(m.payload) > 0 {
				x.found.Kept[m.topic] = m.payload
			}
			x.back[m.topic] = x.back[m.topic] || !m.retain
		case <-time.After(calm):
			return nil
		case <-limit:
			return nil
		case <-x.s.gone:
			return x.s.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
