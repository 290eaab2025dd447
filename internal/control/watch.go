package control

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"time"

	"wordclockd/internal/clock"
)

// watchPace is the least time between two states of a stream: nobody sees more,
// and many watchers are no burden.
const watchPace = 50 * time.Millisecond

// writeLimit is how long a reader may let a status wait.
const writeLimit = 10 * time.Second

// A bulletin is the latest status as a line of JSON, made once for all who watch.
type bulletin struct {
	mu      sync.Mutex
	line    []byte // shared: nobody changes it
	changed <-chan struct{}
	at      time.Time // line tells the time, too
}

// read returns the line of a service, no older than watchPace, and a channel that is
// closed when there is a newer status. All who come while it is made wait for it: they
// would only have to make the same.
func (b *bulletin) read(s clock.Service) (line []byte, changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	status, changed := s.Watch()
	now := time.Now()
	if changed == b.changed && now.Sub(b.at) < watchPace {
		return b.line, changed, nil
	}
	line, err = json.Marshal(newStatus(status, os.Getpid(), now))
	if err != nil {
		return nil, nil, err
	}
	b.line, b.changed, b.at = append(line, '\n'), changed, now
	return b.line, changed, nil
}

// watch streams. A reader that is slow misses states, never the latest: that with which
// a start ends is sent too.
func (h *handler) watch(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	for {
		line, changed, err := h.latest.read(h.service)
		if err != nil {
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := w.Write(line); err != nil || out.Flush() != nil {
			return
		}
		if ended := !await(ctx, time.After(watchPace)) || !await(ctx, changed); ended && (r.Context().Err() != nil || !isClosed(changed)) {
			return
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// await waits for c, and reports whether it came before the end of ctx.
func await[T any](ctx context.Context, c <-chan T) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}
