package task

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, c := range []struct{ d, want time.Duration }{
			{-time.Second, 0}, {time.Second, time.Second}, {time.Hour, 59 * time.Second}, {time.Hour, 0},
		} {
			begin := time.Now()
			if Sleep(ctx, c.d); time.Since(begin) != c.want {
				t.Errorf("%s took %s, want %s", c.d, time.Since(begin), c.want)
			}
		}
	})
}

// TestAsk holds that an answer comes back, and that nobody who is asked or asks waits for
// the other longer than ctx.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		questions := make(chan chan int)
		ask := func(patience time.Duration) (int, error) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), patience, enough)
			defer cancel()
			answers := make(chan int, 1)
			return Ask(ctx, questions, answers, answers)
		}
		if n, err := ask(time.Second); n != 0 || err != enough {
			t.Errorf("nobody listens: %d, %v", n, err)
		}
		go func() {
			for n := range 3 {
				answers := <-questions
				time.Sleep(10 * time.Second)
				answers <- n
			}
		}()
		for i, c := range []struct {
			patience time.Duration
			n        int
			err      error
		}{{time.Minute, 0, nil}, {time.Second, 0, enough}, {time.Minute, 2, nil}} {
			if n, err := ask(c.patience); n != c.n || err != c.err {
				t.Errorf("question %d: %d, %v, want %d, %v", i, n, err, c.n, c.err)
			}
		}
	})
}
