// Package control is the local API on a unix socket: what goes over the wire,
// who serves it, and who asks.
//
// # Paths
//
// It is HTTP with JSON bodies. Of a clock:
//
//	GET   /v1/status    Status
//	GET   /v1/watch     a stream of Status, one a line, at each change
//	GET   /v1/settings  Changed
//	PATCH /v1/settings  {"key": value, …} → Changed; all of it, or nothing
//	GET   /v1/journal   Journal
//	GET   /v1/history   History
//	GET   /v1/health    clock.Health, less than a minute old; 503 if it is not healthy
//	GET   /v1/discovery Discovery; the house answers, as it knows about MQTT
//	POST  /v1/do        {"command": name, "args": {…}} → {"answer": …}
//
// Of the house around it, which answer while the firmware restarts too:
//
//	GET   /v1/slots     Slots
//	POST  /v1/reboot
//	POST  /v1/sim/NAME  {"args": […]} → {"answer": …}, on a simulated board
//
// An error is an [Error].
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
)

// maxBody bounds what a request may bring.
const maxBody = 64 << 10

// NewHandler serves one start of a clock, until ctx is done: streams end with
// it.
func NewHandler(ctx context.Context, s clock.Service, log *slog.Logger) http.Handler {
	h := &handler{ctx: ctx, service: s, log: log}
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(*http.Request) (any, error){
		"GET /v1/status":     h.status,
		"GET /v1/settings":   h.settings,
		"PATCH /v1/settings": h.change,
		"GET /v1/journal":    h.journal,
		"GET /v1/history":    h.history,
		"GET /v1/health":     h.health,
		"POST /v1/do":        h.do,
	} {
		mux.Handle(pattern, h.plain(f))
	}
	mux.HandleFunc("GET /v1/watch", h.watch)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { NotFound(w, r) })
	return mux
}

type handler struct {
	ctx     context.Context // of the firmware's start
	service clock.Service
	log     *slog.Logger
	latest  bulletin
}

// plain serves f, whose panic is an entry in the journal and no more.
func (h *handler) plain(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(h.ctx, func() { cancel(errRestarting) })()
		r = r.WithContext(ctx)
		Bound(w, r)
		var v any
		g, _ := task.NewGroup(context.WithoutCancel(ctx))
		g.Go(r.Method+" "+r.URL.Path, func(context.Context) (err error) { v, err = f(r); return err })
		err := g.Wait()
		if p, ok := errors.AsType[*task.Panic](err); ok {
			h.log.Error("request ended in a panic", "event", "panic", "path", r.URL.Path, "err", p, "stack", string(p.Stack))
		}
		_, invalid := errors.AsType[*clock.InvalidError](err)
		if err != nil && !invalid && context.Cause(ctx) == errRestarting {
			err = errRestarting // whatever it failed of: the next firmware may know better
		}
		if err != nil {
			Fail(w, err)
			return
		}
		Reply(w, v)
	}
}

// bodyLimit is how long a request may take to arrive: long, as a machine may have much
// else to do, and who may ask at all could do worse than wait.
const bodyLimit = 30 * time.Second

// Bound limits what a request may bring, and how long it may take to.
func Bound(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyLimit))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
}

func (h *handler) now() Status {
	s, _ := h.service.Watch()
	return newStatus(s, os.Getpid(), time.Now())
}

func (h *handler) status(*http.Request) (any, error) { return h.now(), nil }

func (h *handler) settings(*http.Request) (any, error) {
	s, _ := h.service.Watch()
	return Changed{s.Revision, newSettings(s.Settings)}, nil
}

func (h *handler) journal(*http.Request) (any, error) {
	s, _ := h.service.Watch()
	return newJournal(s.Journal), nil
}

func (h *handler) history(*http.Request) (any, error) {
	s, _ := h.service.Watch()
	return newHistory(s.Update), nil
}

// healthAge is how old a report of the clock's health may be for who only reads it: an
// examination writes to the store of settings, and somebody may ask each second.
const healthAge = time.Minute

// health returns what was found last, or examines the clock if that is too old. The
// status tells whether it is well to who reads no JSON.
func (h *handler) health(r *http.Request) (any, error) {
	s, _ := h.service.Watch()
	if age := time.Since(s.Health.At); age >= 0 && age < healthAge {
		return s.Health, nil
	}
	return h.service.Do(r.Context(), clock.Command{Name: clock.CheckHealth})
}

func (h *handler) change(r *http.Request) (any, error) {
	edits, err := parseEdits(r.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.service.Change(r.Context(), func(s *clock.Settings) error { return clock.Apply(s, edits) })
	return Changed{c.Revision, newSettings(c.Settings)}, err
}

// parseEdits reads an object of keys and plain values. Keys keep their order,
// and may come twice: the clock says what is wrong with that.
func parseEdits(body io.Reader) (edits []clock.Edit, err error) {
	dec := json.NewDecoder(body)
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, invalidBody(err, "want an object of settings")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, invalidBody(err, "")
		}
		value, err := dec.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return nil, invalidBody(err, fmt.Sprintf("%v: want a plain value", key))
		}
		edits = append(edits, clock.Edit{Key: key.(string), Value: value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, invalidBody(err, "")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalidBody(nil, "more than one object")
	}
	return edits, nil
}

func invalidBody(err error, text string) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		text = err.Error()
	}
	return &clock.InvalidError{Key: "body", Text: text}
}

func (h *handler) do(r *http.Request) (any, error) {
	var c command
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, invalidBody(err, "")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalidBody(nil, "more than one object")
	}
	v, err := h.service.Do(r.Context(), clock.Command{Name: c.Command, Args: c.Args})
	return answer{v}, err
}

var errRestarting = &Error{Code: CodeRestarting, Text: "the clock restarts: try again in a moment"}

// Restarting answers while no firmware runs.
func Restarting(w http.ResponseWriter, boot uint32) {
	Fail(w, &Error{Code: CodeRestarting, Text: errRestarting.Text, Boot: boot})
}

// NotFound answers a path that there is not.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Fail(w, &Error{Code: CodeNotFound, Text: r.Method + " " + r.URL.Path + ": there is no such path"})
}

// Reply writes v.
func Reply(w http.ResponseWriter, v any) {
	status := http.StatusOK
	if h, ok := v.(clock.Health); ok && !h.Healthy {
		status = http.StatusServiceUnavailable
	}
	write(w, status, v)
}

// Fail writes an error as what it is on the wire.
func Fail(w http.ResponseWriter, err error) {
	e, code := wireError(err)
	write(w, code, e)
}

// statuses has the codes that are the API's own; all others conflict with the
// state of the clock.
var statuses = map[string]int{
	CodeInvalid:    http.StatusBadRequest,
	CodeNotFound:   http.StatusNotFound,
	CodeRestarting: http.StatusServiceUnavailable,
	CodeFailed:     http.StatusInternalServerError,
}

func wireError(err error) (*Error, int) {
	if e, ok := errors.AsType[*Error](err); ok {
		if code, ok := statuses[e.Code]; ok {
			return e, code
		}
		return e, http.StatusConflict
	}
	if e, ok := errors.AsType[*clock.InvalidError](err); ok {
		return &Error{Code: CodeInvalid, Text: e.Error(), Key: e.Key}, http.StatusBadRequest
	}
	if e, ok := errors.AsType[*clock.UnavailableError](err); ok {
		return &Error{Code: e.Code, Text: e.Error()}, http.StatusConflict
	}
	return &Error{Code: CodeFailed, Text: err.Error()}, http.StatusInternalServerError
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
