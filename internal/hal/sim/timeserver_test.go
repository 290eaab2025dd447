package sim

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// request is an NTP packet of a client, version 4, with a transmit timestamp.
func request() []byte {
	p := make([]byte, ntpSize)
	p[0] = 4<<3 | ntpClient
	copy(p[40:], "\x11\x22\x33\x44\x55\x66\x77\x88")
	return p
}

// ask sends a request and reads what comes within a second.
func ask(t *testing.T, s *TimeServer, p []byte) ([]byte, error) {
	t.Helper()
	c, err := s.Dial("", "any:123")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(p); n != len(p) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	buf := make([]byte, 200)
	n, err := c.Read(buf)
	return buf[:n], err
}

// TestNTPAnswer is RFC 5905, figure 8, byte by byte.
func TestNTPAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewTimeServer()
		s.SetOffset(time.Hour + 500*time.Millisecond)
		s.SetDelay(20*time.Millisecond, 30*time.Millisecond)
		begin := time.Now()
		p, err := ask(t, s, request())
		if err != nil || len(p) != ntpSize || time.Since(begin) != 50*time.Millisecond {
			t.Fatalf("%d bytes after %s, %v", len(p), time.Since(begin), err)
		}
		if p[0] != 0<<6|4<<3|ntpServer || p[1] != 2 {
			t.Errorf("% x: want leap 0, version 4, mode 4, stratum 2", p[:2])
		}
		if got := string(p[24:32]); got != "\x11\x22\x33\x44\x55\x66\x77\x88" {
			t.Errorf("origin % x", got)
		}
		// A bubble begins at 2000-01-01, 3155673600 s after 1900.
		seconds, fraction := binary.BigEndian.Uint32(p[40:]), binary.BigEndian.Uint32(p[44:])
		if want := uint32(3155673600 + 3600); seconds != want || fraction>>24 != 0x85 { // 0.52 s
			t.Errorf("transmitted at %d + %08x", seconds, fraction)
		}
		if s.Asked() != 1 {
			t.Errorf("asked %d times", s.Asked())
		}
	})
}

func TestServerFaults(t *testing.T) {
	for f, want := range map[ServerFault]struct {
		first byte // of the answer; 0 is none
		level byte
		err   error
	}{
		Up:             {0x24, 2, nil},
		Down:           {0, 0, os.ErrDeadlineExceeded},
		Refused:        {0, 0, syscall.ECONNREFUSED},
		Unsynchronised: {0xE4, 16, nil},
		Kiss:           {0xE4, 0, nil},
	} {
		t.Run(f.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewTimeServer()
				s.SetFault(f)
				p, err := ask(t, s, request())
				if !errors.Is(err, want.err) {
					t.Fatalf("error %v, want %v", err, want.err)
				}
				if err == nil && (p[0] != want.first || p[1] != want.level) {
					t.Errorf("% x, want %x %x", p[:2], want.first, want.level)
				}
				if got, err := ParseServerFault(f.String()); got != f || err != nil || s.Fault() != f || s.Disciplines() != (f == Up) {
					t.Errorf("%s, %v, disciplines %t", got, err, s.Disciplines())
				}
			})
		})
	}
	if _, err := ParseServerFault("x"); err == nil {
		t.Error("x is a fault")
	}
}

// TestServerClock: rate and offset, and what a host that follows would have.
func TestServerClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewTimeServer()
		if !s.Disciplines() || !s.Now().Equal(time.Now()) {
			t.Errorf("new: %s, disciplines %t", s.Now(), s.Disciplines())
		}
		s.SetRate(100)
		time.Sleep(10000 * time.Second)
		if s.Offset() != time.Second || s.Disciplines() {
			t.Errorf("off by %s, disciplines %t", s.Offset(), s.Disciplines())
		}
		s.SetRate(0)
		time.Sleep(10000 * time.Second)
		if s.Offset() != time.Second || s.Disciplines() {
			t.Errorf("off by %s, disciplines %t", s.Offset(), s.Disciplines())
		}
	})
}

// TestServersByName: whoever is not there is not found.
func TestServersByName(t *testing.T) {
	m := TimeServers{"a.example": NewTimeServer()}
	if _, err := m.Dial("", "a.example:123"); err != nil {
		t.Error(err)
	}
	_, err := m.Dial("", "b.example:123")
	if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsNotFound {
		t.Errorf("error %v", err)
	}
	if _, err := m.Dial("", "a.example"); err == nil {
		t.Error("no port")
	}
}

// TestConnection ends, moves its deadline, and takes no nonsense.
func TestConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewTimeServer()
		c, _ := s.Dial("", "any:123")
		done := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		_ = c.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := ask(t, s, []byte("hello")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nonsense: %v", err)
		}
	})
}
