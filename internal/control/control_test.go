package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/proof"
	"wordclockd/internal/watch"
)

// A service is a clock that stands still.
type service struct {
	status   watch.Value[clock.Status]
	did      []clock.Command
	answer   any
	err      error
	panics   bool
	changing chan struct{}
}

func newService() *service {
	s := &service{changing: make(chan struct{}, 1)}
	s.status.Set(clock.Status{
		Boot: 3, Started: time.Now().Add(-time.Minute), Version: "1.2.3", Board: "sim",
		Time:     clock.FromHost(time.Now(), time.FixedZone("MEZ", 3600)),
		Face:     clock.Face{Phrase: face.Say(14, 37, face.Default), Dark: []int{4}},
		Settings: clock.DefaultSettings(), Revision: 7,
	})
	return s
}

func (s *service) Watch() (clock.Status, <-chan struct{}) { return s.status.Watch() }

func (s *service) Change(ctx context.Context, f func(*clock.Settings) error) (clock.Changed, error) {
	s.changing <- struct{}{}
	defer func() { <-s.changing }()
	if s.panics {
		panic("out of settings")
	}
	st := s.status.Get()
	if err := f(&st.Settings); err != nil {
		return clock.Changed{}, err
	}
	st.Revision++
	s.status.Set(st)
	return clock.Changed{Revision: st.Revision, Settings: st.Settings}, ctx.Err()
}

func (s *service) Do(_ context.Context, c clock.Command) (any, error) {
	s.did = append(s.did, c)
	return s.answer, s.err
}

// serve serves h on a socket, and returns its path.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return path
}

// start serves a service; stop ends its firmware.
func start(t testing.TB, s *service, log *slog.Logger) (c *Client, path string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	path = serve(t, NewHandler(ctx, s, log))
	return NewClient(path), path, cancel
}

var silent = slog.New(slog.DiscardHandler)

func TestStatus(t *testing.T) {
	c, _, _ := start(t, newService(), silent)
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Boot != 3 || s.Version != "1.2.3" || s.PID != os.Getpid() || s.UptimeS < 60 || s.Revision != 7 {
		t.Errorf("%+v", s)
	}
	if s.Face.Text != "ES IST FÜNF NACH HALB DREI" || s.Face.MinuteLEDs != 2 || !slices.Equal(s.Face.DarkRows, []int{4}) {
		t.Errorf("face %+v", s.Face)
	}
	if s.Time.Quality != "synced" || s.Time.Zone != "MEZ" || !strings.HasSuffix(s.Time.Local, "+01:00") || !strings.HasSuffix(s.Time.UTC, "Z") {
		t.Errorf("time %+v", s.Time)
	}
	if s.Settings["brightness.individual"] != 60.0 || s.Settings["ota.source"] != "github" || len(s.Settings) != len(clock.Fields) {
		t.Errorf("settings %v", s.Settings)
	}
}

// TestUnknownTime shows no words.
func TestUnknownTime(t *testing.T) {
	s := newService()
	s.status.Update(func(st *clock.Status) {
		st.Time, st.Face.Unknown = clock.Time{}, true
		st.Sync = clock.Sync{Servers: []clock.Server{{Name: "a", Err: "timeout"}}, RTC: clock.RTCState{Err: "not wired"}}
	})
	c, _, _ := start(t, s, silent)
	w, err := c.Status(t.Context())
	if err != nil || w.Face.Text != "" || w.Time.Local != "" || w.Time.Quality != "unknown" || w.Time.Servers[0].Error != "timeout" || w.Time.RTC.OK {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestChange(t *testing.T) {
	s := newService()
	c, _, _ := start(t, s, silent)
	got, err := c.Change(t.Context(), map[string]any{"brightness.global": 99, "halb_centric_style": true, "ota.source": "cloudflare"})
	if err != nil || got.Revision != 8 || got.Settings["brightness.global"] != 99.0 {
		t.Errorf("%+v, %v", got, err)
	}
	if now := s.status.Get().Settings; now.Global != 99 || now.Style != face.HalbCentric || now.Source != clock.Cloudflare {
		t.Errorf("settings %+v", now)
	}
	_, err = c.Change(t.Context(), map[string]any{"brightness.global": 100, "brightness.individual": 1})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeInvalid || e.Key != "brightness.individual" || e.Text != "brightness.individual: 1: want 5 to 80, the safety limit" {
		t.Errorf("error %+v", err)
	}
	if now := s.status.Get().Settings; now.Global != 99 {
		t.Errorf("half applied: %+v", now)
	}
}

// raw sends a request as it is.
func raw(t *testing.T, path, method, url, body string) (status int, text string) {
	t.Helper()
	c := NewClient(path)
	req, err := http.NewRequestWithContext(t.Context(), method, "http://x"+url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestBadRequests: what is wrong is said, and nothing happens.
func TestBadRequests(t *testing.T) {
	s := newService()
	_, path, _ := start(t, s, silent)
	before := s.status.Get().Settings
	for _, c := range []struct {
		method, url, body string
		status            int
		want              string
	}{
		{"GET", "/", "", 404, `{"code":"not_found","error":"GET /: there is no such path"}`},
		{"DELETE", "/v1/status", "", 404, "DELETE /v1/status: there is no such path"},
		{"PATCH", "/v1/settings", "", 400, `"error":"body: unexpected EOF"`},
		{"PATCH", "/v1/settings", "[]", 400, "want an object of settings"},
		{"PATCH", "/v1/settings", `{"brightness.global":7`, 400, "body: unexpected EOF"},
		{"PATCH", "/v1/settings", `{"brightness.global":{"x":1}}`, 400, "brightness.global: want a plain value"},
		{"PATCH", "/v1/settings", `{"brightness.global":7}{}`, 400, "more than one object"},
		{"PATCH", "/v1/settings", `{"brightness.global":7,"brightness.global":8}`, 400, "brightness.global: is named twice"},
		{"PATCH", "/v1/settings", `{"brightness.global":7.5}`, 400, "brightness.global: 7.5: want 5 to 255"},
		{"PATCH", "/v1/settings", `{"brightness.global":null}`, 400, "want 5 to 255"},
		{"PATCH", "/v1/settings", `{"x":7}`, 400, "x: no such setting, there are "},
		{"PATCH", "/v1/settings", `{"x":"` + strings.Repeat("y", maxBody) + `"}`, 400, "request body too large"},
		{"POST", "/v1/do", `{"command":"restart","now":true}`, 400, "unknown field"},
		{"POST", "/v1/do", `nonsense`, 400, "invalid character"},
	} {
		status, text := raw(t, path, c.method, c.url, c.body)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %.60s: %d %s, want %d %s", c.method, c.url, c.body, status, text, c.status, c.want)
		}
	}
	if now := s.status.Get().Settings; now != before || len(s.did) > 0 {
		t.Errorf("something happened: %+v, %v", now, s.did)
	}
}

func TestDo(t *testing.T) {
	s := newService()
	s.answer = map[string]int{"n": 7}
	c, _, _ := start(t, s, silent)
	var got map[string]int
	if err := c.Do(t.Context(), clock.Command{Name: "x", Args: map[string]string{"a": "b"}}, &got); err != nil || got["n"] != 7 {
		t.Errorf("%v, %v", got, err)
	}
	if len(s.did) != 1 || s.did[0].Name != "x" || s.did[0].Args["a"] != "b" {
		t.Errorf("did %v", s.did)
	}
	for _, c2 := range []struct {
		err  error
		code string
		http int
	}{
		{&clock.UnavailableError{Code: "wifi_reset_not_available", Text: "no hook"}, "wifi_reset_not_available", 409},
		{&clock.InvalidError{Key: "x", Text: "bad"}, CodeInvalid, 400},
		{errors.New("boom"), CodeFailed, 500},
		{fmt.Errorf("wrapped: %w", &clock.InvalidError{Key: "x", Text: "bad"}), CodeInvalid, 400},
	} {
		s.err = c2.err
		if e, ok := errors.AsType[*Error](c.Do(t.Context(), clock.Command{Name: "x"}, nil)); !ok || e.Code != c2.code {
			t.Errorf("%v: %+v, want %s", c2.err, e, c2.code)
		}
		if _, status := wireError(c2.err); status != c2.http {
			t.Errorf("%v: status %d, want %d", c2.err, status, c2.http)
		}
	}
}

func TestJournal(t *testing.T) {
	s := newService()
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	j := clock.Journal{Stats: clock.JournalStats{Written: 9, Total: 2}}
	j.Stats.ByOrigin[clock.OriginNTP], j.Stats.Last[clock.OriginNTP] = 2, at
	j.Entries = []clock.Entry{
		{Number: 7, Origin: clock.OriginNTP, Severity: clock.SeverityWarning, Code: 300, Event: "ntp", Message: "old"},
		{Number: 8, Time: at, Uptime: time.Minute, Origin: clock.OriginNTP, Message: "new", Details: "a=b"},
	}
	s.status.Update(func(st *clock.Status) { st.Journal = j })
	_, path, _ := start(t, s, silent)
	want := `{"entries":[{"number":8,"timestamp":"2026-07-01T12:00:00Z","uptime_sec":60,"source":"NTP","severity":"INFO","code":0,"message":"new","details":"a=b"},` +
		`{"number":7,"uptime_sec":0,"source":"NTP","severity":"WARNING","code":300,"event":"ntp","message":"old"}],` +
		`"stats":{"total_entries_written":9,"current_entry_count":2,"buffer_capacity":50,"total_errors":2,"errors_by_source":{"NTP":2},` +
		`"errors_by_severity":{"CRITICAL":0,"ERROR":0,"INFO":0,"WARNING":0},"last_errors":{"NTP":"2026-07-01T12:00:00Z"}}}` + "\n"
	if _, text := raw(t, path, "GET", "/v1/journal", ""); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// TestWatch sees the latest, across a restart, and ends with the clock.
func TestWatch(t *testing.T) {
	s := newService()
	var present atomic.Pointer[http.Handler]
	move := func(h http.Handler) { present.Store(&h) }
	ctx1, end1 := context.WithCancel(t.Context())
	move(NewHandler(ctx1, s, silent))
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*present.Load()).ServeHTTP(w, r) }))
	seen := make(chan uint32, 100)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- NewClient(path).Watch(ctx, func(w Status) error { seen <- w.Boot; return nil })
	}()
	want := func(n uint32) {
		t.Helper()
		if got := <-seen; got != n {
			t.Fatalf("saw start %d, want %d", got, n)
		}
	}
	want(3)
	s.status.Update(func(st *clock.Status) { st.Boot = 4 })
	want(4)
	// The firmware goes, and another comes.
	move(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Restarting(w, 4) }))
	end1()
	ctx2, end2 := context.WithCancel(t.Context())
	defer end2()
	s.status.Update(func(st *clock.Status) { st.Boot = 5 })
	move(NewHandler(ctx2, s, silent))
	want(5)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestWatchEnds with the state in which the start ends, however soon that follows
// another.
func TestWatchEnds(t *testing.T) {
	s := newService()
	c, _, stop := start(t, s, silent)
	res, err := c.send(t.Context(), http.MethodGet, "/v1/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var seen []string
	err = each(res.Body, func(w Status) error {
		if len(seen) == 0 {
			s.status.Update(func(st *clock.Status) { st.Version = "1.2.4" })
			stop()
		}
		seen = append(seen, w.Version)
		return nil
	})
	if want := []string{"1.2.3", "1.2.4"}; !slices.Equal(seen, want) || err != nil {
		t.Errorf("saw %q, %v, want %q", seen, err, want)
	}
}

// TestWatchStops when its reader has enough.
func TestWatchStops(t *testing.T) {
	c, _, _ := start(t, newService(), silent)
	enough := errors.New("enough")
	if err := c.Watch(t.Context(), func(Status) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}

// TestRestarting: what cannot be answered now is asked again, not lost.
func TestRestarting(t *testing.T) {
	s := newService()
	good := NewHandler(t.Context(), s, silent)
	n := atomic.Int32{}
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 4 {
			Restarting(w, 2)
			return
		}
		good.ServeHTTP(w, r)
	}))
	if _, err := NewClient(path).Change(t.Context(), map[string]any{"brightness.global": 9}); err != nil || s.status.Get().Settings.Global != 9 {
		t.Errorf("%v after %d tries", err, n.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	n.Store(-1 << 30)
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := NewClient(path).Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestEndOfFirmware: a request that waits for a firmware that is gone is told.
func TestEndOfFirmware(t *testing.T) {
	s := newService()
	ctx, cancel := context.WithCancel(t.Context())
	h := NewHandler(ctx, blocking{s}, silent)
	path := serve(t, h)
	time.AfterFunc(50*time.Millisecond, cancel)
	status, text := raw(t, path, "POST", "/v1/do", `{"command":"x"}`)
	if status != http.StatusServiceUnavailable || !strings.Contains(text, CodeRestarting) {
		t.Errorf("%d %s", status, text)
	}
}

type blocking struct{ *service }

func (blocking) Do(ctx context.Context, _ clock.Command) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestPanic is an entry in the log and an answer, and no more.
func TestPanic(t *testing.T) {
	s := newService()
	s.panics = true
	var log proof.Log
	c, _, _ := start(t, s, log.Logger())
	_, err := c.Change(t.Context(), map[string]any{"brightness.global": 9})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeFailed || !strings.Contains(e.Text, "panic: out of settings") {
		t.Errorf("error %v", err)
	}
	if got := log.Events("path"); len(got) != 1 || got[0] != "panic /v1/settings" {
		t.Errorf("logged %q", got)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, SocketName)
	for name, prepare := range map[string]func(){
		"no socket": func() {},
		"stale socket": func() {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			_ = l.Close()
		},
	} {
		prepare()
		if _, err := NewClient(path).Status(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// A stale one is replaced.
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is in use by what is no socket: move it away") {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "mine" || err != nil {
		t.Errorf("the file is %q, %v", b, err)
	}
	if _, err := NewClient(filepath.Join(path, "x")).Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("below a file: %v", err)
	}
}

// TestExplain has what a connection may fail of.
func TestExplain(t *testing.T) {
	c := NewClient("/s")
	for err, want := range map[error]string{
		syscall.EACCES:     "/s may not be opened: be the user that runs the clock, or in its group",
		syscall.ECONNRESET: "the clock is not running any more: it ended meanwhile",
		io.EOF:             "the clock is not running any more: it ended meanwhile",
		syscall.EMFILE:     "too many open files",
	} {
		if got := c.explain(err); got.Error() != want {
			t.Errorf("%v: %v, want %s", err, got, want)
		}
	}
}

// TestStrangeServer: a server that is no clock is named as what it is.
func TestStrangeServer(t *testing.T) {
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hello", http.StatusTeapot) }))
	if _, err := NewClient(path).Status(t.Context()); err == nil || err.Error() != "the clock answered 418 I'm a teapot" {
		t.Errorf("error %v", err)
	}
}

// TestLongPath: a path that no address can hold is as good as another.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SocketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: NewHandler(t.Context(), newService(), silent)}
	ended := make(chan struct{})
	go func() { _ = s.Serve(l); close(ended) }()
	if st, err := NewClient(path).Status(t.Context()); err != nil || st.Boot != 3 {
		t.Errorf("%+v, %v", st, err)
	}
	_ = s.Close()
	<-ended
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := Listen(filepath.Join(dir, strings.Repeat("x", 200), "s")); err == nil {
		t.Error("listens where there is no directory")
	}
}

// FuzzEdits: whatever comes, the edits are those of the object, or none.
func FuzzEdits(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":"x","b":true,"a":null}`, `{"a":[1]}`, `{"a":1}x`, `[]`, `{"a"`, `{"a":1e999}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		edits, err := parseEdits(strings.NewReader(body))
		if err != nil {
			if edits != nil {
				t.Error("edits in spite of an error")
			}
			return
		}
		m := map[string]any{}
		dec := json.NewDecoder(strings.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&m); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		for _, e := range edits {
			if _, ok := m[e.Key]; !ok {
				t.Errorf("%q: key %q is not there", body, e.Key)
			}
		}
	})
}
