package mqttbridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"wordclockd/internal/broker"
)

// A reader is a connection of which only what is read matters.
type reader struct {
	net.Conn
	io.Reader
}

func (r reader) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func wireOf(t testing.TB, all ...packets.ControlPacket) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range all {
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func publication(topic string, payload []byte, qos byte, retain bool) packets.ControlPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.Retain, p.Dup = topic, payload, qos, retain, qos > 0
	p.MessageID = 0x1234
	return p
}

func acknowledgement(kind byte) packets.ControlPacket {
	p := packets.NewControlPacket(kind)
	switch p := p.(type) {
	case *packets.SubackPacket:
		p.MessageID, p.ReturnCodes = 7, []byte{1}
	case *packets.PubackPacket:
		p.MessageID = 7
	case *packets.UnsubackPacket:
		p.MessageID = 7
	}
	return p
}

// TestTrim has what a broker sends come as it is, whatever the sizes of pieces, but for
// payloads that are too long.
func TestTrim(t *testing.T) {
	payload := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	in, want := []packets.ControlPacket{}, []packets.ControlPacket{}
	for _, kind := range []byte{packets.Connack, packets.Puback, packets.Suback, packets.Unsuback, packets.Pingresp} {
		in, want = append(in, acknowledgement(kind)), append(want, acknowledgement(kind))
	}
	for _, n := range []int{0, 1, 100, 128, maxPayload, maxPayload + 1, maxPayload + 2, 16 << 10, 40 << 10} {
		for qos := range byte(2) {
			in = append(in, publication("home/a/command", payload(n), qos, qos == 0))
			want = append(want, publication("home/a/command", payload(min(n, maxPayload+1)), qos, qos == 0))
		}
	}
	sent := wireOf(t, in...)
	for _, pieces := range []struct {
		name string
		of   func(io.Reader) io.Reader
	}{{"whole", func(r io.Reader) io.Reader { return r }}, {"halves", iotest.HalfReader}, {"bytes", iotest.OneByteReader}, {"errors with data", iotest.DataErrReader}} {
		t.Run(pieces.name, func(t *testing.T) {
			got, err := io.ReadAll(trim(reader{Reader: pieces.of(bytes.NewReader(sent))}))
			if err != nil || !bytes.Equal(got, wireOf(t, want...)) {
				t.Errorf("%d bytes, error %v, want %d", len(got), err, len(wireOf(t, want...)))
			}
		})
	}
}

func TestTrimMalformed(t *testing.T) {
	for name, in := range map[string]string{
		"a long length":             "\x30\xff\xff\xff\xff\x01",
		"a topic beyond its packet": "\x30\x05\x00\x04abc",
		"no room for the id":        "\x32\x05\x00\x03abc",
		"QoS 2":                     "\x34\x07\x00\x03abc\x00\x01",
		"QoS 3":                     "\x36\x07\x00\x03abc\x00\x01",
		"a long acknowledgement":    "\x40\x04\x00\x01\x00\x00",
		"two answers to one":        "\x90\x04\x00\x01\x01\x01",
		"what a client sends":       "\x82\x03\x00\x01\x00",
		"type 0":                    "\x00\x00",
		"type 15":                   "\xf0\x00",
		"HTTP":                      "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := trim(reader{Reader: strings.NewReader(in)})
			if got, err := io.ReadAll(c); len(got) != 0 || !errors.Is(err, errPacket) {
				t.Errorf("got %q, error %v", got, err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errPacket) {
				t.Errorf("it goes on: error %v", err)
			}
		})
	}
	for name, in := range map[string]string{"nothing": "", "half a head": "\x30", "half a topic": "\x30\x05\x00", "half a payload": "\x30\x09\x00\x03abcd", "a farewell": "\xe0\x00\x30\x00"} {
		t.Run(name, func(t *testing.T) {
			if _, err := io.ReadAll(trim(reader{Reader: strings.NewReader(in)})); err != nil {
				t.Errorf("error %v, want the end", err)
			}
		})
	}
}

// TestTrimTakesNoMemory holds that what is dropped is not held.
func TestTrimTakesNoMemory(t *testing.T) {
	head := appendLength([]byte{0x30}, 200<<20)
	r := io.MultiReader(bytes.NewReader(append(head, 0, 1, 'a')), io.LimitReader(zeros{}, 200<<20-3))
	c := trim(reader{Reader: r})
	p := make([]byte, 1024)
	if n := testing.AllocsPerRun(1, func() {
		for {
			if _, err := c.Read(p); err != nil {
				return
			}
		}
	}); n > 10 {
		t.Errorf("%v allocations", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestTrimWrites holds that nothing is written for longer than it may take, whatever the
// client asks for, and less once the end is set.
func TestTrimWrites(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*trimmed)
		want time.Duration
	}{
		{"by itself", func(*trimmed) {}, writeLimit},
		{"the client has no limit", func(t *trimmed) { t.SetWriteDeadline(time.Time{}); t.SetDeadline(time.Time{}) }, writeLimit},
		{"the end is near", func(t *trimmed) { t.expire(time.Now().Add(time.Second)) }, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := broker.Pipe()
				defer there.Close()
				conn := trim(here)
				defer conn.Close()
				c.set(conn)
				begin := time.Now()
				_, err := conn.Write(make([]byte, 1<<20))
				if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() || time.Since(begin) != c.want {
					t.Errorf("error %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

// FuzzTrim holds that whatever comes, what goes out are packets that the client can read,
// none of them larger than the bound; and that those within it go out as they came.
func FuzzTrim(f *testing.F) {
	f.Add([]byte{})
	f.Add(wireOf(f, acknowledgement(packets.Connack), acknowledgement(packets.Suback), publication("a/b", []byte("x"), 1, true)))
	f.Add(wireOf(f, publication("a", make([]byte, maxPayload+1), 0, false), acknowledgement(packets.Puback)))
	f.Add(wireOf(f, publication("a", make([]byte, maxPayload+9), 1, false), acknowledgement(packets.Pingresp)))
	f.Add([]byte("\x30\x80\x00"))
	f.Add([]byte("\x32\x07\x00\x03abc\x00\x01\x90\x03\x00\x01\x80\xe0\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := io.ReadAll(trim(reader{Reader: bytes.NewReader(in)}))
		if err != nil && !errors.Is(err, errPacket) {
			t.Fatal(err)
		}
		rest := bytes.NewReader(out)
		for rest.Len() > 0 {
			p, err := packets.ReadPacket(rest)
			if err != nil {
				if rest.Len() == 0 {
					break // the last one is not whole, as the input ended
				}
				t.Fatalf("%v with %d bytes to come of %q", err, rest.Len(), out)
			}
			if m, ok := p.(*packets.PublishPacket); ok && (len(m.Payload) > maxPayload+1 || m.Qos > 1) {
				t.Fatalf("a payload of %d bytes, QoS %d", len(m.Payload), m.Qos)
			}
		}
		if longest(in) <= maxPayload && !bytes.HasPrefix(in, out) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}

// longest returns the length of the longest packet that there claims to be.
func longest(in []byte) (most int) {
	for len(in) > 1 {
		n, used := binary.Uvarint(in[1:])
		if used <= 0 || used > 4 {
			return most
		}
		most = max(most, int(n))
		in = in[min(len(in), 1+used+int(n)):]
	}
	return most
}
