package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/ota"
	"wordclockd/internal/task"
)

// A Server is a source of firmware over HTTP. It answers GET and HEAD, with ranges.
// Files that are no part of a release it does not have.
type Server struct {
	// Immutable.
	folder *Folder
	faults []Fault
	log    *slog.Logger
}

// NewServer returns a server of what is in f, with faults. Each request is a record
// of log.
func NewServer(f *Folder, faults []Fault, log *slog.Logger) *Server {
	return &Server{f, faults, log}
}

// Check returns an error for a fault that cannot be had with this folder.
func (s *Server) Check() error {
	if !slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == Stale }) {
		return nil
	}
	if _, err := s.folder.older(); err != nil {
		return fmt.Errorf("fault %s: %w", Stale, err)
	}
	return nil
}

// Limits of a client.
const (
	headerLimit = 10 * time.Second // for the whole header of a request
	idleLimit   = time.Minute      // until the next request
	takeLimit   = time.Minute      // to take what is written at once
	maxHeader   = 16 << 10
)

// Serve answers who connects to l until ctx is done; then it hangs up at once, as a
// source does whose power goes.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	g, _ := task.NewGroup(ctx)
	g.Go("serve", func(context.Context) error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go("close", func(ctx context.Context) error {
		<-ctx.Done()
		return server.Close()
	})
	return g.Wait()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := &record{ResponseWriter: w}
	defer func() {
		s.log.Info("request", "method", r.Method, "path", r.URL.Path, "status", sent.status, "bytes", sent.bytes, "range", r.Header.Get("Range"))
	}()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		sent.Header().Set("Allow", "GET, HEAD")
		http.Error(sent, "want GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if !s.refuse(sent, r, partOf(name)) {
		s.send(sent, r, name)
	}
}

// refuse answers by the first fault that lets nothing be sent, and tells whether
// there is one.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p Part) bool {
	for _, f := range s.faults {
		if !f.concerns(p) {
			continue
		}
		switch f.Kind {
		case NotFound:
			http.NotFound(w, r)
		case Unavailable:
			http.Error(w, "503 service unavailable", http.StatusServiceUnavailable)
		case Hang:
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		default:
			continue
		}
		return true
	}
	return false
}

// send sends a file, as the faults of its part have it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, name string) {
	f, err := s.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		s.log.Error("file cannot be read", "path", r.URL.Path, "err", err)
		http.Error(w, "500 file cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.close()
	c := newContent(f)
	for _, fault := range s.on(partOf(name)) {
		switch fault.Kind {
		case NoRange:
			r = unranged(r)
		case Stall:
			c.add(fault, f.size, stall(r.Context(), http.NewResponseController(w).Flush))
		default:
			c.add(fault, f.size, cut)
		}
	}
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, f.size, f.at.UnixNano()))
	http.ServeContent(w, r, name, f.at, c)
}

// on returns the faults of a part.
func (s *Server) on(p Part) (faults []Fault) {
	for _, f := range s.faults {
		if f.concerns(p) {
			faults = append(faults, f)
		}
	}
	return faults
}

// open opens what is sent by a name.
func (s *Server) open(name string) (file, error) {
	part := partOf(name)
	if part == NoPart {
		return file{}, fs.ErrNotExist
	}
	if !slices.ContainsFunc(s.on(part), func(f Fault) bool { return f.Kind == Stale }) {
		return s.folder.open(name)
	}
	hash, err := s.folder.hash()
	if err != nil {
		return file{}, err
	}
	switch name {
	case ota.TargetName(hash):
		return file{}, fs.ErrNotExist
	case ota.ImageName:
		if name, err = s.folder.older(); err != nil {
			return file{}, err
		}
	}
	return s.folder.open(name)
}

// unranged returns a request for all of the file.
func unranged(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

// A record is a response of which status and length are kept. Each write has a limit of
// its own: a client may be slow, and a source may stall, but nobody is waited for who
// takes nothing.
type record struct {
	http.ResponseWriter
	status int // 0 as long as there is none
	bytes  int64
}

func (r *record) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.renew()
	r.ResponseWriter.WriteHeader(status)
}

func (r *record) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.renew()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// renew gives what is written next its time.
func (r *record) renew() {
	_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(time.Now().Add(takeLimit))
}

// Unwrap is for http.ResponseController.
func (r *record) Unwrap() http.ResponseWriter { return r.ResponseWriter }
