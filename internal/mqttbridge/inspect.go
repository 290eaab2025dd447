package mqttbridge

import (
	"context"
	"crypto/tls"
	"fmt"
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
	Alone  bool                 // no clock is there under that name, and topics for commands were tried

	Refused []string          // topics that may not be subscribed to
	Kept    map[string][]byte // what the broker has of the clock; of long ones the begin
	Missing []string          // what a clock that was there once has left, and is not there
	Silent  []string          // topics on which nothing comes back that was published there
	Deaf    []string          // topics for commands of which that holds, while others do come back
}

// Where says for people where the broker of a configuration is.
func Where(c config.MQTT) string {
	switch c.URL {
	case config.Off:
		return "none"
	case config.Embedded:
		return "embedded"
	}
	to, _ := endpointOf(c.URL)
	return to.addr
}

// A ReachError says why a broker cannot be spoken with.
type ReachError struct {
	Cause  string // a word, as mqtt_failed has it
	Err    error
	Remedy string
}

func (e *ReachError) Error() string { return plain(e.Err) }
func (e *ReachError) Unwrap() error { return e.Err }

// reachError returns why a visit failed that ctx was for.
func reachError(ctx context.Context, err error) *ReachError {
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	if as[*cutOffError](err) {
		return &ReachError{"acl", err, "allow it in the broker's ACL"}
	}
	for _, r := range remedies {
		if r.is(err) {
			return &ReachError{r.cause, err, r.help}
		}
	}
	return &ReachError{"other", err, ""}
}

// Inspect looks at a broker under an id of its own, with name and password of the clock.
// What the broker keeps stays as it is: published is only what it keeps already, without
// being kept once more, and that only if no clock publishes meanwhile; what no command is
// on the topics for commands, if no clock is there to take it; and something on a topic
// that nobody else has. Whether a clock is there alone says, and the broker, which has the
// word of one that alone does not know of. The error is a *ReachError.
func Inspect(ctx context.Context, c Config, alone bool) (*Inspection, error) {
	b := New(c)
	found := &Inspection{Broker: b.broker(), Alone: alone, Kept: map[string][]byte{}}
	x := inspector{names: b.naming(), found: found, back: map[string]bool{}}
	to, err := x.letter(c.MQTT)
	if err != nil {
		return found, reachError(ctx, err)
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
		return found, reachError(ctx, err)
	}
	defer x.s.leave()
	for _, step := range []func(context.Context) error{x.subscribe, x.collect, x.echo, x.command} {
		if err := step(ctx); err != nil {
			return found, reachError(ctx, err)
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

func (x *inspector) subscribe(ctx context.Context) (err error) {
	x.found.Refused, err = x.s.subscribe(ctx, nil, slices.Concat(x.subscriptions(), x.own(), []string{x.side()})...)
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
	x.found.Alone = x.found.Alone && x.deserted()
	return nil
}

// deserted reports whether the broker says that no clock is there: it has its last word,
// or nothing of one at all. Of who may not read that word nothing is known.
func (x *inspector) deserted() bool {
	word := x.found.Kept[x.base+"/availability"]
	return string(word) == "offline" || len(x.found.Missing) == len(x.own())
}

// echo publishes, and looks what comes back.
func (x *inspector) echo(ctx context.Context) error {
	all := []message{{topic: x.side(), payload: []byte("doctor"), qos: 1}}
	for _, topic := range x.own() {
		p := x.found.Kept[topic]
		if x.found.Alone && 0 < len(p) && len(p) <= maxPayload && strings.HasPrefix(topic, x.base) {
			all = append(all, message{topic: topic, payload: p, qos: 1})
		}
	}
	var err error
	x.found.Silent, err = x.call(ctx, all, quietLimit)
	if x.isOver() {
		err = &cutOffError{x.side()}
	}
	return err
}

// command publishes what no command is where commands are, and looks what comes back.
// Who is the clock may write nothing there, which is no fault, and may then be cut off.
func (x *inspector) command(ctx context.Context) error {
	if !x.found.Alone {
		return nil
	}
	var all []message
	for _, t := range topics {
		if t.take != nil && t.path != "brightness/config/reset" { // that takes anything
			all = append(all, message{topic: x.base + "/" + t.path, payload: []byte("doctor"), qos: 1})
		}
	}
	deaf, err := x.call(ctx, all, quiet)
	if err == nil && len(deaf) < len(all) {
		x.found.Deaf = deaf
	}
	if x.isOver() {
		return nil
	}
	return err
}

// call publishes messages, and returns the topics on which none came back before there
// was calm for so long.
func (x *inspector) call(ctx context.Context, all []message, calm time.Duration) (silent []string, err error) {
	clear(x.back)
	if err := x.s.publish(ctx, all...); err != nil {
		return nil, err
	}
	missing := func(m message) bool { return !x.back[m.topic] }
	if err := x.hear(ctx, calm, func() bool { return !slices.ContainsFunc(all, missing) }); err != nil {
		return nil, err
	}
	for _, m := range all {
		if missing(m) {
			silent = append(silent, m.topic)
		}
	}
	return silent, nil
}

// isOver reports whether the broker has hung up.
func (x *inspector) isOver() bool {
	select {
	case <-x.s.gone:
		return true
	default:
		return false
	}
}

// A cutOffError is that the broker hung up on who published.
type cutOffError struct{ topic string }

func (e *cutOffError) Error() string { return "the broker hangs up on who publishes on " + e.topic }

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
