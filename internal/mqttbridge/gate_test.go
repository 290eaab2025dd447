package mqttbridge

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndWhileAsking holds that who publishes or subscribes as the connection ends is told
// at once, whichever end it ends at.
func TestEndWhileAsking(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*wire, *session)
		err  error // nil: that depends on who finds out
	}{
		{"cut", func(w *wire, _ *session) { w.cut() }, syscall.ECONNRESET},
		{"closed", func(w *wire, _ *session) { w.Close() }, nil},
		{"expired", func(_ *wire, s *session) { s.conn.expire(time.Now()) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 50 {
				synctest.Test(t, func(t *testing.T) { endWhileAsking(t, c.end, c.err) })
			}
		})
	}
}

func endWhileAsking(t *testing.T, end func(*wire, *session), want error) {
	r := prepare(t)
	s, err := open(t.Context(), r.wires.open, letter{id: "many", will: message{topic: "many", payload: []byte("gone")}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.drop()
	ask := []func(context.Context) error{
		func(ctx context.Context) error {
			return s.publish(ctx, message{topic: "a"}, message{topic: "a", qos: 1})
		},
		func(ctx context.Context) error { _, err := s.subscribe(ctx, nil, "b", "c"); return err },
		func(ctx context.Context) error { return s.unsubscribe(ctx, "b") },
	}
	var all sync.WaitGroup
	for n := range 9 {
		all.Go(func() {
			for {
				if err := ask[n%len(ask)](t.Context()); err != nil {
					if want != nil && err != want {
						t.Errorf("the error is %v, want %v", err, want)
					}
					return
				}
			}
		})
	}
	begin := time.Now()
	end(r.wires.last(), s)
	all.Wait()
	if d := time.Since(begin); d > 0 {
		t.Errorf("told after %v", d)
	}
}
