package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
	"wordclockd/internal/watch"
)

// An actor is a clock that plays an update as it is told to, behind the socket of a
// state directory. Each start of its firmware has a handler of its own.
type actor struct {
	state  machine.State
	status watch.Value[clock.Status]
	server *http.Server
	front  atomic.Pointer[http.Handler]

	mu      sync.Mutex
	stop    context.CancelFunc // ends the present start
	asking  *sync.WaitGroup    // who asks it
	watched chan struct{}      // has an element for each who watches it
	play    func()             // what StartOTA sets off
	refusal error
	did     []clock.Command
}

func newActor(t *testing.T, board string) *actor {
	t.Helper()
	p := &actor{state: machine.State(t.TempDir())}
	p.status.Set(clock.Status{Boot: 1, Started: time.Now(), Version: "2.11.3", Board: board, Settings: clock.DefaultSettings()})
	lock, err := p.state.Create()
	if err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(p.state.Socket())
	if err != nil {
		t.Fatal(err)
	}
	p.boot()
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*p.front.Load()).ServeHTTP(w, r) })}
	ended := make(chan error)
	go func() { ended <- p.server.Serve(l) }()
	t.Cleanup(func() {
		p.end()
		<-ended
		_ = lock.Release()
	})
	return p
}

// boot starts the firmware.
func (p *actor) boot() {
	ctx, stop := context.WithCancel(context.Background())
	inner, asking, watched := control.NewHandler(ctx, p, slog.New(slog.DiscardHandler)), new(sync.WaitGroup), make(chan struct{}, 100)
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asking.Add(1)
		defer asking.Done()
		if r.URL.Path == "/v1/watch" {
			watched <- struct{}{}
		}
		inner.ServeHTTP(w, r)
	}))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop, p.asking, p.watched = stop, asking, watched
	p.front.Store(&h)
}

// isWatched waits for somebody who watches the present start.
func (p *actor) isWatched() {
	p.mu.Lock()
	watched := p.watched
	p.mu.Unlock()
	<-watched
}

// ends ends the present start.
func (p *actor) ends() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

// plays says what StartOTA sets off.
func (p *actor) plays(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.play = f
}

// refuses has all commands fail.
func (p *actor) refuses(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusal = err
}

// asked returns the commands so far.
func (p *actor) asked() []clock.Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.did
}

// down ends the firmware; boot starts the next. Who watches has seen its last state.
func (p *actor) down() {
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { control.Restarting(w, 1) }))
	p.front.Store(&h)
	p.ends()
	p.mu.Lock()
	asking := p.asking
	p.mu.Unlock()
	asking.Wait()
}

// vanish ends the process; boot starts the next. It returns when somebody has missed
// the clock.
func (p *actor) vanish() {
	missed := make(chan struct{}, 1)
	h := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case missed <- struct{}{}:
		default:
		}
		panic(http.ErrAbortHandler)
	}))
	p.front.Store(&h)
	p.ends()
	<-missed
}

// end ends the clock for good.
func (p *actor) end() {
	p.ends()
	_ = p.server.Close()
}

func (p *actor) Watch() (clock.Status, <-chan struct{}) { return p.status.Watch() }

func (p *actor) Change(context.Context, func(*clock.Settings) error) (clock.Changed, error) {
	return clock.Changed{}, nil
}

func (p *actor) Do(_ context.Context, c clock.Command) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, c)
	if p.refusal != nil {
		return nil, p.refusal
	}
	if c.Name == clock.StartOTA {
		if p.play != nil {
			go p.play()
		}
		return map[string]uint32{"number": 7}, nil
	}
	return nil, nil
}

// present shows an update that is under way.
func (p *actor) present(a clock.Attempt) {
	p.status.Update(func(s *clock.Status) { s.Update.Present = &a })
}

// over shows one that is over.
func (p *actor) over(a clock.Attempt) {
	p.status.Update(func(s *clock.Status) { s.Update.Present, s.Update.History = nil, []clock.Attempt{a} })
}

// restart starts the firmware anew, with a history.
func (p *actor) restart(version string, a clock.Attempt) {
	p.down()
	p.status.Update(func(s *clock.Status) {
		s.Boot, s.Version, s.Trial = s.Boot+1, version, a.Result == clock.Installed
		s.Update.Present, s.Update.History = nil, []clock.Attempt{a}
	})
	p.boot()
}

func (p *actor) client() *control.Client { return control.NewClient(p.state.Socket()) }

// verb runs a verb over the actor, off a terminal.
func (p *actor) verb(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	cmd := newRoot()
	cmd.SetArgs(append(args, "--state", string(p.state)))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err := cmd.ExecuteContext(ctx)
	if err != nil && exitCode(err) != exitInterrupted {
		errs.WriteString("wordclockd: " + err.Error() + "\n")
	}
	return out.String(), errs.String(), exitCode(err)
}
