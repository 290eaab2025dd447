package task

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestGroup(t *testing.T) {
	errStop := errors.New("stop")
	for _, c := range []struct {
		name string
		f    func(*Group)
		want string // error text; "" is none
	}{
		{"no task", func(*Group) {}, ""},
		{"a task that ends", func(g *Group) {
			g.Go("short", func(context.Context) error { return nil })
		}, ""},
		{"stopped", func(g *Group) {
			g.Go("one", untilDone)
			g.Go("two", untilDone)
			g.Stop(nil)
		}, ""},
		{"stopped with a cause that tasks return", func(g *Group) {
			g.Go("one", func(ctx context.Context) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
			g.Stop(errStop)
		}, ""},
		{"a failure ends the others", func(g *Group) {
			g.Go("one", untilDone)
			g.Go("two", func(context.Context) error { return io.ErrUnexpectedEOF })
		}, "two: unexpected EOF"},
		{"the first failure counts", func(g *Group) {
			g.Go("first", func(context.Context) error { return io.ErrClosedPipe })
			g.Go("second", func(ctx context.Context) error {
				<-ctx.Done()
				return io.ErrNoProgress
			})
		}, "first: io: read/write on closed pipe"},
		{"a deadline of the task's own is an error", func(g *Group) {
			g.Go("slow", func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				return untilDone(ctx)
			})
		}, "slow: context deadline exceeded"},
		{"so is a cancelled context of its own", func(g *Group) {
			g.Go("own", func(context.Context) error { return context.Canceled })
		}, "own: context canceled"},
		{"a panic is a failure", func(g *Group) {
			g.Go("one", untilDone)
			g.Go("two", func(context.Context) error { panic("ouch") })
		}, "two: panic: ouch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, ctx := NewGroup(t.Context())
				c.f(g)
				err := g.Wait()
				var got string
				if err != nil {
					got = err.Error()
				}
				if got != c.want {
					t.Errorf("Wait() = %q, want %q", got, c.want)
				}
				if ctx.Err() == nil {
					t.Error("context still alive after Wait")
				}
			}) // the bubble fails if a goroutine is left
		})
	}
}

// TestWaitWithin: a task that hangs is left behind, whether the group was told
// to stop or another task failed.
func TestWaitWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(*Group){
			"stopped": func(g *Group) { g.Stop(nil) },
			"failed":  func(g *Group) { g.Go("other", func(context.Context) error { return io.EOF }) },
		} {
			g, _ := NewGroup(t.Context())
			g.Go("hangs", func(context.Context) error { time.Sleep(time.Hour); return nil })
			begin := time.Now()
			end(g)
			err := g.WaitWithin(2 * time.Second)
			if took := time.Since(begin); !errors.Is(err, ErrNotStopped) || took != 2*time.Second {
				t.Errorf("%s: %v after %s, want %v after 2 s", name, err, took, ErrNotStopped)
			}
			if errors.Is(err, io.EOF) != (name == "failed") {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(2 * time.Hour)
	})
	g, _ := NewGroup(t.Context())
	g.Go("last words", func(ctx context.Context) error { <-ctx.Done(); return io.EOF })
	g.Stop(nil)
	if err := g.WaitWithin(time.Hour); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want %v", err, io.EOF)
	}
}

func TestPanic(t *testing.T) {
	g, _ := NewGroup(t.Context())
	g.Go("reader", func(context.Context) error { panic(io.EOF) })
	err := g.Wait()
	p, ok := errors.AsType[*Panic](err)
	if !ok {
		t.Fatalf("Wait() = %v, want a *Panic", err)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v does not unwrap to the panic's error", err)
	}
	if p.Task != "reader" || !strings.Contains(string(p.Stack), "TestPanic") {
		t.Errorf("task %q, stack %s", p.Task, p.Stack)
	}
}
