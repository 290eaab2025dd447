package task

import (
	"context"
	"time"
)

// Sleep waits for d, or until ctx is done.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Ask puts a question to the goroutine that takes from questions, and returns what it
// puts into answers, which has to have room for it: who asked may be gone by then. The
// error is the cause of the end of ctx.
func Ask[Q, A any](ctx context.Context, questions chan<- Q, q Q, answers <-chan A) (answer A, err error) {
	select {
	case questions <- q:
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
	select {
	case answer = <-answers:
		return answer, nil
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}
