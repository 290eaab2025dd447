// Package task runs goroutines that end before their owner returns.
package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// A Group is a set of tasks that live and end together: the first one to fail
// cancels the others, and Wait returns only when all are gone.
type Group struct {
	// Immutable.
	ctx    context.Context
	cancel context.CancelCauseFunc

	wg sync.WaitGroup

	mu  sync.Mutex
	err error // of the task that failed first
}

// NewGroup returns a group whose tasks run until ctx is done or one of them
// fails, and the context that they share. The owner must call Wait.
func NewGroup(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel}, ctx
}

// Go starts f as a task. An error that f returns is reported with the task's
// name; a cancelled context is not an error. A panic in f becomes a *Panic:
// this is the only place in the program that recovers.
func (g *Group) Go(name string, f func(context.Context) error) {
	g.wg.Go(func() {
		if err := run(g.ctx, name, f); err != nil {
			g.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Stop asks all tasks to end, with cause as the reason they can read by
// [context.Cause]. It does not wait.
func (g *Group) Stop(cause error) { g.cancel(cause) }

// Wait returns when every task has ended, with the first error of any.
func (g *Group) Wait() error {
	g.wg.Wait()
	g.cancel(nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// ErrNotStopped says that a task was still busy long after it was told to stop:
// something it waits for does not answer.
var ErrNotStopped = errors.New("did not stop in time")

// WaitWithin is Wait, but leaves behind tasks that have not ended d after they
// were told to, and says so by ErrNotStopped. It is for what may hang in the
// kernel and cannot be ended otherwise, shortly before the process is.
func (g *Group) WaitWithin(d time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	select {
	case err := <-done:
		return err
	case <-g.ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		g.mu.Lock()
		defer g.mu.Unlock()
		return errors.Join(g.err, ErrNotStopped)
	}
}

func (g *Group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
		g.cancel(err)
	}
}

func run(ctx context.Context, name string, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Task: name, Value: v, Stack: debug.Stack()}
		}
	}()
	err = f(ctx)
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// A Panic is the error of a task that panicked.
type Panic struct {
	Task  string
	Value any    // what was passed to panic
	Stack []byte // of the goroutine, as debug.Stack prints it
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap returns the value of the panic if it was an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
