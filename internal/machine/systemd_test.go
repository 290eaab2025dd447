package machine

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wordclockd/internal/task"
)

// TestNotify tells systemd what it wants to hear: that the clock runs, that it is
// well as long as it is, and that it stops.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	hear := func() string {
		t.Helper()
		buf := make([]byte, 256)
		_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	var well atomic.Bool
	var asked atomic.Int32
	well.Store(true)
	g, _ := task.NewGroup(t.Context())
	g.Go("notify", func(ctx context.Context) error {
		return notify(ctx, func() bool { asked.Add(1); return well.Load() })
	})
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := hear(); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	well.Store(false)
	for before := asked.Load(); asked.Load() < before+5; {
		time.Sleep(time.Millisecond)
	}
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	var last []string
	for len(last) == 0 || last[len(last)-1] != "STOPPING=1" {
		last = append(last, hear())
	}
	if len(last) > 2 { // one may have been on its way
		t.Errorf("heard %s from a clock that is not well", strings.Join(last, " "))
	}
}
