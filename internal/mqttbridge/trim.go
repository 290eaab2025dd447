package mqttbridge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// maxPayload is how much of a message is of use. What is longer is cut to a byte more
// than that: enough to be seen to be too long.
const maxPayload = 4 << 10

// writeLimit is how long the broker may take to take a packet.
const writeLimit = 5 * time.Second

// A trimmed connection stands between the broker and a client that takes memory for
// whatever length a packet claims to have: what is read from it is MQTT 3.1.1 as a server
// sends it, with payloads that are cut. It holds a few bytes of a packet, never all of it.
//
// Its deadlines are for reading. What is written is under writeLimit, whoever writes.
type trimmed struct {
	net.Conn
	r *bufio.Reader

	// Of what is read, by the one who reads.
	head []byte // to be handed out
	body int    // bytes to be handed out behind that
	rest int    // bytes behind those to be dropped
	err  error  // it goes on no more

	mu  sync.Mutex
	end time.Time // of all that is written; zero is none
}

func trim(c net.Conn) *trimmed { return &trimmed{Conn: c, r: bufio.NewReaderSize(c, maxPayload)} }

// Read implements net.Conn.
func (t *trimmed) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for t.err == nil {
		switch {
		case len(t.head) > 0:
			n := copy(p, t.head)
			t.head = t.head[n:]
			return n, nil
		case t.body > 0:
			n, err := t.r.Read(p[:min(len(p), t.body)])
			t.body -= n
			t.err = err
			return n, err
		case t.rest > 0:
			n, err := t.r.Discard(min(t.rest, maxPayload))
			t.rest -= n
			t.err = err
		default:
			t.err = t.next()
		}
	}
	return 0, t.err
}

// Types of packets that a server sends.
const (
	connack    = 2
	publish    = 3
	puback     = 4
	pubrec     = 5
	pubrel     = 6
	pubcomp    = 7
	suback     = 9
	unsuback   = 11
	pingresp   = 13
	disconnect = 14 // of MQTT 5; there are servers that send it to all
)

// lengths are those of packets that have always the same. That of suback is as each
// subscription is to one topic: more answers would be more than the client has asked for.
var lengths = map[byte]int{connack: 2, puback: 2, pubrec: 2, pubrel: 2, pubcomp: 2, suback: 3, unsuback: 2, pingresp: 0}

var errPacket = errors.New("malformed packet")

// next reads the head of a packet.
func (t *trimmed) next() error {
	first, err := t.r.ReadByte()
	if err != nil {
		return err
	}
	length, head, err := t.length([]byte{first})
	if err != nil {
		return err
	}
	switch kind := first >> 4; kind {
	case publish:
		return t.publish(head, length)
	case disconnect:
		return io.EOF
	default:
		if want, ok := lengths[kind]; ok && length == want {
			t.head, t.body = head, length
			return nil
		}
	}
	return fmt.Errorf("%w: type %d with %d bytes", errPacket, first>>4, length)
}

// length reads the length of the rest of a packet, and returns head with it behind.
func (t *trimmed) length(head []byte) (n int, _ []byte, err error) {
	for shift := 0; shift < 28; shift += 7 {
		b, err := t.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		head = append(head, b)
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, head, nil
		}
	}
	return 0, nil, fmt.Errorf("%w: a length of more than 4 bytes", errPacket)
}

// publish goes on with the head of a message, and the length of what is behind that.
func (t *trimmed) publish(head []byte, length int) error {
	var topic [2]byte
	for i := range topic {
		b, err := t.r.ReadByte()
		if err != nil {
			return err
		}
		topic[i] = b
	}
	fixed := int(topic[0])<<8 + int(topic[1]) // topic, and id if there is one
	switch head[0] >> 1 & 3 {
	case 0:
	case 1:
		fixed += 2
	default:
		return fmt.Errorf("%w: a QoS that nobody asked for", errPacket)
	}
	payload := length - 2 - fixed
	if payload < 0 {
		return fmt.Errorf("%w: a topic longer than its packet", errPacket)
	}
	if cut := payload - (maxPayload + 1); cut > 0 {
		head = appendLength(head[:1], length-cut)
		t.rest, payload = cut, maxPayload+1
	}
	t.head, t.body = append(head, topic[:]...), fixed+payload
	return nil
}

func appendLength(head []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		head = append(head, byte(n)|0x80)
	}
	return append(head, byte(n))
}

// Write implements net.Conn.
func (t *trimmed) Write(p []byte) (int, error) {
	t.Conn.SetWriteDeadline(t.limit(time.Now().Add(writeLimit)))
	return t.Conn.Write(p)
}

func (t *trimmed) limit(at time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.end.IsZero() && t.end.Before(at) {
		return t.end
	}
	return at
}

// expire has all that is written from now on, or is under way, fail at that time.
func (t *trimmed) expire(at time.Time) {
	t.mu.Lock()
	t.end = at
	t.mu.Unlock()
	t.Conn.SetWriteDeadline(at)
}

// SetDeadline implements net.Conn.
func (t *trimmed) SetDeadline(at time.Time) error { return t.Conn.SetReadDeadline(at) }

// SetWriteDeadline implements net.Conn.
func (t *trimmed) SetWriteDeadline(time.Time) error { return nil }
