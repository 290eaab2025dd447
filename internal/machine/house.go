package machine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/firmware"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/mqttbridge"
	"wordclockd/internal/task"
)

// A house is what stays while firmware comes and goes: it serves the control
// API, by the handler of the present start.
type house struct {
	loader  *boot.Loader
	board   *sim.Board       // nil on a real one
	program string           // version of this program
	bridge  *firmware.Bridge // nil if there is to be no MQTT

	mu      sync.Mutex
	present http.Handler // nil while no firmware runs
}

// handler answers what the house can answer, and hands on the rest.
func (h *house) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/reboot", func(w http.ResponseWriter, _ *http.Request) {
		h.loader.Restart(boot.User)
		control.Reply(w, struct{}{})
	})
	mux.HandleFunc("GET /v1/slots", func(w http.ResponseWriter, _ *http.Request) { control.Reply(w, h.slots()) })
	mux.HandleFunc("POST /v1/sim/{name}", h.sim)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		present := h.present
		h.mu.Unlock()
		if present == nil {
			control.Restarting(w, h.loader.Boot())
			return
		}
		present.ServeHTTP(w, r)
	})
	return mux
}

// slots describes what the loader knows.
func (h *house) slots() control.Slots {
	s := describe(h.loader.Store, h.loader.View().Stopped())
	s.Program, s.Boot, s.Running = h.program, h.loader.Boot(), h.loader.Running()
	return s
}

// move lets the handler of a start in, or nil out.
func (h *house) move(present http.Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.present = present
}

// front is the firmware's front end: it serves one start, and runs the front end
// of the machine, if it has one.
func (h *house) front(next func(context.Context, clock.Service) error) func(context.Context, clock.Service, *slog.Logger) error {
	return func(ctx context.Context, s clock.Service, log *slog.Logger) error {
		mux := http.NewServeMux()
		mux.Handle("/", control.NewHandler(ctx, s, log))
		mux.HandleFunc("GET /v1/discovery", func(w http.ResponseWriter, _ *http.Request) { h.discovery(w, s) })
		h.move(mux)
		defer h.move(nil)
		if next != nil {
			if err := next(ctx, s); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
}

// discovery answers with what Home Assistant is told of the clock.
func (h *house) discovery(w http.ResponseWriter, s clock.Service) {
	if h.bridge == nil {
		control.Fail(w, errMQTTOff)
		return
	}
	now, _ := s.Watch()
	d, err := discovery(mqttbridge.Discovery(mqttbridge.Config{
		MQTT: h.bridge.MQTT, Device: h.bridge.Device, ID: now.Link.ClientID, MAC: h.bridge.MAC, Program: h.bridge.Program,
	}, now))
	if err != nil {
		control.Fail(w, err)
		return
	}
	control.Reply(w, d)
}

func (h *house) sim(w http.ResponseWriter, r *http.Request) {
	if h.board == nil {
		control.Fail(w, &control.Error{Code: "board_is_real", Text: "the board is real: only a simulated one can be told what happens to it"})
		return
	}
	var in control.SimArgs
	control.Bound(w, r)
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		control.Fail(w, &clock.InvalidError{Key: "body", Text: err.Error()})
		return
	}
	v, err := simulate(h.board, r.PathValue("name"), in.Args)
	if err != nil {
		control.Fail(w, err)
		return
	}
	control.Reply(w, struct {
		Answer any `json:"answer"`
	}{v})
}

// Limits of the control API. Those on who asks are for what was forgotten, not for foes:
// only who may write to the socket gets this far.
const (
	headerLimit = 30 * time.Second
	idleLimit   = time.Minute
	maxHeader   = 8 << 10
	closeLimit  = time.Second // for answers that are under way at the end
)

// serve serves the API on l until ctx is done.
func (h *house) serve(ctx context.Context, l net.Listener, log *slog.Logger) error {
	s := &http.Server{
		Handler: h.handler(), ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.With("event", "http").Handler(), slog.LevelWarn),
	}
	g, _ := task.NewGroup(ctx)
	g.Go("serve", func(context.Context) error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go("close", func(ctx context.Context) error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		err := s.Shutdown(last)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close()
		}
		return err
	})
	return g.Wait()
}
