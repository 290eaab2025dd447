package timekeeper

import (
	"context"
	"fmt"
	"time"

	"wordclockd/internal/task"
)

// A look is what the RTC showed at a moment.
type look struct {
	at   time.Time // by the RTC
	host time.Time
	set  time.Time // when the keeper had set it last
	err  error
}

func (k *Keeper) look() look {
	host := time.Now()
	at, err := k.read()
	return look{at, host, k.chip.setAt, err}
}

// apart is how far two looks are apart that show whether the RTC goes.
const apart = 1100 * time.Millisecond

// Examine returns an error unless the RTC can be read, holds a time that can be, and
// goes on with it as the host's clock does, to a second. It may be called at any time;
// the keeper's own goroutine reads.
func (k *Keeper) Examine(ctx context.Context) error {
	first, err := k.see(ctx)
	for range giveUp {
		if err != nil {
			return err
		}
		task.Sleep(ctx, apart)
		var second look
		if second, err = k.see(ctx); err == nil && second.set.Equal(first.set) {
			return compared(first, second)
		}
		first = second // it was set meanwhile
	}
	return err
}

// see has the RTC looked at.
func (k *Keeper) see(ctx context.Context) (look, error) {
	l, err := ask(ctx, k, k.look)
	if err == nil {
		err = l.err
	}
	return l, err
}

// ask has the keeper's own goroutine call f, and returns its answer. The error is that
// of ctx.
func ask[T any](ctx context.Context, k *Keeper, f func() T) (answer T, err error) {
	answers := make(chan T, 1)
	return task.Ask(ctx, k.questions, func() { answers <- f() }, answers)
}

// compared returns an error unless the RTC went on from one look to the next as the
// host's clock did. It shows whole seconds.
func compared(a, b look) error {
	went, passed := b.at.Sub(a.at), b.host.Sub(a.host)
	switch {
	case went == 0:
		return fmt.Errorf("stands still at %s", a.at.Format(time.DateTime))
	case (went - passed).Abs() > time.Second:
		return fmt.Errorf("jumps from %s to %s within %s", a.at.Format(time.DateTime), b.at.Format(time.DateTime), passed.Round(time.Millisecond))
	}
	return nil
}
