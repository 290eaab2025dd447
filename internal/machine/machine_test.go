package machine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
)

func newMachine(t *testing.T, log *bytes.Buffer, front func(context.Context, clock.Service) error, environ ...string) *Machine {
	t.Helper()
	c, err := config.Read(append([]string{"WORDCLOCKD_MQTT_URL=off"}, environ...)) // many run at once
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Config: c,
		Desc:   flash.Desc{Version: "1.2.3"},
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		Front:  front,
	})
}

// TestRun is the virtual clock: it shows the host's time, and is dark when it
// has stopped.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 15, 13, 37, 30, 0, time.UTC)))
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		var m *Machine
		m = newMachine(t, &log, func(ctx context.Context, s clock.Service) error {
			time.Sleep(time.Millisecond)
			if st, _ := s.Watch(); st.Face.Phrase != face.Say(14, 37, face.Default) || st.Version != "1.2.3" {
				t.Errorf("status %+v", st)
			}
			if m.Sim().Lit() == ([10][16]uint8{}) {
				t.Error("nothing is lit")
			}
			cancel()
			return nil
		})
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if m.Sim().Lit() != ([10][16]uint8{}) {
			t.Error("still lit after the end")
		}
		if s := log.String(); !strings.Contains(s, "event=start") || !strings.Contains(s, "event=leds_out") {
			t.Errorf("logged %s", s)
		}
	})
}

// TestNotStopped: what hangs for ever does not keep the process.
func TestNotStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		m := newMachine(t, &log, func(context.Context, clock.Service) error { time.Sleep(time.Second); cancel(); return nil })
		m.Sim().LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Hour})
		begin := time.Now()
		err := m.Run(ctx)
		if took := time.Since(begin); !errors.Is(err, task.ErrNotStopped) || took != 3*time.Second {
			t.Errorf("%v after %s, want %v after 3 s", err, took, task.ErrNotStopped)
		}
		m.Sim().LEDBus.Heal()
		time.Sleep(3 * time.Hour) // the bubble wants to see it end
	})
}

func TestNoBus(t *testing.T) {
	var log bytes.Buffer
	m := newMachine(t, &log, nil, "WORDCLOCKD_BOARD_KIND=linux", "WORDCLOCKD_BOARD_LEDS_BUS=65535")
	if m.Sim() != nil {
		t.Error("a real board is simulated")
	}
	if err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "/dev/i2c-65535 does not exist") {
		t.Errorf("error %v", err)
	}
}
