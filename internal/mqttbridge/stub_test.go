package mqttbridge

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"wordclockd/internal/broker"
)

// A stub is a broker that is as a test wants it.
type stub struct {
	welcome bool // it answers who connects: with code
	code    byte
	mute    bool           // it does not acknowledge messages
	refuse  string         // a topic that nobody may read
	then    func(net.Conn) // what it does when the clock is connected
	raw     func(net.Conn) // instead of all that

	begun time.Time // the last connection

	lag atomic.Int64 // of its acknowledgements, a time.Duration

	mu  sync.Mutex
	got []string // "topic=payload" of what the clock published
}

// saw returns what the clock published to a topic.
func (s *stub) saw(topic string) (payloads []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		if payload, ok := strings.CutPrefix(m, topic+"="); ok {
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// A locked connection is written to by several.
type locked struct {
	net.Conn
	mu sync.Mutex
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Conn.Write(p)
}

// dialer returns how to connect to it. It ends with the test.
func (s *stub) dialer(r *rig) dialer {
	calls := make(chan net.Conn)
	run(r.t, func(ctx context.Context) error {
		for {
			select {
			case c := <-calls:
				s.begun = time.Now()
				stop := context.AfterFunc(ctx, func() { c.Close() })
				s.serve(r.t, c)
				c.Close()
				stop()
			case <-ctx.Done():
				return nil
			}
		}
	})
	return func(ctx context.Context) (net.Conn, error) {
		here, there := broker.Pipe()
		select {
		case calls <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *stub) serve(t testing.TB, c net.Conn) {
	defer c.Close()
	if s.raw != nil {
		s.raw(c)
		return
	}
	c = &locked{Conn: c}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("the clock sent what is no packet: %v", err)
			}
			return
		}
		if a := s.answer(p); a != nil {
			if a.Write(c) != nil {
				return
			}
		}
		if m, ok := p.(*packets.PublishPacket); ok && s.then != nil && string(m.Payload) == "connected_secure" {
			wg.Go(func() { s.then(c) })
		}
	}
}

func (s *stub) answer(p packets.ControlPacket) packets.ControlPacket {
	switch p := p.(type) {
	case *packets.ConnectPacket:
		if s.welcome {
			a := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			a.ReturnCode = s.code
			return a
		}
	case *packets.SubscribePacket:
		a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		a.MessageID, a.ReturnCodes = p.MessageID, []byte{1}
		if p.Topics[0] == s.refuse {
			a.ReturnCodes[0] = 0x80
		}
		return a
	case *packets.UnsubscribePacket:
		a := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
		a.MessageID = p.MessageID
		return a
	case *packets.PublishPacket:
		s.mu.Lock()
		s.got = append(s.got, p.TopicName+"="+string(p.Payload))
		s.mu.Unlock()
		if p.Qos == 1 && !s.mute {
			time.Sleep(time.Duration(s.lag.Load()))
			a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			a.MessageID = p.MessageID
			return a
		}
	case *packets.PingreqPacket:
		return packets.NewControlPacket(packets.Pingresp)
	}
	return nil
}
