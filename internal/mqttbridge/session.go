package mqttbridge

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	connectLimit = 15 * time.Second // for name, connection, TLS and the broker's answer
	ackLimit     = 10 * time.Second // until the broker has acknowledged what was sent
	keepAlive    = 60 * time.Second
	pingLimit    = 10 * time.Second
	inboxSize    = 256
)

// A session is one connection to the broker. Once it has ended it cannot be used again.
type session struct {
	client mqtt.Client
	conn   *gated
	since  time.Time    // the broker let the clock in
	inbox  chan message // what has come
	missed atomic.Int64 // messages that inbox had no room for

	gone chan struct{} // closed when the connection has ended by itself
	err  error         // why; once gone is closed
}

// A letter is what the broker is told about the clock.
type letter struct {
	id, username, password string
	will                   message
}

// A dialer opens a connection.
type dialer func(context.Context) (net.Conn, error)

// open connects to the broker.
func open(ctx context.Context, dial dialer, l letter) (*session, error) {
	s := &session{inbox: make(chan message, inboxSize), gone: make(chan struct{})}
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	c, err := dial(limited) // not where the client would: nobody recovers its goroutines
	if err != nil {
		return nil, late(ctx, limited, err)
	}
	// The client knows no context. What it waits for ends with the connection.
	stop := context.AfterFunc(limited, func() { c.Close() })
	s.conn = gate(trim(c))
	s.client = mqtt.NewClient(s.options(l).SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		return s.conn, nil
	}))
	t := s.client.Connect()
	<-t.Done()
	inTime := stop()
	if err := t.Error(); err != nil {
		c.Close()
		return nil, late(ctx, limited, err)
	}
	if !inTime { // the connection is closed
		s.drop()
		return nil, late(ctx, limited, errDropped)
	}
	s.since = time.Now()
	return s, nil
}

// late returns err, or what stands behind it if there was not enough time.
func late(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("connect: no answer within %v: %w", connectLimit, limited.Err())
	}
	return err
}

// options returns how the client behaves: one connection, no queue, no second try.
func (s *session) options(l letter) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // it wants one; what is dialled is our own
		SetClientID(l.id).SetUsername(l.username).SetPassword(l.password).
		SetBinaryWill(l.will.topic, l.will.payload, l.will.qos, l.will.retain).
		SetProtocolVersion(4).SetCleanSession(true).
		SetConnectRetry(false).SetAutoReconnect(false).SetOrderMatters(true).
		SetKeepAlive(keepAlive).SetPingTimeout(pingLimit).
		SetConnectTimeout(2 * connectLimit). // open has the limit
		SetWriteTimeout(writeLimit).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { s.receive(m) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.err = err; close(s.gone) })
}

// receive runs where the client reads: it must not wait. What came first has to go if
// there is no room: the last word counts.
func (s *session) receive(m mqtt.Message) {
	for {
		select {
		case s.inbox <- received(m):
			return
		default:
		}
		select {
		case <-s.inbox:
			s.missed.Add(1)
		default:
		}
	}
}

func received(m mqtt.Message) message {
	return message{topic: m.Topic(), payload: m.Payload(), qos: m.Qos(), retain: m.Retained()}
}

// publish sends messages, and returns when the broker has acknowledged them all.
func (s *session) publish(ctx context.Context, all ...message) error {
	tokens := make([]mqtt.Token, len(all))
	for i, m := range all {
		tokens[i] = s.ask(func() mqtt.Token { return s.client.Publish(m.topic, m.qos, m.retain, m.payload) })
	}
	return s.await(ctx, tokens)
}

// subscribe returns the filters that the broker refuses.
func (s *session) subscribe(ctx context.Context, f mqtt.MessageHandler, filters ...string) (refused []string, err error) {
	tokens := make([]mqtt.Token, len(filters))
	for i, filter := range filters { // each for itself: see trimmed
		tokens[i] = s.ask(func() mqtt.Token { return s.client.Subscribe(filter, 1, f) })
	}
	if err := s.await(ctx, tokens); err != nil {
		return nil, err
	}
	for i, filter := range filters {
		if qos, ok := tokens[i].(*mqtt.SubscribeToken).Result()[filter]; !ok || qos > 2 {
			refused = append(refused, filter)
		}
	}
	return refused, nil
}

func (s *session) unsubscribe(ctx context.Context, filter string) error {
	return s.await(ctx, []mqtt.Token{s.ask(func() mqtt.Token { return s.client.Unsubscribe(filter) })})
}

// ask has the client send something, unless the connection has ended.
func (s *session) ask(send func() mqtt.Token) mqtt.Token {
	if !s.conn.enter() {
		return &mqtt.DummyToken{}
	}
	defer s.conn.leave()
	return send()
}

var errUnanswered = fmt.Errorf("the broker has not acknowledged what was sent within %v", ackLimit)

// await returns when all tokens are complete. They are, without an error, when the
// connection ends, too.
func (s *session) await(ctx context.Context, tokens []mqtt.Token) error {
	limit := time.NewTimer(ackLimit)
	defer limit.Stop()
	for _, t := range tokens {
		select {
		case <-t.Done():
		case <-limit.C:
			return errUnanswered
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.conn.ended() || !s.client.IsConnectionOpen() {
		<-s.gone
		return s.err
	}
	for _, t := range tokens {
		if err := t.Error(); err != nil {
			return err
		}
	}
	return nil
}

// farewell is how long the client may take to end its own goroutines.
const farewell = 250 * time.Millisecond

// leave ends the connection in good order: the broker publishes no will.
func (s *session) leave() {
	s.client.Disconnect(uint(farewell.Milliseconds()))
	s.drop()
}

// drop ends the connection, so that the broker publishes the will.
func (s *session) drop() {
	s.conn.Close()
	s.client.Disconnect(uint(farewell.Milliseconds())) // waits for what is ending already, too
}
