package release

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/ota"
	"wordclockd/internal/task"
)

// pipes is a listener in memory, for bubbles.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// connect serves an image of raw, with faults, to one client, in a bubble.
func connect(t *testing.T, raw []byte, faults ...string) (client net.Conn, log *lines) {
	t.Helper()
	f, _ := folder(t, map[string][]byte{"wordclock.bin": raw})
	l, log := make(pipes), newLines()
	g, ctx := task.NewGroup(t.Context())
	g.Go("serve", func(context.Context) error {
		return NewServer(f, parsed(t, faults), slog.New(slog.NewJSONHandler(log, nil))).Serve(ctx, l)
	})
	here, there := net.Pipe()
	l <- there
	t.Cleanup(func() {
		here.Close()
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return here, log
}

const wanted = "GET /wordclock.bin HTTP/1.1\r\nHost: clock\r\n\r\n"

// hungUp returns how long it takes until the server ends the connection, while the
// client takes all that comes.
func hungUp(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	begin := time.Now()
	_ = c.SetReadDeadline(begin.Add(time.Hour)) // an error says that it is ended
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it is never ended")
	}
	return time.Since(begin)
}

// TestPatience: how long a client is waited for that asks nothing, or takes nothing.
func TestPatience(t *testing.T) {
	raw := firmware(t, "2.12.0")
	for _, c := range []struct {
		name, sent string
		pause      time.Duration // before the client reads
		want       time.Duration // until the end, from what was sent
	}{
		{"half a header", wanted[:20], 0, headerLimit},
		{"nothing after a request", wanted, 0, idleLimit},
		{"takes nothing", wanted, takeLimit, takeLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := connect(t, raw)
				if _, err := io.WriteString(client, c.sent); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.pause)
				synctest.Wait()
				if got := c.pause + hungUp(t, client); got.Round(time.Second) != c.want {
					t.Errorf("ended after %s, want %s", got, c.want)
				}
			})
		})
	}
}

// A slow connection takes a KiB a second.
type slow struct{ net.Conn }

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Conn.Read(p[:min(len(p), 1<<10)])
}

// TestSlowClient gets all of it, however long that takes.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := firmware(t, "2.12.0")
		client, _ := connect(t, raw)
		if _, err := io.WriteString(client, wanted); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(slow{client}), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if took := time.Since(begin); !bytes.Equal(got, raw) || took < 3*takeLimit {
			t.Errorf("%d bytes in %s, %v", len(got), took, err)
		}
	})
}

// TestStalls for as long as the client stays, and not longer.
func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, log := connect(t, firmware(t, "2.12.0"), "stall=70000")
		if _, err := io.WriteString(client, wanted); err != nil {
			t.Fatal(err)
		}
		if err := client.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, client); n < 70000 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
		if log.String() != "" {
			t.Errorf("it has ended: %s", log)
		}
		client.Close()
		synctest.Wait()
		if got := log.String(); !strings.Contains(got, `"bytes":70000`) {
			t.Errorf("it goes on without a client: log %q", got)
		}
	})
}

// TestFilesAreClosed: no request leaves a file open, however it ends.
func TestFilesAreClosed(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close them
	raw, old := firmware(t, "2.12.0"), firmware(t, "2.11.0")
	f, dir := folder(t, map[string][]byte{"wordclock.bin": raw, ota.TargetName(hashOf(old)): old})
	for _, faults := range [][]string{nil, {"404"}, {"503"}, {"cut=70000"}, {"flip=5"}, {"norange"}, {"stale"}} {
		url := serve(t, f, faults...)
		for _, name := range []string{"version.json", "wordclock.bin", "wordclock.bin.sha256", ota.TargetName(hashOf(raw)), ota.TargetName(hashOf(old)), "none", "targets/none"} {
			for _, method := range []string{"GET", "HEAD", "PUT"} {
				request(t, method, url+name)
				request(t, method, url+name, "Range", fmt.Sprintf("bytes=%d-", 1<<20))
			}
		}
	}
	if _, err := f.Offer(); err != nil {
		t.Error(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(name, dir+"/") {
			t.Errorf("%s is open", name)
		}
	}
}
