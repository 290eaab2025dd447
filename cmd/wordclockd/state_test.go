package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/control"
	"wordclockd/internal/machine"
)

// TestReach: a clock that is being started is waited for, longer if it has its state
// directory; and nobody is waited for for long.
func TestReach(t *testing.T) {
	for _, c := range []struct {
		name    string
		held    bool
		listens time.Duration // from the begin on; 0 is never
		after   time.Duration
		err     error
	}{
		{"no clock", false, 0, unseenLimit, control.ErrNotRunning},
		{"held, and silent", true, 0, startingLimit, control.ErrNotRunning},
		{"about to start", false, 300 * time.Millisecond, 300 * time.Millisecond, nil},
		{"starting", true, 1500 * time.Millisecond, 1500 * time.Millisecond, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := machine.State(t.TempDir())
				if c.held {
					lock, err := state.Create()
					if err != nil {
						t.Fatal(err)
					}
					defer lock.Release()
				}
				if c.listens > 0 {
					timer := time.AfterFunc(c.listens, func() {
						l, err := control.Listen(state.Socket())
						if err != nil {
							t.Error(err)
							return
						}
						t.Cleanup(func() { l.Close() })
					})
					defer timer.Stop()
				}
				cmd := newStatus()
				cmd.SetContext(t.Context())
				cmd.Flags().String("state", string(state), "")
				begin := time.Now()
				err := reach(cmd, clientOf(cmd))
				if took := time.Since(begin); !errors.Is(err, c.err) || took < c.after || took > c.after+50*time.Millisecond {
					t.Errorf("%v after %s, want %v after %s", err, took, c.err, c.after)
				}
			})
		})
	}
}
