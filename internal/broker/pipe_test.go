package broker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPipeCarries holds that more than fits comes through, in order, both ways at once.
func TestPipeCarries(t *testing.T) {
	here, there := Pipe()
	want := bytes.Repeat([]byte("0123456789abcdef"), streamSize/4)
	var wg sync.WaitGroup
	for _, c := range []net.Conn{here, there} {
		wg.Go(func() {
			if n, err := c.Write(want); n != len(want) || err != nil {
				t.Errorf("wrote %d, error %v", n, err)
			}
		})
		wg.Go(func() {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("other bytes came, error %v", err)
			}
		})
	}
	wg.Wait()
}

func TestPipeClose(t *testing.T) {
	here, there := Pipe()
	here.Write([]byte("last words"))
	here.Close()
	if got, err := io.ReadAll(there); string(got) != "last words" || err != nil {
		t.Errorf("read %q, error %v", got, err)
	}
	for _, c := range []struct {
		what string
		got  func() (int, error)
		want error
	}{
		{"write to one who is gone", func() (int, error) { return there.Write([]byte("x")) }, syscall.EPIPE},
		{"read from one's own closed end", func() (int, error) { return here.Read(make([]byte, 1)) }, net.ErrClosed},
		{"write to one's own closed end", func() (int, error) { return here.Write([]byte("x")) }, net.ErrClosed},
		{"read behind the end", func() (int, error) { return there.Read(make([]byte, 1)) }, io.EOF},
	} {
		if n, err := c.got(); n != 0 || !errors.Is(err, c.want) {
			t.Errorf("%s: %d, error %v, want %v", c.what, n, err, c.want)
		}
	}
}

// TestPipeWakes holds that who waits is woken by a close, of either end.
func TestPipeWakes(t *testing.T) {
	for who := range 2 {
		synctest.Test(t, func(t *testing.T) {
			here, there := Pipe()
			var wg sync.WaitGroup
			wg.Go(func() { here.Read(make([]byte, 1)) })
			wg.Go(func() { here.Write(make([]byte, 2*streamSize)) })
			synctest.Wait()
			[]net.Conn{here, there}[who].Close()
			wg.Wait()
		})
	}
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := Pipe()
		defer there.Close()
		defer here.Close()
		for what, f := range map[string]func() error{
			"read":  func() error { _, err := here.Read(make([]byte, 1)); return err },
			"write": func() error { _, err := here.Write(make([]byte, 2*streamSize)); return err },
		} {
			begin := time.Now()
			here.SetDeadline(begin.Add(time.Second))
			if err := f(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
				t.Errorf("%s: error %v after %v", what, err, time.Since(begin))
			}
			here.SetDeadline(time.Time{})
		}
		time.AfterFunc(time.Second, func() { here.SetReadDeadline(time.Now()) }) // wakes who waits already
		if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
